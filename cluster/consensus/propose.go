package consensus

import (
	"fmt"

	"juno"
)

// propose takes batches from the pool while rule N1 allows it: at once if nothing is in flight or
// much is waiting, otherwise on the next commit. So batches grow with the load by themselves.
func (c *Core) propose() {
	for c.mayPropose() {
		entries := c.pool.Next(c.limits.BatchEntriesMax, c.limits.BatchBytesMax)
		if len(entries) == 0 {
			return
		}
		c.proposeBatch(entries)
	}
}

// mayPropose is N1.
func (c *Core) mayPropose() bool {
	if c.role != Leader || c.leading.draining || c.term.sealed {
		return false
	}
	inFlight, waiting := len(c.leading.batches), c.pool.Len()
	switch {
	case waiting == 0, inFlight >= c.limits.InFlightMax,
		inFlight > 0 && waiting < c.limits.BatchTarget,
		c.log.tip().Index-c.commit.Index >= juno.Index(c.limits.WindowEntriesMax),
		c.log.unfinal >= c.limits.WindowBytesMax:
		return false
	}
	return true
}

// proposeBatch appends what the validator allows of entries as one batch.
func (c *Core) proposeBatch(entries []juno.Entry) {
	before := c.log.tip()
	for len(entries) > 0 && !c.leading.draining {
		group := entries[:groupLen(entries)]
		entries = entries[len(group):]
		if err := c.proposeGroup(group); err != nil {
			c.pool.Reject(group, err)
		}
	}
	if len(entries) > 0 {
		c.pool.Requeue(entries)
	}
	if c.log.tip() != before {
		c.proposed(before)
	}
}

// proposeGroup appends one group, all or nothing.
func (c *Core) proposeGroup(group []juno.Entry) error {
	kind := group[0].Type
	if c.hard.Halted && isCommand(kind) {
		return juno.ErrHalted
	}
	if kind == juno.EntryTermStart || !kind.Valid() {
		return fmt.Errorf("entries of type %s cannot be proposed", kind)
	}
	if err := checkGroups(group); err != nil {
		return err
	}
	before := c.log.tip().Index
	for i := range group {
		if err := c.proposeEntry(group[i].Type, group[i].Payload); err != nil {
			for c.log.tip().Index > before {
				c.log.retract()
			}
			c.validator.TruncateTo(before)
			return err
		}
	}
	return nil
}

// proposeEntry makes the next entry of our term.
func (c *Core) proposeEntry(kind juno.EntryType, payload []byte) error {
	e := juno.Entry{
		Index: c.log.tip().Index + 1, Term: c.hard.Term,
		Time: max(c.now, c.leading.lastTime), Type: kind, Payload: payload,
	}
	c.log.append(e)
	if err := c.judge(c.log.newest()); err != nil {
		c.log.retract()
		return err
	}
	c.leading.lastTime = e.Time
	c.leading.draining = kind == juno.EntryConfig && !c.broken(MutantAfterConfig)
	return nil
}

// proposed makes what follows before on our log a batch in flight: we accept it ourselves and send
// it to all.
func (c *Core) proposed(before juno.Pos) {
	tip := c.log.tip()
	c.leading.batches = append(c.leading.batches, tip.Index)
	c.accept(tip)
	c.broadcast(before)
}

// lead opens our term on its base. Nobody may lead a term without having that on disk (F8).
func (c *Core) lead() {
	c.become(Leader)
	c.hard.Led, c.hard.EverLed = c.hard.Term, true
	c.out.dirtyHard = true
	c.closeGate()
	c.leading = leading{}
	c.startProgress()
	base := c.log.tip()
	if e, ok := c.log.entry(base.Index); ok {
		c.leading.lastTime = e.Time
		c.term.sealed = c.isEpochEnd(&e) && !c.broken(MutantAfterConfig)
	}
	if c.term.sealed {
		c.seal(base)
		return
	}
	if c.hasTaken() { // only MutantLeadTwice
		c.accept(base)
		return
	}
	payload := juno.Hash{}
	if c.term.election != nil {
		payload = c.term.election.Hash()
	}
	if err := c.proposeEntry(juno.EntryTermStart, payload[:]); err != nil {
		panic(fmt.Sprintf("the start of term %s was refused: %v", c.hard.Term, err))
	}
	c.proposed(base)
	c.propose()
}

// seal asks for votes of our term for the entry that ends the epoch: nothing may follow it, so
// the term cannot start an entry of its own (N6, F12).
func (c *Core) seal(base juno.Pos) {
	if c.broken(MutantNoSeal) {
		return
	}
	c.accept(base)
	c.sendEntries(c.epoch.peers, base, base.Index, c.term.election)
	c.evaluate()
}
