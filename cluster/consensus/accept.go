package consensus

import (
	"errors"
	"fmt"

	"juno"
)

// accept accepts the entries if they continue the node's chain (N3 to N6).
func (c *Core) accept(ae *Append, hashes []juno.Hash) error {
	if c.mayNotAccept() {
		return fmt.Errorf("append of term %s: this node is muted in it", ae.Term)
	}
	if c.logIncomplete() {
		c.buffer(ae)
		return fmt.Errorf("append of term %s: this log is not complete yet", ae.Term)
	}
	if c.refusesCommands(ae) {
		c.refuseWhileHalted(ae)
		return juno.ErrHalted
	}
	if c.beyondWindow(ae) {
		return fmt.Errorf("append of term %s to %s: only %s is final", ae.Term, ae.Last, c.commit)
	}
	if c.tooEarly(ae) {
		c.buffer(ae)
		return fmt.Errorf("append of term %s: its time has not come", ae.Term)
	}
	if !c.hasAccepted() {
		return c.acceptFirst(ae, hashes)
	}
	return c.acceptMore(ae, hashes)
}

// refusesCommands is H1: a halted node accepts no commands. Not voting never hurts safety.
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

// beyondWindow reports entries that are further ahead of the commit index than a correct leader
// lets them be (N1). The node's commit index may be behind the leader's, so the limit is doubled.
// Beyond it a Byzantine leader could fill the memory with entries that never become final.
func (c *Core) beyondWindow(ae *Append) bool {
	entriesMax := 2*c.limits.WindowEntriesMax + appendEntriesMax
	return ae.Count > 0 && (ae.Last.Index > c.commit.Index+juno.Index(entriesMax) ||
		c.log.unfinal > 2*c.limits.WindowBytesMax)
}

// tooEarly reports entries whose time is far ahead of the node's clock. They wait. They are no
// evidence, because the node's own clock may be wrong (docs/SPECIFICATION.md §3.2).
func (c *Core) tooEarly(ae *Append) bool {
	n := len(ae.Entries)
	return n > 0 && ae.Entries[n-1].Time > c.now+c.limits.ClockAheadMax
}

// acceptFirst is the first accept of the term: the chain must begin at the base (N4, N6), or
// continue a position that the term itself has committed.
func (c *Core) acceptFirst(ae *Append, hashes []juno.Hash) error {
	from, prefix := ae.Prev, (*fragment)(nil)
	switch {
	case ae.Prev == c.term.base && c.log.has(ae.Prev):
	case ae.Prev == c.term.base:
		if prefix = c.fragmentTo(c.term.base); prefix == nil {
			c.buffer(ae)
			c.requestFrom(ae.Leader)
			return fmt.Errorf("append of term %s: its base %s is missing", ae.Term, c.term.base)
		}
		from = prefix.start
	case c.committedInTerm(ae.Prev):
	default:
		if ae.Count > 0 {
			c.buffer(ae)
		}
		return fmt.Errorf("append of term %s from %s: its base %s must come first",
			ae.Term, ae.Prev, c.term.base)
	}
	if ae.Prev == c.term.base && !c.isWhole(c.term.base, prefix) {
		c.requestTerm(c.hard.Term+1, CauseEvidence)
		return refuseCut("base of the term", c.term.base)
	}
	if ae.Count == 0 && !c.confirmsEpochEnd(ae.Prev, prefix) {
		return nil // a heartbeat
	}
	if err := c.checkContent(ae, prefix); err != nil {
		return c.accuseInvalid(ae, err)
	}
	entries := ae.Entries
	if prefix != nil {
		entries, hashes = prefix.followedBy(c.term.base.Index, ae.Entries, hashes)
	}
	if err := c.replace(from.Index, entries, hashes); err != nil {
		return c.replaceFailed(ae, err)
	}
	if !c.log.has(c.highQC.Pos) {
		c.raise(c.baseCertificate())
	}
	c.afterAccept(ae)
	return nil
}

// committedInTerm reports a position of the present term that is final on the log. A node that
// knows one may accept its successors without having accepted from the base on: everything that
// older terms decided lies before it (Lemma 3).
func (c *Core) committedInTerm(p juno.Pos) bool {
	e, ok := c.log.entry(p.Index)
	return ok && e.Term == c.hard.Term && p.Index <= c.commit.Index && c.log.has(p)
}

// baseCertificate returns the certificate that the term is based on (R5b).
func (c *Core) baseCertificate() HighQC {
	if c.term.election == nil {
		return c.epoch.baseQC()
	}
	top := c.term.election.top()
	return HighQC{Rank: top.Rank, Pos: top.Pos, Certificate: c.term.election.Base}
}

// confirmsEpochEnd reports whether a base is the entry that ends the epoch: then an empty append is
// accepted as a vote for it (N6).
func (c *Core) confirmsEpochEnd(base juno.Pos, prefix *fragment) bool {
	if base != c.term.base {
		return false
	}
	if prefix == nil {
		return c.endsEpoch(base.Index)
	}
	return c.isEpochEnd(&prefix.entries[base.Index-prefix.start.Index-1])
}

// endsEpoch reports whether the entry at index ends the present epoch.
func (c *Core) endsEpoch(index juno.Index) bool {
	e, ok := c.log.entry(index)
	return ok && c.isEpochEnd(&e)
}

func (c *Core) isEpochEnd(e *juno.Entry) bool {
	return e.Type == juno.EntryConfig && e.Term.Epoch() == c.epoch.config.Epoch
}

// acceptMore is a later accept of the term (N5): it must extend the accepted chain, which a node
// never leaves within a term (R1).
func (c *Core) acceptMore(ae *Append, hashes []juno.Hash) error {
	accepted := c.accepted.Pos
	switch {
	case ae.Prev.Index > c.log.tip().Index:
		if ae.Count > 0 {
			c.buffer(ae)
		}
		return fmt.Errorf("append of term %s from %s: this log ends at %s",
			ae.Term, ae.Prev, c.log.tip())
	case ae.Prev.Index+1 < c.log.lowest():
		return nil // too old to be compared
	case !c.log.has(ae.Prev):
		return c.refuseConflict(ae)
	}
	for i := range hashes {
		if e := &ae.Entries[i]; e.Index <= accepted.Index {
			if h, _ := c.log.HashAt(e.Index); h != hashes[i] {
				return c.refuseConflict(ae)
			}
		}
	}
	if ae.Last.Index <= accepted.Index {
		return nil // a duplicate, or a heartbeat
	}
	if ae.Count == 0 {
		return nil // committed, but not accepted in this term
	}
	if err := c.checkContent(ae, nil); err != nil {
		return c.accuseInvalid(ae, err)
	}
	if err := c.replace(ae.Prev.Index, ae.Entries, hashes); err != nil {
		return c.replaceFailed(ae, err)
	}
	c.afterAccept(ae)
	return nil
}

// afterAccept records an accepted append, keeps its header for other nodes, and evaluates the
// votes.
func (c *Core) afterAccept(ae *Append) {
	c.setAccepted(ae.Last)
	c.keepHeader(ae.AppendHeader)
	c.evaluate()
}

// setAccepted records that the chain up to pos is accepted from the leader of the present term. The
// entries and this record go to disk before the vote leaves.
func (c *Core) setAccepted(pos juno.Pos) {
	if !c.stalled() {
		c.timers.commit = c.ticks // from now on there is something to commit (P2)
	}
	c.accepted, c.everAccepted = Accepted{Term: c.hard.Term, Pos: pos}, true
	c.out.dirtyAccepted, c.out.dirtyVote = true, true
	if c.epoch.alone() {
		// The node is a quorum by itself: its accept is all that a prepare certificate would prove,
		// and it goes to disk in this group. So one sync covers both promises.
		c.raise(HighQC{Rank: Rank{Term: c.hard.Term, Index: pos.Index}, Pos: pos})
	}
}

// hasAccepted reports whether something was accepted in the present term.
func (c *Core) hasAccepted() bool { return c.everAccepted && c.accepted.Term == c.hard.Term }

// keepsAccepted reports whether the accepted position of the present term is on the log. A position
// before the log counts: a node that switches to another chain than the accepted one, or restarts
// its log behind a snapshot, is muted.
func (c *Core) keepsAccepted() bool {
	return c.archived(c.accepted.Pos) || c.log.has(c.accepted.Pos)
}

// mayNotAccept reports whether the node is muted: it may not accept any more in this term (F10).
func (c *Core) mayNotAccept() bool {
	return c.hard.EverMuted && c.hard.Muted == c.hard.Term
}

// errInvalid is content that no correct leader proposes.
var errInvalid = errors.New("invalid entry")

// checkContent checks the order and the terms of entries (N3): everything that does not depend on
// the payloads. prefix holds the entries before them if these are not on the log.
func (c *Core) checkContent(ae *Append, prefix *fragment) error {
	if ae.Count == 0 {
		return nil
	}
	before, ok := c.log.entry(ae.Prev.Index)
	if prefix != nil && ae.Prev.Index > prefix.start.Index {
		before, ok = prefix.entries[ae.Prev.Index-prefix.start.Index-1], true
	}
	if ok && c.isEpochEnd(&before) {
		return fmt.Errorf("%w: entry %d follows the end of the epoch", errInvalid, before.Index+1)
	}
	last := before.Time
	for i := range ae.Entries {
		e := &ae.Entries[i]
		if err := c.checkPlace(e, i == len(ae.Entries)-1); err != nil {
			return err
		}
		if e.Time < last {
			return fmt.Errorf("%w: entry %d at %s is older than the one before, at %s",
				errInvalid, e.Index, e.Time, last)
		}
		last = e.Time
	}
	return checkGroups(ae.Entries)
}

// checkPlace checks one entry of the term by its index.
func (c *Core) checkPlace(e *juno.Entry, last bool) error {
	opens := e.Index == c.term.base.Index+1
	switch {
	case e.Term != c.hard.Term:
		return fmt.Errorf("%w: entry %d of term %s in term %s", errInvalid, e.Index, e.Term,
			c.hard.Term)
	case !e.Type.Valid() || len(e.Payload) > juno.EntryPayloadBytesMax:
		return fmt.Errorf("%w: entry %d is %s with %d bytes", errInvalid, e.Index, e.Type,
			len(e.Payload))
	case opens != (e.Type == juno.EntryTermStart):
		return fmt.Errorf("%w: entry %d is %s, the term begins at %s", errInvalid, e.Index, e.Type,
			c.term.base)
	case opens && len(e.Payload) != juno.HashBytes:
		return fmt.Errorf("%w: entry %d starts the term with %d bytes", errInvalid, e.Index,
			len(e.Payload))
	case e.Type == juno.EntryConfig && !last:
		return fmt.Errorf("%w: entry %d follows the end of the epoch", errInvalid, e.Index+1)
	}
	return nil
}

// validate passes an entry to the validator, after checking the parts that the core itself must
// understand later.
func (c *Core) validate(e *juno.Entry) error {
	if e.Type == juno.EntryConfig {
		change, err := juno.ParseConfigChange(e.Payload)
		if err != nil {
			return err
		}
		config := c.epoch.config
		if change.Next.Epoch != config.Epoch+1 || change.Previous != config.Hash() {
			return fmt.Errorf("membership of epoch %d on top of %s: now is epoch %d, %s",
				change.Next.Epoch, change.Previous.Short(), config.Epoch, config.Hash().Short())
		}
	}
	return c.validator.Append(e)
}

// checkGroups checks that no client batch is cut in two: its signature covers all of it, so all of
// it must be validated at once (docs/SPECIFICATION.md §3.2).
func checkGroups(entries []juno.Entry) error {
	for i := 0; i < len(entries); {
		size, want := 0, 1
		if entries[i].Type == juno.EntryBatchHead {
			head, err := juno.ParseBatchHead(entries[i].Payload)
			if err != nil {
				return fmt.Errorf("%w: entry %d: %w", errInvalid, entries[i].Index, err)
			}
			want = 1 + head.Count
		}
		if want > len(entries)-i {
			return fmt.Errorf("%w: the batch at %d has %d commands, %d are there", errInvalid,
				entries[i].Index, want-1, len(entries)-i-1)
		}
		for _, e := range entries[i : i+want] {
			size += len(e.Payload)
		}
		if size > groupBytesMax {
			return fmt.Errorf("%w: the batch at %d takes %d bytes, at most %d", errInvalid,
				entries[i].Index, size, groupBytesMax)
		}
		i += want
	}
	return nil
}

// A client batch is validated as a whole (docs/SPECIFICATION.md §3.2), so it must be decided as a
// whole: no term can begin in the middle of a batch, because the rest of the batch could not follow
// the start of the term. Correct nodes accept whole batches only. But a quorum is counted by
// positions, and a Byzantine vote for a position inside a batch could make it the highest one that
// a quorum reached. Hence the rule (N9, E4, Y3): certificates, bases and commits count at the ends
// of batches only; positions between are rounded down, or refused. The argument of
// docs/SPECIFICATION.md §2.2 holds for these certificates: a chain that a quorum voted for holds
// the rounded position.

// wholeTo returns the highest index, not above the given one, at which the log does not end inside
// a batch. Everything final is whole.
func (c *Core) wholeTo(index juno.Index) juno.Index {
	if index <= c.commit.Index {
		return index
	}
	return c.commit.Index + juno.Index(uncut(c.log.slice(c.commit.Index+1, index+1)))
}

// isWhole reports whether a position on the log, or on a fragment, is at the end of a batch.
func (c *Core) isWhole(p juno.Pos, f *fragment) bool {
	if f == nil || p.Index <= f.start.Index {
		return !c.log.has(p) || c.wholeTo(p.Index) == p.Index
	}
	n := int(p.Index - f.start.Index)
	return uncut(f.entries[:n]) == n
}

// groupSize returns the number of entries that are decided together with e: a batch head and its
// commands.
func groupSize(e *juno.Entry) int {
	if e.Type == juno.EntryBatchHead {
		if head, err := juno.ParseBatchHead(e.Payload); err == nil {
			return 1 + head.Count
		}
	}
	return 1
}

// groupLen returns how many of entries are decided together with the first.
func groupLen(entries []juno.Entry) int {
	if len(entries) == 0 {
		return 0
	}
	return min(groupSize(&entries[0]), len(entries))
}

// uncut returns how many of entries, which begin with a whole group, come before a batch that is
// cut at their end. It looks back no further than a batch can reach.
func uncut(entries []juno.Entry) int {
	lowest := max(0, len(entries)-juno.BatchCommandsMax)
	for n := len(entries) - 1; n >= lowest; n-- {
		if entries[n].Type == juno.EntryCommand {
			continue
		}
		if n+groupSize(&entries[n]) > len(entries) {
			return n
		}
		break
	}
	return len(entries)
}

// refuseCut returns the error for a position in the middle of a batch.
func refuseCut(what string, p juno.Pos) error {
	return fmt.Errorf("%s %s: it is in the middle of a client batch", what, p)
}
