package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"juno"
	"juno/datadir"
	"juno/snapshot"
	"juno/verify"
)

// Snapshot verifies one snapshot, named by its state or its manifest file, in the directory of its
// ledger or in one beside a file "genesis" and, where the members have changed, "epochs".
func Snapshot(ctx context.Context, path string, o Options) (*verify.Verdict, error) {
	folder := filepath.Dir(path)
	_, m, err := open(filepath.Dir(folder), o.Pinned)
	if errors.Is(err, datadir.ErrNoLedger) {
		_, m, err = open(folder, o.Pinned)
	}
	if err != nil {
		return nil, fmt.Errorf("the genesis that %s belongs to: %w", path, err)
	}
	all, err := snapshot.List(folder, nil)
	if err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	for _, l := range all {
		if fmt.Sprintf("%020d", l.Index) != name {
			continue
		}
		c, err := readSnapshot(ctx, l, m)
		if err != nil {
			return nil, err
		}
		v := &verify.Verdict{
			Ledger: m.Cluster(), Pinned: m.Pinned(), Findings: []juno.Finding{c.finding},
			Base: c.state, Missing: c.claim, Skipped: []string{"that the log leads to it"},
		}
		if c.manifest != nil {
			v.Start, v.Held = c.manifest.Pos, c.manifest.Pos
		}
		return v, nil
	}
	return nil, fmt.Errorf("%s: no snapshot with a manifest: %w", path, os.ErrNotExist)
}
