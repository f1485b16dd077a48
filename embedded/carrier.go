package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"

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
// set, otherwise a snapshot, which it takes now, and the entries after it. Commands go on
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
		if s, err = l.freshSnapshot(ctx); err != nil {
			return info, err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		info.State = s.Manifest.Pos.Index
	}
	if err := l.node.Flush(ctx); err != nil {
		return info, err
	}
	proof, found := l.log.newestHistory(juno.RecordProof)
	if !found || proof.Index < info.State {
		return info, errors.New("export: nothing is final yet")
	}
	info.From, info.To = info.State+1, proof.Index+1
	cargo := snapshot.Cargo{
		Genesis: l.dir.Genesis, Snapshot: s,
		Entries: l.log.wal().Entries(info.From, info.To), Records: l.proofs(info.State, info.To),
	}
	info.Bytes, err = writeCarrier(ctx, l.fsys, path, cargo)
	return info, err
}

// freshSnapshot takes a snapshot and opens it.
func (l *Ledger) freshSnapshot(ctx context.Context) (*snapshot.Snapshot, error) {
	info, err := l.Snapshot(ctx, nil)
	if err != nil {
		return nil, err
	}
	ring, err := l.dir.NodeKeys()
	if err != nil {
		return nil, err
	}
	all, err := snapshot.List(l.dir.SnapshotsPath(), ring)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if s.Index == info.Index {
			return snapshot.Open(ctx, s, nil)
		}
	}
	return nil, fmt.Errorf("snapshot %d is gone", info.Index)
}

// proofs yields the records of [from, to) that prove entries.
func (l *Ledger) proofs(from, to juno.Index) iter.Seq2[juno.Record, error] {
	return func(yield func(juno.Record, error) bool) {
		for _, kind := range []juno.RecordKind{juno.RecordProof, juno.RecordEpoch} {
			for r, err := range l.log.wal().Records(kind, from, to) {
				if !yield(r, err) || err != nil {
					return
				}
			}
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
