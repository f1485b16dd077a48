package embedded

import (
	"context"
	"math"

	"juno"
	"juno/db/sql"
)

// Verify runs all checks over the entries [from, to) of an open ledger; 0 stands for the ends.
func (l *Ledger) Verify(
	ctx context.Context, from, to juno.Index, progress juno.Progress,
) ([]juno.Finding, error) {
	if to == 0 {
		to = math.MaxInt64
	}
	if l.node != nil {
		if err := l.node.Flush(ctx); err != nil {
			return nil, err
		}
	}
	var report func(done, total juno.Index)
	if progress != nil {
		report = func(done, total juno.Index) { progress(int(done), int(total)) }
	}
	return l.db().Audit(ctx, sql.VerifyRequest{Kind: sql.VerifyAll, From: from, To: to}, report)
}
