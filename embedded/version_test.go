package embedded

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"juno/verify/files"
)

// TestFilesOfANewerVersion shows each file with the version behind ours to this program: what
// docs/FORMATS.md says of it.
func TestFilesOfANewerVersion(t *testing.T) {
	ctx := context.Background()
	path := newLedger(t, true)
	l := open(t, path)
	must(t, l, "operator", "CreateAccount a")
	snapshot, err := l.Snapshot(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	manifest := strings.TrimSuffix(snapshot.Path, ".state") + ".manifest"
	carrier := filepath.Join(t.TempDir(), "carrier")
	if _, err := l.Export(ctx, carrier, true); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(path, settingsName)
	opens := func() error {
		l, err := Open(path, Options{})
		if err != nil {
			return err
		}
		return l.Close()
	}
	for _, row := range []struct {
		file     string
		old, new string // the first of old becomes new
		try      func() error
		want     string // empty: it opens
	}{
		{
			filepath.Join(path, genesisName), "\x01", "\x02", opens,
			"version 2, this program knows 1",
		},
		{settings, "# snapshots_kept = 3", "snapshots_shared = 3", opens, "no setting"},
		{keyPath(path, "node"), "juno key 1", "juno key 2", opens, `want "juno key 1"`},
		{
			filepath.Join(path, logName, "00000001.wal"), "JUNOWAL\x01", "JUNOWAL\x02", opens,
			"written by a newer version of Juno: format 2, this program knows 1",
		},
		{filepath.Join(path, logName, "DURABLE"), "JUNODUR\x01", "JUNODUR\x02", opens, ""},
		{filepath.Join(path, heldName), "\x01", "\x02", opens, ""},
		{manifest, "\x01", "\x02", func() error {
			all, err := Snapshots(l.Directory())
			if err != nil || len(all) != 1 {
				t.Fatal(all, err)
			}
			return all[0].Err
		}, "version 2, this program knows 1"},
		{carrier, "juno carrier 2", "juno carrier 2", func() error {
			_, err := files.Export(ctx, carrier, files.Options{})
			return err
		}, "not a Juno carrier: it begins with"},
	} {
		whole, err := os.ReadFile(row.file)
		if err != nil {
			t.Fatal(err)
		}
		newer := bytes.Replace(whole, []byte(row.old), []byte(row.new), 1)
		if bytes.Equal(whole, newer) {
			t.Fatalf("%s holds no %q", row.file, row.old)
		}
		if err := os.WriteFile(row.file, newer, 0o600); err != nil {
			t.Fatal(err)
		}
		err = row.try()
		if (err == nil) != (row.want == "") ||
			err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", filepath.Base(row.file), err, row.want)
		}
		if row.want == "" {
			continue // it was written again
		}
		if err := os.WriteFile(row.file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
