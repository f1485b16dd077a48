package state

import "bytes"

// Changes gathers what a run of entries did to the state, so that an element that many of them
// changed is hashed twice and not twice per entry: its value before the run goes out of the set,
// its value after the run comes in. The zero Changes is empty and ready.
type Changes struct {
	byKey map[string]*change
	free  []*change // used again, so that a steady stream of batches allocates little
}

type change struct {
	existed       bool
	before, after []byte
}

// Fold adds the effects of the next entry.
func (c *Changes) Fold(fx *Effects) {
	if c.byKey == nil {
		c.byKey = make(map[string]*change)
	}
	for i := range fx.Writes {
		w := &fx.Writes[i]
		known := c.byKey[string(w.Key)]
		if known == nil {
			known = c.unused()
			known.existed = w.Before != nil
			known.before = append(known.before[:0], w.Before...)
			c.byKey[string(w.Key)] = known
		}
		known.after = append(known.after[:0], w.After...)
	}
}

func (c *Changes) unused() *change {
	if n := len(c.free); n > 0 {
		last := c.free[n-1]
		c.free = c.free[:n-1]
		return last
	}
	return new(change)
}

// Len returns how many elements changed.
func (c *Changes) Len() int { return len(c.byKey) }

// Flush brings h up to date and empties the changes. It costs about two microseconds per element
// that changed.
func (c *Changes) Flush(h *SetHash) {
	for key, known := range c.byKey { // order: sums in h commute
		if !known.existed || !bytes.Equal(known.before, known.after) {
			if known.existed {
				h.Remove([]byte(key), known.before)
			}
			h.Add([]byte(key), known.after)
		}
		c.free = append(c.free, known)
	}
	clear(c.byKey)
}
