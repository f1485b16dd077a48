package db

import (
	"fmt"
	"iter"

	"juno"
	"juno/db/state"
)

// Elements yields all elements of the state at a sync point, session elements included, in the
// order of their keys. Keys and values are used only until the next one. It reads beside writers,
// and what it reads never changes. Any other index than a sync point's is ErrNoPoint.
func (l *Ledger) Elements(at juno.Index) iter.Seq2[state.Element, error] {
	return func(yield func(state.Element, error) bool) {
		_, found, err := l.store.pointAt(at, true)
		if err == nil && !found {
			err = fmt.Errorf("%w: %d", ErrNoPoint, at)
		}
		if err != nil {
			yield(state.Element{}, err)
			return
		}
		w := l.store.newWalk(nil, at)
		defer w.close()
		for ok, err := w.seek([]byte{spaceElements}); ; ok, err = w.next() {
			if err != nil {
				yield(state.Element{}, err)
				return
			}
			if !ok || w.key[0] >= spaceElementsEnd {
				return
			}
			if !yield(state.Element{Key: w.key, Value: w.value}, nil) {
				return
			}
		}
	}
}

// LastPoint returns the newest sync point.
func (l *Ledger) LastPoint() (Point, error) {
	p, _, err := l.store.pointAt(l.Applied(), false)
	return p, err
}
