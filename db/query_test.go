package db

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"juno"
	"juno/db/sql"
)

// query runs a statement and prints its rows, cells joined by "|".
func query(t testing.TB, e *sql.Engine, text string) []string {
	t.Helper()
	rows, err := e.Query(t.Context(), juno.Query{Text: text})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	var lines []string
	for {
		row, ok := rows.Next()
		if !ok {
			break
		}
		var cells []string
		for _, v := range row {
			switch v.Kind {
			case juno.Integer:
				cells = append(cells, fmt.Sprint(v.Integer))
			case juno.Null:
				cells = append(cells, "NULL")
			default:
				cells = append(cells, v.Text)
			}
		}
		lines = append(lines, strings.Join(cells, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return lines
}

func TestStatements(t *testing.T) {
	w := newWriter()
	w.sign = true
	l := mustOpen(t, w.options(t.TempDir()))
	engine, err := sql.New(l, sql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	w.admin("CreateAccount A")
	w.admin("AdjustAccount A 100%%1")
	w.transfer("A", "B", 30)
	w.transfer("B", "C", 10)
	w.admin("AdjustAccount nobody 1%%1")
	w.commit()
	mustApply(t, l, w.log.entries...)
	cases := []struct{ text, want string }{
		{
			"SELECT name, balance, version FROM accounts",
			"A|70|2;B|20|2;C|10|1;sys:issuance|-100|1",
		},
		{"SELECT name, balance FROM accounts AS OF 2", "A|100;sys:issuance|-100"},
		{"SELECT name, version FROM accounts AS OF 1", "A|0;sys:issuance|0"},
		{"SELECT balance FROM accounts AS OF 3 WHERE name = 'B'", "30"},
		{
			"SELECT transfer_id, source, target, amount, actor FROM transfers " +
				"WHERE kind = 'transfer'",
			"3.0|A|B|30|alice;4.0|B|C|10|alice",
		},
		{
			"SELECT log_index, delta, change FROM accounts_history WHERE name = 'B'",
			"3|30|created;4|-10|changed",
		},
		{
			"SELECT log_index, side, balance_after FROM postings WHERE account = 'A'",
			"2|C|100;3|D|70",
		},
		{"SELECT status, error_code FROM commands WHERE log_index = 5", "refused|E-NOACCT"},
		{"SELECT log_index, kind FROM log ORDER BY log_index DESC LIMIT 2", "5|command;4|command"},
		{"SELECT log_index, covers_from, node FROM proofs", "5|1|node1"},
		{"SELECT DISTINCT currency, sum(balance) FROM accounts GROUP BY currency", "XXX|0"},
		{
			"SELECT subject, role FROM keys ORDER BY subject",
			"alice|operator;bob|client;node1|node",
		},
		{"SELECT value FROM settings WHERE name = 'open'", "true"},
		{"SELECT name, supply FROM currencies", "XXX|100"},
		{"SELECT node, voting FROM nodes", "node1|1"},
		{
			"SELECT \"check\", ok FROM verify_all()",
			"chain|1;signatures|1;proofs|1;state|1;balances|1",
		},
	}
	for _, c := range cases {
		if got := strings.Join(query(t, engine, c.text), ";"); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

// BenchmarkStatements runs statements over a million transfers between ten thousand accounts.
func BenchmarkStatements(b *testing.B) {
	const entries, accounts = 1_000_000, 10_000
	w := newWriter()
	o := w.options(b.TempDir())
	o.CacheBytes, o.memTableBytes = DefaultCacheBytes, memTableBytes
	l := mustOpen(b, o)
	pairs := &randomPairs{state: 1, accounts: accounts}
	for range entries / 1000 {
		batch := make([]juno.Entry, 1000)
		for i := range batch {
			from, to := pairs.pair()
			batch[i] = w.transfer(fmt.Sprintf("a%d", from), fmt.Sprintf("a%d", to), 1)
		}
		mustApply(b, l, batch...)
	}
	engine, err := sql.New(l, sql.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Close()
	rng := rand.New(rand.NewSource(1))
	fixed := func(text string) func() string { return func() string { return text } }
	cases := []struct {
		name string
		rows int
		text func() string
	}{
		{"point", 1, func() string {
			return fmt.Sprintf("SELECT balance FROM accounts WHERE name = 'a%d'",
				rng.Intn(accounts))
		}},
		{"as-of", 1, func() string {
			return fmt.Sprintf("SELECT balance FROM accounts AS OF %d WHERE name = 'a%d'",
				entries/2+rng.Intn(entries/2), rng.Intn(accounts))
		}},
		{"log-tail", 10, fixed("SELECT * FROM log ORDER BY log_index DESC LIMIT 10")},
		{"account-tail", 10, func() string {
			return fmt.Sprintf("SELECT * FROM accounts_history WHERE name = 'a%d' "+
				"ORDER BY log_index DESC LIMIT 10", rng.Intn(accounts))
		}},
		{"transfers-of", 1, func() string {
			return fmt.Sprintf("SELECT count(*) FROM transfers WHERE source = 'a%d'",
				rng.Intn(accounts))
		}},
		{"accounts", accounts, fixed("SELECT count(*), sum(balance) FROM accounts")},
		{"scan-transfers", entries, fixed("SELECT count(*) FROM transfers")},
		{
			"group-transfers", entries,
			fixed("SELECT source, sum(amount) FROM transfers GROUP BY source ORDER BY 1 LIMIT 3"),
		},
		{"scan-postings", 2 * entries, fixed("SELECT count(balance_after) FROM postings")},
		{"scan-log", entries, fixed("SELECT count(hash) FROM log")},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			for range b.N {
				query(b, engine, c.text())
			}
			b.ReportMetric(float64(c.rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
