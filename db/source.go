package db

import (
	"context"
	"fmt"

	"juno"
	"juno/db/sql"
	"juno/db/state"
)

var _ sql.Source = (*Ledger)(nil)

// Head returns the newest applied entry; a view of it waits until it is projected. Its Hash is
// zero if the log cannot be read.
func (l *Ledger) Head() juno.Head {
	s := l.applied.Load()
	l.pins[l.pinned.Add(1)%pinsKept].Store(uint64(s.index))
	pos, err := l.options.Log.Pos(s.index)
	if err != nil {
		pos = juno.Pos{Index: s.index}
	}
	return juno.Head{Pos: pos, Time: s.time}
}

// HeadAt implements sql.Source.
func (l *Ledger) HeadAt(at juno.Index) (juno.Head, error) {
	pos, err := l.options.Log.Pos(at)
	if err != nil {
		return juno.Head{}, fmt.Errorf("db: head at %d: %w", at, err)
	}
	if at <= l.base { // the log begins behind it
		t, err := l.times.at(at)
		return juno.Head{Pos: pos, Time: t}, err
	}
	e, err := l.options.Log.Entry(at)
	if err != nil {
		return juno.Head{}, fmt.Errorf("db: head at %d: %w", at, err)
	}
	return juno.Head{Pos: pos, Time: e.Time}, nil
}

// pinsKept is how many answers of Head are remembered, so that a view can tell whether it is of
// the present: as many as statements may be between Head and View at once.
const pinsKept = 64

// present reports whether an index was the head a moment ago.
func (l *Ledger) present(at juno.Index) bool {
	for i := range l.pins {
		if l.pins[i].Load() == uint64(at) {
			return true
		}
	}
	return l.Applied() == at
}

// Held returns the indexes [lo, hi) whose state can be read.
func (l *Ledger) Held() (lo, hi juno.Index) {
	return max(l.base, 1), l.Applied() + 1
}

// IndexAt returns the last entry that was committed at or before t, 0 if all that are held came
// later.
func (l *Ledger) IndexAt(ctx context.Context, t juno.Millis) (juno.Index, error) {
	lo, hi := l.Held()
	if lo >= hi {
		return 0, l.Err()
	}
	if err := l.projector.await(ctx, hi-1); err != nil {
		return 0, err
	}
	index, err := l.times.find(t, lo, hi)
	if index < lo {
		index = 0
	}
	return index, err
}

// View opens the state right after an entry, and waits until it is projected.
func (l *Ledger) View(ctx context.Context, at juno.Index) (sql.View, error) {
	if at < l.base || at > l.Applied() {
		return nil, l.outside(at)
	}
	if err := l.projector.await(ctx, at); err != nil {
		return nil, err
	}
	return &view{l: l, ctx: ctx, at: at}, nil
}

// view is the ledger at one index. What it reads never changes, so there is nothing to release.
type view struct {
	l   *Ledger
	ctx context.Context
	at  juno.Index

	scales map[string]int8
	owners map[string]juno.KeyID
}

// Index returns the index that the view shows.
func (v *view) Index() juno.Index { return v.at }

// Close does nothing.
func (v *view) Close() {}

// scale returns the decimal places of a currency.
func (v *view) scale(currency string) (int8, error) {
	if scale, ok := v.scales[currency]; ok {
		return scale, nil
	}
	key := state.AppendCurrencyKey(nil, currency)
	c, found, err := parsed(v.l.store, key, v.at, state.ParseCurrency)
	if err != nil {
		return sql.ScaleNone, err
	}
	scale := sql.ScaleNone
	if found && c.Scale != state.ScaleAny {
		scale = c.Scale
	}
	if v.scales == nil {
		v.scales = make(map[string]int8)
	}
	v.scales[currency] = scale
	return scale, nil
}

// owner returns the newest key of a client that is valid at the view.
func (v *view) owner(client string) (juno.KeyID, error) {
	if v.owners != nil {
		return v.owners[client], nil
	}
	keys, err := v.l.store.keyRecords(v.at)
	if err != nil {
		return juno.KeyID{}, err
	}
	v.owners = make(map[string]juno.KeyID)
	from := make(map[string]juno.Index)
	for _, k := range keys {
		// A command in the entry after the view is what the key would be used for.
		if k.ValidAt(v.at+1) && k.From >= from[k.Subject] {
			v.owners[k.Subject], from[k.Subject] = k.ID, k.From
		}
	}
	return v.owners[client], nil
}

// keyRecords returns the keys of clients, in order of their ids.
func (s *store) keyRecords(at juno.Index) ([]juno.KeyRecord, error) {
	var all []juno.KeyRecord
	var failed error
	err := s.scan([]byte{byte(state.KindKey)}, at, func(key, value []byte, _ juno.Index) bool {
		r, err := state.ParseKeyRecord(value)
		if err != nil {
			failed = damaged(s.dir, fmt.Errorf("key record %.80q: %w", key, err))
			return false
		}
		all = append(all, r)
		return true
	})
	if failed != nil {
		return nil, failed
	}
	return all, err
}

// cursor is a sql.Cursor made of two functions.
type cursor[Row any] struct {
	ctx  context.Context
	rows int
	next func() (*Row, error) // nil at the end
	end  func()               // may be nil
}

// Next returns the next row, and looks at the context now and then.
func (c *cursor[Row]) Next() (*Row, error) {
	if c.rows++; c.rows%entriesPerLook == 0 {
		if err := c.ctx.Err(); err != nil {
			return nil, err
		}
	}
	return c.next()
}

// Close releases the cursor.
func (c *cursor[Row]) Close() {
	if c.end != nil {
		c.end()
	}
}

// rowsOf returns a cursor over rows that are in memory.
func rowsOf[Row any](v *view, rows []Row, err error) (sql.Cursor[Row], error) {
	if err != nil {
		return nil, err
	}
	i := 0
	return &cursor[Row]{ctx: v.ctx, next: func() (*Row, error) {
		if i == len(rows) {
			return nil, nil
		}
		i++
		return &rows[i-1], nil
	}}, nil
}
