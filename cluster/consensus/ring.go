package consensus

import (
	"slices"

	"juno"
)

// voterVotes are the newest votes of one voter. A voter's votes that are ahead of our log
// cannot be evaluated yet, and the older ones may be the last that can: so we keep a ring of them,
// not the newest one only (F11).
type voterVotes struct {
	rings []ring // by term, ascending
}

// ring is the newest votes of one voter in one term.
type ring struct {
	term  juno.Term
	votes []juno.SignedVote
	tops  []juno.Index // the highest index that each of votes names
	top   juno.Index   // at least the highest of tops; most rings need no closer look
	next  int          // where the next one goes, once the ring is full
}

// add stores a vote, at most votesMax per term and termsMax terms. The oldest go.
func (v *voterVotes) add(vote juno.SignedVote, votesMax, termsMax int) {
	i, found := v.search(vote.Term)
	if !found {
		if len(v.rings) == termsMax {
			if i == 0 {
				return // older than everything that we keep
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

// reach returns how far the voter's newest vote says that its log and its commit index reach.
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
