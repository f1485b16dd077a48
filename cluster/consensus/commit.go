package consensus

import (
	"fmt"

	"juno"
)

// commitTo makes everything up to pos final. proof is nil if f+1 nodes said so (N9c).
func (c *Core) commitTo(pos juno.Pos, proof *juno.QuorumCertificate) {
	if pos.Index <= c.commit.Index || !c.log.has(pos) {
		panic(fmt.Sprintf("commit %s after %s on a log that ends at %s",
			pos, c.commit, c.log.tip()))
	}
	before := c.commit
	c.commit = pos
	c.log.finalized(before.Index, pos.Index)
	// Most find out for themselves what is final. So it is said with what we say next, or else when
	// nothing was said for a while: saying it at once would make three of two rounds of claims.
	c.voteSchedule.dueWithin(c.voteSchedule.timeout(&c.limits) - 1)
	if proof != nil {
		c.writeLazily(proof.Record())
		c.proofs, c.newestProof = append(c.proofs, proof), proof
		if c.highQC.Certificate == nil && c.highQC.Pos == pos && c.highQC.Rank.Term == proof.Term {
			// A node that is a quorum by itself prepared before its vote was signed. Now there
			// is something that it can show to others. A restart finds it as proof.
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

// deliver hands to the host what is final and on our own disk, so that execution never runs ahead
// of what a crash leaves.
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
