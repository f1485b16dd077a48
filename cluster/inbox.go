package cluster

import (
	"sync"
	"time"

	"juno"
)

// Limits of the frames of one peer that wait. Further frames are dropped: messages that matter are
// repeated.
const (
	// inboxVotesMax keeps the newest votes. Votes are cumulative, but the newest may name entries
	// that are not here yet (F11).
	inboxVotesMax = 4
	// inboxUrgentMax bounds everything else on the lanes of votes and evidence.
	inboxUrgentMax = 64
	// inboxFramesMax and inboxBytesMax bound entries and commands: several batches in flight, and a
	// sync reply.
	inboxFramesMax = 256
	inboxBytesMax  = 32 << 20
	// inboxPeersMax bounds the peers: the highest possible number of voters and observers.
	inboxPeersMax = 1100
)

// arrival is a frame of a peer.
type arrival struct {
	from  juno.NodeID
	frame []byte
}

// inbox holds frames that were not looked at yet, bounded for every peer by itself, so that no peer
// can displace the frames of another.
type inbox struct {
	mu     sync.Mutex
	peers  map[juno.NodeID]*mailbox
	order  []*mailbox
	urgent chan struct{} // one token while votes or evidence may be waiting
	bulk   chan struct{} // the same for entries and commands
}

// mailbox holds the waiting frames of one peer.
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

// put adds a frame, or drops it.
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

// voteSampling stores when each peer's vote was last verified. One goroutine uses it.
type voteSampling struct{ last map[juno.NodeID]time.Time }

// sampleEvery is how often a vote is verified although it adds nothing: every few heartbeats.
const sampleEvery = 200 * time.Millisecond

// due reports whether the next vote of a peer should be verified.
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
