package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// room writes a package with a list of edits, and returns where the list is.
func room(t *testing.T, source, edits string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "testdata"), 0o700); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "testdata", editsName)
	for name, text := range map[string]string{filepath.Join(dir, "a.go"): source, list: edits} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func TestEditFiles(t *testing.T) {
	list := room(t, "one\ntwo\nthree\nfour\n",
		"# why\nfile a.go\n-two\n-three\n+drei\n\n-four\n+vier\n")
	edited, err := editFiles(list)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(filepath.Dir(list), "..", "a.go")
	if got, want := edited[filepath.Clean(name)], "one\ndrei\nvier\n"; got != want {
		t.Errorf("edited %q, want %q", got, want)
	}
}

// TestEditFilesRefuses shows that an edit which does not fit the source fails: a rule that moved
// must not go untested.
func TestEditFilesRefuses(t *testing.T) {
	for _, c := range []struct{ edits, want string }{
		{"file a.go\n-five\n+six\n", "0 times, want once"},
		{"file a.go\n-one\n+two\n", "2 times, want once"},
		{"file b.go\n-one\n+two\n", "b.go"},
		{"-one\n+two\n", "1: \"-one\" does not belong here"},
		{"file a.go\n+two\n", "2: \"+two\" does not belong here"},
		{"file a.go\none\n", "2: \"one\" does not belong here"},
	} {
		_, err := editFiles(room(t, "one\none\n", c.edits))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.edits, err, c.want)
		}
	}
}

// TestEditsOfModule holds every list of edits of the module against the source.
func TestEditsOfModule(t *testing.T) {
	if _, err := writeOverlay(filepath.Join("..", ".."), t.TempDir()); err != nil {
		t.Error(err)
	}
}
