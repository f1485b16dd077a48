package db

import (
	"context"
	"errors"
	"iter"
	"math/rand"
	"strings"
	"testing"

	"juno"
	"juno/db/sql"
	"juno/db/state"
)

func TestElementsRestore(t *testing.T) {
	w := newWriter()
	l := mustOpen(t, w.options(t.TempDir()))
	rng := rand.New(rand.NewSource(1))
	w.someEntries(300, rng.Intn)
	m := newModel(t, w.genesis, true)
	m.apply(t, w.log.entries...)
	mustApply(t, l, w.log.entries[:200]...)
	point, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if point.Pos.Index != 200 || point.StateHash != m.hashes[200] {
		t.Fatalf("checkpoint is %+v, want entry 200 and %s", point, m.hashes[200])
	}
	mustApply(t, l, w.log.entries[200:]...)
	for e, err := range l.Elements(199) {
		if !errors.Is(err, ErrNoPoint) {
			t.Fatalf("elements at 199 gave %q, %v", e.Key, err)
		}
	}

	for _, start := range []juno.Index{200, 150} {
		o := w.options(t.TempDir())
		o.Log = w.log.suffix(start)
		o.Base = func() (*Base, error) {
			return &Base{point.Pos, point.StateHash, l.Elements(200)}, nil
		}
		restored := mustOpen(t, o)
		if got := restored.Applied(); got != 200 {
			t.Fatalf("restored at %d, want 200", got)
		}
		if err := restored.Replay(t.Context(), 300, nil); err != nil {
			t.Fatal(err)
		}
		checkHash(t, restored, m)
		compareBalances(t, restored, m, 200, 300)
	}
}

// compareBalances compares every balance at every index of [from, to] with the model.
func compareBalances(t *testing.T, l *Ledger, m *model, from, to juno.Index) {
	t.Helper()
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := from; i <= to; i++ {
		n := 0
		prefix := []byte{byte(state.KindBalance)}
		err := l.store.scan(prefix, i, func(k, v []byte, _ juno.Index) bool {
			n++
			if want := m.balances[i][string(k)]; string(v) != want {
				t.Fatalf("balance %q at %d is %x, want %x", k, i, v, want)
			}
			return true
		})
		if err != nil || n != len(m.balances[i]) {
			t.Fatalf("%d balances at %d, %v, want %d", n, i, err, len(m.balances[i]))
		}
		for key, want := range m.balances[i] {
			if got, _, err := l.store.element([]byte(key), i); err != nil || string(got) != want {
				t.Fatalf("balance %q at %d is %x, %v, want %x", key, i, got, err, want)
			}
		}
	}
}

func TestBaseIsChecked(t *testing.T) {
	w := newWriter()
	l := mustOpen(t, w.options(t.TempDir()))
	w.someEntries(50, rand.New(rand.NewSource(2)).Intn)
	mustApply(t, l, w.log.entries...)
	point, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	type elements = iter.Seq2[state.Element, error]
	edit := func(f func(i int, e state.Element) (state.Element, bool)) elements {
		return func(yield func(state.Element, error) bool) {
			i := 0
			for e, err := range l.Elements(50) {
				e, keep := f(i, e)
				if i++; keep && !yield(e, err) {
					return
				}
			}
		}
	}
	same := func(i int, e state.Element) (state.Element, bool) { return e, true }
	cases := []struct {
		name string
		base *Base
		want error
	}{
		{"none", nil, ErrNoBase},
		{"wrong index", &Base{juno.Pos{Index: 49}, point.StateHash, edit(same)}, ErrBase},
		{"wrong hash", &Base{point.Pos, juno.Hash{1}, edit(same)}, ErrBase},
		{"element missing", &Base{
			point.Pos, point.StateHash,
			edit(func(i int, e state.Element) (state.Element, bool) { return e, i != 3 }),
		}, ErrBase},
		{"element changed", &Base{
			point.Pos, point.StateHash,
			edit(func(i int, e state.Element) (state.Element, bool) {
				if i == 2 {
					e.Value = append([]byte{}, e.Value...)
					e.Value[0] ^= 1
				}
				return e, true
			}),
		}, ErrBase},
		{"key that is none", &Base{
			point.Pos, point.StateHash,
			edit(func(i int, e state.Element) (state.Element, bool) {
				if i == 0 {
					e.Key = []byte("A")
				}
				return e, true
			}),
		}, ErrBase},
		{
			"other history",
			&Base{juno.Pos{Index: 50, Hash: juno.Hash{9}}, point.StateHash, edit(same)},
			ErrDiverged,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := w.options(t.TempDir())
			o.Log = w.log.suffix(40)
			o.Base = func() (*Base, error) { return c.base, nil }
			if _, err := Open(o); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// TestRestoredTables looks at a ledger whose history begins with a snapshot.
func TestRestoredTables(t *testing.T) {
	w := newWriter()
	l := mustOpen(t, w.options(t.TempDir()))
	w.transfer("A", "B", 1)
	w.transfer("C", "D", 1)
	w.transfer("A", "B", 1)
	w.log.append(w.entry(juno.EntryNoop, nil))
	w.transfer("A", "C", 1)
	w.transfer("A", "B", 5)
	mustApply(t, l, w.log.entries[:4]...)
	point, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o := w.options(t.TempDir())
	o.Log = w.log.suffix(4)
	o.Base = func() (*Base, error) { return &Base{point.Pos, point.StateHash, l.Elements(4)}, nil }
	r := mustOpen(t, o)
	if err := r.Replay(t.Context(), 6, nil); err != nil {
		t.Fatal(err)
	}
	if lo, hi := r.Held(); lo != 4 || hi != 7 {
		t.Errorf("holds [%d,%d), want [4,7)", lo, hi)
	}
	for _, bad := range []juno.Index{0, 3, 7} {
		_, err := r.View(t.Context(), bad)
		if !errors.Is(err, ErrRange) || !strings.Contains(err.Error(), "4 to 6") {
			t.Errorf("view at %d: %v, want ErrRange and what is held", bad, err)
		}
	}
	engine, err := sql.New(r, sql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	cases := map[string]string{
		"SELECT name, balance, updated_index, version FROM accounts AS OF 4": "A|-2|NULL|2;" +
			"B|2|NULL|2;C|-1|NULL|1;D|1|NULL|1;sys:issuance|0|NULL|0",
		"SELECT name, balance, updated_index, version FROM accounts WHERE name < 'D'": "A|-8|6|4;" +
			"B|7|6|3;C|0|5|2",
		"SELECT transfer_id, amount FROM transfers":                              "5.0|1;6.0|5",
		"SELECT log_index, delta, change FROM accounts_history WHERE name = 'B'": "6|5|changed",
		"SELECT count(*) FROM log":                                               "2",
		"SELECT count(*) FROM transfers WHERE source = 'A' AND log_index < 6":    "1",
		"SELECT \"check\", ok FROM verify_balances()":                            "balances|1",
		"SELECT \"check\", ok FROM verify_chain()":                               "chain|1",
	}
	for text, want := range cases {
		if got := strings.Join(query(t, engine, text), ";"); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
	if i, err := r.IndexAt(t.Context(), w.log.entries[4].Time); i != 5 || err != nil {
		t.Errorf("index at the time of entry 5 is %d, %v", i, err)
	}
	if _, err := r.Result(4); !errors.Is(err, ErrRange) {
		t.Errorf("result of the base: %v, want ErrRange", err)
	}
}

// TestCheckpointWaitsForTheEndOfABatch asks for one while a client's batch is half applied.
func TestCheckpointWaitsForTheEndOfABatch(t *testing.T) {
	w := newWriter()
	o := w.options(t.TempDir())
	o.PointEvery = 1
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	w.transfer("A", "B", 1)
	commands := make([]juno.Command, 5)
	for i := range commands {
		commands[i] = juno.Command{Language: juno.LanguageHoplite, Text: "transfer(A->B, 1%1)"}
	}
	head, payloads := juno.SignBatch(w.client, w.genesis.ID(), 2, commands)
	w.log.append(w.entry(juno.EntryBatchHead, head.Payload()))
	for _, p := range payloads {
		w.log.append(w.entry(juno.EntryCommand, p))
	}
	mustApply(t, l, w.log.entries[:4]...)
	if p, err := l.LastPoint(); err != nil || p.Pos.Index > 1 {
		t.Errorf("sync point inside the batch: %+v, %v", p, err)
	}
	points := make(chan Point)
	go func() {
		p, err := l.Checkpoint(t.Context())
		if err != nil {
			t.Error(err)
		}
		points <- p
	}()
	// The state hash is answered inside of the batch, also behind the checkpoint that waits.
	if pos, _, err := l.StateHash(t.Context()); err != nil || pos.Index != 4 {
		t.Errorf("state hash at %s, %v, want entry 4", pos, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Checkpoint(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("checkpoint that nobody waits for: %v", err)
	}
	mustApply(t, l, w.log.entries[4:]...)
	if p := <-points; p.Pos.Index != 7 {
		t.Errorf("checkpoint at %s, want entry 7", p.Pos)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	// Closed inside of a batch, a ledger begins before it.
	o.Dir = t.TempDir()
	for _, again := range []juno.Index{0, 1} {
		l, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Applied(); got > 1 || got < again {
			t.Errorf("opened at %d, want %d", got, again)
		}
		mustApply(t, l, w.log.entries[l.Applied():1]...)
		if _, err := l.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustApply(t, l, w.log.entries[1:5]...)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
