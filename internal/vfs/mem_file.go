package vfs

import (
	"io"
	"io/fs"
)

// memFile is an open file of a Mem. Its fields are guarded by m.mu.
type memFile struct {
	m        *Mem
	node     *memNode
	name     string
	writable bool
	closed   bool
	position int64 // where Write writes
}

var _ File = (*memFile)(nil)

// check says why an operation cannot be done. The caller holds m.mu.
func (f *memFile) check(op string, write bool, offset int64) error {
	switch {
	case f.closed:
		return pathError(op, f.name, fs.ErrClosed)
	case write && !f.writable:
		return pathError(op, f.name, fs.ErrPermission)
	case offset < 0:
		return pathError(op, f.name, fs.ErrInvalid)
	}
	return nil
}

// ReadAt reads len(p) bytes, or fewer and io.EOF at the end.
func (f *memFile) ReadAt(p []byte, offset int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("read", false, offset); err != nil {
		return 0, err
	}
	if offset >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes all of p.
func (f *memFile) WriteAt(p []byte, offset int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("write", true, offset); err != nil {
		return 0, err
	}
	f.node.write(memWrite{offset: offset, data: append([]byte(nil), p...)})
	return len(p), nil
}

// Write writes all of p at the file's own position.
func (f *memFile) Write(p []byte) (int, error) {
	n, err := f.WriteAt(p, f.position)
	f.position += int64(n)
	return n, err
}

// Sync makes the bytes and the length durable.
func (f *memFile) Sync() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("sync", false, 0); err != nil {
		return err
	}
	f.node.sync()
	return nil
}

// Truncate sets the length.
func (f *memFile) Truncate(size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("truncate", true, size); err != nil {
		return err
	}
	f.node.write(memWrite{offset: size, truncate: true})
	return nil
}

// Allocate lengthens the file with zeros.
func (f *memFile) Allocate(size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("allocate", true, size); err != nil {
		return err
	}
	if size > int64(len(f.node.data)) {
		f.node.write(memWrite{offset: size, truncate: true})
	}
	return nil
}

// Size returns the length in bytes.
func (f *memFile) Size() (int64, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("size", false, 0); err != nil {
		return 0, err
	}
	return int64(len(f.node.data)), nil
}

// Name returns the path that the file was opened under.
func (f *memFile) Name() string { return f.name }

// Close releases the file.
func (f *memFile) Close() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("close", false, 0); err != nil {
		return err
	}
	f.closed = true
	return nil
}
