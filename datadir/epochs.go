package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"juno"
	"juno/internal/vfs"
)

// The file "epochs" holds the proofs of all changes of the membership, so that whoever reads the
// directory without opening the log knows the nodes' keys, and so that a log can drop the entries
// that the changes are in: version (1), count (uvarint), then each change (juno.AppendEpochChange).
// Every change proves itself by the members before it, beginning with the genesis, so the file need
// not be believed, and that of any other node will do. It may lack the newest changes, which are in
// the log, and be missing as long as the log has dropped nothing. A client's directory has it, too.
const (
	epochsVersion  = 1
	epochsBytesMax = 64 << 20
	epochsMax      = 1 << 16
)

// NoteEpochs writes the proofs of all changes of the membership into the file, unless it has as
// many. One that cannot be read is replaced.
func (d *Directory) NoteEpochs(all []juno.EpochChange) error {
	if there, err := d.Epochs(); err == nil && len(there) >= len(all) {
		return nil
	}
	b := juno.AppendUvarint([]byte{epochsVersion}, uint64(len(all)))
	for i := range all {
		b = juno.AppendEpochChange(b, &all[i])
	}
	return vfs.WriteFile(d.fsys, filepath.Join(d.Path, epochsName), b)
}

// Epochs returns what is in the file of epochs: checked, from the genesis on, and perhaps not up to
// date.
func (d *Directory) Epochs() ([]juno.EpochChange, error) {
	all, _, err := d.epochs()
	return all, err
}

// Memberships returns all memberships that the directory knows, each proven by those before it.
func (d *Directory) Memberships() ([]*juno.EpochConfig, error) {
	_, configs, err := d.epochs()
	return configs, err
}

// epochs returns what is in the file of epochs, and all memberships with that of the genesis.
func (d *Directory) epochs() ([]juno.EpochChange, []*juno.EpochConfig, error) {
	configs := []*juno.EpochConfig{&d.Genesis.Config}
	file := filepath.Join(d.Path, epochsName)
	b, err := vfs.ReadFile(d.fsys, file, epochsBytesMax)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, configs, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read epochs: %w", err)
	}
	var changes []juno.EpochChange
	decoder := juno.NewDecoder(b)
	decoder.Version(epochsVersion, "epochs")
	for range decoder.Count(epochsMax) {
		change := decoder.EpochChange()
		if decoder.Err() != nil {
			break
		}
		next, err := change.Next(configs[len(configs)-1], d.Genesis.ID())
		if err != nil {
			return nil, nil, badEpochs(file, err)
		}
		changes, configs = append(changes, change), append(configs, next)
	}
	if err := decoder.Done(); err != nil {
		return nil, nil, badEpochs(file, err)
	}
	return changes, configs, nil
}

func badEpochs(file string, err error) error {
	return fmt.Errorf("%s: %w; put that of another node in its place, or, where the log has "+
		"dropped nothing, delete it and open the ledger", file, err)
}

// NodeKeys returns the keys that may sign snapshots: those of all nodes that ever were.
func (d *Directory) NodeKeys() (*juno.Keyring, error) {
	configs, err := d.Memberships()
	if err != nil {
		return nil, err
	}
	var records []juno.KeyRecord
	known := make(map[juno.KeyID]bool)
	for _, c := range configs {
		ring, err := c.Keyring(d.Genesis.ID())
		if err != nil {
			return nil, err
		}
		for _, r := range ring.Records() {
			if !known[r.ID] {
				known[r.ID] = true
				records = append(records, r)
			}
		}
	}
	return juno.NewKeyring(d.Genesis.ID(), records)
}
