package sql

import (
	"context"
	"fmt"
	"sync/atomic"

	"juno"
)

// refuse returns an error without a place in the text.
func refuse(hint, format string, args ...any) error {
	return &juno.QueryError{Message: fmt.Sprintf(format, args...), Offset: -1, Hint: hint}
}

// run is one statement being executed: the moment it is pinned to, the views it has open, and the
// first error of any of its callbacks.
type run struct {
	ctx    context.Context
	source Source
	now    func() juno.Millis
	head   juno.Head
	low    juno.Index // first index whose state is held
	views  []*openView
	stop   atomic.Bool
	err    error
	// accounts remembers what a join looks up again and again.
	accounts accountReads
}

// openView is a view and how many cursors are on it.
type openView struct {
	View
	at   juno.Index
	uses int
	last int // tick of the last use
}

// viewsMax is how many moments a statement keeps open at once; a join over many moments closes
// those it used least recently.
const viewsMax = 16

// stopped reports whether the statement must end.
func (r *run) stopped() bool { return r.stop.Load() }

// fail keeps the first error: SQLite only passes texts on, and callers want the value.
func (r *run) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// tick looks at the context every few rows.
func (r *run) tick() error {
	if r.stop.Load() {
		return context.Cause(r.ctx)
	}
	return nil
}

// held says which moments can be read.
func (r *run) held() string {
	if r.head.Index == 0 {
		return "the ledger is empty"
	}
	return fmt.Sprintf("held are %d to %d", r.low, r.head.Index)
}

// heldIndex checks a log index that a user wrote.
func (r *run) heldIndex(n int64) (juno.Index, error) {
	switch {
	case n > int64(r.head.Index):
		return 0, refuse("", "index %d does not exist yet: %s", n, r.held())
	case n < int64(r.low):
		return 0, refuse("", "index %d is not held: %s", n, r.held())
	}
	return juno.Index(n), nil
}

// indexAt returns the last entry committed at or before t. A time that has not come is refused:
// its answer would not stay true.
func (r *run) indexAt(t juno.Millis) (juno.Index, error) {
	if t > r.head.Time && t > r.now() {
		return 0, refuse("", "time %s has not come yet: the last entry is %d of %s", t,
			r.head.Index, r.head.Time)
	}
	at, err := r.entryAt(t)
	if err != nil {
		return 0, err
	}
	if at < r.low || at == 0 {
		return 0, refuse("", "no entry at or before %s is held: %s", t, r.held())
	}
	return at, nil
}

// entryAt is the source's IndexAt, but never above the pinned head.
func (r *run) entryAt(t juno.Millis) (juno.Index, error) {
	if t >= r.head.Time {
		return r.head.Index, nil
	}
	at, err := r.source.IndexAt(r.ctx, t)
	return min(at, r.head.Index), err
}

// view opens the state at an index, or finds it open. The caller releases it.
func (r *run) view(at juno.Index) (*openView, error) {
	oldest := -1
	for i, v := range r.views {
		v.last++
		if v.at == at {
			v.uses++
			v.last = 0
			return v, nil
		}
		if v.uses == 0 && (oldest < 0 || v.last > r.views[oldest].last) {
			oldest = i
		}
	}
	opened, err := r.source.View(r.ctx, at)
	if err != nil {
		return nil, err
	}
	v := &openView{View: opened, at: at, uses: 1}
	if len(r.views) < viewsMax || oldest < 0 {
		r.views = append(r.views, v)
		return v, nil
	}
	r.views[oldest].Close()
	r.views[oldest] = v
	return v, nil
}

func (r *run) release(v *openView) { v.uses-- }

// close closes all views. SQLite has closed all cursors before.
func (r *run) close() {
	for _, v := range r.views {
		v.Close()
	}
	r.views = nil
}
