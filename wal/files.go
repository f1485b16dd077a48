package wal

import (
	"errors"
	"sync"

	"juno/internal/vfs"
)

// filesOpenMax is how many segments are kept open for reading, with their indexes: some 10 MiB
// of memory, and few enough file descriptors for any machine.
const filesOpenMax = 64

// files keeps the segments open that are read. It is safe for concurrent use.
type files struct {
	fsys vfs.FS

	mu     sync.Mutex // guards the fields below, and refs and used of every handle
	open   map[uint64]*handle
	clock  uint64 // counts uses
	closed bool
}

// handle is an open segment.
type handle struct {
	number uint64
	file   vfs.File
	refs   int    // whoever uses it, the writer included; it is closed at 0 only
	used   uint64 // clock at the last use

	mu    sync.Mutex    // guards index
	index *segmentIndex // of a sealed segment; nil until it is needed
}

func newFiles(fsys vfs.FS) *files { return &files{fsys: fsys, open: map[uint64]*handle{}} }

// acquire returns the open file of a segment. The caller gives it back with release.
func (f *files) acquire(s *segment) (*handle, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, ErrClosed
	}
	h := f.open[s.number()]
	if h == nil {
		if err := f.evict(); err != nil {
			return nil, err
		}
		file, err := f.fsys.Open(s.path)
		if err != nil {
			return nil, err
		}
		h = &handle{number: s.number(), file: file}
		f.open[h.number] = h
	}
	f.clock++
	h.refs, h.used = h.refs+1, f.clock
	return h, nil
}

// adopt takes over a file that the caller has opened for writing, in place of one that may be
// open for reading, and acquires it.
func (f *files) adopt(number uint64, file vfs.File) (*handle, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.evict()
	if old := f.open[number]; old != nil {
		err = errors.Join(err, f.forget(old))
	}
	f.clock++
	h := &handle{number: number, file: file, refs: 1, used: f.clock}
	f.open[number] = h
	return h, err
}

// release gives a handle back. Nothing was written through it that a failed close could lose.
func (f *files) release(h *handle) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h.refs--
	if h.refs == 0 && f.open[h.number] != h {
		_ = h.file.Close()
	}
}

// evict closes the file that was not used for the longest time, if there are too many. The
// caller holds mu.
func (f *files) evict() error {
	if len(f.open) < filesOpenMax {
		return nil
	}
	var oldest *handle
	for _, h := range f.open {
		if h.refs == 0 && (oldest == nil || h.used < oldest.used) {
			oldest = h
		}
	}
	if oldest == nil {
		return nil // all are being read: rather one more open file than a reader that waits
	}
	return f.forget(oldest)
}

// forget drops a file, and closes it if nobody uses it. The caller holds mu.
func (f *files) forget(h *handle) error {
	delete(f.open, h.number)
	if h.refs > 0 {
		return nil // release closes it
	}
	return h.file.Close()
}

// drop forgets a segment that is about to be removed.
func (f *files) drop(number uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h := f.open[number]; h != nil {
		return f.forget(h)
	}
	return nil
}

// close closes all files that nobody uses; the others are closed by the last release.
func (f *files) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	var err error
	for _, h := range f.open {
		err = errors.Join(err, f.forget(h))
	}
	return err
}

// indexOf returns the index of a sealed segment, and reads it if need be.
func (h *handle) indexOf(s *segment) (*segmentIndex, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.index == nil {
		x, err := s.readIndex(h.file)
		if err != nil {
			return nil, err
		}
		h.index = x
	}
	return h.index, nil
}

// setIndex gives the index of a segment that was just sealed.
func (h *handle) setIndex(x *segmentIndex) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.index = x
}
