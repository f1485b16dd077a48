package consensus

import (
	"errors"
	"fmt"

	"juno"
)

// errFinal is a chain that contradicts what is final.
var errFinal = errors.New("contradicts what is final")

// refusedEntry is an entry that the validator does not allow.
type refusedEntry struct {
	index juno.Index
	err   error
}

func (r *refusedEntry) Error() string { return fmt.Sprintf("entry %d: %v", r.index, r.err) }

func (r *refusedEntry) Unwrap() error { return r.err }

// replace makes entries, with their chain hashes, what follows from on our log, all or nothing.
// What the log has of them stays, so does what is final; anything else above goes. It returns
// errFinal, or a refusedEntry, and then has changed nothing.
func (c *Core) replace(from juno.Index, entries []juno.Entry, hashes []juno.Hash) error {
	n := 0
	for n < len(entries) {
		h, ok := c.log.HashAt(entries[n].Index)
		// Below the log there is nothing left to compare; the first hash that there is decides.
		if dropped := !ok && entries[n].Index < c.log.lowest(); !dropped && h != hashes[n] {
			break
		}
		n++
	}
	fork, tip := from+juno.Index(n), c.log.tip().Index
	if n == len(entries) {
		fork = max(fork, min(tip, c.commit.Index)) // what follows and is final stays
	}
	if fork < c.commit.Index && !c.broken(MutantOverwrite) {
		return fmt.Errorf("chain that forks off at %d: %w: %s", fork, errFinal, c.commit)
	}
	if err := c.refold(fork, entries[n:]); err != nil {
		return err
	}
	if fork < tip {
		c.cut(fork)
	}
	c.log.appendAll(entries[n:], hashes[n:])
	return nil
}

// refold takes the validator back to fork and lets it judge entries. If it refuses one it gets
// back what it had.
func (c *Core) refold(fork juno.Index, entries []juno.Entry) error {
	tip := c.log.tip().Index
	if fork < tip {
		c.validator.TruncateTo(fork)
	}
	for i := range entries {
		err := c.validate(&entries[i])
		if err == nil {
			continue
		}
		c.validator.TruncateTo(fork)
		old := c.log.slice(fork+1, tip+1)
		for j := range old {
			if again := c.validator.Append(&old[j]); again != nil {
				panic(fmt.Sprintf("entry %d was valid and is not any more: %v",
					old[j].Index, again))
			}
		}
		return &refusedEntry{entries[i].Index, err}
	}
	return nil
}

// replaceFailed says what a leader gets for a chain that we could not take.
func (c *Core) replaceFailed(ae *Append, err error) error {
	var refused *refusedEntry
	if errors.As(err, &refused) && refused.index > ae.Prev.Index {
		return c.accuseInvalid(ae, err)
	}
	if errors.As(err, &refused) {
		c.alarm("N4: a quorum accepted what our validator refuses: %v", err)
	}
	return err
}

// cut takes the log back to index, and remembers to do so on disk. The validator is there
// already. Requests that lose their place go back to the pool.
func (c *Core) cut(index juno.Index) {
	tip := c.log.tip().Index
	c.requeue(c.log.slice(index+1, tip+1))
	c.log.truncate(index)
	o := &c.out
	if index >= o.handed {
		return
	}
	o.handed, o.durable = index, min(o.durable, index)
	for i := range o.written {
		o.written[i].last = min(o.written[i].last, index)
	}
	if o.truncate == nil || index < *o.truncate {
		o.truncate = &index
	}
}

// requeue gives the clients' entries that lose their place back to the pool.
func (c *Core) requeue(entries []juno.Entry) {
	var lost []juno.Entry
	for _, e := range entries {
		if e.Type != juno.EntryTermStart && e.Type != juno.EntryNoop {
			lost = append(lost, juno.Entry{Type: e.Type, Payload: e.Payload})
		}
	}
	if len(lost) > 0 {
		c.pool.Requeue(lost)
	}
}
