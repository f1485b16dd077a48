package embedded

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"juno"
	"juno/db"
	"juno/wal"
)

// wantRefused opens a directory that must not open, and looks for texts in the reason.
func wantRefused(t *testing.T, path string, is error, texts ...string) {
	t.Helper()
	l, err := Open(path, Options{})
	if err == nil {
		_ = l.Close()
		t.Fatal("it opens")
	}
	if !errors.Is(err, is) {
		t.Errorf("got %v, want %v", err, is)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%v: does not say %q", err, text)
		}
	}
}

// An operator puts back an older log. What it lacks was acknowledged, so the ledger says what
// remembers that, and how to go on.
func TestAnOlderLogIsPutBack(t *testing.T) {
	path := newLedger(t, true)
	l := open(t, path)
	must(t, l, "operator", "CreateAccount a", "CreateAccount b", "AdjustAccount a 10%1")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	older := filepath.Join(t.TempDir(), "older")
	if err := copySparse(filepath.Join(path, logName), older); err != nil {
		t.Fatal(err)
	}
	l = open(t, path)
	must(t, l, "operator", "transfer(a->b, 1%1)")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(path, logName)
	away := filepath.Join(t.TempDir(), "away")
	if err := os.Rename(log, away); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, path, wal.ErrNoLog, heldName+" remembers entry")
	if _, err := os.Stat(filepath.Join(log, "00000001.wal")); err == nil {
		t.Error("a new log was begun where one is missing")
	}
	if err := errors.Join(os.RemoveAll(log), os.Rename(away, log)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.RemoveAll(log), os.Rename(older, log)); err != nil {
		t.Fatal(err)
	}
	held, state := filepath.Join(path, heldName), filepath.Join(path, stateName)
	wantRefused(t, path, wal.ErrDiverged, held, "delete "+held+" and "+state)
	if err := os.Remove(held); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, path, db.ErrDiverged, "delete "+state)
	if err := os.RemoveAll(state); err != nil {
		t.Fatal(err)
	}
	if got, want := query(t, open(t, path), balances), "a 10\nb 0\n"; got != want {
		t.Errorf("as of the older log %q, want %q", got, want)
	}
}

// A log without its DURABLE says what the file is for, and what opens the log without it.
func TestTheNoteOfWhatIsDurableIsLost(t *testing.T) {
	path := newLedger(t, true)
	l := open(t, path)
	must(t, l, "operator", "CreateAccount a")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	note := filepath.Join(path, logName, "DURABLE")
	if err := os.Remove(note); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, path, wal.ErrCorrupt, note, "put 548 zero bytes in its place")
	if err := os.WriteFile(note, make([]byte, 548), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, open(t, path), "operator", "AdjustAccount a 10%1")
}

func TestKeysThatOthersMayReadAreWarnedOf(t *testing.T) {
	path := newLedger(t, true, "bank", "alice")
	var warnings []string
	opened := func() {
		t.Helper()
		warnings = nil
		l, err := Open(path, Options{Warn: func(s string) { warnings = append(warnings, s) }})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if opened(); len(warnings) != 0 {
		t.Errorf("warnings without a reason: %q", warnings)
	}
	for i, name := range []string{"alice", "node"} {
		key := keyPath(path, name)
		if err := os.Chmod(key, 0o640); err != nil {
			t.Fatal(err)
		}
		opened()
		want := keyPath(path, "alice") + []string{" can be read by others", " and 1 more can be"}[i]
		if !slices.ContainsFunc(
			warnings,
			func(s string) bool { return strings.HasPrefix(s, want) },
		) {
			t.Errorf("%s: warnings %q, want %q", name, warnings, want)
		}
	}
}

// The log of an open ledger is copied as docs/OPERATIONS.md says: DURABLE first, then the segments
// that there were. What was acknowledged before is in the copy.
func TestCopyOfAnOpenLedger(t *testing.T) {
	path := newLedger(t, true)
	l := open(t, path)
	must(t, l, "operator", "CreateAccount a", "CreateAccount b", "AdjustAccount a 1000000%1")
	client, err := l.Client("operator")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	load := make(chan struct{})
	go func() {
		defer close(load)
		for ctx.Err() == nil {
			_, _ = client.Submit(ctx, pay(200), juno.Single, nil)
		}
	}()
	for range 5 {
		before := must(t, l, "operator", "transfer(a->b, 1%1)")[0].Index
		copied := filepath.Join(t.TempDir(), "copied")
		if err := os.MkdirAll(filepath.Join(copied, logName), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{genesisName, keysName, logName + "/DURABLE"} {
			err := copySparse(filepath.Join(path, file), filepath.Join(copied, file))
			if err != nil {
				t.Fatal(err)
			}
		}
		segments, err := filepath.Glob(filepath.Join(path, logName, "*.wal"))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range segments {
			to := filepath.Join(copied, logName, filepath.Base(s))
			if err := copySparse(s, to); err != nil {
				t.Fatal(err)
			}
		}
		c := open(t, copied)
		if last := c.Head().Index; last < before {
			t.Errorf("the copy ends at %d, %d was acknowledged before", last, before)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	<-load
}
