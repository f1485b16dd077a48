package db

import (
	"errors"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"juno"
)

// TestPowerLoss puts stores together as a power failure may leave them: what was synced is there;
// of the pages of unsynced files, some are and some are not.
func TestPowerLoss(t *testing.T) {
	for seed := range int64(6) {
		rng := rand.New(rand.NewSource(seed))
		w := newWriter()
		o := w.options(t.TempDir())
		o.PointEvery = 1 << 30
		l := mustOpen(t, o)
		synced := 1 + rng.Intn(3000)
		for range synced {
			w.transfer(randomName(rng), randomName(rng), 1)
		}
		mustApply(t, l, w.log.entries...)
		if _, err := l.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		atPoint, later := t.TempDir(), t.TempDir()
		copyDir(t, o.Dir, atPoint)
		for range rng.Intn(4000) {
			w.transfer(randomName(rng), randomName(rng), 1)
		}
		mustApply(t, l, w.log.entries[synced:]...)
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		copyDir(t, o.Dir, later)
		_, want, err := l.StateHash(t.Context())
		if err != nil {
			t.Fatal(err)
		}

		losePages(t, rng, atPoint, later)
		o.Dir = later
		again := mustOpen(t, o)
		if got := again.Applied(); int(got) < synced {
			t.Fatalf("seed %d: opened at %d, synced was %d", seed, got, synced)
		}
		if err := again.Replay(t.Context(), w.log.LastIndex(), nil); err != nil {
			t.Fatal(err)
		}
		if _, got, err := again.StateHash(t.Context()); err != nil || got != want {
			t.Fatalf("seed %d: state hash %s, %v, want %s", seed, got.Short(), err, want.Short())
		}
		compareStores(t, l, again)
	}
}

func randomName(rng *rand.Rand) string { return "account" + string(rune('A'+rng.Intn(26))) }

// losePages makes later what the disk holds after a power failure: of tables in memory, pages as
// they were at the sync point or as they came later; files that are gone may be there again.
func losePages(t *testing.T, rng *rand.Rand, atPoint, later string) {
	t.Helper()
	old, err := filepath.Glob(filepath.Join(atPoint, "*"+memTableSuffix))
	if err != nil {
		t.Fatal(err)
	}
	now, err := filepath.Glob(filepath.Join(later, "*"+memTableSuffix))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range now {
		b := readFile(t, name)
		before := make([]byte, len(b)) // never written: zeros
		if path := filepath.Join(atPoint, filepath.Base(name)); slices.Contains(old, path) {
			copy(before, readFile(t, path))
		}
		const page = 4096
		for i := 0; i < len(b); i += page {
			if end := min(i+page, len(b)); rng.Intn(2) == 0 {
				copy(b[i:end], before[i:end])
			}
		}
		if path := filepath.Join(atPoint, filepath.Base(name)); !slices.Contains(old, path) {
			switch rng.Intn(4) { // a file that is new: its length may be lost too, or its name
			case 0:
				b = nil
			case 1:
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
				continue
			}
		}
		writeFile(t, name, b)
	}
	for _, name := range old {
		path := filepath.Join(later, filepath.Base(name))
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) && rng.Intn(2) == 0 {
			writeFile(t, path, readFile(t, name))
		}
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// compareStores compares the whole history of all balances.
func compareStores(t *testing.T, a, b *Ledger) {
	t.Helper()
	to := a.Applied() + 1
	if err := errors.Join(a.Flush(t.Context()), b.Flush(t.Context())); err != nil {
		t.Fatal(err)
	}
	err := a.store.scan([]byte{'b'}, a.Applied(), func(key, _ []byte, _ juno.Index) bool {
		x, err := a.store.newHistory(key, 1, to, false)
		if err != nil {
			t.Fatal(err)
		}
		y, err := b.store.newHistory(key, 1, to, false)
		if err != nil {
			t.Fatal(err)
		}
		for {
			c, more, err := x.next()
			d, others, errB := y.next()
			if err != nil || errB != nil || more != others || c.index != d.index ||
				string(c.value) != string(d.value) {
				t.Fatalf("%q: %d %x and %d %x, %v, %v", key, c.index, c.value, d.index,
					d.value, err, errB)
			}
			if !more {
				return true
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	w := newWriter()
	dir := t.TempDir()
	o := w.options(dir)
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	w.someEntries(60, rand.New(rand.NewSource(3)).Intn)
	mustApply(t, l, w.log.entries[:50]...)
	if _, err := l.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(o); !errors.Is(err, ErrLocked) {
		t.Errorf("opened twice: %v, want ErrLocked", err)
	}
	if _, err := Rebuild(o); !errors.Is(err, ErrLocked) {
		t.Errorf("rebuilt while open: %v, want ErrLocked", err)
	}
	mustApply(t, l, w.log.entries[50:]...)
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	crashed := t.TempDir()
	copyDir(t, dir, crashed)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	foreign := newWriter()
	foreign.genesis.Nonce = juno.Hash{8}
	foreign.log = newMemoryLog(juno.Pos{Hash: foreign.genesis.ID()})
	otherTail := w.log.prefix(55)
	otherTail.append(juno.Entry{Index: 56, Time: w.time, Type: juno.EntryNoop})
	for otherTail.LastIndex() < 60 {
		otherTail.append(w.log.entries[otherTail.LastIndex()])
	}
	cases := []struct {
		name, dir string
		edit      func(*Options)
		want      error
		mends     bool // Rebuild is the way out
	}{
		{
			"foreign", dir, func(o *Options) { o.Genesis, o.Log = foreign.genesis, foreign.log },
			ErrCluster, false,
		},
		{
			"log shorter than point", dir,
			func(o *Options) { o.Log = w.log.prefix(40) },
			ErrDiverged, true,
		},
		{
			"log shorter than what a crash left", crashed,
			func(o *Options) { o.Log = w.log.prefix(55) }, ErrDiverged, true,
		},
		{
			"log differs behind the point", crashed, func(o *Options) { o.Log = otherTail },
			ErrDiverged, true,
		},
		{
			"log begins after the state", crashed, func(o *Options) { o.Log = w.log.suffix(55) },
			ErrBehind, false,
		},
		{"no room", dir, func(o *Options) {
			o.FreeBytes = func(string) (int64, error) { return 1 << 20, nil }
		}, ErrFull, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := o
			o.Dir = t.TempDir()
			copyFiles(t, c.dir, o.Dir)
			c.edit(&o)
			if _, err := Open(o); !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if c.mends {
				rebuild(t, o)
			}
		})
	}
}

// rebuild rebuilds a ledger and compares it with a new one.
func rebuild(t *testing.T, o Options) {
	t.Helper()
	l, err := Rebuild(o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	calls := juno.Index(0)
	to := o.Log.LastIndex()
	err = l.Replay(t.Context(), to, func(done, total juno.Index) {
		if done <= calls || total != to {
			t.Errorf("progress %d of %d after %d", done, total, calls)
		}
		calls = done
	})
	if err != nil || calls != to {
		t.Fatalf("replayed %d of %d, %v", calls, to, err)
	}
	m := newModel(t, o.Genesis, true)
	for e, err := range o.Log.Chain(1, to+1) {
		if err != nil {
			t.Fatal(err)
		}
		m.apply(t, e.Entry)
	}
	checkHash(t, l, m)
	compareBalances(t, l, m, 0, to)
}

func TestLostStoreIsMadeAgain(t *testing.T) {
	w := newWriter()
	o := w.options(t.TempDir())
	w.someEntries(80, rand.New(rand.NewSource(4)).Intn)
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	mustApply(t, l, w.log.entries...)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(o.Dir); err != nil {
		t.Fatal(err)
	}
	rebuild(t, o)
}

func TestNewerVersionIsRefused(t *testing.T) {
	w := newWriter()
	o := w.options(t.TempDir())
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	value, _, err := l.store.get(keyIdentity, 1)
	if err != nil {
		t.Fatal(err)
	}
	value[0]++
	if err := l.store.write([]record{{keyIdentity, value, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(o); !errors.Is(err, ErrVersion) {
		t.Errorf("got %v, want ErrVersion", err)
	}
}

// TestDamage flips bits of the tables on the disk. Whatever is read must be right or an error.
func TestDamage(t *testing.T) {
	w := newWriter()
	o := w.options(t.TempDir())
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewSource(5))
	for range 3000 {
		w.transfer(randomName(rng), randomName(rng), 1)
	}
	mustApply(t, l, w.log.entries...)
	_, want, err := l.StateHash(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(o.Dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("tables %v, %v", tables, err)
	}
	found := 0
	for range 40 {
		dir := t.TempDir()
		copyFiles(t, o.Dir, dir)
		name := filepath.Join(dir, filepath.Base(tables[rng.Intn(len(tables))]))
		b := readFile(t, name)
		b[rng.Intn(len(b))] ^= 1 << rng.Intn(8)
		writeFile(t, name, b)
		o := o
		o.Dir = dir
		if !sameOrDamaged(t, o, want) {
			found++
		}
	}
	if found < 30 {
		t.Errorf("%d of 40 flipped bits were noticed", found)
	}
}

// sameOrDamaged reports whether a store gives the state hash that it should.
func sameOrDamaged(t *testing.T, o Options, want juno.Hash) bool {
	t.Helper()
	l, err := Open(o)
	if err != nil {
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "delete") {
			t.Errorf("error is no good help: %v", err)
		}
		return false
	}
	defer l.Close()
	if err := l.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if _, got, err := l.StateHash(t.Context()); err != nil || got != want {
		t.Errorf("damage went unnoticed: state hash %s, want %s", got, want)
	}
	return true
}
