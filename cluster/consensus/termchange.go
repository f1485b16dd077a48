package consensus

import (
	"fmt"
	"slices"

	"juno"
)

// TermChangeCause is why a node wishes for another leader.
type Cause uint8

// The causes of wishes. The numbers are part of the format.
const (
	CauseTimeout    Cause = 1 // one of the timers P1 to P4
	CauseEvidence   Cause = 2 // the leader contradicted itself, or proposed what is not valid
	CauseRevolution Cause = 3 // administrators asked for it
	CauseResign     Cause = 4 // the leader gives the term back, or its turn is over
	CauseJoin       Cause = 5 // f+1 others wish
	CauseHalt       Cause = 6 // the ledger is halted, and the leader goes on with commands
	CauseEnd        Cause = 7 // the leader is about to end
)

var causeNames = [...]string{
	CauseTimeout: "timeout", CauseEvidence: "evidence",
	CauseRevolution: "revolution", CauseResign: "resign", CauseJoin: "join", CauseHalt: "halt",
	CauseEnd: "end",
}

// String returns the cause in lower case.
func (c Cause) String() string {
	if int(c) < len(causeNames) && causeNames[c] != "" {
		return causeNames[c]
	}
	return fmt.Sprintf("cause(%d)", uint8(c))
}

// TermChange asks for a later term (RV). Its sender goes on working in the present one until a
// quorum wishes too (E1), so a single node can disturb nobody.
//
// Signed bytes: version (1), term (8), node (4), cause (1).
type TermChange struct {
	Term  juno.Term
	Node  juno.NodeID
	Cause Cause
	signed
}

const termChangeVersion = 1

// Kind implements Message.
func (*TermChange) Kind() MessageKind { return KindTermChange }

// Sender implements Message.
func (w *TermChange) Sender() juno.NodeID { return w.Node }

func (w *TermChange) body() []byte {
	b := juno.AppendU64(append(make([]byte, 0, 16), termChangeVersion), uint64(w.Term))
	return append(juno.AppendU32(b, uint32(w.Node)), byte(w.Cause))
}

func (w *TermChange) statements(all []Statement) []Statement {
	return append(all, Statement{
		Epoch: w.Term.Epoch(), Node: w.Node,
		Envelope: w.envelope(juno.KindTermChange, w.body()),
	})
}

func (w *TermChange) signBy(s Signer) { w.sign(s, juno.KindTermChange, w.body()) }

func (w *TermChange) appendTo(b []byte) []byte { return w.signed.appendTo(append(b, w.body()...)) }

func decodeTermChange(d *juno.Decoder) Message {
	d.Version(termChangeVersion, "term change")
	w := &TermChange{Term: juno.Term(d.U64()), Node: juno.NodeID(d.U32()), Cause: Cause(d.U8())}
	if d.Err() == nil && (w.Node == 0 || w.Cause < CauseTimeout || w.Cause > CauseEnd) {
		d.Fail("term-change of %s with cause %d", w.Node, w.Cause)
	}
	w.decode(d)
	return w
}

// requestTerm asks for term w, for one of the causes of E5, and goes on working in the present one
// (E1).
func (c *Core) requestTerm(w juno.Term, cause Cause) {
	if !c.mayVote() || w <= c.requestedTerms[c.epoch.me] || w <= c.hard.Term {
		return
	}
	c.requestedTerms[c.epoch.me] = w
	c.timers.cause = cause
	c.sendTermChange()
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

// checkTermChanges is E2: f+1 wishes carry a correct node's, so we join them; a quorum of wishes
// ends the term.
func (c *Core) checkTermChanges() {
	if !c.mayVote() {
		return
	}
	own := max(c.requestedTerms[c.epoch.me], c.hard.Term)
	if w := c.nthRequestedTerm(c.epoch.faulty + 1); w > own {
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

// Resign gives the term back, because the node is about to end: the others need not wait until
// they have lost patience. It does nothing where we do not lead, or nobody else could.
func (c *Core) Resign() {
	if c.role == Leader && !c.epoch.alone() {
		c.requestTerm(c.hard.Term+1, CauseEnd)
	}
}

// leaderResigns reports whether a wish is that of the present leader, who is about to end. To grant
// it costs no more than what a leader can have by keeping silent.
func (c *Core) leaderResigns(w *TermChange) bool {
	return w.Cause == CauseEnd && w.Node == c.epoch.config.Leader(c.hard.Term) &&
		w.Term == c.hard.Term+1
}

// timers are the reasons to wish for another leader (E5). All are in ticks.
type timers struct {
	leaderHeard uint64 // last word of the leader, or when we learned who it is
	entered     uint64 // when we entered the term
	commit      uint64 // last advance of the commit index, or start of a wait for one
	backoff     int    // terms that failed in a row
	jitter      uint64 // of this term, so that not all lose patience at once
	cause       Cause  // of our wish
}

// enter starts the timers of a new term.
func (t *timers) enter(c *Core) {
	t.backoff = min(t.backoff+1, c.limits.BackoffMax)
	t.start(c)
}

// start makes all clocks begin now.
func (t *timers) start(c *Core) {
	t.leaderHeard, t.entered, t.commit = c.ticks, c.ticks, c.ticks
	t.jitter = c.rand.Uint64() % (c.limits.ElectionTicks/4 + 1)
}

// committed restarts the timers: the term makes progress.
func (t *timers) committed(c *Core, inTerm bool) {
	t.commit = c.ticks
	if inTerm {
		t.backoff = 0
	}
}

// termTimeout returns how long we wait for a leader: Te, doubled by every term that failed.
func (c *Core) termTimeout() uint64 {
	return c.limits.ElectionTicks<<c.timers.backoff + c.timers.jitter
}

// tickTimers looks at the clocks P1 to P4.
func (c *Core) tickTimers() {
	if !c.mayVote() || c.epoch.alone() {
		return // who is alone has nobody to hand over to
	}
	patience := c.termTimeout()
	switch {
	case !c.term.known && c.ticks-c.timers.entered > patience, // P4
		c.term.known && c.role != Leader && c.ticks-c.timers.leaderHeard > patience, // P1
		c.stalled() && c.ticks-c.timers.commit > 2*patience,                         // P2
		c.requestOverdue(): // P3
		c.requestTerm(c.hard.Term+1, CauseTimeout)
	}
}

// stalled reports whether something was accepted that is not committed (P2).
func (c *Core) stalled() bool {
	return c.hasAccepted() && c.accepted.Pos.Index > c.commit.Index
}

// requestOverdue is P3: a request that was handed to the leader long ago is still not committed.
// Every leader gets the time, counted from when its term began: a request that can never be
// committed must not depose one after the other.
func (c *Core) requestOverdue() bool {
	age, ok := c.pool.OldestTicks()
	age = min(age, c.ticks-c.timers.entered)
	return ok && !c.hard.Halted && age > c.limits.ComplainTicks<<c.timers.backoff
}

// forward asks the host to hand old requests to the leader (P3), once per heartbeat.
func (c *Core) forward() {
	age, ok := c.pool.OldestTicks()
	if ok && c.role != Leader && age > c.limits.ForwardTicks && c.term.known {
		c.out.ready.Forward = c.epoch.config.Leader(c.hard.Term)
	}
}

// heartbeat repeats what may have been lost (N7, N11, E1, E2).
func (c *Core) heartbeat() {
	if c.mayVote() && len(c.epoch.peers) > 0 {
		c.repeatVote()
		if c.requestedTerms[c.epoch.me] > c.hard.Term {
			c.sendTermChange()
		}
		c.wantNewTerm()
		c.forward()
	}
	switch c.role {
	case Leader:
		c.retransmit()
		if c.rotationDue() {
			c.requestTerm(c.hard.Term+1, CauseResign)
		}
	case Candidate:
		c.tryLead()
	}
	c.repeatCheckpoint()
	c.checkLag()
}

// rotationDue reports whether the leader of the term has committed as much as one may (E7).
func (c *Core) rotationDue() bool {
	return c.limits.RotateEvery > 0 && c.term.commits >= c.limits.RotateEvery
}
