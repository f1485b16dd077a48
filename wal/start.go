package wal

import (
	"iter"

	"juno"
	"juno/internal/vfs"
)

// Reader reads a log that nobody needs to have open. It changes nothing in the directory, takes no
// lock, and sees the log as it was when it was opened. One goroutine uses it.
type Reader struct{ log *Log }

// OpenReader reads the last segment of the log in dir, and the headers of the others. The errors
// are those of Verify. Close must be called.
func OpenReader(fsys vfs.FS, dir string, cluster juno.ClusterID) (*Reader, error) {
	c, err := load(fsys, dir, cluster)
	if err != nil {
		return nil, err
	}
	r := &Reader{&Log{files: newFiles(fsys)}}
	r.log.view.Store(c.view())
	return r, nil
}

// Close lets go of the files.
func (r *Reader) Close() error { return r.log.files.close() }

// Start returns the position before the first entry of the log.
func (r *Reader) Start() juno.Pos { return r.log.view.Load().start }

// Tip returns the position of the last entry.
func (r *Reader) Tip() juno.Pos { return r.log.view.Load().tip }

// Records returns the records of a kind of history that speak about [lo, hi), as Log.Records.
func (r *Reader) Records(k juno.RecordKind, lo, hi juno.Index) iter.Seq2[juno.Record, error] {
	return r.log.Records(k, lo, hi)
}

// HashAt implements juno.History. An entry that cannot be read is not held.
func (r *Reader) HashAt(index juno.Index) (juno.Hash, bool) {
	pos, err := r.log.Pos(index)
	return pos.Hash, err == nil
}

// HeaderAt implements juno.History. An entry that cannot be read is not held.
func (r *Reader) HeaderAt(index juno.Index) (juno.EntryHeader, bool) {
	e, err := r.log.Entry(index)
	if err != nil {
		return juno.EntryHeader{}, false
	}
	return e.Header(), true
}
