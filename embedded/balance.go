package embedded

import (
	"context"

	"juno"
)

// Balance returns what an account held of a currency right after the entry at index, zero if it
// held none or was not there yet. It reads the store directly, without SQL, in some microseconds.
func (l *Ledger) Balance(
	ctx context.Context, account, currency string, at juno.Index,
) (juno.Amount, error) {
	return l.db().Balance(ctx, account, currency, at)
}
