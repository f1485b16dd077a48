package consensus

import (
	"cmp"
	"fmt"
	"slices"

	"juno"
)

// evaluate computes what the votes prove (N9).
func (c *Core) evaluate() {
	if c.hasAccepted() && !c.mayNotAccept() {
		c.evaluatePrepare()
	}
	for _, term := range c.votedTerms() {
		c.evaluateCommit(term)
	}
	c.evaluateCommitIndexes()
}

// evaluatePrepare is N9a: a position that a quorum has accepted in the present term is prepared.
func (c *Core) evaluatePrepare() {
	term := c.hard.Term
	index, ok := c.quorumIndex(term, juno.Prepare)
	rank := Rank{Term: term, Index: index}
	if !ok || !c.highQC.Rank.Less(rank) {
		return
	}
	cert := c.certificate(term, index, juno.Prepare)
	c.raise(HighQC{Rank: rank, Pos: cert.Pos, Certificate: cert})
}

// evaluateCommit is N9b: a position that a quorum has prepared in any one term is final.
func (c *Core) evaluateCommit(term juno.Term) {
	if index, ok := c.quorumIndex(term, juno.Commit); ok && index > c.commit.Index {
		cert := c.certificate(term, index, juno.Commit)
		c.commitTo(cert.Pos, cert)
	}
}

// evaluateCommitIndexes is N9c: a position that f+1 nodes call final is final, because one of them
// is correct. The end of an epoch needs a certificate, because the next epoch builds on it.
func (c *Core) evaluateCommitIndexes() {
	reached := c.scratchIndices[:0]
	for i := range c.votes {
		best := juno.Index(0)
		for j := range c.votes[i].rings {
			best = max(best, c.committedOnLog(&c.votes[i].rings[j], max(best, c.commit.Index)+1))
		}
		reached = append(reached, best)
	}
	c.scratchIndices = reached
	slices.Sort(reached)
	index := c.wholeTo(reached[len(reached)-1-c.epoch.faulty])
	if index <= c.commit.Index {
		return
	}
	for i := c.commit.Index + 1; i <= index; i++ {
		if c.endsEpoch(i) {
			return
		}
	}
	pos, _ := c.posAt(index)
	c.commitTo(pos, nil)
}

// committedOnLog returns the highest position of the log, not below atLeast, that votes call final.
func (c *Core) committedOnLog(r *ring, atLeast juno.Index) (best juno.Index) {
	if r.top < atLeast {
		return 0
	}
	for i, top := range r.tops {
		if p := &r.votes[i].Committed; top >= atLeast && p.Index >= atLeast && c.log.has(*p) {
			best, atLeast = p.Index, p.Index+1
		}
	}
	return best
}

// votedTerms returns the terms whose votes can prove anything new, ascending.
func (c *Core) votedTerms() []juno.Term {
	var terms []juno.Term // not the scratch slice: a commit in between may come back here
	for i := range c.votes {
		for j := range c.votes[i].rings {
			if r := &c.votes[i].rings[j]; r.top > c.commit.Index {
				terms = append(terms, r.term)
			}
		}
	}
	slices.Sort(terms)
	return slices.Compact(terms)
}

// quorumIndex returns the highest index that the votes of a quorum in one term reach on the log,
// counting only positions that match the term (F1) and are above the commit index.
func (c *Core) quorumIndex(term juno.Term, kind juno.CertificateKind) (juno.Index, bool) {
	reached := c.scratchIndices[:0]
	for i := range c.votes {
		best := juno.Index(0)
		for _, r := range c.counted(i, term) {
			for j, top := range r.tops {
				atLeast := max(best, c.commit.Index) + 1
				if top < atLeast {
					continue
				}
				high, _ := c.covers(&r.votes[j], kind, atLeast)
				best = max(best, high)
			}
		}
		if best > 0 {
			reached = append(reached, best)
		}
	}
	c.scratchIndices = reached
	if len(reached) < c.epoch.quorum {
		return 0, false
	}
	slices.Sort(reached)
	index := c.wholeTo(reached[len(reached)-c.epoch.quorum])
	return index, index > c.commit.Index
}

// counted returns the rings of a voter that count for a term: those of that term only (S1).
func (c *Core) counted(voter int, term juno.Term) []ring {
	v := &c.votes[voter]
	at, found := v.search(term)
	if !found {
		return nil
	}
	return v.rings[at : at+1]
}

// covers returns the highest and the lowest position of a vote that counts for kind, lies on the
// log, and is not below atLeast.
func (c *Core) covers(v *juno.SignedVote, kind juno.CertificateKind, atLeast juno.Index,
) (high, low juno.Index) {
	positions := [2]*juno.Pos{v.Prepared}
	if kind == juno.Prepare {
		positions[1] = v.Accepted
	}
	for _, p := range positions {
		if p == nil || p.Index < atLeast || !c.log.has(*p) || !c.log.matches(p.Index, v.Term) {
			continue
		}
		high = max(high, p.Index)
		if low == 0 || p.Index < low {
			low = p.Index
		}
	}
	return high, low
}

// certificate builds the proof that a quorum reached index: of each voter the vote closest to it,
// of those the q closest, with the headers that lead to the furthest.
func (c *Core) certificate(
	term juno.Term, index juno.Index, kind juno.CertificateKind,
) *juno.QuorumCertificate {
	type candidate struct {
		at   juno.Index
		vote *juno.SignedVote
	}
	var found []candidate
	for i := range c.votes {
		best := candidate{}
		for _, r := range c.counted(i, term) {
			for j := range r.votes {
				_, low := c.covers(&r.votes[j], kind, index)
				if low > 0 && (best.vote == nil || low < best.at) {
					best = candidate{low, &r.votes[j]}
				}
			}
		}
		if best.vote != nil {
			found = append(found, best)
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.at, b.at) })
	found = found[:c.epoch.quorum]
	cert := &juno.QuorumCertificate{Term: term, Kind: kind, Detached: true}
	cert.Pos, _ = c.posAt(index)
	cert.PrevHash, _ = c.log.HashAt(index - 1)
	cert.Head, _ = c.log.HeaderAt(index)
	for i := index + 1; i <= found[len(found)-1].at; i++ {
		link, _ := c.log.HeaderAt(i)
		cert.Headers = append(cert.Headers, link)
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Compare(a.vote.Node, b.vote.Node)
	})
	for _, f := range found {
		cert.Votes = append(cert.Votes, *f.vote)
	}
	return cert
}

// commitTo makes everything up to pos final. proof is nil if f+1 nodes called it final (N9c).
func (c *Core) commitTo(pos juno.Pos, proof *juno.QuorumCertificate) {
	if pos.Index <= c.commit.Index || !c.log.has(pos) {
		panic(fmt.Sprintf("commit %s after %s on a log that ends at %s",
			pos, c.commit, c.log.tip()))
	}
	before := c.commit
	c.commit = pos
	c.log.finalized(before.Index, pos.Index)
	// Most nodes compute what is final by themselves. So it is told with the next vote, or else
	// after a pause: telling it at once would make three rounds of votes out of two.
	c.voteSchedule.dueWithin(c.voteSchedule.timeout(&c.limits) - 1)
	if proof != nil {
		c.writeLazily(proof.Record())
		c.proofs, c.newestProof = append(c.proofs, proof), proof
		if c.highQC.Certificate == nil && c.highQC.Pos == pos && c.highQC.Rank.Term == proof.Term {
			// A node that is a quorum by itself prepared before its vote was signed. Now there is a
			// certificate that it can show to others. A restart finds it as newestProof.
			c.highQC.Certificate = proof
		}
	} else {
		c.out.lazyHard = true
	}
	head, _ := c.log.entry(pos.Index)
	c.voteSchedule.noteDecision(c.ticks - c.timers.commit)
	c.timers.committed(c, head.Term == c.hard.Term)
	if head.Term == c.hard.Term {
		c.term.commits += uint64(pos.Index - before.Index)
	}
	c.pruneHeaders()
	for len(c.leading.batches) > 0 && c.leading.batches[0] <= pos.Index {
		c.leading.batches = c.leading.batches[1:]
	}
	c.obeyModes(before.Index, pos.Index)
	if c.isEpochEnd(&head) {
		c.enterEpoch(pos, &head, proof)
	}
	c.propose()
	c.checkTermChanges()
}

// deliver passes entries to the host that are final and on the node's own disk, so that execution
// never runs ahead of what a crash leaves.
func (c *Core) deliver() {
	limit := min(c.commit.Index, c.out.durable)
	for len(c.proofs) > 0 && c.proofs[0].Pos.Index <= limit {
		c.deliverTo(c.proofs[0].Pos, c.proofs[0])
		c.proofs = c.proofs[1:]
	}
	if len(c.proofs) == 0 && c.delivered < limit {
		pos, _ := c.posAt(limit)
		c.deliverTo(pos, nil)
	}
	if keep := juno.Index(c.limits.CacheEntriesMax); c.delivered > keep {
		c.log.forget(c.delivered - keep)
	}
}

func (c *Core) deliverTo(pos juno.Pos, proof *juno.QuorumCertificate) {
	if pos.Index <= c.delivered {
		return
	}
	c.out.ready.Committed = append(c.out.ready.Committed, Committed{
		Entries: c.log.slice(c.delivered+1, pos.Index+1), Pos: pos, Certificate: proof,
	})
	c.delivered = pos.Index
}
