package consensus

import (
	"errors"
	"fmt"

	"juno"
)

// stepSyncReply processes the answer to a sync request (Y2). The sender is not trusted: entries
// count if they lead to a commit certificate (Y3), to a requested position, or to a position that a
// leader signed (N4, N5).
func (c *Core) stepSyncReply(m *SyncReply) error {
	if m.Nonce == 0 {
		return c.stepHint(m)
	}
	i := c.peer(m.Node)
	if i < 0 || c.sync.peers[i].nonce != m.Nonce {
		return fmt.Errorf("sync reply of %s that answers no request", m.Node)
	}
	a := &c.sync.peers[i]
	a.nonce = 0
	before := c.reach()
	if m.Snapshot != nil {
		return c.stepOffer(m)
	}
	f, err := c.receive(a, m)
	if err != nil {
		return err
	}
	if m.Proof != nil {
		err = c.adoptProof(m.Proof, f)
	}
	if err == nil {
		err = c.relay(m, f)
	}
	if c.leadsNowhere(f, m) {
		c.dropFragment(m.Node)
	}
	c.pruneFragments()
	c.sync.noteAnswer(a, before, c.reach())
	c.tryLead()
	if c.sync.lagging == m.Node && m.Commit.Index <= c.commit.Index && len(m.Entries) == 0 {
		c.sync.lagging = 0 // the peer has no more for this node
	}
	return err
}

// leadsNowhere reports that a peer has committed more than this node, and has no entries that
// continue its fragment: the fragment belongs to a term that is over. The next request begins at
// the commit index.
func (c *Core) leadsNowhere(f *fragment, m *SyncReply) bool {
	return len(m.Entries) == 0 && m.Proof == nil && m.Commit.Index > c.commit.Index &&
		c.role != Candidate && (c.log.has(c.term.base) || !f.has(c.term.base))
}

// stepHint processes a commit certificate that was not requested: it may end the present epoch.
func (c *Core) stepHint(m *SyncReply) error {
	if m.Proof == nil || m.Proof.Term.Epoch() != c.epoch.config.Epoch {
		return fmt.Errorf("hint of %s without a certificate of epoch %d", m.Node,
			c.epoch.config.Epoch)
	}
	if m.Proof.Pos.Index > c.commit.Index && !c.log.has(m.Proof.Pos) {
		c.requestFrom(m.Node)
		return nil
	}
	return c.adoptProof(m.Proof, nil)
}

// adoptProof commits what a commit certificate proves (Y3). f holds the entries, if they are not on
// the log.
func (c *Core) adoptProof(proof *juno.QuorumCertificate, f *fragment) error {
	if proof.Kind != juno.Commit || proof.Term.Epoch() != c.epoch.config.Epoch {
		return fmt.Errorf("%s certificate of term %s: want a commit certificate of epoch %d",
			proof.Kind, proof.Term, c.epoch.config.Epoch)
	}
	if err := c.checkCertificate(proof); err != nil {
		return err
	}
	switch {
	case proof.Pos.Index <= c.commit.Index:
		if !c.log.has(proof.Pos) && proof.Pos.Index >= c.log.lowest() {
			c.leaveContradicted(proof.Pos, nil, proof)
		}
		return nil
	case c.log.has(proof.Pos) && !c.isWhole(proof.Pos, nil):
		return refuseCut("commit certificate of", proof.Pos)
	case c.log.has(proof.Pos):
		c.enterTermOf(proof)
		c.advanceAccepted(proof)
		c.commitTo(proof.Pos, proof)
		return nil
	case f == nil || f.last().Index < proof.Pos.Index:
		return nil // the fragment is not complete yet
	case !f.has(proof.Pos):
		c.dropFragment(f.peer)
		return fmt.Errorf("sync reply of %s: its entries do not lead to %s", f.peer, proof.Pos)
	case !c.isWhole(proof.Pos, f):
		return refuseCut("commit certificate of", proof.Pos)
	}
	return c.adoptChain(proof, f)
}

// adoptChain switches to the chain that a commit certificate proves. An accepted position on
// another chain cannot become final any more; the node may accept nothing more in the present term
// (F10).
func (c *Core) adoptChain(proof *juno.QuorumCertificate, f *fragment) error {
	entries, hashes := f.followedBy(proof.Pos.Index, nil, nil)
	if err := c.replace(f.start.Index, entries, hashes); err != nil {
		return c.adoptFailed(proof, err)
	}
	if c.hasAccepted() && !c.keepsAccepted() && !c.mayNotAccept() {
		c.hard.Muted, c.hard.EverMuted = c.hard.Term, true
		c.out.dirtyHard, c.out.dirtyVote = true, true
		c.prepared = nil
	}
	c.enterTermOf(proof)
	c.advanceAccepted(proof)
	if !c.log.has(c.highQC.Pos) || c.sync.incomplete {
		c.raise(HighQC{Rank: c.rankOf(proof), Pos: proof.Pos, Certificate: proof})
	}
	c.sync.incomplete = c.sync.incomplete && !c.log.has(c.highQC.Pos)
	c.commitTo(proof.Pos, proof)
	return nil
}

// adoptFailed handles a proven chain that could not be adopted.
func (c *Core) adoptFailed(proof *juno.QuorumCertificate, err error) error {
	if errors.Is(err, errFinal) {
		c.leaveContradicted(proof.Pos, nil, proof)
		return err
	}
	// A quorum accepted an entry that the validator here refuses: the nodes run different programs.
	c.alarm("Y3: %s is final, and the validator of this node refuses it: %v", proof.Pos, err)
	c.quarantine(&Leave{
		Node: c.id, Epoch: c.epoch.config.Epoch, Mine: c.commit, Theirs: proof.Pos,
		Reason: LeaveInvalid, Proof: proof,
	})
	return err
}

// enterTermOf enters the term of a commit certificate: a node that knows a decision of a later term
// must not act in an earlier one.
func (c *Core) enterTermOf(proof *juno.QuorumCertificate) {
	if proof.Term > c.hard.Term {
		c.enterTerm(proof.Term)
	}
}

// advanceAccepted counts a chain as accepted that the present term has committed and that extends
// the accepted chain (Y3).
func (c *Core) advanceAccepted(proof *juno.QuorumCertificate) {
	if c.hasAccepted() && !c.mayNotAccept() && proof.Term == c.hard.Term &&
		proof.Pos.Index > c.accepted.Pos.Index && c.keepsAccepted() {
		c.setAccepted(proof.Pos)
	}
}

// rankOf returns the rank of a certificate.
func (c *Core) rankOf(cert *juno.QuorumCertificate) Rank {
	return Rank{Term: cert.Term, Index: cert.Pos.Index}
}

// relay processes the signed headers of a reply as if the leader had sent them.
func (c *Core) relay(m *SyncReply, f *fragment) error {
	var first error
	for i := range m.Headers {
		h := &m.Headers[i]
		if h.Last.Index <= c.commit.Index {
			continue
		}
		ae := &Append{AppendHeader: *h, Election: m.Election}
		ae.Entries = c.between(h.Prev.Index, h.Last.Index, f)
		if err := c.stepAppend(ae); err != nil && first == nil {
			first = err
		}
	}
	if m.Election != nil && len(m.Headers) == 0 {
		return c.admitElection(m.Election)
	}
	return first
}

// between collects the entries (prev, last] from the log and a fragment. If one is missing, or is
// of another chain, the hashes do not match.
func (c *Core) between(prev, last juno.Index, f *fragment) []juno.Entry {
	if last < prev || last-prev > appendEntriesMax {
		return nil
	}
	entries := make([]juno.Entry, 0, last-prev)
	for i := prev + 1; i <= last; i++ {
		if i > f.start.Index && i <= f.last().Index {
			entries = append(entries, f.entries[i-f.start.Index-1])
			continue
		}
		e, ok := c.log.entry(i)
		if !ok {
			return nil
		}
		entries = append(entries, e)
	}
	return entries
}

// logIncomplete reports whether the log ends before the highest known certificate, because it was
// installed from a snapshot: until it reaches the certificate the node does not vote (Y5).
func (c *Core) logIncomplete() bool { return c.sync.incomplete }
