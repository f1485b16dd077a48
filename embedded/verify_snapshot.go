package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"juno"
	"juno/datadir"
	"juno/db/audit"
	"juno/db/state"
	"juno/snapshot"
)

const checkSnapshot = "snapshot"

// VerifySnapshot verifies one snapshot, named by its state or its manifest file, in the directory
// of its ledger or in one beside a file "genesis".
func VerifySnapshot(ctx context.Context, path string) (*Verdict, error) {
	folder := filepath.Dir(path)
	dir, err := datadir.Open(filepath.Dir(folder))
	if errors.Is(err, datadir.ErrNoLedger) {
		dir, err = datadir.Open(folder)
	}
	if err != nil {
		return nil, fmt.Errorf("the genesis that %s belongs to: %w", path, err)
	}
	ring, err := dir.NodeKeys()
	if err != nil {
		return nil, err
	}
	all, err := snapshot.List(folder, ring)
	if err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	for _, l := range all {
		if fmt.Sprintf("%020d", l.Index) != name {
			continue
		}
		f, m, err := verifyListed(ctx, l)
		if err != nil {
			return nil, err
		}
		v := &Verdict{Cluster: dir.Genesis.ID(), Findings: []juno.Finding{f}}
		if m != nil {
			v.Start, v.Tip = m.Pos, m.Pos
		}
		return v, nil
	}
	return nil, fmt.Errorf("%s: no snapshot with a manifest: %w", path, os.ErrNotExist)
}

// verifyListed verifies a snapshot's signature, its file, its elements against its state hash, and
// its commit certificate. The error says that it could not be carried out.
func verifyListed(
	ctx context.Context, l snapshot.Listed,
) (f juno.Finding, m *snapshot.Manifest, err error) {
	f = juno.Finding{Check: checkSnapshot, From: l.Index, To: l.Index + 1}
	s, err := snapshot.Open(ctx, l, nil)
	if ctx.Err() != nil {
		return f, nil, ctx.Err()
	}
	if err != nil {
		return badSnapshot(f, "the bytes that were signed", "other bytes", err), nil, nil
	}
	defer s.Close()
	_, hash, err := loadState(s)
	if err != nil {
		return badSnapshot(f, "elements of a state", "other bytes", err), nil, nil
	}
	f.Items = s.Manifest.Elements
	if hash != s.Manifest.StateHash {
		return badSnapshot(f, s.Manifest.StateHash.String(), hash.String(),
			errors.New("the elements give another state hash than the manifest names")), nil, nil
	}
	f.OK = true
	f.Detail = fmt.Sprintf("%d elements, state hash %s, signed by %s", f.Items, hash.Short(),
		s.Manifest.Node)
	return f, s.Manifest, nil
}

func badSnapshot(f juno.Finding, expected, actual string, err error) juno.Finding {
	f.OK, f.FirstBad, f.Expected, f.Actual, f.Detail = false, f.From, expected, actual, err.Error()
	return f
}

// loadState reads a snapshot's elements into memory, and returns their state hash.
func loadState(s *snapshot.Snapshot) (*audit.Memory, juno.Hash, error) {
	memory, set := audit.NewMemory(), &state.SetHash{}
	for e, err := range s.Elements() {
		if err != nil {
			return nil, juno.Hash{}, err
		}
		set.Add(e.Key, e.Value)
		memory.Put([]byte(string(e.Key)), []byte(string(e.Value)))
	}
	return memory, set.Hash(), nil
}
