package embedded

import (
	"context"
	"errors"
	"path/filepath"

	"juno"
	"juno/cluster"
	"juno/cluster/consensus"
	"juno/internal/vfs"
)

// ErrReadOnly is returned where the ledger would have to go on and the node's key is not in the
// directory, as in one that was imported without keys.
var ErrReadOnly = errors.New("this directory has no node key: the ledger can be read, not written")

// ReadOnly reports whether the ledger can only be read.
func (l *Ledger) ReadOnly() bool { return l.readOnly }

// readProven executes what the log proves to be final, for a ledger without a node.
func (l *Ledger) readProven(progress func(done, total int)) error {
	proof, found := l.log.newestHistory(juno.RecordProof)
	if !found || proof.Index <= l.db().Applied() {
		return nil
	}
	return l.db().Replay(context.Background(), proof.Index, func(done, total juno.Index) {
		if progress != nil {
			progress(int(done), int(total))
		}
	})
}

// Status returns a picture of the node. A ledger that can only be read observes itself.
func (l *Ledger) Status() cluster.Status {
	if l.node != nil {
		return l.node.Status()
	}
	head := l.db().Head()
	s := cluster.Status{Applied: head.Pos}
	s.Role, s.Last, s.Committed = consensus.Observer, l.log.wal().Tip(), head.Pos
	return s
}

// Failed is closed when the ledger has stopped by itself, because its disk failed; Err says why.
// It is nil, and never closed, for a ledger that can only be read.
func (l *Ledger) Failed() <-chan struct{} {
	if l.node == nil {
		return nil
	}
	return l.node.Failed()
}

// Err returns why the ledger stopped by itself, or nil.
func (l *Ledger) Err() error {
	if l.node == nil {
		return l.db().Err()
	}
	return l.node.Err()
}

// Watch waits until the node's status is what somebody waits for.
func (l *Ledger) Watch(ctx context.Context, until func(*cluster.Status) bool) error {
	if l.node == nil {
		return ErrReadOnly
	}
	return l.node.Watch(ctx, until)
}

// StateHash returns the hash of the state with its position. Two nodes at the same position have
// the same.
func (l *Ledger) StateHash(ctx context.Context) (juno.Pos, juno.Hash, error) {
	return l.db().StateHash(ctx)
}

// DiskBytes returns how much the log, the computed state and the snapshots take on the disk.
func (l *Ledger) DiskBytes() (log, state, snapshots int64) {
	return filesBytes(l.fsys, l.dir.LogPath()), filesBytes(l.fsys, l.dir.StatePath()),
		filesBytes(l.fsys, l.dir.SnapshotsPath())
}

// filesBytes sums up the files of a directory. What cannot be read takes nothing.
func filesBytes(fsys vfs.FS, dir string) int64 {
	names, err := fsys.List(dir)
	if err != nil {
		return 0
	}
	sum := int64(0)
	for _, name := range names {
		if info, err := fsys.Stat(filepath.Join(dir, name)); err == nil && !info.IsDir {
			sum += info.Bytes
		}
	}
	return sum
}
