package consensus

import (
	"bytes"
	"fmt"
	"slices"

	"juno"
)

// Vote states what a node accepted, prepared and committed in a term (AER). Every node receives
// every vote, so every node computes by itself what is final.
type Vote struct {
	juno.SignedVote
}

// Kind implements Message.
func (*Vote) Kind() MessageKind { return KindVote }

// Sender implements Message.
func (v *Vote) Sender() juno.NodeID { return v.Node }

func (v *Vote) statements(all []Statement) []Statement {
	return append(all, voteStatement(&v.SignedVote))
}

func (v *Vote) signBy(s Signer) {
	v.Key, v.Signature = s.Sign(juno.KindVote, v.Body())
}

func (v *Vote) appendTo(b []byte) []byte { return juno.AppendSignedVote(b, &v.SignedVote) }

func decodeVote(d *juno.Decoder) Message { return &Vote{d.SignedVote()} }

// raise records a new highest certificate. If it is of the present term, its position is prepared:
// the certificate goes to disk before the vote leaves (R3).
func (c *Core) raise(h HighQC) {
	c.highQC = h
	c.out.dirtyHighQC = true
	if h.Rank.Term == c.hard.Term && c.hasAccepted() && !c.mayNotAccept() {
		p := h.Pos
		c.prepared = &p
		c.out.dirtyVote = true
	}
}

// vote sends the node's vote to all peers, if it changed (N7). The node counts its own vote once
// the host passes it to Step, which is after the sync.
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
	c.voteSchedule.noteVote(&v.Vote, c.voteSchedule.timeout(&c.limits))
	c.sendAfter(c.epoch.peers, v, true)
}

// voteSchedule is the newest vote of this node, and when it is due again. A vote may be lost, so it
// is repeated. But each repetition of the same vote is worth less, and in an idle cluster
// repetitions are all the traffic, n² of them. In a busy cluster an answer is late, not lost.
type voteSchedule struct {
	body    []byte
	beats   int    // heartbeats since it changed
	next    int    // the heartbeat, counted likewise, at which it is due
	latency uint64 // longest recent time from accept to commit, in ticks
}

// A vote is repeated after some heartbeats, after the double of that, and so on, and then at a
// fixed interval, in heartbeats.
const (
	repeatAtRest  = 20 // everything accepted is final
	repeatInDoubt = 2  // or twice as many as a decision takes
)

// noteVote records a vote that is sent now.
func (s *voteSchedule) noteVote(vote *juno.Vote, first int) {
	if body := vote.Body(); !bytes.Equal(body, s.body) {
		s.body, s.beats, s.next = body, 0, first
	}
}

// noteDecision records the time from accept to commit.
func (s *voteSchedule) noteDecision(ticks uint64) { s.latency = max(ticks, s.latency-s.latency/4) }

// timeout returns after how many heartbeats a vote is repeated that may help a decision.
func (s *voteSchedule) timeout(l *Limits) int {
	usual := min(2*s.latency, l.ElectionTicks/2)
	return max(repeatInDoubt, int(usual/max(1, l.HeartbeatTicks)))
}

// due reports whether the vote is repeated at this heartbeat.
func (s *voteSchedule) due(most int) bool {
	s.beats++
	if s.beats < s.next {
		return false
	}
	s.next = s.beats + min(s.beats, most)
	return true
}

// dueWithin makes a vote due after at most that many heartbeats.
func (s *voteSchedule) dueWithin(beats int) { s.next = min(s.next, s.beats+beats) }

// repeatSoon makes a vote due at the next heartbeat, if it has been the same for a while: the vote
// of another node shows that it may not know it.
func (s *voteSchedule) repeatSoon() {
	if s.beats >= repeatInDoubt {
		s.dueWithin(1)
	}
}

// repeatVote is the part of a heartbeat (N7) that repeats the vote.
func (c *Core) repeatVote() {
	most := c.voteSchedule.timeout(&c.limits)
	if c.hasAccepted() && !c.stalled() {
		most = repeatAtRest
	}
	if c.voteSchedule.due(most) {
		c.out.dirtyVote = true
	}
}

// stepVote processes a vote (N8).
func (c *Core) stepVote(v *Vote) error {
	if err := c.ofEpoch(v.Term, v.Node); err != nil {
		return err
	}
	voter := c.epoch.voter(v.Node)
	if voter < 0 {
		return fmt.Errorf("vote of %s in term %s: not a voter", v.Node, v.Term)
	}
	if v.Prepared != nil && (v.Accepted == nil || v.Prepared.Index > v.Accepted.Index) {
		return fmt.Errorf("vote of %s in term %s: prepared more than accepted", v.Node, v.Term)
	}
	c.checkDoubleVote(voter, &v.SignedVote)
	c.votes[voter].add(v.SignedVote, c.limits.RingVotes, c.limits.RingTerms)
	c.acknowledged(v)
	if v.Committed.Index < c.commit.Index {
		c.voteSchedule.repeatSoon()
	}
	c.evaluate()
	if c.role != Quarantined {
		c.checkContradiction(v)
	}
	return nil
}

// voterVotes are the newest votes of one voter. Votes that are ahead of the log cannot be evaluated
// yet, and the older ones may be the last that can: so a ring of votes is kept, not the newest one
// only (F11).
type voterVotes struct {
	rings []ring // by term, ascending
}

// ring is the newest votes of one voter in one term.
type ring struct {
	term  juno.Term
	votes []juno.SignedVote
	tops  []juno.Index // the highest index that each of votes names
	top   juno.Index   // at least the highest of tops; skips most rings
	next  int          // where the next one goes, once the ring is full
}

// add stores a vote, at most votesMax per term and termsMax terms. The oldest go.
func (v *voterVotes) add(vote juno.SignedVote, votesMax, termsMax int) {
	i, found := v.search(vote.Term)
	if !found {
		if len(v.rings) == termsMax {
			if i == 0 {
				return // older than all kept terms
			}
			v.rings = slices.Delete(v.rings, 0, 1)
			i--
		}
		v.rings = slices.Insert(v.rings, i, ring{term: vote.Term})
	}
	v.rings[i].add(vote, votesMax)
}

// search returns where the ring of a term is, or would be.
func (v *voterVotes) search(t juno.Term) (at int, found bool) {
	for at < len(v.rings) && v.rings[at].term < t {
		at++
	}
	return at, at < len(v.rings) && v.rings[at].term == t
}

func (r *ring) add(vote juno.SignedVote, votesMax int) {
	top := topOf(&vote)
	r.top = max(r.top, top)
	if len(r.votes) < votesMax {
		r.votes, r.tops = append(r.votes, vote), append(r.tops, top)
		return
	}
	r.votes[r.next], r.tops[r.next] = vote, top
	r.next = (r.next + 1) % votesMax
}

// topOf returns the highest index that a vote names.
func topOf(c *juno.SignedVote) juno.Index {
	top := c.Committed.Index
	for _, p := range [2]*juno.Pos{c.Accepted, c.Prepared} {
		if p != nil {
			top = max(top, p.Index)
		}
	}
	return top
}

// inTerm returns the votes of a term in no particular order.
func (v *voterVotes) inTerm(t juno.Term) []juno.SignedVote {
	if at, found := v.search(t); found {
		return v.rings[at].votes
	}
	return nil
}

// newest returns the newest vote of the voter, or nil.
func (v *voterVotes) newest() *juno.SignedVote {
	if len(v.rings) == 0 {
		return nil
	}
	r := &v.rings[len(v.rings)-1]
	return &r.votes[(r.next+len(r.votes)-1)%len(r.votes)]
}

// reach returns the log end and the commit index of the voter's newest vote.
func (v *voterVotes) reach() (tip, final juno.Index) {
	vote := v.newest()
	if vote == nil {
		return 0, 0
	}
	tip, final = vote.Committed.Index, vote.Committed.Index
	if vote.Accepted != nil {
		tip = max(tip, vote.Accepted.Index)
	}
	return tip, final
}
