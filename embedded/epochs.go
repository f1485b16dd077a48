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
	"juno/verify"
)

// The file "epochs" holds the proofs of all changes of the membership, so that whoever reads the
// directory without opening the log knows the nodes' keys, and so that a log can drop the entries
// that the changes are in: version (1), count (uvarint), then each change (juno.AppendEpochChange).
// Every change proves itself by the members before it, beginning with the genesis, so the file need
// not be believed, and that of any other node will do. It may lack the newest changes, which are in
// the log, and be missing as long as the log has dropped nothing. A client's directory has it, too.
const (
	epochsName     = "epochs"
	epochsBytesMax = 64 << 20
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
		all = append(all, e.Change())
	}
	start := l.wal().Start().Index
	if start == 0 {
		return all, nil
	}
	dropped, err := l.dir.Epochs()
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
	return vfs.WriteFile(d.fsys, filepath.Join(d.Path, epochsName),
		juno.AppendEpochChanges(nil, all))
}

// Epochs returns what is in the file of epochs: checked, from the genesis on, and perhaps not up to
// date.
func (d *Directory) Epochs() ([]juno.EpochChange, error) {
	if _, err := d.Memberships(juno.ClusterID{}); err != nil {
		return nil, err
	}
	return d.readEpochs()
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

// Memberships returns what the directory's file of epochs proves, from its genesis on.
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
		return nil, badEpochs(filepath.Join(d.Path, epochsName), err)
	}
	return m, nil
}

// readEpochs returns what is in the file of epochs, not checked.
func (d *Directory) readEpochs() ([]juno.EpochChange, error) {
	file := filepath.Join(d.Path, epochsName)
	b, err := vfs.ReadFile(d.fsys, file, epochsBytesMax)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read epochs: %w", err)
	}
	all, err := juno.ParseEpochChanges(b)
	if err != nil {
		return nil, badEpochs(file, err)
	}
	return all, nil
}

func badEpochs(file string, err error) error {
	return fmt.Errorf("%s: %w; put that of another node in its place, or, where the log has "+
		"dropped nothing, delete it and open the ledger", file, err)
}

// nodeKeys returns the keys that may sign snapshots: those of all nodes that ever were.
func (d *Directory) nodeKeys() (*juno.Keyring, error) {
	m, err := d.Memberships(juno.ClusterID{})
	if err != nil {
		return nil, err
	}
	return m.NodeKeys()
}
