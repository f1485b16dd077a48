package db

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"juno"
	"juno/db/state"
)

// model is the ledger as a plain map, after each entry.
type model struct {
	machine  *state.Machine
	elements map[string][]byte
	hashes   []juno.Hash // state hash after entry i
	results  []juno.Result
	balances []map[string]string // balance key to value after entry i, if kept
	keep     bool
}

func newModel(t testing.TB, g *juno.Genesis, keep bool) *model {
	m := &model{machine: state.NewMachine(), elements: make(map[string][]byte), keep: keep}
	all, err := state.Genesis(g)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		m.elements[string(e.Key)] = e.Value
	}
	m.results = append(m.results, juno.Result{})
	m.note()
	return m
}

func (m *model) note() {
	var h state.SetHash
	balances := make(map[string]string)
	for key, value := range m.elements {
		h.Add([]byte(key), value)
		if isBalance([]byte(key)) {
			balances[key] = string(value)
		}
	}
	m.hashes = append(m.hashes, h.Hash())
	if m.keep {
		m.balances = append(m.balances, balances)
	}
}

func (m *model) Get(key []byte) ([]byte, error) { return m.elements[string(key)], nil }

func (m *model) Scan(prefix []byte, yield func(key, value []byte) bool) error {
	var keys []string
	for key := range m.elements {
		if bytes.HasPrefix([]byte(key), prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		if !yield([]byte(key), m.elements[key]) {
			return nil
		}
	}
	return nil
}

func (m *model) apply(t testing.TB, entries ...juno.Entry) {
	var fx state.Effects
	for i := range entries {
		r, err := m.machine.Apply(m, &entries[i], &fx)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range fx.Writes {
			m.elements[string(w.Key)] = bytes.Clone(w.After)
		}
		m.results = append(m.results, r)
		m.note()
	}
}

// someEntries appends n entries of all sorts to the log.
func (w *writer) someEntries(n int, draw func(n int) int) {
	names := []string{"A", "B", "C", "Dora", "Émile", "a name of more than two words"}
	name := func() string { return names[draw(len(names))] }
	for range n {
		switch draw(12) {
		case 0:
			w.admin("CreateAccount %s", name())
		case 1:
			w.admin("AdjustAccount %s %d%%1", name(), draw(200)-100)
		case 2:
			w.admin("ObserveAccount %s", name())
		case 3:
			w.admin("ObserveAccounts")
		case 4:
			w.admin("nonsense %d", draw(10))
		case 5:
			w.log.append(w.entry(juno.EntryNoop, nil))
		case 6:
			w.admin("CreateCurrency C%d 2", draw(3))
		case 7:
			w.admin("AdjustAccount %s %d.5 C%d", name(), draw(9), draw(3))
		case 8:
			w.request += juno.RequestID(draw(600))
			w.transfer(name(), name(), draw(20))
		default:
			w.transfer(name(), name(), draw(100))
		}
	}
}

func TestRestartsAndBatchesChangeNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWriter()
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "n") }
		w.someEntries(draw(120)+1, draw)
		m := newModel(t, w.genesis, false)
		m.apply(t, w.log.entries...)
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		o := w.options(dir)
		o.PointEvery = draw(50) + 1
		var l *Ledger
		next := juno.Index(1)
		for last := w.log.LastIndex(); next <= last; {
			if l == nil {
				if l, err = Open(o); err != nil {
					rt.Fatal(err)
				}
				if got := l.Applied(); got >= next {
					rt.Fatalf("opened at %d, only %d were applied", got, next-1)
				}
				next = l.Applied() + 1
			}
			n := min(juno.Index(draw(40)+1), last-next+1)
			results, err := l.Apply(w.log.entries[next-1 : next-1+n])
			if err != nil {
				rt.Fatal(err)
			}
			for i, r := range results {
				if want := m.results[int(next)+i]; r != want {
					rt.Fatalf("result of %d is %+v, want %+v", int(next)+i, r, want)
				}
			}
			next += n
			checkHash(rt, l, m)
			switch draw(6) {
			case 0:
				if err := l.Close(); err != nil {
					rt.Fatal(err)
				}
				l = nil
			case 1:
				l = crash(rt, t, l, &o)
			}
		}
		if l != nil {
			checkHash(rt, l, m)
			if err := l.Close(); err != nil {
				rt.Fatal(err)
			}
		}
	})
}

type fataler interface{ Fatalf(string, ...any) }

func checkHash(t fataler, l *Ledger, m *model) {
	pos, hash, err := l.StateHash(context.Background())
	if err != nil {
		t.Fatalf("%v", err)
	}
	if pos.Index != l.Applied() || hash != m.hashes[pos.Index] {
		t.Fatalf("state hash at %s is %s, want %s", pos, hash.Short(), m.hashes[pos.Index].Short())
	}
}

// crash copies the files of a ledger that goes on, and leaves o pointing to the copy.
func crash(t fataler, tb testing.TB, l *Ledger, o *Options) *Ledger {
	copied, err := os.MkdirTemp(tb.TempDir(), "")
	if err != nil {
		t.Fatalf("%v", err)
	}
	copyDir(t, o.Dir, copied)
	o.Dir = copied
	if err := l.Close(); err != nil {
		t.Fatalf("%v", err)
	}
	return nil
}

// copyDir copies the files of a store as a crash would leave them: all of one moment, which is
// one between two changes of badger's list of tables.
func copyDir(t fataler, from, to string) {
	manifest := filepath.Join(from, "MANIFEST")
	for range 100 {
		before, err := os.ReadFile(manifest)
		if err != nil {
			t.Fatalf("%v", err)
		}
		copyFiles(t, from, to)
		if after, err := os.ReadFile(manifest); err == nil && bytes.Equal(before, after) {
			return
		}
		if err := os.RemoveAll(to); err != nil {
			t.Fatalf("%v", err)
		}
		if err := os.Mkdir(to, 0o700); err != nil {
			t.Fatalf("%v", err)
		}
	}
	t.Fatalf("%s never holds still", from)
}

func copyFiles(t fataler, from, to string) {
	names, err := os.ReadDir(from)
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(from, n.Name()))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, n.Name()), b, 0o600)
		}
		if err != nil {
			t.Fatalf("%v", err)
		}
	}
}

func TestResultsAreKept(t *testing.T) {
	w := newWriter()
	l := mustOpen(t, w.options(t.TempDir()))
	w.admin("CreateAccount A")
	w.admin("CreateAccount A")
	w.admin("ObserveAccount A")
	results := mustApply(t, l, w.log.entries...)
	for i, want := range results {
		got, err := l.Result(juno.Index(i + 1))
		if err != nil || got != want {
			t.Errorf("result of %d is %+v, %v, want %+v", i+1, got, err, want)
		}
	}
	for _, bad := range []juno.Index{0, 4} {
		if _, err := l.Result(bad); !errors.Is(err, ErrRange) {
			t.Errorf("result of %d: %v, want ErrRange", bad, err)
		}
	}
	if results[1].Code != juno.CodeExists || results[2].Value == "" {
		t.Errorf("results are %+v", results)
	}
}

func TestBusyBalanceUsesBuckets(t *testing.T) {
	w := newWriter()
	o := w.options(t.TempDir())
	o.CacheBytes = 1
	l := mustOpen(t, o)
	const n = 3*bucketChanges + 17
	for i := range n {
		w.transfer("hub", fmt.Sprintf("a%d", i%3), 1)
	}
	m := mustProject(t, l, w)
	key := state.AppendBalanceKey(nil, "hub", state.DefaultCurrency)
	for i := juno.Index(0); i <= n; i++ {
		changed := checkBalance(t, l, m, key, i)
		if i > 0 && changed != i {
			t.Fatalf("balance at %d changed at %d", i, changed)
		}
	}
	for _, descending := range []bool{false, true} {
		ranges := [][2]juno.Index{{1, n + 1}, {1000, 1030}, {5, 2500}, {1025, 1026}, {7, 7}}
		for _, r := range ranges {
			checkHistory(t, l, m, key, r[0], r[1], descending)
		}
	}
}

// mustProject lets a ledger, and a model that it returns, apply all that was written.
func mustProject(t *testing.T, l *Ledger, w *writer) *model {
	t.Helper()
	m := newModel(t, w.genesis, true)
	m.apply(t, w.log.entries...)
	mustApply(t, l, w.log.entries...)
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m
}

// checkBalance compares a balance at an index with the model, and returns which entry gave it.
func checkBalance(t *testing.T, l *Ledger, m *model, key []byte, at juno.Index) juno.Index {
	t.Helper()
	value, changed, err := l.store.element(key, at)
	if want := m.balances[at][string(key)]; err != nil || string(value) != want {
		t.Fatalf("balance %q at %d is %x, %v, want %x", key, at, value, err, want)
	}
	return changed
}

func checkHistory(t *testing.T, l *Ledger, m *model, key []byte, from, to juno.Index, down bool) {
	t.Helper()
	h, err := l.store.newHistory(key, from, to, down)
	if err != nil {
		t.Fatal(err)
	}
	want, step := from, juno.Index(1)
	if down {
		want, step = to-1, ^juno.Index(0)
	}
	for n := from; n < to; n++ {
		c, ok, err := h.next()
		value := m.balances[want][string(key)]
		if err != nil || !ok || c.index != want || string(c.value) != value {
			t.Fatalf("[%d,%d): got change at %d, %t, %v; want %d", from, to, c.index, ok, err, want)
		}
		want += step
	}
	if c, ok, err := h.next(); ok || err != nil {
		t.Fatalf("[%d,%d): got change at %d, %v; want the end", from, to, c.index, err)
	}
}

// newModelHashes returns a function that computes the state hash after an entry, asked for in any
// order, from the beginning each time it goes back.
func newModelHashes(t testing.TB, w *writer) func(juno.Index) juno.Hash {
	var (
		m    *model
		hash state.SetHash
		at   juno.Index
		fx   state.Effects
	)
	return func(index juno.Index) juno.Hash {
		if m == nil || index < at {
			m, hash, at = newModel(t, w.genesis, false), state.SetHash{}, 0
			for key, value := range m.elements {
				hash.Add([]byte(key), value)
			}
		}
		var changes state.Changes
		for ; at < index; at++ {
			if _, err := m.machine.Apply(m, &w.log.entries[at], &fx); err != nil {
				t.Fatal(err)
			}
			changes.Fold(&fx)
			for _, e := range fx.Writes {
				m.elements[string(e.Key)] = bytes.Clone(e.After)
			}
		}
		changes.Flush(&hash)
		return hash.Hash()
	}
}
