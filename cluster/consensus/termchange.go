package consensus

import (
	"fmt"
	"slices"

	"juno"
)

// Cause is the reason why a node asks for a later term.
type Cause uint8

// The causes of term changes. The numbers are part of the format.
const (
	CauseTimeout    Cause = 1 // one of the timers P1 to P4
	CauseEvidence   Cause = 2 // the leader contradicted itself, or proposed what is not valid
	CauseRevolution Cause = 3 // administrators asked for it
	CauseResign     Cause = 4 // the leader resigns, or its turn is over
	CauseJoin       Cause = 5 // f+1 other voters ask for the term
	CauseHalt       Cause = 6 // the ledger is halted, and the leader proposes commands
	CauseEnd        Cause = 7 // the leader is about to stop
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

// TermChange asks for a later term (RV). Its sender works on in the present term until a quorum
// asks too (E1), so a single node can disturb no term. It is the timeout message of DiemBFT without
// a certificate; NewTerm carries that.
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

// requestTerm asks for term w, for one of the causes of E5, and works on in the present term (E1).
func (c *Core) requestTerm(w juno.Term, cause Cause) {
	if !c.mayVote() || w <= c.requestedTerms[c.epoch.me] || w <= c.hard.Term {
		return
	}
	c.requestedTerms[c.epoch.me] = w
	c.timers.cause = cause
	c.sendTermChange()
	c.checkTermChanges()
}

// sendTermChange sends the node's term change. Each heartbeat repeats it until the term is entered.
func (c *Core) sendTermChange() {
	if len(c.epoch.peers) > 0 {
		w := &TermChange{Term: c.requestedTerms[c.epoch.me], Node: c.id, Cause: c.timers.cause}
		c.send(c.epoch.peers, w)
	}
}

// mayVote reports whether the node is a voter that may send messages.
func (c *Core) mayVote() bool { return c.role != Observer && c.role != Quarantined }

// stepTermChange processes a term change (E2).
func (c *Core) stepTermChange(w *TermChange) error {
	if err := c.ofEpoch(w.Term, w.Node); err != nil {
		return err
	}
	voter := c.epoch.voter(w.Node)
	switch {
	case voter < 0:
		return fmt.Errorf("term-change of %s: not a voter", w.Node)
	case w.Node == c.id:
		return fmt.Errorf("term-change of this node itself for term %s: a peer relays it", w.Term)
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

// checkTermChanges is E2: f+1 term changes hold one of a correct node, so this node joins; a quorum
// of term changes ends the term.
func (c *Core) checkTermChanges() {
	if !c.mayVote() {
		return
	}
	own := max(c.requestedTerms[c.epoch.me], c.hard.Term)
	if w := c.nthRequestedTerm(c.epoch.faulty + 1); w > own {
		c.requestTerm(w, CauseJoin)
		return // requestTerm came back here
	}
	if w := c.nthRequestedTerm(c.epoch.quorum); w > c.hard.Term {
		c.leaveFor(w)
	}
}

// nthRequestedTerm returns the n-th highest term that voters ask for.
func (c *Core) nthRequestedTerm(n int) juno.Term {
	sorted := slices.Sorted(slices.Values(c.requestedTerms))
	return sorted[len(sorted)-n]
}

// leaveFor enters term t because a quorum asks for it.
func (c *Core) leaveFor(t juno.Term) {
	if c.epoch.alone() && c.hasAccepted() && c.commit.Index < c.accepted.Pos.Index {
		return // first commit what was accepted; the commit comes back here
	}
	c.enterTerm(t)
	c.wantNewTerm()
}

// enterTerm leaves the present term for t (E3). After the sync nothing is signed for older terms.
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

// Resign asks for the next term because the node is about to stop, so that the other nodes need not
// wait for a timeout. It does nothing if the node does not lead, or no other node could.
func (c *Core) Resign() {
	if c.role == Leader && !c.epoch.alone() {
		c.requestTerm(c.hard.Term+1, CauseEnd)
	}
}

// leaderResigns reports whether a term change is that of the present leader, which is about to
// stop. Joining it gives a leader no more power than being silent does.
func (c *Core) leaderResigns(w *TermChange) bool {
	return w.Cause == CauseEnd && w.Node == c.epoch.config.Leader(c.hard.Term) &&
		w.Term == c.hard.Term+1
}

// timers are the timers that cause term changes (E5). All are in ticks.
type timers struct {
	leaderHeard uint64 // last message of the leader, or when the base of the term became known
	entered     uint64 // when the term was entered
	commit      uint64 // last advance of the commit index, or start of a wait for one
	backoff     int    // terms that failed in a row
	jitter      uint64 // of this term, so that not all nodes time out at once
	cause       Cause  // of the node's term change
}

// enter starts the timers of a new term.
func (t *timers) enter(c *Core) {
	t.backoff = min(t.backoff+1, c.limits.BackoffMax)
	t.start(c)
}

// start restarts all timers.
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

// termTimeout returns the timeout of the leader: Te, doubled by every term that failed.
func (c *Core) termTimeout() uint64 {
	return c.limits.ElectionTicks<<c.timers.backoff + c.timers.jitter
}

// tickTimers checks the timers P1 to P4.
func (c *Core) tickTimers() {
	if !c.mayVote() || c.epoch.alone() {
		return // no other node can lead
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

// requestOverdue is P3: a request that was forwarded to the leader long ago is still not committed.
// Every leader gets the full time, counted from the beginning of its term: a request that can never
// be committed must not depose one leader after the other.
func (c *Core) requestOverdue() bool {
	age, ok := c.pool.OldestTicks()
	age = min(age, c.ticks-c.timers.entered)
	return ok && !c.hard.Halted && age > c.limits.ComplainTicks<<c.timers.backoff
}

// forward asks the host to forward old requests to the leader (P3), once per heartbeat.
func (c *Core) forward() {
	age, ok := c.pool.OldestTicks()
	if ok && c.role != Leader && age > c.limits.ForwardTicks && c.term.known {
		c.out.ready.Forward = c.epoch.config.Leader(c.hard.Term)
	}
}

// heartbeat repeats messages that may have been lost (N7, N11, E1, E2).
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

// rotationDue reports whether the leader of the term has committed its share of entries (E7).
func (c *Core) rotationDue() bool {
	return c.limits.RotateEvery > 0 && c.term.commits >= c.limits.RotateEvery
}
