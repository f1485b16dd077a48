package consensus

import (
	"errors"
	"fmt"

	"juno"
)

// stepAppend takes what a leader says, directly or relayed by somebody else: its signature makes
// both equally good (N2 to N6).
func (c *Core) stepAppend(ae *Append) error {
	if err := c.ofEpoch(ae.Term, ae.Leader); err != nil {
		return err
	}
	if leader := c.epoch.config.Leader(ae.Term); leader != ae.Leader {
		return fmt.Errorf("append of %s in term %s, which %s leads", ae.Leader, ae.Term, leader)
	}
	if ae.Term < c.hard.Term {
		return fmt.Errorf("append of term %s: we are in term %s", ae.Term, c.hard.Term)
	}
	hashes, err := ae.roll()
	if err != nil {
		return err
	}
	if err := c.convince(ae); err != nil {
		return err
	}
	if ae.Leader == c.id && c.role == Leader {
		return nil // our own, relayed back
	}
	c.timers.heard = c.ticks
	return c.take(ae, hashes)
}

// ofEpoch reports a message of another epoch, and helps whoever of the two is behind (N2).
func (c *Core) ofEpoch(t juno.Term, from juno.NodeID) error {
	switch present := c.epoch.config.Epoch; {
	case t.Epoch() < present:
		c.helpStraggler(from, t.Epoch())
		return fmt.Errorf("message of %s in term %s: we are in epoch %d", from, t, present)
	case t.Epoch() > present:
		c.Behind(from)
		return fmt.Errorf("message of %s in term %s: we are still in epoch %d", from, t, present)
	}
	return nil
}

// roll checks that the entries lead from Prev to Last, and returns the chain hash at each.
func (ae *Append) roll() ([]juno.Hash, error) {
	if len(ae.Entries) != ae.Count || ae.Last.Index-ae.Prev.Index != juno.Index(ae.Count) {
		return nil, fmt.Errorf("append of %s from %s to %s with %d entries",
			ae.Leader, ae.Prev, ae.Last, len(ae.Entries))
	}
	hashes := make([]juno.Hash, len(ae.Entries))
	hash := ae.Prev.Hash
	for i := range ae.Entries {
		e := &ae.Entries[i]
		if e.Index != ae.Prev.Index+1+juno.Index(i) {
			return nil, fmt.Errorf("append of %s: entry %d at place %d after %s",
				ae.Leader, e.Index, i, ae.Prev)
		}
		hash = e.ChainHash(hash)
		hashes[i] = hash
	}
	if hash != ae.Last.Hash {
		return nil, fmt.Errorf("append of %s: the entries lead to %s, the header says %s",
			ae.Leader, hash.Short(), ae.Last)
	}
	return hashes, nil
}

// errElection is an AppendEntries of a term whose election we have not seen.
var errElection = errors.New("no proof that the leader was elected")

// convince makes sure that we know why the leader may lead, and enters its term (N2).
func (c *Core) convince(ae *Append) error {
	if ae.Term == c.hard.Term && c.term.convinced {
		return nil
	}
	if c.broken(MutantNoElection) && ae.Count > 0 {
		return c.convinceBlindly(ae)
	}
	if ae.Election == nil {
		c.missing(ae.Leader)
		return fmt.Errorf("append of %s in term %s: %w", ae.Leader, ae.Term, errElection)
	}
	if err := c.checkElection(ae.Election, ae.Term); err != nil {
		return err
	}
	base := ae.Election.top(c.rankLess)
	if err := c.checkFits(base.Pos, ae.Term); err != nil {
		return err
	}
	if ae.Term > c.hard.Term {
		c.enterTerm(ae.Term)
	}
	c.setBase(base.Pos, ae.Election)
	return nil
}

// setBase notes where the chain of the term begins, and who says so.
func (c *Core) setBase(base juno.Pos, e *Election) {
	c.term.convinced, c.term.base, c.term.election = true, base, e
	c.timers.heard = c.ticks
}

// checkFits checks the base of a term against what we know to be final. A base below it is
// possible only if the term itself committed what lies above (Lemma 3).
func (c *Core) checkFits(base juno.Pos, t juno.Term) error {
	if base.Index > c.commit.Index || base == c.commit || c.broken(MutantOverwrite) {
		return nil // whether it leads through our commit shows when we hold its chain
	}
	newest, ok := c.log.entry(c.commit.Index)
	if ok && newest.Term == t && base.Index < c.commit.Index {
		return nil
	}
	if ok && t > newest.Term {
		c.alarm("N2: term %s begins at %s, but %s of term %s is final: more nodes lie than can be "+
			"tolerated", t, base, c.commit, newest.Term)
	}
	return fmt.Errorf("term %s begins at %s: %s is final", t, base, c.commit)
}

// take accepts the entries if they continue what we have (N3 to N6).
func (c *Core) take(ae *Append, hashes []juno.Hash) error {
	if c.muted() {
		return fmt.Errorf("append of term %s: we are muted in it", ae.Term)
	}
	if c.recovering() {
		c.wait(ae)
		return fmt.Errorf("append of term %s: our log is not complete yet", ae.Term)
	}
	if c.refusesCommands(ae) {
		c.refuseHalted(ae)
		return juno.ErrHalted
	}
	if c.beyondWindow(ae) {
		return fmt.Errorf("append of term %s to %s: only %s is final", ae.Term, ae.Last, c.commit)
	}
	if c.tooEarly(ae) {
		c.wait(ae)
		return fmt.Errorf("append of term %s: its time has not come", ae.Term)
	}
	if !c.hasTaken() {
		return c.takeFirst(ae, hashes)
	}
	return c.takeMore(ae, hashes)
}

// refusesCommands is H1: while halted we accept no commands. Not voting never hurts safety.
func (c *Core) refusesCommands(ae *Append) bool {
	if !c.hard.Halted {
		return false
	}
	for i := range ae.Entries {
		if isCommand(ae.Entries[i].Type) {
			return true
		}
	}
	return false
}

// isCommand reports whether entries of a type are clients' commands, which a halt stops.
func isCommand(t juno.EntryType) bool {
	return t == juno.EntryCommand || t == juno.EntryBatchHead
}

// beyondWindow reports entries that are further ahead of what is final than a correct leader lets
// them be (N1). We may have heard less than it of what is final, so they get twice the room; beyond
// that a liar that leads could fill our memory with what never becomes final.
func (c *Core) beyondWindow(ae *Append) bool {
	entriesMax := 2*c.limits.WindowEntriesMax + headerCountMax
	return ae.Count > 0 && (ae.Last.Index > c.commit.Index+juno.Index(entriesMax) ||
		c.log.unfinal > 2*c.limits.WindowBytesMax)
}

// tooEarly reports entries of a clock that is far ahead of ours. They wait; that is no evidence,
// because it may be our clock that is wrong (docs/SPECIFICATION.md §3.2).
func (c *Core) tooEarly(ae *Append) bool {
	n := len(ae.Entries)
	return n > 0 && ae.Entries[n-1].Time > c.now+c.limits.ClockAheadMax
}

// takeFirst is the first accept of the term: the chain must begin at the base (N4, N6), or
// continue what the term itself has committed already.
func (c *Core) takeFirst(ae *Append, hashes []juno.Hash) error {
	from, prefix := ae.Prev, (*fragment)(nil)
	switch {
	case ae.Prev == c.term.base && c.log.has(ae.Prev):
	case ae.Prev == c.term.base:
		if prefix = c.fragmentTo(c.term.base); prefix == nil {
			c.wait(ae)
			c.missing(ae.Leader)
			return fmt.Errorf("append of term %s: its base %s is missing", ae.Term, c.term.base)
		}
		from = prefix.start
	case c.committedInTerm(ae.Prev) && !c.broken(MutantBaseOnly):
	case c.broken(MutantAnyBase) && c.log.has(ae.Prev):
	default:
		if ae.Count > 0 {
			c.wait(ae)
		}
		return fmt.Errorf("append of term %s from %s: its base %s must come first",
			ae.Term, ae.Prev, c.term.base)
	}
	if ae.Prev == c.term.base && !c.isWhole(c.term.base, prefix) {
		c.wish(c.hard.Term+1, CauseEvidence)
		return refuseCut("base of the term", c.term.base)
	}
	if ae.Count == 0 && !c.seals(ae.Prev, prefix) {
		return nil // a heartbeat
	}
	if err := c.checkContent(ae, prefix); err != nil {
		return c.accuseOf(ae, err)
	}
	entries := ae.Entries
	if prefix != nil {
		entries, hashes = prefix.followedBy(c.term.base.Index, ae.Entries, hashes)
	}
	if err := c.replace(from.Index, entries, hashes); err != nil {
		return c.replaceFailed(ae, err)
	}
	if !c.log.has(c.high.Pos) && !c.broken(MutantKeepHigh) {
		c.raise(c.baseCertificate())
	}
	c.took(ae)
	return nil
}

// committedInTerm reports a position of the present term that is final on our log. Whoever knows
// that may accept what follows without having accepted from the base on: everything that any older
// term decided lies behind it (Lemma 3).
func (c *Core) committedInTerm(p juno.Pos) bool {
	e, ok := c.log.entry(p.Index)
	return ok && e.Term == c.hard.Term && p.Index <= c.commit.Index && c.log.has(p)
}

// baseCertificate returns the certificate that the term is based on (R5b).
func (c *Core) baseCertificate() High {
	if c.term.election == nil {
		return c.epoch.baseHigh()
	}
	top := c.term.election.top(c.rankLess)
	return High{Rank: top.High, Pos: top.Pos, Certificate: c.term.election.Base}
}

// seals reports whether a base is the entry that ends our epoch: then an empty AppendEntries is
// accepted as a vote for it (N6).
func (c *Core) seals(base juno.Pos, prefix *fragment) bool {
	if c.broken(MutantNoSeal) || base != c.term.base {
		return false
	}
	if prefix == nil {
		return c.endsEpoch(base.Index)
	}
	return c.isEpochEnd(&prefix.entries[base.Index-prefix.start.Index-1])
}

// endsEpoch reports whether the entry at index ends our epoch.
func (c *Core) endsEpoch(index juno.Index) bool {
	e, ok := c.log.entry(index)
	return ok && c.isEpochEnd(&e)
}

func (c *Core) isEpochEnd(e *juno.Entry) bool {
	return e.Type == juno.EntryConfig && e.Term.Epoch() == c.epoch.config.Epoch
}

// takeMore is a later accept of the term (N5): it must extend the chain that we accepted, which
// we never leave within a term (R1).
func (c *Core) takeMore(ae *Append, hashes []juno.Hash) error {
	accepted := c.accepted.Pos
	switch {
	case ae.Prev.Index > c.log.tip().Index:
		if ae.Count > 0 {
			c.wait(ae)
		}
		return fmt.Errorf("append of term %s from %s: our log ends at %s",
			ae.Term, ae.Prev, c.log.tip())
	case ae.Prev.Index+1 < c.log.lowest():
		return nil // older than what we can still compare
	case !c.log.has(ae.Prev):
		return c.conflict(ae)
	}
	for i := range hashes {
		if e := &ae.Entries[i]; e.Index <= accepted.Index {
			if h, _ := c.log.HashAt(e.Index); h != hashes[i] {
				return c.conflict(ae)
			}
		}
	}
	if ae.Last.Index <= accepted.Index {
		return nil // a duplicate, or a heartbeat
	}
	if ae.Count == 0 {
		return nil // at what we committed, but did not accept in this term
	}
	if err := c.checkContent(ae, nil); err != nil {
		return c.accuseOf(ae, err)
	}
	if err := c.replace(ae.Prev.Index, ae.Entries, hashes); err != nil {
		return c.replaceFailed(ae, err)
	}
	c.took(ae)
	return nil
}

// took notes what was accepted, keeps the header for others, and looks what it proves.
func (c *Core) took(ae *Append) {
	c.accept(ae.Last)
	c.keepHeader(ae.Header)
	c.evaluate()
}

// keepHeader keeps what the leader signed of entries that are not final yet, so that we can show
// it to those whom the leader leaves in the dark.
func (c *Core) keepHeader(h Header) {
	c.term.headers = append(c.term.headers, h)
	c.pruneHeaders()
	if len(c.term.headers) > headersMax {
		c.term.headers = c.term.headers[len(c.term.headers)-headersMax:]
	}
	c.out.dirtyHeaders = true
}

// headersMax bounds the headers that we keep: those of a window of entries. A follower that
// misses older ones gets them from the leader or by a commit certificate.
const headersMax = 64

func (c *Core) pruneHeaders() {
	n := 0
	for n < len(c.term.headers) && c.term.headers[n].Last.Index <= c.commit.Index {
		n++
	}
	c.term.headers = c.term.headers[n:]
}

// wait keeps an AppendEntries until what lies before it, or its time, has come.
func (c *Core) wait(ae *Append) {
	for _, w := range c.term.waiting {
		if w.Prev == ae.Prev && w.Last == ae.Last {
			return
		}
	}
	if len(c.term.waiting) == c.limits.BufferMax {
		c.term.waiting = c.term.waiting[1:]
	}
	c.term.waiting = append(c.term.waiting, ae)
}

// drainWaiting tries again what had to wait, as long as that helps.
func (c *Core) drainWaiting() {
	for again := len(c.term.waiting) > 0; again; {
		again = false
		all := c.term.waiting
		c.term.waiting = nil
		for i, ae := range all {
			if ae.Term != c.hard.Term {
				continue
			}
			before := c.accepted
			if hashes, err := ae.roll(); err == nil {
				_ = c.take(ae, hashes) // it waits again, or is of no use
			}
			if c.accepted != before {
				c.term.waiting = append(c.term.waiting, all[i+1:]...)
				again = len(c.term.waiting) > 0
				break
			}
		}
	}
}
