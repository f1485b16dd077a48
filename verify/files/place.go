package files

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"juno"
	"juno/internal/vfs"
	"juno/verify"
)

// place is a directory as somebody reads it who need not hold it.
type place struct {
	path    string
	genesis *juno.Genesis
}

func (p *place) log() string       { return filepath.Join(p.path, "log") }
func (p *place) snapshots() string { return filepath.Join(p.path, "snapshots") }

// open reads a directory's genesis, and what its file of epochs proves.
func open(path string, pinned juno.ClusterID) (*place, *verify.Memberships, error) {
	b, err := vfs.ReadFile(vfs.OS{}, filepath.Join(path, "genesis"), 4<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%s: no ledger here; make one with: juno init DIR (%w)", path, err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read ledger: %w", err)
	}
	g, err := juno.ParseGenesis(b)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	m, err := verify.FromGenesis(g, pinned)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	file := filepath.Join(path, "epochs")
	b, err = vfs.ReadFile(vfs.OS{}, file, 64<<20)
	if err == nil {
		var all []juno.EpochChange
		if all, err = juno.ParseEpochChanges(b); err == nil {
			err = m.ExtendAll(all)
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w: %s: %w", verify.ErrEvidence, file, err)
	}
	return &place{path: path, genesis: g}, m, nil
}
