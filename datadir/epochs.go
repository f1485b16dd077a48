package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"juno"
	"juno/internal/vfs"
	"juno/verify"
)

// The file "epochs" holds the proofs of all changes of the membership (juno.AppendEpochChanges), so
// that a program that reads the directory without the log knows the nodes' keys, and so that a log
// can drop the entries that the changes are in. Every change proves itself by the members before
// it, beginning with the genesis, so the file need not be believed, and that of any other node will
// do. It may lack the newest changes, which are in the log, and be missing as long as the log has
// dropped nothing. A client's directory has it, too.
const epochsBytesMax = 64 << 20

// NoteEpochs writes the proofs of all changes of the membership into the file, unless it has as
// many. One that cannot be read is replaced.
func (d *Directory) NoteEpochs(all []juno.EpochChange) error {
	if there, err := d.Epochs(); err == nil && len(there) >= len(all) {
		return nil
	}
	return vfs.WriteFile(d.fsys, d.epochsPath(), juno.AppendEpochChanges(nil, all))
}

// Epochs returns what is in the file of epochs: verified, from the genesis on, and perhaps not up
// to date.
func (d *Directory) Epochs() ([]juno.EpochChange, error) {
	if _, err := d.Memberships(juno.ClusterID{}); err != nil {
		return nil, err
	}
	return d.readEpochs()
}

// Memberships returns what the file of epochs proves, from the genesis on. pinned is the ledger
// that the directory must belong to; zero stands for any.
func (d *Directory) Memberships(pinned juno.ClusterID) (*verify.Memberships, error) {
	m, err := verify.FromGenesis(d.Genesis, pinned)
	if err != nil {
		return nil, err
	}
	all, err := d.readEpochs()
	if err != nil {
		return nil, err
	}
	if err := m.ExtendAll(all); err != nil {
		return nil, d.badEpochs(err)
	}
	return m, nil
}

// readEpochs returns what is in the file of epochs, not verified.
func (d *Directory) readEpochs() ([]juno.EpochChange, error) {
	b, err := vfs.ReadFile(d.fsys, d.epochsPath(), epochsBytesMax)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read epochs: %w", err)
	}
	all, err := juno.ParseEpochChanges(b)
	if err != nil {
		return nil, d.badEpochs(err)
	}
	return all, nil
}

func (d *Directory) epochsPath() string { return filepath.Join(d.Path, epochsName) }

func (d *Directory) badEpochs(err error) error {
	return fmt.Errorf("%w: %s: %w; put that of another node in its place, or, where the log has "+
		"dropped nothing, delete it and open the ledger", verify.ErrEvidence, d.epochsPath(), err)
}

// NodeKeys returns the keys that may sign snapshots: those of all nodes that ever were.
func (d *Directory) NodeKeys() (*juno.Keyring, error) {
	m, err := d.Memberships(juno.ClusterID{})
	if err != nil {
		return nil, err
	}
	return m.NodeKeys()
}
