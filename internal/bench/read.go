package bench

import (
	"errors"
	"fmt"

	"juno"
	"juno/db/state"
	"juno/verify/files"
)

// query measures reading on the large ledger.
func (b *bench) query() error {
	path, err := b.largeLedger()
	if err != nil {
		return err
	}
	l, err := b.open(path)
	if err != nil {
		return err
	}
	return errors.Join(b.reads(l), l.Close())
}

func (b *bench) reads(l *openLedger) error {
	head := l.Head().Index
	transfers, err := b.number(l, "SELECT count(*) FROM transfers WHERE kind = 'transfer'")
	if err != nil {
		return err
	}
	note := fmt.Sprintf("random one of %d accounts at a random one of %d entries",
		loadAccounts, head)
	past := func(draw *pairs) (account string, at juno.Index) {
		account = fmt.Sprintf("a%d", draw.draw()%loadAccounts)
		return account, 1 + juno.Index(draw.draw()%uint64(head))
	}
	point := func(name, where string) *gauge {
		r := result{Name: name, Unit: "reads/s", Clients: 1, Note: note + where}
		return b.loop(r, 1, func(_ int, draw *pairs) (int, error) {
			account, at := past(draw)
			return 1, b.statement(l, fmt.Sprintf(
				"SELECT balance FROM accounts AS OF %d WHERE name = '%s'", at, account), -1)
		})
	}
	store := result{Name: "juno/asof", Unit: "reads/s", Clients: 1, Note: note}
	return b.rounds(
		b.loop(store, 1, func(_ int, draw *pairs) (int, error) {
			account, at := past(draw)
			_, err := l.Balance(b.ctx, account, state.DefaultCurrency, at)
			return 1, err
		}),
		point("juno/asof-sql", ""),
		b.tail(l),
		b.scan(l, "juno/scan-sql", "SELECT sum(amount) FROM transfers", transfers, 1),
		b.scan(l, "juno/group-sql",
			"SELECT source, count(*), sum(amount) FROM transfers GROUP BY source", transfers, -1),
	)
}

// tail is a gauge of the last ten rows of the log.
func (b *bench) tail(l *openLedger) *gauge {
	const text = "SELECT * FROM log ORDER BY log_index DESC LIMIT 10"
	g := b.loop(result{Name: "juno/log-tail-sql", Unit: "s", Clients: 1, Note: text}, 1,
		func(int, *pairs) (int, error) { return 1, b.statement(l, text, 10) })
	perSecond := g.sample
	g.sample = func(g *gauge) (float64, error) {
		rate, err := perSecond(g)
		return 1 / rate, err
	}
	return g
}

// scan is a gauge of a statement that reads all transfers.
func (b *bench) scan(l *openLedger, name, text string, transfers, rows int) *gauge {
	r := result{Name: name, Unit: "rows/s", Clients: 1, Note: text}
	return b.whole(r, func(int, *pairs) (int, error) {
		return transfers, b.statement(l, text, rows)
	})
}

// statement runs a statement to its end and wants so many rows; -1 wants any.
func (b *bench) statement(l *openLedger, text string, want int) error {
	rows, err := l.Query(b.ctx, juno.Query{Text: text})
	if err != nil {
		return err
	}
	n := 0
	for _, ok := rows.Next(); ok; _, ok = rows.Next() {
		n++
	}
	err = errors.Join(rows.Err(), rows.Close())
	if err == nil && want >= 0 && n != want {
		err = fmt.Errorf("%s: %d rows, want %d", text, n, want)
	}
	return err
}

// number runs a statement that gives one number.
func (b *bench) number(l *openLedger, text string) (int, error) {
	rows, err := l.Query(b.ctx, juno.Query{Text: text})
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	row, ok := rows.Next()
	if !ok {
		return 0, errors.Join(fmt.Errorf("%s: no answer", text), rows.Err())
	}
	return int(row[0].Integer), rows.Err()
}

// verify measures the offline verification of the large ledger.
func (b *bench) verify() error {
	path, err := b.largeLedger()
	if err != nil {
		return err
	}
	verify := func(name, note string, o files.Options) *gauge {
		r := result{Name: name, Unit: "entries/s", Note: note}
		return b.whole(r, func(int, *pairs) (int, error) {
			v, err := files.Directory(b.ctx, path, o)
			if err == nil && !v.Verified() {
				err = fmt.Errorf("%s is not sound: %+v", path, v.Findings)
			}
			if err != nil {
				return 0, err
			}
			return int(v.Held.Index - v.Start.Index), nil
		})
	}
	return b.rounds(
		b.verifying(),
		verify("juno/verify-hash", "juno verify --hash-only",
			files.Options{HashOnly: true}),
		verify("juno/verify-signatures", "chain, proofs and every signature, all individual: "+
			"juno verify --replay=false", files.Options{SkipReplay: true}),
		verify("juno/verify-all", "the same, and everything executed again: juno verify",
			files.Options{}),
	)
}
