package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"juno"
	"juno/internal/vfs"
	"juno/snapshot"
)

// ExportInfo says what a carrier holds.
type ExportInfo struct {
	From, To juno.Index // entries [From, To)
	State    juno.Index // of the snapshot that they continue; 0 if they begin with 1
	Bytes    int64
}

// Export writes the ledger to one file, which must not exist: all history that is held if whole is
// set, otherwise a snapshot whose state is proven, and the entries after it. The only voter of a
// ledger takes that snapshot now, and its signature proves it. In a cluster it is the newest one
// that a quorum has certified; while there is none, the file holds all history. Commands go on
// meanwhile; the file holds what was final and proven when it began.
func (l *Ledger) Export(ctx context.Context, path string, whole bool) (info ExportInfo, err error) {
	if l.node == nil {
		return info, ErrReadOnly
	}
	if whole && l.log.wal().Start().Index > 0 {
		return info, fmt.Errorf("export: entries before %d are not held here",
			l.log.wal().Start().Index+1)
	}
	var s *snapshot.Snapshot
	if !whole {
		if s, err = l.provenSnapshot(ctx); err != nil {
			return info, err
		}
	}
	if s != nil {
		defer func() { err = errors.Join(err, s.Close()) }()
		info.State = s.Manifest.Pos.Index
	}
	if err := l.node.Flush(ctx); err != nil {
		return info, err
	}
	epochs, err := l.Epochs(0)
	if err != nil {
		return info, err
	}
	proof, found := l.log.newestHistory(juno.RecordProof)
	if !found || proof.Index < info.State {
		return info, errors.New("export: nothing is final yet")
	}
	info.From, info.To = info.State+1, proof.Index+1
	for len(epochs) > 0 && epochs[len(epochs)-1].Entry.Index >= info.To {
		epochs = epochs[:len(epochs)-1]
	}
	cargo := snapshot.Cargo{
		Genesis: l.dir.Genesis, Epochs: epochs, Snapshot: s,
		Entries: l.log.wal().Entries(info.From, info.To), Records: l.proofs(info.State, info.To),
	}
	info.Bytes, err = writeCarrier(ctx, l.fsys, path, cargo)
	return info, err
}

// provenSnapshot opens a snapshot whose state others can prove; nil if there is none yet, and all
// history is held.
func (l *Ledger) provenSnapshot(ctx context.Context) (*snapshot.Snapshot, error) {
	at := juno.Index(0)
	alone := len(l.Membership().Voters) == 1
	if alone {
		info, err := l.Snapshot(ctx, nil)
		if err != nil {
			return nil, err
		}
		at = info.Index
	}
	ring, err := l.nodeKeys()
	if err != nil {
		return nil, err
	}
	all, err := snapshot.List(l.dir.SnapshotsPath(), ring)
	if err != nil {
		return nil, err
	}
	start := l.log.wal().Start().Index
	for _, s := range slices.Backward(all) {
		certified := s.Err == nil && len(s.Manifest.Checkpoint) > 0 && s.Index >= start
		if s.Index == at || !alone && certified {
			return snapshot.Open(ctx, s, nil)
		}
	}
	switch {
	case alone:
		return nil, fmt.Errorf("snapshot %d is gone", at)
	case start > 0:
		return nil, fmt.Errorf("export: entries before %d are not held here, and no quorum has "+
			"certified a snapshot of a later one yet", start+1)
	}
	return nil, nil
}

// proofs yields the records of [from, to) that prove entries, in the order of their indexes.
func (l *Ledger) proofs(from, to juno.Index) iter.Seq2[juno.Record, error] {
	return func(yield func(juno.Record, error) bool) {
		proof, stop := iter.Pull2(l.log.wal().Records(juno.RecordProof, from, to))
		defer stop()
		epoch, stop := iter.Pull2(l.log.wal().Records(juno.RecordEpoch, from, to))
		defer stop()
		p, errP, moreP := proof()
		e, errE, moreE := epoch()
		for moreP || moreE {
			if moreP && (!moreE || p.Index <= e.Index) {
				if !yield(p, errP) || errP != nil {
					return
				}
				p, errP, moreP = proof()
				continue
			}
			if !yield(e, errE) || errE != nil {
				return
			}
			e, errE, moreE = epoch()
		}
	}
}

// writeCarrier writes a carrier to path, durably, under another name until it is complete.
func writeCarrier(
	ctx context.Context, fsys vfs.FS, path string, c snapshot.Cargo,
) (size int64, err error) {
	if _, err := os.Stat(path); err == nil {
		return 0, fmt.Errorf("export to %s: %w", path, os.ErrExist)
	}
	part := path + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("export: %w", err)
	}
	f, err := fsys.Create(part)
	if err != nil {
		return 0, fmt.Errorf("export: %w", err)
	}
	out := bufio.NewWriterSize(f, 1<<20)
	err = snapshot.Export(ctx, out, c)
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, errors.Join(err, fsys.Remove(part))
	}
	if err := fsys.Rename(part, path); err != nil {
		return 0, fmt.Errorf("export: %w", err)
	}
	info, err := fsys.Stat(path)
	return info.Bytes, errors.Join(err, fsys.SyncDir(filepath.Dir(path)))
}
