package vfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"juno/internal/vfs"
)

// eachFS runs the same test on every implementation.
func eachFS(t *testing.T, test func(t *testing.T, fsys vfs.FS, dir string)) {
	t.Run("OS", func(t *testing.T) { test(t, vfs.OS{}, t.TempDir()) })
	t.Run("Mem", func(t *testing.T) {
		mem := vfs.NewMem()
		must(t, mem.MkdirAll("/data"))
		test(t, mem, "/data")
	})
	t.Run("Fault", func(t *testing.T) {
		mem := vfs.NewMem()
		must(t, mem.MkdirAll("/data"))
		test(t, vfs.NewFault(mem), "/data")
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("got error %v, want %v", got, want)
	}
}

func create(t *testing.T, fsys vfs.FS, name, contents string) vfs.File {
	t.Helper()
	f, err := fsys.Create(name)
	must(t, err)
	_, err = f.Write([]byte(contents))
	must(t, err)
	return f
}

// contents returns what a file holds, "-" if there is none.
func contents(t *testing.T, fsys vfs.FS, name string) string {
	t.Helper()
	b, err := vfs.ReadFile(fsys, name, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return "-"
	}
	must(t, err)
	return string(b)
}

func TestFileReadsWhatItWrote(t *testing.T) {
	eachFS(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := filepath.Join(dir, "a")
		f := create(t, fsys, name, "hello ")
		_, err := f.WriteAt([]byte("HE"), 0)
		must(t, err)
		_, err = f.Write([]byte("world")) // WriteAt must not have moved the position
		must(t, err)
		must(t, f.Sync())
		b := make([]byte, 20)
		n, err := f.ReadAt(b, 3)
		if got, want := string(b[:n]), "lo world"; got != want || err != io.EOF {
			t.Fatalf("got %q, %v, want %q, EOF", got, err, want)
		}
		must(t, f.Allocate(16))
		must(t, f.Allocate(4)) // never shortens
		if size, err := f.Size(); size != 16 || err != nil {
			t.Fatalf("got size %d, %v, want 16", size, err)
		}
		must(t, f.Truncate(5))
		must(t, f.Truncate(7))
		must(t, f.Close())
		if got, want := contents(t, fsys, name), "HEllo\x00\x00"; got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
		_, err = f.ReadAt(b, 0)
		wantErr(t, err, fs.ErrClosed)
	})
}

func TestNames(t *testing.T) {
	eachFS(t, func(t *testing.T, fsys vfs.FS, dir string) {
		must(t, vfs.MkdirAllSync(fsys, filepath.Join(dir, "x", "y")))
		must(t, vfs.MkdirAllSync(fsys, filepath.Join(dir, "x", "y")))
		a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
		must(t, create(t, fsys, b, "old").Close())
		must(t, create(t, fsys, a, "new").Close())
		_, err := fsys.Create(a)
		wantErr(t, err, fs.ErrExist)
		must(t, fsys.Rename(a, b))
		must(t, fsys.SyncDir(dir))
		if got := contents(t, fsys, b); got != "new" {
			t.Fatalf("got %q after the rename", got)
		}
		names, err := fsys.List(dir)
		must(t, err)
		if got, want := fmt.Sprint(names), "[b x]"; got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		if err := fsys.Remove(filepath.Join(dir, "x")); err == nil {
			t.Fatal("removed a directory that is not empty")
		}
		if err := fsys.Rename(b, filepath.Join(dir, "x", "b")); err == nil {
			t.Fatal("renamed across directories")
		}
		wantErr(t, fsys.Rename(a, b), fs.ErrNotExist)
		wantErr(t, fsys.Remove(a), fs.ErrNotExist)
		_, err = fsys.Open(a)
		wantErr(t, err, fs.ErrNotExist)
		_, err = fsys.Stat(a)
		wantErr(t, err, fs.ErrNotExist)
		info, err := fsys.Stat(b)
		if want := (vfs.Info{Bytes: 3}); info != want || err != nil {
			t.Fatalf("got %v, %v, want %v", info, err, want)
		}
		info, err = fsys.Stat(filepath.Join(dir, "x"))
		if want := (vfs.Info{IsDir: true}); info != want || err != nil {
			t.Fatalf("got %v, %v, want %v", info, err, want)
		}
		if n, err := fsys.FreeBytes(dir); n <= 0 || err != nil {
			t.Fatalf("got %d bytes free, %v", n, err)
		}
	})
}

func TestReadOnlyFileRefusesToWrite(t *testing.T) {
	eachFS(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := filepath.Join(dir, "a")
		must(t, create(t, fsys, name, "text").Close())
		f, err := fsys.Open(name)
		must(t, err)
		if _, err := f.WriteAt([]byte("x"), 0); err == nil {
			t.Fatal("wrote to a file opened for reading")
		}
		if err := f.Truncate(0); err == nil {
			t.Fatal("truncated a file opened for reading")
		}
		must(t, f.Close())
	})
}

func TestLockNamesItsHolder(t *testing.T) {
	eachFS(t, func(t *testing.T, fsys vfs.FS, dir string) {
		lock, err := fsys.Lock(dir)
		must(t, err)
		_, err = fsys.Lock(dir)
		var locked *vfs.LockedError
		if !errors.As(err, &locked) || locked.PID != os.Getpid() || locked.Dir != dir {
			t.Fatalf("got %v, want a LockedError with process %d", err, os.Getpid())
		}
		if !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
			t.Fatalf("the message does not name the holder: %v", err)
		}
		must(t, lock.Close())
		lock, err = fsys.Lock(dir)
		must(t, err)
		must(t, lock.Close())
	})
}

func TestWriteFile(t *testing.T) {
	eachFS(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := filepath.Join(dir, "a")
		must(t, create(t, fsys, name+".tmp", "left by a crash").Close())
		for _, text := range []string{"one", "another"} {
			must(t, vfs.WriteFile(fsys, name, []byte(text)))
			if got := contents(t, fsys, name); got != text {
				t.Fatalf("got %q, want %q", got, text)
			}
		}
		if _, err := vfs.ReadFile(fsys, name, 3); err == nil {
			t.Fatal("read a file longer than allowed")
		}
		must(t, vfs.FlipBit(fsys, name, 8*6))
		if got, want := contents(t, fsys, name), "anothes"; got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

func TestCrashLosesWhatWasNotSynced(t *testing.T) {
	mem := vfs.NewMem()
	must(t, vfs.MkdirAllSync(mem, "/d"))
	f := create(t, mem, "/d/a", "durable")
	must(t, f.Sync())
	g := create(t, mem, "/d/nameless", "synced, but its name is not")
	must(t, mem.Rename("/d/a", "/d/b"))
	must(t, mem.SyncDir("/d"))
	must(t, mem.Rename("/d/b", "/d/c"))
	must(t, mem.Remove("/d/nameless"))
	must(t, g.Sync())
	_, err := f.WriteAt([]byte("lost"), 7)
	must(t, err)
	if got, want := fmt.Sprint(mem.Unsynced()), "[/d /d/c]"; got != want {
		t.Fatalf("unsynced: got %s, want %s", got, want)
	}

	crashed, killed := mem.CrashClone(0), mem.Clone()
	for _, c := range []struct {
		name, fsys string
		got, want  string
	}{
		{"b", "crashed", contents(t, crashed, "/d/b"), "durable"},
		{"c", "crashed", contents(t, crashed, "/d/c"), "-"},
		{"nameless", "crashed", contents(t, crashed, "/d/nameless"), "synced, but its name is not"},
		{"b", "killed", contents(t, killed, "/d/b"), "-"},
		{"c", "killed", contents(t, killed, "/d/c"), "durablelost"},
		{"nameless", "killed", contents(t, killed, "/d/nameless"), "-"},
		{"c", "after the kill a crash", contents(t, killed.CrashClone(0), "/d/b"), "durable"},
	} {
		if c.got != c.want {
			t.Errorf("%s, %s: got %q, want %q", c.fsys, c.name, c.got, c.want)
		}
	}
	if got := crashed.Unsynced(); len(got) != 0 {
		t.Errorf("after a crash %v is not durable", got)
	}
	if _, err := crashed.Lock("/d"); err != nil {
		t.Error(err)
	}
}

// TestCrashOutcomes rolls the dice often enough to see every fate of a write and of a rename,
// and sees to it that nothing else happens.
func TestCrashOutcomes(t *testing.T) {
	mem := vfs.NewMem()
	must(t, vfs.MkdirAllSync(mem, "/d"))
	f := create(t, mem, "/d/a", "")
	must(t, mem.SyncDir("/d"))
	_, err := f.WriteAt(bytes.Repeat([]byte{'x'}, 1200), 100)
	must(t, err)
	must(t, mem.Rename("/d/a", "/d/b"))

	seen := map[string]int{}
	for seed := range uint64(500) {
		crashed := mem.CrashClone(seed)
		again := mem.CrashClone(seed)
		if contents(t, crashed, "/d/a") != contents(t, again, "/d/a") {
			t.Fatalf("seed %d has two outcomes", seed)
		}
		names, err := crashed.List("/d")
		must(t, err)
		if len(names) != 1 {
			t.Fatalf("seed %d: half a rename: %v", seed, names)
		}
		seen[names[0]]++
		seen[fate(t, contents(t, crashed, "/d/"+names[0]))]++
	}
	for _, want := range []string{"a", "b", "lost", "whole", "torn", "holes"} {
		if seen[want] == 0 {
			t.Errorf("500 seeds never gave %q: %v", want, seen)
		}
	}
}

// fate classifies what is left of 1200 x at offset 100.
func fate(t *testing.T, s string) string {
	t.Helper()
	written := strings.TrimLeft(s, "\x00")
	if strings.Trim(s, "x\x00") != "" {
		t.Fatal("bytes that nobody wrote")
	}
	switch {
	case s == "":
		return "lost"
	case len(s) == 1300 && len(written) == 1200 && !strings.Contains(written, "\x00"):
		return "whole"
	case strings.HasPrefix(s[100:], "x") && !strings.Contains(written, "\x00"):
		return "torn"
	}
	return "holes"
}

func TestFaultFailsTheNth(t *testing.T) {
	mem := vfs.NewMem()
	fault := vfs.NewFault(mem)
	var ops []string
	fault.Before(func(op vfs.Op) error {
		s := fmt.Sprintf("%d %s %s %d %d", op.N, op.Kind, op.Name, op.Offset, op.Bytes)
		ops = append(ops, s)
		return nil
	})
	fault.FailAt(4)
	f := create(t, fault, "a", "abcd")
	must(t, f.Sync())
	n, err := f.WriteAt([]byte("efgh"), 4)
	wantErr(t, err, vfs.ErrInjected)
	if got := contents(t, mem, "a"); n != 2 || got != "abcdef" {
		t.Fatalf("got %d bytes written, file %q", n, got)
	}
	must(t, f.Truncate(1))
	must(t, f.Allocate(2))
	must(t, fault.Rename("a", "b"))
	must(t, fault.MkdirAll("d"))
	must(t, fault.SyncDir("d"))
	must(t, fault.Remove("b"))
	want := []string{
		"1 create a 0 0", "2 write a -1 4", "3 sync a 0 0", "4 write a 4 4", "5 truncate a 1 0",
		"6 allocate a 2 0", "7 rename b 0 0", "8 mkdir d 0 0", "9 syncdir d 0 0", "10 remove b 0 0",
	}
	if !slices.Equal(ops, want) {
		t.Fatalf("got operations\n%q, want\n%q", ops, want)
	}
	if fault.Count() != len(want) {
		t.Fatalf("counted %d operations, want %d", fault.Count(), len(want))
	}
	refused := errors.New("refused")
	fault.Before(func(vfs.Op) error { return refused })
	_, err = fault.Create("c")
	wantErr(t, err, refused)
}

func TestFaultFillsTheDisk(t *testing.T) {
	mem := vfs.NewMem()
	fault := vfs.NewFault(mem)
	f := create(t, fault, "a", "abcd")
	fault.FullAfter(6)
	if free, err := fault.FreeBytes("/"); free != 6 || err != nil {
		t.Fatalf("got %d bytes free, %v, want 6", free, err)
	}
	_, err := f.Write([]byte("efgh"))
	must(t, err)
	wantErr(t, f.Allocate(100), vfs.ErrNoSpace)
	_, err = f.Write([]byte("ijkl"))
	wantErr(t, err, vfs.ErrNoSpace)
	if got, want := contents(t, mem, "a"), "abcdefghij"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	fault.FullAfter(-1)
	_, err = f.Write([]byte("kl"))
	must(t, err)
}

func BenchmarkSync(b *testing.B) {
	for _, size := range []int{300, 20_000, 200_000} {
		for _, mode := range []string{"append", "allocated"} {
			b.Run(fmt.Sprintf("%s/%d", mode, size), func(b *testing.B) {
				benchmarkSync(b, size, mode == "allocated")
			})
		}
	}
}

func benchmarkSync(b *testing.B, size int, allocated bool) {
	f, err := vfs.OS{}.Create(filepath.Join(b.TempDir(), "f"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	p := bytes.Repeat([]byte{'x'}, size)
	b.SetBytes(int64(size))
	var offset, end int64
	for b.Loop() {
		if allocated && offset+int64(size) > end {
			end += 1 << 20
			if err := f.Allocate(end); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := f.WriteAt(p, offset); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		offset += int64(size)
	}
}
