package snapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"juno"
	"juno/internal/vfs"
)

// step is the directory as a process that was killed before one of Create's operations leaves it.
type step struct {
	op  vfs.Op
	dir string
}

// createInSteps makes a snapshot and keeps a copy of the directory before each operation on it.
// Operations of bbolt inside of the state file are not among them: until its rename the file has
// a name that nothing reads.
func createInSteps(t *testing.T, dir string, index juno.Index, n int) []step {
	t.Helper()
	var steps []step
	fault := vfs.NewFault(vfs.OS{})
	fault.Before(func(op vfs.Op) error {
		steps = append(steps, step{op, copyDir(t, dir)})
		return nil
	})
	_, err := create(context.Background(), fault, dir, testManifest(index), elements(n), sign)
	if err != nil {
		t.Fatal(err)
	}
	return append(steps, step{dir: copyDir(t, dir)})
}

func copyDir(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return to
	}
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// good returns the indices of the snapshots that can be read, and wants all that are listed to be
// among them.
func good(t *testing.T, dir string) (found []juno.Index) {
	t.Helper()
	all, err := List(dir, testRing(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		s, err := Open(context.Background(), l, nil)
		if err != nil {
			t.Errorf("snapshot %d: %v", l.Index, err)
			continue
		}
		for _, err := range s.Elements() {
			if err != nil {
				t.Errorf("snapshot %d: %v", l.Index, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		found = append(found, l.Index)
	}
	return found
}

// TestOrderOfOperations: the state has its name before the manifest has one, and each is durable
// before the next step.
func TestOrderOfOperations(t *testing.T) {
	dir := t.TempDir()
	trace := func(index juno.Index) (ops []string) {
		for _, s := range createInSteps(t, dir, index, 3) {
			if s.op.Kind != 0 {
				name := strings.TrimPrefix(filepath.Base(s.op.Name), baseName(index))
				if s.op.Name == dir {
					name = "directory"
				}
				ops = append(ops, s.op.Kind.String()+" "+name)
			}
		}
		return ops
	}
	want := []string{
		"remove .manifest", // there is none, unless a snapshot is replaced
		"rename .state", "syncdir directory", "remove .manifest.tmp", "create .manifest.tmp",
		"write .manifest.tmp", "sync .manifest.tmp", "rename .manifest", "syncdir directory",
	}
	if got := trace(5); !slices.Equal(got, want) {
		t.Errorf("operations\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	again := slices.Insert(slices.Clone(want), 1, "syncdir directory")
	if got := trace(5); !slices.Equal(got, again) {
		t.Errorf("replacing\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(again, "\n"))
	}
}

// TestKilledAtEveryStep kills Create before each of its operations: older snapshots stay, the new
// one is there whole or not at all, and the next Create goes well and clears up.
func TestKilledAtEveryStep(t *testing.T) {
	for _, replaced := range []bool{false, true} {
		dir := t.TempDir()
		makeSnapshot(t, dir, 3, 10)
		if replaced {
			makeSnapshot(t, dir, 5, 10)
		}
		steps := createInSteps(t, dir, 5, 12)
		complete := 0
		for i, s := range steps {
			what := fmt.Sprintf("killed before operation %d, %s %s", i, s.op.Kind, s.op.Name)
			found := good(t, s.dir)
			if len(found) == 2 && found[1] == 5 {
				complete++
			} else if !slices.Equal(found, []juno.Index{3}) {
				t.Errorf("%s: snapshots %v", what, found)
			}
			makeSnapshot(t, s.dir, 7, 4)
			if again := good(t, s.dir); !slices.Equal(again, append(found, 7)) {
				t.Errorf("%s: after the next one, snapshots %v", what, again)
			}
			names, err := os.ReadDir(s.dir)
			if err != nil || len(names) != 2*(len(found)+1) {
				t.Errorf("%s: after the next one, files %v, %v", what, names, err)
			}
		}
		if complete < 2 || complete == len(steps) {
			t.Errorf("of %d steps %d have the whole snapshot", len(steps), complete)
		}
	}
}

// TestKilledWhileFilling leaves every prefix of a state file that is being written.
func TestKilledWhileFilling(t *testing.T) {
	dir := t.TempDir()
	makeSnapshot(t, dir, 3, 10)
	state, err := os.ReadFile(statePath(dir, 3))
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n <= len(state); n += 1777 {
		part := statePath(dir, 5) + partSuffix
		if err := os.WriteFile(part, state[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if found := good(t, dir); !slices.Equal(found, []juno.Index{3}) {
			t.Fatalf("%d bytes written: snapshots %v", n, found)
		}
		makeSnapshot(t, dir, 5, 4)
		if found := good(t, dir); !slices.Equal(found, []juno.Index{3, 5}) {
			t.Fatalf("%d bytes written: after the next one, snapshots %v", n, found)
		}
		if err := remove(vfs.OS{}, dir, 5); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEveryOperationFails makes each operation of Create fail: it says so, and nothing that was
// good before is lost, but for the one snapshot that was being replaced.
func TestEveryOperationFails(t *testing.T) {
	for n := 1; ; n++ {
		dir := t.TempDir()
		makeSnapshot(t, dir, 3, 10)
		fault := vfs.NewFault(vfs.OS{})
		fault.FailAt(n)
		_, err := create(context.Background(), fault, dir, testManifest(5), elements(4), sign)
		if err == nil {
			if n < 9 {
				t.Errorf("only %d operations", n-1)
			}
			return
		}
		if !errors.Is(err, vfs.ErrInjected) {
			t.Errorf("operation %d: %v", n, err)
		}
		if found := good(t, dir); found[0] != 3 {
			t.Errorf("operation %d: snapshots %v", n, found)
		}
		makeSnapshot(t, dir, 6, 4)
		if found := good(t, dir); found[0] != 3 || found[len(found)-1] != 6 {
			t.Errorf("operation %d: after the next one, snapshots %v", n, found)
		}
	}
}

// TestKilledWhilePruning removes one snapshot and is killed at every step.
func TestKilledWhilePruning(t *testing.T) {
	dir := t.TempDir()
	makeSnapshot(t, dir, 3, 10)
	makeSnapshot(t, dir, 5, 10)
	var steps []step
	fault := vfs.NewFault(vfs.OS{})
	fault.Before(func(op vfs.Op) error {
		steps = append(steps, step{op, copyDir(t, dir)})
		return nil
	})
	if err := remove(fault, dir, 3); err != nil {
		t.Fatal(err)
	}
	for i, s := range append(steps, step{dir: dir}) {
		found := good(t, s.dir)
		if want := []juno.Index{3, 5}; i > 0 {
			want = want[1:]
			if !slices.Equal(found, want) {
				t.Errorf("killed before operation %d: snapshots %v, want %v", i, found, want)
			}
		}
		makeSnapshot(t, s.dir, 7, 4)
		names, err := os.ReadDir(s.dir)
		if err != nil || len(names) != 2*(len(found)+1) {
			t.Errorf("killed before operation %d: files %v, %v", i, names, err)
		}
	}
}

// TestOpenSnapshotSurvivesPruning reads from a snapshot that is removed and replaced meanwhile.
func TestOpenSnapshotSurvivesPruning(t *testing.T) {
	dir := t.TempDir()
	makeSnapshot(t, dir, 3, 1000)
	s, err := openNewest(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for e, err := range s.Elements() {
		if err != nil || string(e.Value) != fmt.Sprintf("value %d", n) {
			t.Fatalf("element %d: %q, %v", n, e.Value, err)
		}
		switch n {
		case 100:
			makeSnapshot(t, dir, 3, 500)
		case 200:
			if err := remove(vfs.OS{}, dir, 3); err != nil {
				t.Fatal(err)
			}
		}
		n++
	}
	if err := s.Close(); err != nil || n != 1000 {
		t.Errorf("%d elements, %v", n, err)
	}
}
