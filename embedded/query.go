package embedded

import (
	"context"
	"fmt"
	"strings"

	"juno"
)

// Accounts returns at most limit names of accounts that begin with prefix, in byte order.
func (l *Ledger) Accounts(ctx context.Context, prefix string, limit int) ([]string, error) {
	text := fmt.Sprintf("SELECT DISTINCT name FROM accounts WHERE name >= %s AND name < %s "+
		"ORDER BY name LIMIT %d", quote(prefix), quote(prefix+"\U0010ffff"), limit)
	rows, err := l.Query(ctx, juno.Query{Text: text})
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

// quote writes a string as SQL does. Names have no control characters (db/state), and a prefix
// with one finds nothing.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
