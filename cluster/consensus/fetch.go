package consensus

import (
	"fmt"
	"slices"

	"juno"
)

// syncing is the state of catching up (Y1 to Y3, N10).
type syncing struct {
	peers     []peerRequest // parallel to epoch.peers
	fragments []*fragment
	// lagging is the peer that requests go to, as long as its answers help; 0 for none.
	lagging juno.NodeID
	// hinted says that since the last heartbeat a peer seemed to be ahead in a way that its votes
	// do not show.
	hinted bool
	stuck  int // heartbeats in a row with others ahead and no progress here
	// needless counts requests in a row whose answer came too late to be of use.
	needless int
	tip      juno.Index
	commit   juno.Index // both at the heartbeat before
	offered  *SnapshotOffer
	// incomplete says that the log, installed from a snapshot, does not yet reach the highest known
	// certificate.
	incomplete  bool
	answered    throttle // ticks at which requests of a node were answered
	epochHinted throttle // ticks at which a node was sent the end of its epoch
	leaveNoted  throttle // ticks at which the leaving of a node was reported
}

// throttle remembers when something was last done for a node. It is never iterated.
type throttle map[juno.NodeID]uint64

// due reports whether something may be done for a node now, and then notes it: not if it was done
// less than the given number of ticks ago.
func (o throttle) due(id juno.NodeID, now, ticks uint64) bool {
	if last, ok := o[id]; ok && now-last < ticks {
		return false
	}
	if len(o) >= throttleMax {
		clear(o)
	}
	o[id] = now
	return true
}

// throttleMax bounds the number of nodes in a throttle.
const throttleMax = 4096

// peerRequest is the request that a peer has not answered yet (F15: one at a time, some ticks
// apart).
type peerRequest struct {
	nonce uint64 // 0: none
	tick  uint64 // of the last request
	ever  bool
	from  juno.Index
	at    reach // position of this node when it asked
}

// syncTimeoutTicks is the age at which a request counts as lost.
const syncTimeoutTicks = 25

// fragment is a stretch of a chain that is not on the log: it begins behind a position that is, and
// no certificate proves it yet.
type fragment struct {
	peer    juno.NodeID
	start   juno.Pos
	entries []juno.Entry
	hashes  []juno.Hash
	bytes   int
}

// fragmentWindows bounds the size of unproven entries, in windows (W of N1). A peer can have one
// window of entries that are not final; the second leaves room beside what a Byzantine peer sent.
const fragmentWindows = 2

// last returns the end of the fragment.
func (f *fragment) last() juno.Pos {
	n := len(f.entries)
	if n == 0 {
		return f.start
	}
	return juno.Pos{Index: f.start.Index + juno.Index(n), Hash: f.hashes[n-1]}
}

// has reports whether a position lies in the fragment.
func (f *fragment) has(p juno.Pos) bool {
	if p.Index <= f.start.Index || p.Index > f.last().Index {
		return p == f.start
	}
	return f.hashes[p.Index-f.start.Index-1] == p.Hash
}

// add appends entries that continue the fragment.
func (f *fragment) add(entries []juno.Entry) error {
	last := f.last()
	for i := range entries {
		e := &entries[i]
		if e.Index != last.Index+1 {
			return fmt.Errorf("entry %d after %s", e.Index, last)
		}
		last = juno.Pos{Index: e.Index, Hash: e.ChainHash(last.Hash)}
		f.entries, f.hashes = append(f.entries, *e), append(f.hashes, last.Hash)
		f.bytes += juno.EntryBytes(e)
	}
	return nil
}

// followedBy returns the entries of the fragment up to index, followed by the given ones.
func (f *fragment) followedBy(index juno.Index, entries []juno.Entry, hashes []juno.Hash,
) ([]juno.Entry, []juno.Hash) {
	n := index - f.start.Index
	return append(f.entries[:n:n], entries...), append(f.hashes[:n:n], hashes...)
}

// fragmentTo returns the fragment that leads to p from a position on the log, or nil.
func (c *Core) fragmentTo(p juno.Pos) *fragment {
	for _, f := range c.sync.fragments {
		if p.Index > f.start.Index && f.has(p) && c.log.has(f.start) {
			return f
		}
	}
	return nil
}

// holds reports whether the chain that leads to p is here.
func (c *Core) holds(p juno.Pos) bool { return c.log.has(p) || c.fragmentTo(p) != nil }

// requestFrom sends a sync request to a peer at the next tick.
func (c *Core) requestFrom(peer juno.NodeID) {
	if c.sync.lagging == 0 {
		c.sync.lagging = peer
	}
	c.sync.hinted = true
}

// Behind notes that a peer speaks in an epoch whose members are not known (ErrUnknownEpoch). The
// peer's answer to a sync request will show whether the epoch exists.
func (c *Core) Behind(peer juno.NodeID) { c.requestFrom(peer) }

// ask sends a SyncRequest, unless one to the same peer is unanswered or was sent just now (F15).
// want is nil, or the position whose chain is needed.
func (c *Core) ask(peer juno.NodeID, want *juno.Pos) {
	i := c.peer(peer)
	if i < 0 {
		return
	}
	a := &c.sync.peers[i]
	since := c.ticks - a.tick
	if a.ever && (since < c.limits.SyncTicks || (a.nonce != 0 && since < syncTimeoutTicks)) {
		return
	}
	if f := c.fragmentOf(peer); f != nil && f.mayLeadTo(want) && c.log.has(f.start) &&
		f.last().Index >= c.commit.Index {
		a.from = f.last().Index + 1
	} else {
		c.dropFragment(peer)
		a.from = c.commit.Index + 1
	}
	a.nonce, a.tick, a.ever, a.at = c.rand.Uint64()|1, c.ticks, true, c.reach()
	c.send([]juno.NodeID{peer}, &SyncRequest{
		Node: c.id, Nonce: a.nonce, Term: c.hard.Term,
		Commit: c.commit, From: a.from, Want: want, BytesMax: c.limits.SyncBytesMax,
	})
}

// mayLeadTo reports whether the fragment can still become the chain to a position. If it turns out
// to be another chain it is dropped then.
func (f *fragment) mayLeadTo(p *juno.Pos) bool { return p == nil || p.Index > f.last().Index }

func (c *Core) fragmentOf(peer juno.NodeID) *fragment {
	for _, f := range c.sync.fragments {
		if f.peer == peer {
			return f
		}
	}
	return nil
}

func (c *Core) dropFragment(peer juno.NodeID) {
	c.sync.fragments = slices.DeleteFunc(c.sync.fragments, func(f *fragment) bool {
		return f.peer == peer
	})
}

// receive adds the entries of a reply to the fragment of its sender.
func (c *Core) receive(a *peerRequest, m *SyncReply) (*fragment, error) {
	f := c.fragmentOf(m.Node)
	if f == nil || f.last().Index+1 != a.from {
		c.dropFragment(m.Node)
		start, ok := c.posAt(a.from - 1)
		if !ok {
			return nil, fmt.Errorf("sync reply from %d: this log ends at %s", a.from, c.log.tip())
		}
		f = &fragment{peer: m.Node, start: start}
		c.sync.fragments = append(c.sync.fragments, f)
	}
	if err := f.add(m.Entries); err != nil {
		c.dropFragment(m.Node)
		return nil, fmt.Errorf("sync reply of %s: %w", m.Node, err)
	}
	c.boundFragments()
	return f, nil
}

// boundFragments drops the oldest fragments while all together are too large, even the last one: a
// peer that proves nothing within two windows proves nothing at all.
func (c *Core) boundFragments() {
	size := 0
	for _, f := range c.sync.fragments {
		size += f.bytes
	}
	for size > fragmentWindows*c.limits.WindowBytesMax {
		size -= c.sync.fragments[0].bytes
		c.sync.fragments = c.sync.fragments[1:]
	}
}

// pruneFragments drops fragments that have become part of the log, or lie behind it.
func (c *Core) pruneFragments() {
	c.sync.fragments = slices.DeleteFunc(c.sync.fragments, func(f *fragment) bool {
		return f.last().Index <= c.commit.Index || !c.log.has(f.start)
	})
}

// tickSync sends the next sync request, if one is needed.
func (c *Core) tickSync() {
	switch {
	case len(c.epoch.peers) == 0:
	case c.missesBase() && (c.sync.lagging == 0 || c.rand.Uint64()%2 == 0):
		base := c.term.base
		c.ask(c.holderOf(base), &base)
	case c.sync.lagging != 0:
		c.ask(c.sync.lagging, nil)
	}
}

// missesBase reports whether the base of the term is known and its chain is not here. The voters
// that named the base may all be Byzantine, and another peer that is ahead may hold more by now, so
// both are asked equally often.
func (c *Core) missesBase() bool {
	return c.term.known && !c.hasAccepted() && c.role != Leader && !c.holds(c.term.base) &&
		c.term.base.Index > c.commit.Index
}

// holderOf returns a node that should hold the chain to the base of the term: a sender of a
// new-term message that names it, chosen at random, or the leader.
func (c *Core) holderOf(base juno.Pos) juno.NodeID {
	holders := []juno.NodeID{c.epoch.config.Leader(c.hard.Term)}
	if e := c.term.election; e != nil {
		for _, r := range e.NewTerms {
			if r.Pos == base && r.Node != c.id {
				holders = append(holders, r.Node)
			}
		}
	}
	return holders[c.rand.Uint64()%uint64(len(holders))]
}

// lagHeartbeats is the number of heartbeats for which others may be ahead before a request is sent
// (N10); it grows up to lagHeartbeatsMax while requests are needless.
const (
	lagHeartbeats    = 2
	lagHeartbeatsMax = 32
)

// lagLimit returns how many heartbeats to wait for entries that others have already. It grows with
// every answer whose entries had arrived by themselves: entries are larger than votes, so in a busy
// cluster every node seems to be behind all the time, and answers would make it busier.
func (s *syncing) lagLimit() int {
	return min(lagHeartbeats<<s.needless, lagHeartbeatsMax)
}

// noteAnswer records whether an answer was of use, given the positions before and after it.
func (s *syncing) noteAnswer(a *peerRequest, before, after reach) {
	switch {
	case after != before:
		s.needless = 0
	case a.at != before && lagHeartbeats<<s.needless < lagHeartbeatsMax:
		s.needless++
	}
}

// reach is how far a node has come.
type reach struct{ tip, commit juno.Index }

func (c *Core) reach() reach { return reach{c.log.tip().Index, c.commit.Index} }

// checkLag picks a random voter that is ahead, if f+1 are and this node makes no progress (N10).
// One of them is correct, and repeated random choices find it. If fewer voters seem to be ahead,
// these may all be Byzantine, and the others may be in an epoch whose votes cannot be verified yet:
// then any peer is picked.
func (c *Core) checkLag() {
	s := &c.sync
	moved := c.log.tip().Index != s.tip || c.commit.Index != s.commit
	s.tip, s.commit = c.log.tip().Index, c.commit.Index
	entries, commits := c.othersReach()
	behind := entries > s.tip || commits > s.commit || len(c.term.buffered) > 0 || c.logIncomplete()
	told := s.hinted
	s.hinted = false
	switch {
	case c.leaderSilent() || told && c.role == Leader:
		// No leader is heard, or messages of an unknown epoch arrive (a leader hears no other
		// leader): there may be a new membership.
		s.lagging = c.randomPeer()
		return
	case !behind:
		s.stuck, s.lagging = 0, 0
		return
	case moved:
		s.stuck = 0
		return
	}
	if s.stuck++; s.stuck < s.lagLimit() {
		return
	}
	if ahead := c.votersAhead(); len(ahead) > c.epoch.faulty {
		s.lagging = ahead[c.rand.Uint64()%uint64(len(ahead))]
	} else {
		s.lagging = c.randomPeer()
	}
}

// leaderSilent reports that no leader was heard for longer than the election timeout.
func (c *Core) leaderSilent() bool {
	return c.role != Leader && c.ticks-c.timers.leaderHeard > c.limits.ElectionTicks
}

// randomPeer returns another member, or 0 if there is none.
func (c *Core) randomPeer() juno.NodeID {
	if n := len(c.epoch.peers); n > 0 {
		return c.epoch.peers[c.rand.Uint64()%uint64(n)]
	}
	return 0
}

// othersReach returns log end and commit index that f+1 other voters have reached by their votes,
// so that at least one correct node has.
func (c *Core) othersReach() (entries, commits juno.Index) {
	var tips, finals []juno.Index
	for i := range c.votes {
		if i == c.epoch.me {
			continue
		}
		tip, final := c.votes[i].reach()
		tips, finals = append(tips, tip), append(finals, final)
	}
	n := c.epoch.faulty + 1
	if len(tips) < n {
		return 0, 0
	}
	slices.Sort(tips)
	slices.Sort(finals)
	return tips[len(tips)-n], finals[len(finals)-n]
}

// votersAhead returns the voters whose votes are ahead of this node.
func (c *Core) votersAhead() []juno.NodeID {
	var ahead []juno.NodeID
	for i, id := range c.epoch.voters {
		tip, final := c.votes[i].reach()
		if id != c.id && (tip > c.log.tip().Index || final > c.commit.Index) {
			ahead = append(ahead, id)
		}
	}
	return ahead
}
