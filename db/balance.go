package db

import (
	"context"
	"fmt"

	"juno"
	"juno/db/state"
)

// Balance returns what an account held of a currency right after the entry at index, zero if it
// held none or was not there yet. It is one or two reads of the store, some microseconds; beyond
// what is projected it waits. The error is ErrRange for an index whose state is not held.
func (l *Ledger) Balance(
	ctx context.Context, account, currency string, at juno.Index,
) (juno.Amount, error) {
	if at < l.base || at > l.Applied() {
		return juno.Amount{}, l.outside(at)
	}
	if err := l.projector.await(ctx, at); err != nil {
		return juno.Amount{}, err
	}
	value, _, err := l.store.element(state.AppendBalanceKey(nil, account, currency), at)
	if err != nil || value == nil {
		return juno.Amount{}, err
	}
	b, err := state.ParseBalance(value)
	if err != nil {
		return juno.Amount{}, damaged(l.store.dir, fmt.Errorf("balance of %s: %w", account, err))
	}
	return b.Amount, nil
}
