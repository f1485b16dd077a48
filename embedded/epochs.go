package embedded

import (
	"context"
	"errors"
	"fmt"

	"juno"
	"juno/cluster"
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
