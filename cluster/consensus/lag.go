package consensus

import (
	"slices"

	"juno"
)

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
