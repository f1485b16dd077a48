package db

import (
	"context"

	"juno"
	"juno/db/state"
)

// Key returns what the newest applied entry left of a client's key, and whether there is such a
// key. It waits until that entry is projected.
func (l *Ledger) Key(ctx context.Context, id juno.KeyID) (r juno.KeyRecord, known bool, err error) {
	at := l.Applied()
	if err := l.projector.await(ctx, at); err != nil {
		return r, false, err
	}
	value, _, err := l.store.element(state.AppendKeyKey(nil, id), at)
	if err != nil || value == nil {
		return r, false, err
	}
	if r, err = state.ParseKeyRecord(value); err != nil {
		return r, false, damaged(l.store.dir, err)
	}
	return r, true, nil
}
