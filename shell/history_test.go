package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestHistoryFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	h, err := openHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []string{
		"SELECT 1;", "SELECT 1;", "", " secret", "SELECT\n  2;", `\d`,
		strings.Repeat("x", historyEntryBytesMax+1),
	} {
		if _, err := h.add(e); err != nil {
			t.Fatal(err)
		}
	}
	again, err := openHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"SELECT 1;", "SELECT\n  2;", `\d`}
	if got := again.entries; !slices.Equal(got, want) {
		t.Errorf("entries %q, want %q", got, want)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := openHistory(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := info.Mode().Perm(), os.FileMode(0o600); got != want {
		t.Errorf("a history that others could read has mode %o after opening, want %o", got, want)
	}
}

func TestHistoryIsShortened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	var b strings.Builder
	b.WriteString(strings.Repeat("y", 2*historyEntryBytesMax) + "\n")
	for i := range 2*historyEntriesMax + 1 {
		fmt.Fprintf(&b, "SELECT %d;\n", i)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time from the file that was rewritten
		h, err := openHistory(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := len(h.entries), historyEntriesMax; got != want {
			t.Errorf("%d entries, want %d", got, want)
		}
		if got, want := h.entries[len(h.entries)-1], "SELECT 4000;"; got != want {
			t.Errorf("last entry %q, want %q", got, want)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := info.Mode().Perm(), os.FileMode(0o600); got != want {
		t.Errorf("mode %o after rewriting, want %o", got, want)
	}
}

func TestHistoryWithoutPlace(t *testing.T) {
	h, err := openHistory(filepath.Join(t.TempDir(), "no", "such", "place"))
	if err == nil {
		t.Error("a history in a directory that is not there was opened")
	}
	if fresh, err := h.add("SELECT 1;"); !fresh || err != nil {
		t.Errorf("added %v, %v; it must work in memory", fresh, err)
	}
}
