package cluster

import (
	"sync"
	"time"

	"juno"
)

// What a peer may have waiting here. More is dropped: everything that matters is repeated.
const (
	// inboxVotesMax keeps the newest votes. They are cumulative, but the newest may be about
	// entries that we do not have yet (F11).
	inboxVotesMax = 4
	// inboxUrgentMax bounds everything else on the lanes of votes and evidence.
	inboxUrgentMax = 64
	// inboxFramesMax and inboxBytesMax bound entries and commands: several batches in flight, and
	// a reply of a peer that helps us to catch up.
	inboxFramesMax = 256
	inboxBytesMax  = 32 << 20
	// inboxPeersMax bounds the peers: all voters and observers that there can be.
	inboxPeersMax = 1100
)

// arrival is a frame of a peer.
type arrival struct {
	from  juno.NodeID
	frame []byte
}

// inbox holds what arrived and was not looked at yet, bounded for every peer by itself, so that
// nobody can displace what another one says.
type inbox struct {
	mu     sync.Mutex
	peers  map[juno.NodeID]*mailbox
	order  []*mailbox
	urgent chan struct{} // one token while votes or evidence may be waiting
	bulk   chan struct{} // the same for entries and commands
}

// mailbox is what one peer has waiting.
type mailbox struct {
	from     juno.NodeID
	votes    [][]byte
	evidence [][]byte
	entries  [][]byte
	commands [][]byte
	bytes    int // of entries and commands
	dropped  uint64
}

func newInbox() *inbox {
	return &inbox{
		peers:  make(map[juno.NodeID]*mailbox),
		urgent: make(chan struct{}, 1), bulk: make(chan struct{}, 1),
	}
}

// put takes a frame in, or drops it.
func (b *inbox) put(from juno.NodeID, frame []byte) {
	lane, vote, ok := laneOfFrame(frame)
	b.mu.Lock()
	m := b.peers[from]
	if m == nil && len(b.order) < inboxPeersMax {
		m = &mailbox{from: from}
		b.peers[from] = m
		b.order = append(b.order, m)
	}
	ok = ok && m != nil && m.put(lane, vote, frame)
	if m != nil && !ok {
		m.dropped++
	}
	b.mu.Unlock()
	if !ok {
		return
	}
	wake := b.urgent
	if lane >= LaneEntries {
		wake = b.bulk
	}
	select {
	case wake <- struct{}{}:
	default:
	}
}

func (m *mailbox) put(lane Lane, vote bool, frame []byte) bool {
	switch {
	case vote:
		if len(m.votes) == inboxVotesMax {
			m.votes = append(m.votes[:0], m.votes[1:]...)
			m.dropped++
		}
		m.votes = append(m.votes, frame)
		return true
	case lane <= LaneEvidence:
		if len(m.evidence) >= inboxUrgentMax {
			return false
		}
		m.evidence = append(m.evidence, frame)
		return true
	}
	full := len(m.entries)+len(m.commands) >= inboxFramesMax
	if (full || m.bytes+len(frame) > inboxBytesMax) && m.bytes > 0 {
		return false
	}
	m.bytes += len(frame)
	if lane == LaneEntries {
		m.entries = append(m.entries, frame)
	} else {
		m.commands = append(m.commands, frame)
	}
	return true
}

// takeUrgent returns all votes and evidence: first the newest vote of every peer, then the rest.
func (b *inbox) takeUrgent() []arrival {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []arrival
	for age := range inboxVotesMax {
		for _, m := range b.order {
			if n := len(m.votes); n > age {
				all = append(all, arrival{m.from, m.votes[n-1-age]})
			}
		}
	}
	for _, m := range b.order {
		for _, f := range m.evidence {
			all = append(all, arrival{m.from, f})
		}
		m.votes, m.evidence = nil, nil
	}
	return all
}

// takeBulk returns the oldest entries of every peer, and the commands of those that have no
// entries waiting.
func (b *inbox) takeBulk() []arrival {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []arrival
	for _, m := range b.order {
		from := &m.entries
		if len(*from) == 0 {
			from = &m.commands
		}
		if len(*from) == 0 {
			continue
		}
		f := (*from)[0]
		(*from)[0] = nil
		*from = (*from)[1:]
		m.bytes -= len(f)
		all = append(all, arrival{m.from, f})
	}
	return all
}

// dropped returns how many frames of all peers were dropped.
func (b *inbox) dropped() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := uint64(0)
	for _, m := range b.order {
		n += m.dropped
	}
	return n
}

// voteSampling remembers when each peer's vote was last verified. One goroutine uses it.
type voteSampling struct{ last map[juno.NodeID]time.Time }

// sampleEvery is how often a vote is verified although it says nothing new: a few heartbeats.
const sampleEvery = 200 * time.Millisecond

// due reports whether a peer should be heard now.
func (h *voteSampling) due(from juno.NodeID) bool {
	now := time.Now()
	if h.last == nil {
		h.last = make(map[juno.NodeID]time.Time)
	}
	if now.Sub(h.last[from]) < sampleEvery {
		return false
	}
	h.last[from] = now
	return true
}
