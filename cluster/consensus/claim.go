package consensus

import (
	"bytes"

	"juno"
)

// setAccepted notes that we took the chain up to pos from the leader of our term (Acc). The entries,
// and that we took them, go to disk before we say so.
func (c *Core) setAccepted(pos juno.Pos) {
	if !c.stalled() {
		c.timers.commit = c.ticks // from now on there is something to commit (P2)
	}
	c.accepted, c.everAccepted = Accepted{Term: c.hard.Term, Pos: pos}, true
	c.out.dirtyAccepted, c.out.dirtyVote = true, true
	if c.epoch.alone() {
		// We are the quorum: that we accepted it is all that a prepare certificate would say,
		// and it goes to disk in this very group. So one sync carries both promises.
		c.raise(HighQC{Rank: Rank{Term: c.hard.Term, Index: pos.Index}, Pos: pos})
	}
}

// hasAccepted reports whether something was accepted in the present term.
func (c *Core) hasAccepted() bool { return c.everAccepted && c.accepted.Term == c.hard.Term }

// keepsAccepted reports whether what we accepted in the present term is on our log. Where the log
// does not reach back so far any more, it was: who takes another chain than the one that it
// accepted, or begins its log anew, is muted.
func (c *Core) keepsAccepted() bool {
	return c.archived(c.accepted.Pos) || c.log.has(c.accepted.Pos)
}

// mayNotAccept reports whether we may not accept any more in this term (F10).
func (c *Core) mayNotAccept() bool {
	return c.hard.EverMuted && c.hard.Muted == c.hard.Term && !c.broken(MutantForgetMuted)
}

// raise notes a new highest certificate. If it is of our term, the position is prepared: the
// certificate goes to disk before we say so (R3).
func (c *Core) raise(h HighQC) {
	c.highQC = h
	c.out.dirtyHighQC = !c.broken(MutantLosePrepare)
	if h.Rank.Term == c.hard.Term && c.hasAccepted() && !c.mayNotAccept() {
		p := h.Pos
		c.prepared = &p
		c.out.dirtyVote = true
	}
}

// vote says to everybody where we stand, if that changed (N7). It counts for ourselves, too, once
// the host gives it back, which is after the sync.
func (c *Core) vote() {
	if !c.out.dirtyVote {
		return
	}
	c.out.dirtyVote = false
	if !c.mayVote() || c.logIncomplete() {
		return
	}
	v := &Vote{}
	v.Term, v.Node, v.Committed = c.hard.Term, c.id, c.commit
	if c.hasAccepted() && !c.mayNotAccept() {
		p := c.accepted.Pos
		v.Accepted = &p
		if c.prepared != nil {
			p := *c.prepared
			v.Prepared = &p
		}
	}
	if c.broken(MutantVoteEarly) {
		c.out.ready.Now = append(c.out.ready.Now, Out{To: c.epoch.peers, Self: true, Message: v})
		return
	}
	c.voteSchedule.noteVote(&v.Vote, c.voteSchedule.timeout(&c.limits))
	c.sendAfter(c.epoch.peers, v, true)
}

// voteSchedule is what we claimed last, and when it is due again. A vote may be lost, so it is repeated;
// but one that goes on saying the same is worth less every time, and in an idle cluster the
// repetitions are all that there is to do, n² of them. In a busy one an answer is late, not lost.
type voteSchedule struct {
	body    []byte
	beats   int    // heartbeats since it changed
	next    int    // at which of them it is due
	latency uint64 // ticks that it took lately until what we accepted was final, the longest
}

// Repetitions are due some heartbeats after the vote, the double of that, and so on, and then
// every so many.
const (
	repeatAtRest  = 20 // everything that we accepted is final
	repeatInDoubt = 2  // or twice as many as a decision takes
)

// noteVote takes in a vote that leaves now.
func (s *voteSchedule) noteVote(vote *juno.Vote, first int) {
	if body := vote.Body(); !bytes.Equal(body, s.body) {
		s.body, s.beats, s.next = body, 0, first
	}
}

// noteDecision notes how long it took until something was final.
func (s *voteSchedule) noteDecision(ticks uint64) { s.latency = max(ticks, s.latency-s.latency/4) }

// timeout returns how many heartbeats a vote is left alone that may help a decision.
func (s *voteSchedule) timeout(l *Limits) int {
	usual := min(2*s.latency, l.ElectionTicks/2)
	return max(repeatInDoubt, int(usual/max(1, l.HeartbeatTicks)))
}

// due reports whether the vote is to be repeated at this heartbeat.
func (s *voteSchedule) due(most int) bool {
	s.beats++
	if s.beats < s.next {
		return false
	}
	s.next = s.beats + min(s.beats, most)
	return true
}

// dueWithin makes a vote due after at most so many heartbeats.
func (s *voteSchedule) dueWithin(beats int) { s.next = min(s.next, s.beats+beats) }

// repeatSoon makes a vote due at the next heartbeat, if it has been the same for a while: somebody who
// speaks to us does not seem to know it.
func (s *voteSchedule) repeatSoon() {
	if s.beats >= repeatInDoubt {
		s.dueWithin(1)
	}
}

// repeatVote is the part of a heartbeat (N7) for what may have been lost.
func (c *Core) repeatVote() {
	most := c.voteSchedule.timeout(&c.limits)
	if c.hasAccepted() && !c.stalled() {
		most = repeatAtRest
	}
	if c.voteSchedule.due(most) {
		c.out.dirtyVote = true
	}
}
