package consensus

import (
	"errors"
	"fmt"

	"juno"
)

// errInvalid is content that no correct leader proposes.
var errInvalid = errors.New("invalid entry")

// checkContent checks what stands where (N3): what can be judged without the payloads. prefix is
// what lies before the entries if that is not on our log.
func (c *Core) checkContent(ae *Append, prefix *fragment) error {
	if ae.Count == 0 {
		return nil
	}
	before, ok := c.log.entry(ae.Prev.Index)
	if prefix != nil && ae.Prev.Index > prefix.start.Index {
		before, ok = prefix.entries[ae.Prev.Index-prefix.start.Index-1], true
	}
	if ok && c.isEpochEnd(&before) && !c.broken(MutantAfterConfig) && !c.broken(MutantAcceptAfter) {
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
	case opens != (e.Type == juno.EntryTermStart) && !c.broken(MutantAnyBase):
		return fmt.Errorf("%w: entry %d is %s, the term begins at %s", errInvalid, e.Index, e.Type,
			c.term.base)
	case opens && len(e.Payload) != juno.HashBytes:
		return fmt.Errorf("%w: entry %d starts the term with %d bytes", errInvalid, e.Index,
			len(e.Payload))
	case e.Type == juno.EntryConfig && !last && !c.broken(MutantAfterConfig) &&
		!c.broken(MutantAcceptAfter):
		return fmt.Errorf("%w: entry %d follows the end of the epoch", errInvalid, e.Index+1)
	}
	return nil
}

// validate asks the validator, after it has looked at what the core itself has to understand later.
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

// checkGroups checks that no client batch is cut in two: its signature covers all of it, so all
// of it must be judged at once (docs/SPECIFICATION.md §3.2).
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
