package db

import (
	"context"
	"errors"
	"math/rand"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"juno"
	"juno/db/sql"
)

func TestFullDiskStopsTheLedger(t *testing.T) {
	w := newWriter()
	o := w.options(t.TempDir())
	var free atomic.Int64
	free.Store(1 << 40)
	o.FreeBytes = func(string) (int64, error) { return free.Load(), nil }
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	w.someEntries(200, rand.New(rand.NewSource(9)).Intn)
	mustApply(t, l, w.log.entries[:100]...)
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	free.Store(1 << 20)
	mustApply(t, l, w.log.entries[100:101]...) // acknowledged from memory and log
	err = l.Flush(t.Context())
	if !errors.Is(err, ErrFailed) || !errors.Is(err, ErrFull) ||
		!strings.Contains(err.Error(), "MiB") {
		t.Fatalf("flush on a full disk: %v", err)
	}
	if _, err := l.Apply(w.log.entries[101:102]); !errors.Is(err, ErrFull) {
		t.Errorf("apply after it: %v", err)
	}
	if _, err := l.View(t.Context(), 101); !errors.Is(err, ErrFull) {
		t.Errorf("view after it: %v", err)
	}
	if _, err := l.Checkpoint(t.Context()); !errors.Is(err, ErrFull) {
		t.Errorf("checkpoint after it: %v", err)
	}
	if err := l.Close(); !errors.Is(err, ErrFull) {
		t.Errorf("close after it: %v", err)
	}
	// The next process finds what a crash leaves. This one still holds the lock.
	o.Dir = t.TempDir()
	copyDir(t, l.store.dir, o.Dir)
	free.Store(1 << 40)
	again := mustOpen(t, o)
	if err := again.Replay(t.Context(), 200, nil); err != nil {
		t.Fatal(err)
	}
	m := newModel(t, w.genesis, false)
	m.apply(t, w.log.entries...)
	checkHash(t, again, m)
}

// TestCloseWithoutRoom takes the directory away, so that badger can write no table, as on a full
// disk. Badger would try again for ever.
func TestCloseWithoutRoom(t *testing.T) {
	w := newWriter()
	o := w.options(t.TempDir())
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	w.someEntries(20, rand.New(rand.NewSource(9)).Intn)
	mustApply(t, l, w.log.entries...)
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(l.store.dir); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err == nil || !strings.Contains(err.Error(), l.store.dir) {
		t.Errorf("close without a directory: %v", err)
	}
}

func TestWrongEntryStopsTheLedger(t *testing.T) {
	w := newWriter()
	l, err := Open(w.options(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	w.transfer("A", "B", 1)
	w.transfer("A", "B", 1)
	if _, err := l.Apply(w.log.entries[1:]); !errors.Is(err, ErrFailed) {
		t.Errorf("entry 2 first: %v, want ErrFailed", err)
	}
	if err := l.Close(); !errors.Is(err, ErrFailed) {
		t.Errorf("close: %v, want ErrFailed", err)
	}
}

func TestClosedLedger(t *testing.T) {
	w := newWriter()
	l, err := Open(w.options(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	w.transfer("A", "B", 1)
	mustApply(t, l, w.log.entries...)
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Apply(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("apply: %v, want ErrClosed", err)
	}
	if _, _, err := l.StateHash(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("state hash: %v, want ErrClosed", err)
	}
	if _, err := l.View(t.Context(), 1); !errors.Is(err, ErrClosed) {
		t.Errorf("view: %v, want ErrClosed", err)
	}
}

// TestReadersBesideTheWriter reads at the head and in the past while entries are applied: what a
// reader sees at an index never changes, and it never sees less than what was acknowledged.
func TestReadersBesideTheWriter(t *testing.T) {
	w := newWriter()
	rng := rand.New(rand.NewSource(10))
	w.someEntries(3000, rng.Intn)
	o := newOracle(t, w)
	options := w.options(t.TempDir())
	options.PointEvery = 500
	l := mustOpen(t, options)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for reader := range 3 {
		group.Add(1)
		go func() {
			defer group.Done()
			rng := rand.New(rand.NewSource(int64(reader)))
			for ctx.Err() == nil {
				readOnce(t, l, o, rng)
			}
		}()
	}
	for i := 0; i < 3000; {
		n := min(1+rng.Intn(60), 3000-i)
		mustApply(t, l, w.log.entries[i:i+n]...)
		if i += n; rng.Intn(20) == 0 {
			if _, err := l.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	cancel()
	group.Wait()
	checkHash(t, l, o.m)
}

func readOnce(t *testing.T, l *Ledger, o *oracle, rng *rand.Rand) {
	at := l.Head().Index
	if rng.Intn(2) == 0 {
		at = juno.Index(rng.Intn(int(at) + 1))
	}
	v, err := l.View(context.Background(), at)
	if err != nil {
		t.Error(err)
		return
	}
	defer v.Close()
	c, err := v.Accounts(sql.AccountScan{})
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	rows := 0
	for {
		r, err := c.Next()
		if err != nil {
			t.Error(err)
		}
		if r == nil || err != nil {
			break
		}
		if r.Version == 0 {
			continue
		}
		rows++
		key := string(append(append([]byte("b"+r.Name), 0), r.Currency...))
		b, ok := o.balance(at, key)
		if !ok || !b.Amount.Equal(r.Balance) || b.Changes != r.Version {
			t.Errorf("balance of %s at %d is %s, want %s", r.Name, at, r.Balance, b.Amount)
		}
	}
	if want := len(o.m.balances[at]); rows != want {
		t.Errorf("%d balances at %d, want %d", rows, at, want)
	}
}
