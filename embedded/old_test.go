package embedded

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"juno"
	"juno/verify/files"
)

// unpack unpacks a stored directory.
func unpack(t *testing.T, archive, to string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(to, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(name, 0o700)
		} else {
			var b []byte
			if b, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(name, b, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestDirectoryFromBeforeThereWereClusters opens a ledger of one voter that an earlier version
// made: 17 entries, a snapshot at 13, two clients.
func TestDirectoryFromBeforeThereWereClusters(t *testing.T) {
	dir := t.TempDir()
	unpack(t, filepath.Join("testdata", "single-voter.tar.gz"), dir)
	path := filepath.Join(dir, "books")
	l := open(t, path)
	if got, err := l.Balance(context.Background(), "b", "XXX", 12); err != nil ||
		got != juno.NewAmount(29) {
		t.Errorf("balance of b at 12: %v, %v, want 29", got, err)
	}
	if pos, err := l.Position(17); err != nil || pos.Hash.Short() != "fa699e67" {
		t.Errorf("entry 17: %s, %v, want 17/fa699e67", pos, err)
	}
	snapshots, err := Snapshots(l.Directory())
	if err != nil || len(snapshots) != 1 || snapshots[0].Index != 13 || snapshots[0].Err != nil {
		t.Errorf("snapshots: %+v, %v, want a sound one at 13", snapshots, err)
	}
	submit(t, l, "alice", juno.Single, "transfer(a->c, 1%1)")
	submit(t, l, "operator", juno.Batch, "transfer(a->c, 1%1)", "transfer(a->c, 1%1)")
	if _, err := l.Receipt(context.Background(), 5); err != nil {
		t.Errorf("receipt of entry 5: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	v, err := files.Directory(context.Background(), path, files.Options{})
	if err != nil || !v.Verified() {
		t.Errorf("verify: %v, %+v", err, v)
	}
}
