package consensus

import (
	"fmt"
	"slices"

	"juno"
)

// syncing is how a node catches up (Y1 to Y3, N10).
type syncing struct {
	peers     []peerRequest // parallel to epoch.peers
	fragments []*fragment
	// lagging is whom we are catching up from, as long as that helps; 0 nobody.
	lagging juno.NodeID
	// hinted says that since the last heartbeat somebody seemed to be ahead in a way that nothing
	// we can read shows.
	hinted bool
	stuck  int // heartbeats in a row at which others were ahead and we did not move
	// needless counts requests in a row whose answer came too late to be of use.
	needless int
	tip      juno.Index
	commit   juno.Index // at the heartbeat before
	offered  *SnapshotOffer
	// incomplete says that our log, taken from a snapshot, does not yet reach the highest
	// certificate that we know of.
	incomplete  bool
	answered    throttle // when a request of a node was answered
	epochHinted throttle // when a node was told that its epoch is over
	leaveNoted  throttle // when the operator was told that a node left
}

// throttle remembers when something was last done for a node. It is never iterated.
type throttle map[juno.NodeID]uint64

// due notes that something is done for a node now, unless it was done less than so many ticks ago.
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

// throttleMax bounds how many different nodes are remembered.
const throttleMax = 4096

// peerRequest is the request that a peer has not answered yet (F15: one at a time, some ticks
// apart).
type peerRequest struct {
	nonce uint64 // 0: none
	tick  uint64 // of the last request
	ever  bool
	from  juno.Index
	at    reach // where we were when we asked
}

// syncTimeoutTicks is after how many ticks a request counts as lost.
const syncTimeoutTicks = 25

// fragment is a stretch of a chain that is not on our log: it begins behind a position that is,
// and nothing proves it yet.
type fragment struct {
	peer    juno.NodeID
	start   juno.Pos
	entries []juno.Entry
	hashes  []juno.Hash
	bytes   int
}

// fragmentWindows bounds what unproven entries may take, in windows (W of N1): a peer can have
// a window of entries that are not final, so one is needed; a liar must not displace the other.
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

// followedBy returns the entries of the fragment up to index, and what follows.
func (f *fragment) followedBy(index juno.Index, entries []juno.Entry, hashes []juno.Hash,
) ([]juno.Entry, []juno.Hash) {
	n := index - f.start.Index
	return append(f.entries[:n:n], entries...), append(f.hashes[:n:n], hashes...)
}

// fragmentTo returns the fragment that leads to p from a position on our log, or nil.
func (c *Core) fragmentTo(p juno.Pos) *fragment {
	for _, f := range c.sync.fragments {
		if p.Index > f.start.Index && f.has(p) && c.log.has(f.start) {
			return f
		}
	}
	return nil
}

// holds reports whether we have the chain that leads to p.
func (c *Core) holds(p juno.Pos) bool { return c.log.has(p) || c.fragmentTo(p) != nil }

// requestFrom asks a peer, soon, for whatever it has that we have not.
func (c *Core) requestFrom(peer juno.NodeID) {
	if c.sync.lagging == 0 {
		c.sync.lagging = peer
	}
	c.sync.hinted = true
}

// Behind tells that a peer speaks in an epoch whose members we do not know (ErrUnknownEpoch).
// Whether that is true shows when it answers.
func (c *Core) Behind(peer juno.NodeID) { c.requestFrom(peer) }

// ask sends a SyncRequest, unless one to the same peer is on its way or was sent just now (F15).
// want is nil, or the position whose chain we need.
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
// to be another one it is dropped then.
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
			return nil, fmt.Errorf("sync reply from %d: our log ends at %s", a.from, c.log.tip())
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

// boundFragments drops the oldest fragments while all together take too much, the last one, too:
// who cannot prove anything within two windows will not.
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

// pruneFragments drops what has become part of the log, or is behind it.
func (c *Core) pruneFragments() {
	c.sync.fragments = slices.DeleteFunc(c.sync.fragments, func(f *fragment) bool {
		return f.last().Index <= c.commit.Index || !c.log.has(f.start)
	})
}

// tickSync goes on with what we are fetching.
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

// missesBase reports whether we know where the term begins and have not the chain to there. Those
// who said that they have it may all lie; whoever is ahead may have more than that by now, and we
// ask them as often.
func (c *Core) missesBase() bool {
	return c.term.known && !c.hasAccepted() && c.role != Leader && !c.holds(c.term.base) &&
		c.term.base.Index > c.commit.Index
}

// holderOf returns somebody who said that it has the chain to the base of the term: one of the
// reporters, another one every time, or the leader.
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

// lagHeartbeats is for how many heartbeats others may be ahead before we ask (N10), and
// lagHeartbeatsMax to how many that grows where asking was needless.
const (
	lagHeartbeats    = 2
	lagHeartbeatsMax = 32
)

// lagLimit is how long we wait for what others have already. It grows with every answer that
// came when what was asked for had arrived by itself: entries are larger than votes, so in a busy
// cluster everybody seems to be behind all the time, and answers would make it busier.
func (s *syncing) lagLimit() int {
	return min(lagHeartbeats<<s.needless, lagHeartbeatsMax)
}

// noteAnswer judges an answer by what it changed, given where we were before it.
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

// checkLag asks a random voter that is ahead of us, if f+1 are and we do not move (N10). One of
// them is correct, and by asking at random we find it. If fewer seem to be ahead they may all be
// liars, while the others are in an epoch whose votes we cannot check yet: then we ask anybody.
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
		// Nobody speaks to us, or nobody whom we understand; a leader need not wait for another one
		// to speak. Perhaps there is a new membership that we have not heard of.
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

// leaderSilent reports that no leader has spoken for longer than the others' patience.
func (c *Core) leaderSilent() bool {
	return c.role != Leader && c.ticks-c.timers.leaderHeard > c.limits.ElectionTicks
}

// randomPeer returns some other member, 0 if we are alone.
func (c *Core) randomPeer() juno.NodeID {
	if n := len(c.epoch.peers); n > 0 {
		return c.epoch.peers[c.rand.Uint64()%uint64(n)]
	}
	return 0
}

// othersReach returns how far f+1 other voters say that their logs and commits reach, so that at
// least one correct node does.
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

// votersAhead returns the voters whose votes reach beyond what we have.
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
