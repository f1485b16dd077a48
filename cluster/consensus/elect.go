package consensus

import (
	"fmt"
	"slices"

	"juno"
)

// requestTerm asks for term w, for one of the causes of E5, and goes on working in the present one (E1).
func (c *Core) requestTerm(w juno.Term, cause TermChangeCause) {
	if !c.mayVote() || w <= c.requestedTerms[c.epoch.me] || w <= c.hard.Term {
		return
	}
	c.requestedTerms[c.epoch.me] = w
	c.timers.cause = cause
	c.sendTermChange()
	if c.broken(MutantLeaveAlone) {
		c.leaveFor(w)
		return
	}
	c.checkTermChanges()
}

// sendTermChange says our wish, again at every heartbeat while it is not granted.
func (c *Core) sendTermChange() {
	if len(c.epoch.peers) > 0 {
		w := &TermChange{Term: c.requestedTerms[c.epoch.me], Node: c.id, Cause: c.timers.cause}
		c.send(c.epoch.peers, w)
	}
}

// mayVote reports whether we are a voter who may say something.
func (c *Core) mayVote() bool { return c.role != Observer && c.role != Quarantined }

// stepTermChange notes a wish (E2).
func (c *Core) stepTermChange(w *TermChange) error {
	if err := c.ofEpoch(w.Term, w.Node); err != nil {
		return err
	}
	voter := c.epoch.voter(w.Node)
	switch {
	case voter < 0:
		return fmt.Errorf("term-change of %s: not a voter", w.Node)
	case w.Node == c.id:
		return fmt.Errorf("term-change of ourselves for term %s: somebody repeats it", w.Term)
	}
	c.noteTermChange(voter, w.Term)
	if w.Cause == CauseResign && c.rotationDue() {
		c.requestTerm(c.hard.Term+1, CauseResign) // E7
	}
	if c.leaderResigns(w) {
		c.requestTerm(w.Term, CauseJoin)
	}
	return nil
}

func (c *Core) noteTermChange(voter int, w juno.Term) {
	if w > c.requestedTerms[voter] {
		c.requestedTerms[voter] = w
		c.checkTermChanges()
	}
}

// checkTermChanges is E2: f+1 wishes carry a correct node's, so we join them; a quorum of wishes ends
// the term.
func (c *Core) checkTermChanges() {
	if !c.mayVote() {
		return
	}
	if w := c.nthRequestedTerm(c.epoch.faulty + 1); w > max(c.requestedTerms[c.epoch.me], c.hard.Term) {
		c.requestTerm(w, CauseJoin)
		return // wish came back here
	}
	if w := c.nthRequestedTerm(c.epoch.quorum); w > c.hard.Term {
		c.leaveFor(w)
	}
}

// nthRequestedTerm returns the n-th highest wish.
func (c *Core) nthRequestedTerm(n int) juno.Term {
	sorted := slices.Sorted(slices.Values(c.requestedTerms))
	return sorted[len(sorted)-n]
}

// leaveFor enters term t because a quorum wants it.
func (c *Core) leaveFor(t juno.Term) {
	if c.epoch.alone() && c.hasAccepted() && c.commit.Index < c.accepted.Pos.Index {
		return // first show what we accepted; its commit comes back here
	}
	c.enterTerm(t)
	c.wantNewTerm()
}

// enterTerm leaves the present term for t (E3). From the sync on nothing is signed for older ones.
func (c *Core) enterTerm(t juno.Term) {
	if t <= c.hard.Term {
		panic(fmt.Sprintf("enter term %s from term %s", t, c.hard.Term))
	}
	c.hard.Term = t
	c.out.dirtyHard, c.out.dirtyVote = true, true
	c.prepared = nil
	c.term, c.leading = termState{}, leading{}
	c.timers.enter(c)
	c.takeRole()
}

// wantNewTerm makes the next Ready report.
func (c *Core) wantNewTerm() {
	c.out.dirtyNewTerm = true
	if c.broken(MutantNewTermEarly) {
		c.sendNewTerm()
	}
}

// sendNewTerm tells the leader of our term the highest certificate that we know (RVR), until we know
// that it leads. It is made when the host asks what to do, like a vote: then it says what goes to
// disk before it, whatever else came together with its cause.
func (c *Core) sendNewTerm() {
	if !c.out.dirtyNewTerm {
		return
	}
	c.out.dirtyNewTerm = false
	if !c.mayVote() || c.term.known || c.hasAccepted() || c.logIncomplete() {
		return
	}
	leader := c.epoch.config.Leader(c.hard.Term)
	r := &NewTerm{
		Term: c.hard.Term, Node: c.id, Candidate: leader, Rank: c.highQC.Rank,
		Pos: c.highQC.Pos, Certificate: c.highQC.Certificate,
	}
	if c.highQC.Pos == c.epoch.base {
		r.Certificate = nil
	}
	if leader == c.id {
		c.sendAfter(nil, r, true)
		return
	}
	c.sendAfter([]juno.NodeID{leader}, r, false)
}

// stepNewTerm collects reports as the designated leader of the term (E4).
func (c *Core) stepNewTerm(r *NewTerm) error {
	if err := c.ofEpoch(r.Term, r.Node); err != nil {
		return err
	}
	if voter := c.epoch.voter(r.Node); voter >= 0 {
		c.noteTermChange(voter, r.Term) // who reports for a term wants it
	}
	if r.Term != c.hard.Term || c.role != Candidate {
		return fmt.Errorf("new-term of %s in term %s: we are %s in term %s",
			r.Node, r.Term, c.role, c.hard.Term)
	}
	if err := c.checkNewTerm(r, r.Term); err != nil {
		return err
	}
	if err := c.checkProven(r.Rank, r.Pos, r.Certificate); err != nil {
		return fmt.Errorf("new-term of %s: %w", r.Node, err)
	}
	c.term.newTerms = insertNewTerm(c.term.newTerms, r)
	c.tryLead()
	return nil
}

// insertNewTerm keeps the reports in the order of the nodes, the newest of each.
func insertNewTerm(all []*NewTerm, r *NewTerm) []*NewTerm {
	i, found := slices.BinarySearchFunc(all, r.Node, func(o *NewTerm, n juno.NodeID) int {
		return int(int64(o.Node) - int64(n))
	})
	if found {
		all[i] = r
		return all
	}
	return slices.Insert(all, i, r)
}

// checkNewTerm checks a report by itself, without its certificate.
func (c *Core) checkNewTerm(r *NewTerm, t juno.Term) error {
	switch leader := c.epoch.config.Leader(t); {
	case c.epoch.voter(r.Node) < 0:
		return fmt.Errorf("new-term of %s: not a voter", r.Node)
	case r.Term != t || r.Candidate != leader:
		return fmt.Errorf("new-term of %s to %s in term %s: term %s is led by %s",
			r.Node, r.Candidate, r.Term, t, leader)
	case r.Rank.Term >= t:
		return fmt.Errorf("new-term of %s in term %s of a certificate of term %s",
			r.Node, t, r.Rank.Term)
	}
	return nil
}

// checkProven checks that a certificate proves the rank and position that are claimed.
func (c *Core) checkProven(rank Rank, pos juno.Pos, cert *juno.QuorumCertificate) error {
	if pos == c.epoch.base && rank == c.epoch.baseRank {
		return nil // proven by the end of the epoch before
	}
	if c.broken(MutantUnverifiedClaim) {
		return nil
	}
	if cert == nil {
		return fmt.Errorf("certificate of term %s at %s: it is missing", rank.Term, pos)
	}
	if cert.Term != rank.Term || cert.Pos != pos {
		return fmt.Errorf("certificate of term %s at %s: it is of term %s at %s",
			rank.Term, pos, cert.Term, cert.Pos)
	}
	return c.checkCertificate(cert)
}

// checkCertificate checks a certificate of our epoch that somebody else made. It must bring what
// is needed to judge it: our log may not reach there.
func (c *Core) checkCertificate(cert *juno.QuorumCertificate) error {
	if !cert.Detached {
		return fmt.Errorf("certificate of term %s at %s: it brings no head", cert.Term, cert.Pos)
	}
	if c.mutant != NoMutant {
		return c.checkLoosely(cert)
	}
	return cert.Check(c.epoch.config, nil)
}

// checkElection checks the proof that the leader of term t was elected (validEC).
func (c *Core) checkElection(e *ElectionCertificate, t juno.Term) error {
	if e.Term != t || len(e.NewTerms) < c.epoch.quorum {
		return fmt.Errorf("election of term %s with %d reports: want %d of term %s",
			e.Term, len(e.NewTerms), c.epoch.quorum, t)
	}
	for i, r := range e.NewTerms {
		if i > 0 && e.NewTerms[i-1].Node >= r.Node {
			return fmt.Errorf("election of term %s: the reports of %s and %s in this order",
				t, e.NewTerms[i-1].Node, r.Node)
		}
		if err := c.checkNewTerm(r, t); err != nil {
			return fmt.Errorf("election of term %s: %w", t, err)
		}
	}
	top := e.top(c.rankLess)
	if err := c.checkProven(top.Rank, top.Pos, e.Base); err != nil {
		return fmt.Errorf("election of term %s: %w", t, err)
	}
	return nil
}

// tryLead opens the term once a quorum has reported whose chains we hold (E4).
func (c *Core) tryLead() {
	if c.role != Candidate || c.logIncomplete() || c.hasLed(c.hard.Term) {
		return
	}
	var held []*NewTerm
	for _, r := range c.term.newTerms {
		switch {
		case c.holds(r.Pos) || c.archived(r.Pos):
			if c.isWhole(r.Pos, c.fragmentTo(r.Pos)) {
				held = append(held, r)
			}
		case r.Node != c.id:
			c.ask(r.Node, &r.Pos)
		}
	}
	if len(held) < c.epoch.quorum {
		return
	}
	// Any quorum will do. The highest ones drop the least.
	slices.SortStableFunc(held, func(a, b *NewTerm) int {
		switch {
		case c.rankLess(b.Rank, a.Rank):
			return -1
		case c.rankLess(a.Rank, b.Rank):
			return 1
		}
		return 0
	})
	e := &ElectionCertificate{Term: c.hard.Term, Base: held[0].Certificate}
	for _, r := range held[:c.epoch.quorum] {
		own := *r
		own.Certificate = nil
		e.NewTerms = insertNewTerm(e.NewTerms, &own)
	}
	if held[0].Pos == c.epoch.base {
		e.Base = nil
	}
	c.openTerm(e)
}

// archived reports a position before our log, so that only its index can be judged. Everything
// there is final: as the base of a term it does not fit, and otherwise its chain is not needed.
func (c *Core) archived(p juno.Pos) bool { return p.Index+1 < c.log.lowest() }

// openTerm takes the base of an election as ours, and leads from there.
func (c *Core) openTerm(e *ElectionCertificate) {
	base := e.top(c.rankLess).Pos
	if err := c.checkFits(base, c.hard.Term); err != nil {
		return
	}
	if err := c.adoptBase(base); err != nil {
		c.alarm("E4: the base of term %s cannot be taken: %v", c.hard.Term, err)
		return
	}
	c.setBase(base, e)
	if !c.log.has(c.highQC.Pos) && !c.broken(MutantKeepHighQC) {
		c.raise(c.baseCertificate())
	}
	c.lead()
}

// adoptBase makes our log end at the base of the term.
func (c *Core) adoptBase(base juno.Pos) error {
	if c.log.has(base) {
		return c.replace(base.Index, nil, nil)
	}
	f := c.fragmentTo(base)
	entries, hashes := f.followedBy(base.Index, nil, nil)
	return c.replace(f.start.Index, entries, hashes)
}

// hasLed reports whether we led the term already, perhaps before a restart (F8).
func (c *Core) hasLed(t juno.Term) bool {
	return c.hard.EverLed && c.hard.Led >= t && !c.broken(MutantLeadTwice)
}

// rotationDue reports whether the leader of the term has committed as much as one may (E7).
func (c *Core) rotationDue() bool {
	return c.limits.RotateEvery > 0 && c.term.commits >= c.limits.RotateEvery
}
