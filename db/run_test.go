package db

import (
	"encoding/hex"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"juno"
	"juno/db/state"
)

func balanceBytes(amount int64, changes uint64) []byte {
	return state.AppendBalance(nil, state.Balance{
		Amount: juno.NewAmount(amount), Changes: changes,
	})
}

// TestGoldenRun holds the bytes of a run: they are on disks.
func TestGoldenRun(t *testing.T) {
	key := state.AppendBalanceKey(nil, "A", "XXX")
	r := &runs{}
	var records []record
	records = r.add(records, key, balanceBytes(1, 5), 0x10)
	records = r.add(records, key, balanceBytes(-2, 6), 0x11)
	records = r.add(records, key, balanceBytes(300, 7), 0x211)
	if len(records) != 1 || string(records[0].key) != string(key) || records[0].version != 0x11 {
		t.Fatalf("records are %+v", records)
	}
	const want = "80" + "00" + "04" + "01000105" + "01" + "04" + "81000206" +
		"8004" + "05" + "0200012c07"
	if got := hex.EncodeToString(records[0].value); got != want {
		t.Errorf("run is %s, want %s", got, want)
	}
}

func TestRunIsStrict(t *testing.T) {
	one := string(balanceBytes(7, 1))
	long := "\x80\x00\x04" + one
	for range runChangesMax {
		long += "\x01\x04" + one
	}
	for name, bytes := range map[string]string{
		"empty":               "",
		"no change":           "\x80",
		"one change":          "\x80\x00\x04" + one,
		"a balance":           one,
		"first with a gap":    "\x80\x01\x04" + one + "\x01\x04" + one,
		"the same entry":      "\x80\x00\x04" + one + "\x00\x04" + one,
		"an empty value":      "\x80\x00\x04" + one + "\x01\x00",
		"cut short":           "\x80\x00\x04" + one + "\x01\x05" + one,
		"gap that is longer":  "\x80\x00\x04" + one + "\x81\x00\x04" + one,
		"beyond every entry":  "\x80\x00\x04" + one + strings.Repeat("\xff", 9) + "\x01\x04" + one,
		"more than it may be": long,
	} {
		if all, err := parseRun(nil, []byte(bytes), 9); err == nil || len(all) > 0 {
			t.Errorf("%s: got %d changes, %v, want an error", name, len(all), err)
		}
	}
}

// TestRunsGiveEveryChange compares what runs give with what went into them: random balances and
// entries, stretches that end anywhere.
func TestRunsGiveEveryChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &store{dir: "nowhere"}
		r := &runs{plain: juno.Index(rapid.IntRange(0, 40).Draw(t, "plain"))}
		start := rapid.SampledFrom([]uint64{0, 1000, 2040}).Draw(t, "start")
		counts := map[string]uint64{}
		wrote := map[string][]change{} // by balance
		held := map[string][]change{}  // by key of the store
		var records []record
		flush := func() {
			for _, rec := range records {
				c := change{indexOf(rec.version), rec.value}
				if !isRun(rec.value) {
					held[string(rec.key)] = append(held[string(rec.key)], c)
				} else {
					all, err := parseRun(nil, append([]byte(nil), rec.value...), c.index)
					if err != nil {
						t.Fatalf("%x: %v", rec.value, err)
					}
					checkLatestInRun(t, s, rec, all)
					held[string(rec.key)] = append(held[string(rec.key)], all...)
				}
			}
			records = records[:0]
			r.reset()
		}
		for i := range juno.Index(rapid.IntRange(1, 700).Draw(t, "entries")) {
			name := rapid.SampledFrom([]string{"hub", "hub", "hub", "a", "b"}).Draw(t, "account")
			key := state.AppendBalanceKey(nil, name, "XXX")
			if counts[name] == 0 {
				counts[name] = start
			}
			counts[name]++
			value := balanceBytes(int64(i)-7, counts[name])
			wrote[name] = append(wrote[name], change{i + 1, value})
			records = r.add(records, key, value, i+1)
			if rapid.IntRange(0, 99).Draw(t, "flush") == 0 {
				flush()
			}
		}
		flush()
		for name, want := range wrote {
			key := state.AppendBalanceKey(nil, name, "XXX")
			for _, c := range want {
				under := key
				if n := changesOf(c.value); !opensBucket(n) {
					under = appendBucketKey(nil, key, bucketOf(n))
				}
				all := held[string(under)]
				if len(all) == 0 || all[0].index != c.index ||
					string(all[0].value) != string(c.value) {
					t.Fatalf("%s: change at %d is missing under %q", name, c.index, under)
				}
				held[string(under)] = all[1:]
			}
		}
	})
}

func checkLatestInRun(t *rapid.T, s *store, rec record, all []change) {
	first, next := all[0].index, 0
	for at := first; at <= all[len(all)-1].index+1; at++ {
		for next+1 < len(all) && all[next+1].index <= at {
			next++
		}
		got, err := s.latestOf(rec.key, change{first, rec.value}, at)
		if err != nil || got.index != all[next].index ||
			string(got.value) != string(all[next].value) {
			t.Fatalf("at %d: got the change at %d, %v, want that at %d", at, got.index, err,
				all[next].index)
		}
	}
}

// busyEntries makes transfers of which most touch the same account, some each other one.
func busyEntries(w *writer, n int) {
	for i := range n {
		w.transfer("hub", fmt.Sprintf("a%d", i%5), i%9+1)
	}
}

// shortLog is a log of which not all is there yet.
type shortLog struct {
	*memoryLog
	last juno.Index
}

func (l *shortLog) LastIndex() juno.Index { return l.last }

// TestRunsLeftByACrash: what a crash left above the sync point has other runs than what the same
// entries give the second time, inside of the new ones and across their ends.
func TestRunsLeftByACrash(t *testing.T) {
	rng := rand.New(rand.NewSource(11))
	for round := range 12 {
		w := newWriter()
		o := w.options(t.TempDir())
		o.PointEvery = 1 << 20
		l, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		busyEntries(w, 400)
		m := newModel(t, w.genesis, true)
		m.apply(t, w.log.entries...)
		entries := w.log.entries
		apply := func(l *Ledger, from, to int) {
			for from < to {
				n := min(1+rng.Intn(90), to-from)
				mustApply(t, l, entries[from:from+n]...)
				if err := l.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				from += n
			}
		}
		apply(l, 0, 100)
		if _, err := l.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		apply(l, 100, 300)
		crashed := o
		crashed.Dir = filepath.Join(t.TempDir(), "crashed")
		if err := os.CopyFS(crashed.Dir, os.DirFS(o.Dir)); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		// The log may hold more than the store had seen, and go on growing.
		log := &shortLog{w.log, juno.Index(300 + rng.Intn(50))}
		crashed.Log = log
		again := mustOpen(t, crashed)
		if got := again.Applied(); got != 100 {
			t.Fatalf("round %d: opened at %d, want 100", round, got)
		}
		log.last = 400
		apply(again, 100, 400)
		for _, name := range []string{"hub", "a0", "a3"} {
			key := state.AppendBalanceKey(nil, name, state.DefaultCurrency)
			for i := juno.Index(0); i <= 400; i++ {
				checkBalance(t, again, m, key, i)
			}
		}
		b := mustOpen(t, w.options(t.TempDir()))
		mustApply(t, b, entries...)
		compareStores(t, again, b)
	}
}

// TestStaleRunOnTop puts a run on top of the changes that were written over it, as badger may.
func TestStaleRunOnTop(t *testing.T) {
	w := newWriter()
	l := mustOpen(t, w.options(t.TempDir()))
	l.projector.runs.plain = 1 << 40
	busyEntries(w, 1500)
	m := mustProject(t, l, w)
	key := state.AppendBalanceKey(nil, "hub", state.DefaultCurrency)
	for _, bucket := range []uint64{0, 1} {
		all, err := l.store.bucketVersions(key, bucket, 0, 1501)
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(all)
		r := &runs{}
		var records []record
		for _, c := range all[20:90] {
			records = r.add(records, key, c.value, c.index)
		}
		if len(records) != 1 || !isRun(records[0].value) {
			t.Fatalf("%d records", len(records))
		}
		if err := l.store.write(records); err != nil {
			t.Fatal(err)
		}
	}
	for i := juno.Index(1); i <= 1500; i++ {
		checkBalance(t, l, m, key, i)
	}
	for _, descending := range []bool{false, true} {
		ranges := [][2]juno.Index{{1, 1501}, {25, 60}, {80, 100}, {1000, 1100}, {1050, 1060}}
		for _, r := range ranges {
			checkHistory(t, l, m, key, r[0], r[1], descending)
		}
	}
}

// TestOlderStoreIsTakenOn opens a store without runs, as earlier versions made them.
func TestOlderStoreIsTakenOn(t *testing.T) {
	w := newWriter()
	o := w.options(t.TempDir())
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	l.projector.runs.plain = 1 << 40
	id, err := l.store.identity()
	if err != nil {
		t.Fatal(err)
	}
	id.version = identityVersionPlain
	if err := l.store.write([]record{{keyIdentity, appendIdentity(nil, id), 1}}); err != nil {
		t.Fatal(err)
	}
	busyEntries(w, 300)
	mustApply(t, l, w.log.entries...)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		l = mustOpen(t, o)
		from := len(w.log.entries)
		busyEntries(w, 300)
		mustApply(t, l, w.log.entries[from:]...)
		if id, err = l.store.identity(); err != nil || id.version != identityVersion {
			t.Fatalf("identity is %+v, %v", id, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	fresh := w.options(t.TempDir())
	b := mustOpen(t, fresh)
	mustApply(t, b, w.log.entries...)
	compareStores(t, mustOpen(t, o), b)
}

// BenchmarkLatestInRun finds a change in a full run, in its middle.
func BenchmarkLatestInRun(b *testing.B) {
	r := &runs{}
	key := state.AppendBalanceKey(nil, "A", "XXX")
	var records []record
	for i := range uint64(runChangesMax) {
		records = r.add(records, key, balanceBytes(1_000_000+int64(i), i+1), juno.Index(i+1))
	}
	for b.Loop() {
		if _, err := latestInRun(records[0].value, 1, runChangesMax/2); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(records[0].value))/runChangesMax, "B/change")
}
