package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"juno"
	"juno/cluster"
	"juno/internal/vfs"
)

// The file "epochs" holds the proofs of all changes of the membership, so that whoever reads the
// directory without opening the log knows the nodes' keys, and so that a log can drop the entries
// that the changes are in: version (1), count (uvarint), then each change (juno.AppendEpochChange).
// Every change proves itself by the members before it, beginning with the genesis, so the file need
// not be believed, and that of any other node will do. It may lack the newest changes, which are in
// the log, and be missing as long as the log has dropped nothing. A client's directory has it, too.
const (
	epochsName     = "epochs"
	epochsVersion  = 1
	epochsBytesMax = 64 << 20
	epochsMax      = 1 << 16
)

// Epochs returns the proofs of the ends of all epochs from one on, in order.
func (l *Ledger) Epochs(from uint32) ([]juno.EpochChange, error) {
	all, err := l.log.epochs()
	if err != nil {
		return nil, err
	}
	// The certificate of the end of an epoch is of that epoch, and the file may lack the first.
	for len(all) > 0 && all[0].Certificate.Term.Epoch() < from {
		all = all[1:]
	}
	return all, nil
}

// epochs returns the ends of all epochs: those in the log, and before them those that it has
// dropped, from the file. That may be another node's, and know of changes that the log has not come
// to.
func (l *clusterLog) epochs() ([]juno.EpochChange, error) {
	var all []juno.EpochChange
	for r, err := range l.wal().Records(juno.RecordEpoch, 0, 0) {
		if err != nil {
			return nil, err
		}
		e, err := juno.ParseEpochRecord(r.Bytes)
		if err != nil {
			return nil, err
		}
		c := e.Certificate
		all = append(all, juno.EpochChange{
			Prev: c.PrevHash, Certificate: c, Entry: juno.Entry{
				Index: c.Pos.Index, Term: c.Head.Term, Time: c.Head.Time,
				Type: juno.EntryConfig, Payload: e.Payload,
			},
		})
	}
	start := l.wal().Start().Index
	if start == 0 {
		return all, nil
	}
	dropped, _, err := l.dir.epochs()
	if err != nil {
		return nil, err
	}
	for i := range dropped {
		at := dropped[i].Entry.Index
		if at > start || len(all) > 0 && at >= all[0].Entry.Index {
			return append(dropped[:i:i], all...), nil
		}
	}
	return append(dropped, all...), nil
}

// noteEpochs brings the file up to date.
func (l *clusterLog) noteEpochs() error {
	l.noting.Lock()
	defer l.noting.Unlock()
	all, err := l.epochs()
	if err != nil || len(all) == l.noted {
		return err
	}
	if err = l.dir.NoteEpochs(all); err == nil {
		l.noted = len(all)
	}
	return err
}

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

// entered is told that another membership is in force.
func (l *Ledger) entered() {
	l.snapshots.put(func(ctx context.Context) {
		l.snapshots.beside.Go(func() {
			err := l.follow(ctx)
			if err != nil && ctx.Err() == nil && !errors.Is(err, cluster.ErrStopped) {
				l.warn(fmt.Sprintf("note the membership: %v", err))
			}
		})
	})
}

// follow brings the files that depend on the membership up to date: that of its proofs at once, and
// that of the node's key when a quorum knows of it.
func (l *Ledger) follow(ctx context.Context) error {
	if err := errors.Join(l.node.Flush(ctx), l.log.noteEpochs()); err != nil {
		return err
	}
	if err := l.node.Watch(ctx, decided); err != nil {
		return err
	}
	return l.adoptNodeKey()
}

// memberships returns all memberships that the directory knows, each proven by those before it.
func (d *Directory) memberships() ([]*juno.EpochConfig, error) {
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

// nodeKeys returns the keys that may sign snapshots: those of all nodes that ever were.
func (d *Directory) nodeKeys() (*juno.Keyring, error) {
	configs, err := d.memberships()
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
