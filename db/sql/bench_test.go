package sql

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"juno"
)

// millionLedger is made once: 1M entries, one transfer each, between 10,000 accounts.
var millionLedger = sync.OnceValue(func() *ledger { return randomLedger(1_000_000, 10_000, false) })

// drain runs a statement and returns how many rows it gave.
func drain(b testing.TB, e *Engine, text string) int {
	rows, err := e.Query(context.Background(), juno.Query{Text: text})
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for {
		if _, ok := rows.Next(); !ok {
			break
		}
		n++
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	if err := rows.Close(); err != nil {
		b.Fatal(err)
	}
	return n
}

func BenchmarkPointNow(b *testing.B) {
	e := millionLedger().engine(b, Options{})
	rng := rand.New(rand.NewPCG(3, 4))
	for b.Loop() {
		name := fmt.Sprintf("acc%06d", rng.IntN(10_000))
		n := drain(b, e, "SELECT balance FROM accounts WHERE name='"+name+"' AND currency='USD'")
		if n != 1 {
			b.Fatalf("%d rows", n)
		}
	}
}

func BenchmarkPointRepeated(b *testing.B) {
	e := millionLedger().engine(b, Options{})
	for b.Loop() {
		drain(b, e, "SELECT balance FROM accounts WHERE name='acc000001' AND currency='USD'")
	}
}

func BenchmarkPointAsOf(b *testing.B) {
	e := millionLedger().engine(b, Options{})
	rng := rand.New(rand.NewPCG(3, 4))
	for b.Loop() {
		drain(b, e, fmt.Sprintf("SELECT balance FROM accounts AS OF %d WHERE name='acc%06d'",
			1+rng.IntN(1_000_000), rng.IntN(10_000)))
	}
}

func BenchmarkLastTen(b *testing.B) {
	e := millionLedger().engine(b, Options{})
	for b.Loop() {
		n := drain(b, e, "SELECT log_index, hash FROM log ORDER BY log_index DESC LIMIT 10")
		if n != 10 {
			b.Fatalf("%d rows", n)
		}
	}
}

func benchmarkScan(b *testing.B, text string) {
	e := millionLedger().engine(b, Options{})
	for b.Loop() {
		drain(b, e, text)
	}
}

func BenchmarkCount(b *testing.B) { benchmarkScan(b, "SELECT count(*) FROM transfers") }

func BenchmarkSum(b *testing.B) { benchmarkScan(b, "SELECT sum(amount) FROM transfers") }

func BenchmarkSumMinor(b *testing.B) { benchmarkScan(b, "SELECT sum(amount_minor) FROM transfers") }

func BenchmarkGroupBy(b *testing.B) {
	benchmarkScan(b, "SELECT source, sum(amount), count(*) FROM transfers GROUP BY source")
}

func BenchmarkOrderByAmount(b *testing.B) {
	benchmarkScan(b, "SELECT amount FROM transfers ORDER BY amount DESC LIMIT 10")
}

func BenchmarkArithmetic(b *testing.B) {
	benchmarkScan(b, "SELECT sum(amount * 1.05) FROM transfers")
}

func BenchmarkJoin(b *testing.B) {
	benchmarkScan(b, `SELECT count(*) FROM transfers t JOIN accounts a
		ON a.name = t.source AND a.currency = t.currency`)
}

func BenchmarkExport(b *testing.B) { benchmarkScan(b, "SELECT * FROM transfers") }

func BenchmarkPlan(b *testing.B) {
	for b.Loop() {
		_, err := makePlan("SELECT balance FROM accounts AS OF 12345 WHERE name='acc000001'", nil)
		if err != nil {
			b.Fatal(err)
		}
	}
}
