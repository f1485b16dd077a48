package embedded

import (
	"context"

	"juno"
)

// Accounts returns at most limit names of accounts that begin with prefix, in byte order.
func (l *Ledger) Accounts(ctx context.Context, prefix string, limit int) ([]string, error) {
	// U+10FFFF is no character and behind all others, so this is "begins with".
	rows, err := l.Query(ctx, juno.Query{
		Text: "SELECT DISTINCT name FROM accounts WHERE name >= ? AND name < ? " +
			"ORDER BY name LIMIT ?",
		Args: juno.Args(juno.TextValue(prefix), juno.TextValue(prefix+"\U0010ffff"),
			juno.IntegerValue(int64(limit))),
	})
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names []string
	for row, ok := rows.Next(); ok; row, ok = rows.Next() {
		names = append(names, row[0].Text)
	}
	return names, rows.Err()
}
