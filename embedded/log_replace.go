package embedded

import (
	"errors"
	"io/fs"
	"path/filepath"

	"juno"
	"juno/internal/vfs"
	"juno/wal"
)

// A log that begins behind a state that was fetched from others takes the place of the old one:
//
//  1. it is made, complete and durable, as log.next;
//  2. log is renamed to log.old;
//  3. log.next is renamed to log;
//  4. log.old is removed.
//
// After a crash there is log, which counts, or only log.next, which then is complete.
const (
	nextLogSuffix = ".next"
	oldLogSuffix  = ".old"
)

// settleLog finishes what a crash left of the replacement of a log, or takes it back.
func settleLog(fsys vfs.FS, path string) error {
	_, errLog := fsys.Stat(path)
	_, errOld := fsys.Stat(path + oldLogSuffix)
	if errors.Is(errLog, fs.ErrNotExist) && errOld == nil {
		if err := renameSynced(fsys, path+nextLogSuffix, path); err != nil {
			return err
		}
	}
	if err := removeDir(fsys, path+nextLogSuffix); err != nil {
		return err
	}
	return removeDir(fsys, path+oldLogSuffix)
}

func renameSynced(fsys vfs.FS, from, to string) error {
	if err := fsys.Rename(from, to); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(to))
}

// removeDir removes a directory of files, if it is there.
func removeDir(fsys vfs.FS, path string) error {
	names, err := fsys.List(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := fsys.Remove(filepath.Join(path, name)); err != nil {
			return err
		}
	}
	return fsys.Remove(path)
}

// replace begins another log behind a position, with first in it, and what the old one held of
// memberships, certificates and hard state. first comes behind those: without the core's newest
// records the old ones would speak of positions that the new log does not hold.
func (l *clusterLog) replace(start juno.Pos, first *wal.Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	carried, err := carriedRecords(l.log)
	if err != nil {
		return err
	}
	first.Records = append(carried, first.Records...)
	o := l.options
	path := o.Dir
	o.Dir, o.Held = path+nextLogSuffix, juno.Pos{}
	if err := removeDir(o.FS, o.Dir); err != nil {
		return err
	}
	next, err := wal.Create(o, start)
	if err != nil {
		return err
	}
	if err := errors.Join(next.AppendSync(first), next.Close(), l.log.Close()); err != nil {
		return err
	}
	if err := renameSynced(o.FS, path, path+oldLogSuffix); err != nil {
		return err
	}
	// A crash at this line is finished by settleLog.
	if err := renameSynced(o.FS, o.Dir, path); err != nil {
		return err
	}
	o.Dir = path
	if l.log, err = wal.Open(o); err != nil {
		return err
	}
	return removeDir(o.FS, path+oldLogSuffix)
}

// carriedRecords returns what of a log's records goes on to the one that replaces it.
func carriedRecords(log *wal.Log) ([]juno.Record, error) {
	var carried []juno.Record
	for _, k := range []juno.RecordKind{
		juno.RecordHardState, juno.RecordAccepted,
		juno.RecordHighQC, juno.RecordHeaders,
	} {
		if r, ok := log.Newest(k); ok {
			carried = append(carried, r)
		}
	}
	for _, k := range []juno.RecordKind{
		juno.RecordEpoch, juno.RecordCheckpoint,
		juno.RecordEvidence,
	} {
		for r, err := range log.Records(k, 0, 0) {
			if err != nil {
				return nil, err
			}
			carried = append(carried, r)
		}
	}
	return carried, nil
}
