package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"juno"
	"juno/internal/vfs"
)

// counted returns a source of secrets that are all different and the same in every run.
func counted() func() ([juno.SeedBytes]byte, error) {
	n := byte(0)
	return func() ([juno.SeedBytes]byte, error) {
		n++
		return [juno.SeedBytes]byte{n}, nil
	}
}

func testOptions() Options {
	return Options{
		Clients: []string{"bank", "alice"}, Admins: []string{"admin"}, Created: 1,
		Entropy: counted(),
	}
}

func create(t *testing.T, fsys vfs.FS) *Directory {
	t.Helper()
	all, err := createOn(fsys, []Place{{Path: "/books"}}, testOptions())
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

func TestCreate(t *testing.T) {
	mem := vfs.NewMem()
	created := create(t, mem)
	if _, err := createOn(mem, []Place{{Path: "/books"}}, testOptions()); !errors.Is(err,
		ErrExists) {
		t.Errorf("create over a ledger: got %v, want %v", err, ErrExists)
	}
	d, err := openOn(mem.CrashClone(0), "/books")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := d.Genesis.ID(), created.Genesis.ID(); got != want {
		t.Errorf("identity %s, want %s", got, want)
	}
	names, err := d.ClientNames()
	if want := []string{"alice", "bank"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("clients %q, %v, want %q", names, err, want)
	}
	if name, err := d.DefaultClient(); err != nil || name != "bank" {
		t.Errorf("default client %q, %v, want bank", name, err)
	}
	for _, c := range d.Genesis.Clients {
		key, err := d.ClientKey(c.Name)
		if err != nil || key.Public() != c.Public {
			t.Errorf("key of %s: %v, or another one than in the genesis", c.Name, err)
		}
	}
	admin, err := d.AdminKey("admin")
	if err != nil || admin.Public() != d.Genesis.Config.Admins[0].Public {
		t.Errorf("key of the administrator: %v, or another one than in the genesis", err)
	}
	node, err := d.NodePublic()
	if err != nil || node != d.Genesis.Config.Voters[0].Public {
		t.Errorf("key of the node: %v, or another one than in the genesis", err)
	}
	if _, err := d.ClientKey("bob"); !errors.Is(err, ErrNoKey) {
		t.Errorf("key of nobody: got %v, want %v", err, ErrNoKey)
	}
	if _, err := openOn(mem, "/elsewhere"); !errors.Is(err, ErrNoLedger) {
		t.Errorf("open nothing: got %v, want %v", err, ErrNoLedger)
	}
}

// TestCreateFails makes every operation of Create fail, with and without a power failure right
// after it: there is no ledger then, and Create can be called again, or the ledger is complete.
func TestCreateFails(t *testing.T) {
	for n := 1; ; n++ {
		mem := vfs.NewMem()
		disk := vfs.NewFault(mem)
		disk.FailAt(n)
		_, err := createOn(disk, []Place{{Path: "/books"}}, testOptions())
		if err == nil {
			if n < 10 {
				t.Fatalf("Create ends after %d operations", n-1)
			}
			return
		}
		for i, left := range []*vfs.Mem{mem.Clone(), mem.CrashClone(uint64(n))} {
			context := fmt.Sprintf("operation %d fails, power failure %v", n, i == 1)
			d, err := openOn(left, "/books")
			if errors.Is(err, ErrNoLedger) {
				d = create(t, left)
			} else if err != nil {
				t.Fatalf("%s: %v", context, err)
			}
			if _, err := d.ClientKey("alice"); err != nil {
				t.Errorf("%s: %v", context, err)
			}
		}
	}
}

// TestDrawnKeysSurvive replaces a key, with a power failure after every operation: the key in
// force before or the one after it is there, and the latter only once it may be in the log.
func TestDrawnKeysSurvive(t *testing.T) {
	for n := 1; ; n++ {
		mem := vfs.NewMem()
		before, err := create(t, mem).ClientKey("alice")
		if err != nil {
			t.Fatal(err)
		}
		disk := vfs.NewFault(mem)
		disk.FailAt(n)
		d := &Directory{Path: "/books", fsys: disk}
		drawn, fresh, err := d.DrawKey("alice")
		inLog := err == nil
		if inLog && !fresh {
			t.Fatal("a key was drawn before")
		}
		if inLog {
			err = d.AdoptKey("alice")
		}
		left := &Directory{Path: "/books", fsys: mem.CrashClone(uint64(n))}
		present, errPresent := left.ClientKey("alice")
		next, errNext := left.NextKey("alice")
		switch {
		case errPresent != nil:
			t.Fatalf("operation %d fails: %v", n, errPresent)
		case !inLog && present.Public() != before.Public():
			t.Errorf("operation %d fails: the key was replaced before it was in the log", n)
		case inLog && present.Public() != drawn.Public() &&
			(errNext != nil || next.Public() != drawn.Public()):
			t.Errorf("operation %d fails: the key in the log is lost (%v)", n, errNext)
		}
		if err == nil {
			return
		}
	}
}

func TestNextKeyIsDrawnOnce(t *testing.T) {
	d := create(t, vfs.NewMem())
	first, fresh, err := d.DrawKey("alice")
	if err != nil || !fresh {
		t.Fatalf("first draw: fresh %v, %v", fresh, err)
	}
	if again, fresh,
		err := d.DrawKey("alice"); err != nil || fresh || again.Public() != first.Public() {
		t.Errorf("second draw: fresh %v, same %v, %v", fresh, again.Public() == first.Public(), err)
	}
	pending, err := d.PendingNames()
	if want := []string{"alice"}; err != nil || !slices.Equal(pending, want) {
		t.Errorf("pending %q, %v, want %q", pending, err, want)
	}
	if names, _ := d.ClientNames(); slices.Contains(names, "alice-next") {
		t.Errorf("clients %q hold a next key", names)
	}
	if err := d.DropKey("alice"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.NextKey("alice"); !errors.Is(err, ErrNoKey) {
		t.Errorf("a dropped key: got %v, want %v", err, ErrNoKey)
	}
	if err := d.AdoptKey("node"); err == nil {
		t.Error("the node's key was adopted as that of a client")
	}
}

func TestNodeKey(t *testing.T) {
	mem := vfs.NewMem()
	d, err := prepareOn(mem, "/node7", create(t, mem).Genesis, 7)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := d.NodeID(); err != nil || id != 7 {
		t.Errorf("node id %s, %v, want 7", id, err)
	}
	before, err := d.NodePublic()
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := d.DrawNodeKey()
	if err != nil || drawn == before {
		t.Fatalf("drawn: %v, or the same key again", err)
	}
	if err := d.AdoptNodeKey(); err != nil {
		t.Fatal(err)
	}
	if now, err := d.NodePublic(); err != nil || now != drawn {
		t.Errorf("adopted: %v, or another key than the one drawn", err)
	}
	if _, err := prepareOn(mem, "/node7", d.Genesis, 7); !errors.Is(err, ErrExists) {
		t.Errorf("prepared again: got %v, want %v", err, ErrExists)
	}
}

func TestLock(t *testing.T) {
	d := create(t, vfs.NewMem())
	held, err := d.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Lock(); !errors.Is(err, ErrLocked) {
		t.Errorf("locked twice: got %v, want %v", err, ErrLocked)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedFiles wants a message that names the file, and nothing of what may be a secret.
func TestDamagedFiles(t *testing.T) {
	const secret = "0123456789"
	for _, c := range []struct {
		file, text, want string
		read             func(d *Directory) error
	}{
		{"keys/alice.key", secret, `want "juno key 1"`, readAlice},
		{"keys/alice.key", keyFileHeader + secret, "damaged key file", readAlice},
		{"genesis", "\x02", "genesis", func(d *Directory) error {
			_, err := openOn(d.fsys, d.Path)
			return err
		}},
		{"node", "juno node 1\nid 0\n", "not a node file", func(d *Directory) error {
			_, err := d.NodeID()
			return err
		}},
		{"epochs", "\x09", "another node", func(d *Directory) error {
			_, err := d.Epochs()
			return err
		}},
		{"juno.conf", "cache = 1", "no setting", readSettings},
		{"juno.conf", "cache_bytes = 1", "whole number", readSettings},
		{"juno.conf", "cache_bytes", "name = value", readSettings},
	} {
		d := create(t, vfs.NewMem())
		if err := vfs.WriteFile(d.fsys, "/books/"+c.file, []byte(c.text)); err != nil {
			t.Fatal(err)
		}
		err := c.read(d)
		switch {
		case err == nil || errors.Is(err, fs.ErrNotExist):
			t.Errorf("%s %q: got %v", c.file, c.text, err)
		case !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.file):
			t.Errorf("%s %q: got %q, want it to name the file and %q", c.file, c.text, err, c.want)
		case strings.Contains(err.Error(), secret):
			t.Errorf("%s: the message holds what it read: %q", c.file, err)
		}
	}
}

func readAlice(d *Directory) error {
	_, err := d.ClientKey("alice")
	return err
}

func readSettings(d *Directory) error {
	_, err := d.Settings(func(string) (string, bool) { return "", false })
	return err
}

// TestSettings wants the environment before the file before the defaults.
func TestSettings(t *testing.T) {
	d := create(t, vfs.NewMem())
	none := func(string) (string, bool) { return "", false }
	if s, err := d.Settings(none); err != nil || s != DefaultSettings() {
		t.Errorf("fresh: %+v, %v, want the defaults", s, err)
	}
	text := "snapshots_kept = 7\nlog_kept = certified # not a comment here"
	if err := vfs.WriteFile(d.fsys, "/books/juno.conf", []byte(text)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Settings(none); err == nil {
		t.Error("a comment behind a value was taken")
	}
	text = "snapshots_kept = 7\nlog_kept = certified\n"
	if err := vfs.WriteFile(d.fsys, "/books/juno.conf", []byte(text)); err != nil {
		t.Fatal(err)
	}
	s, err := d.Settings(func(name string) (string, bool) {
		return "9", name == "JUNO_SNAPSHOTS_KEPT"
	})
	if err != nil || s.SnapshotsKept != 9 || !s.LogDropped {
		t.Errorf("got %+v, %v, want 9 snapshots and a log that is dropped", s, err)
	}
}
