package vfs

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// ErrInjected is the error of an operation that a Fault made fail.
var ErrInjected = errors.New("injected fault")

// OpKind is a kind of operation that changes something, or makes it durable.
type OpKind uint8

// The operations that a Fault counts. Reading is not among them.
const (
	OpCreate OpKind = iota + 1
	OpRename
	OpRemove
	OpMkdir
	OpSyncDir
	OpWrite
	OpTruncate
	OpAllocate
	OpSync
)

var opNames = [...]string{
	OpCreate: "create", OpRename: "rename", OpRemove: "remove", OpMkdir: "mkdir",
	OpSyncDir: "syncdir", OpWrite: "write", OpTruncate: "truncate", OpAllocate: "allocate",
	OpSync: "sync",
}

// String returns the operation as a word.
func (k OpKind) String() string {
	if int(k) < len(opNames) && opNames[k] != "" {
		return opNames[k]
	}
	return fmt.Sprintf("OpKind(%d)", uint8(k))
}

// Op is one operation that is about to happen.
type Op struct {
	N      int // its number, the first is 1
	Kind   OpKind
	Name   string // path; for a rename the new one
	Offset int64  // of a write; the new length of a truncate or allocate
	Bytes  int    // length of a write
}

// Fault wraps a file system, numbers the operations that change it, and makes them fail as it is
// told. It is safe for concurrent use if the wrapped FS is; Before must then be too.
type Fault struct {
	inner FS

	mu        sync.Mutex // guards the fields below
	count     int
	failAt    int   // 0 for never
	full      bool  // freeBytes counts
	freeBytes int64 // what can still be written before the disk is full
	before    func(Op) error
}

var _ FS = (*Fault)(nil)

// NewFault wraps fsys. It does no harm until it is told to.
func NewFault(fsys FS) *Fault { return &Fault{inner: fsys} }

// FailAt makes operation n, counted from the first ever, fail with ErrInjected; a write puts
// half of its bytes down first. Only that one fails; 0 calls it off.
func (f *Fault) FailAt(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failAt = n
}

// FullAfter makes the disk full, with ErrNoSpace, once n more bytes have been written or
// allocated. As on a real disk the write that does not fit is cut. A negative n gives the disk
// its space back.
func (f *Fault) FullAfter(n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.full, f.freeBytes = n >= 0, n
}

// Before has hook called before every operation; an error from it is that operation's error,
// and the operation is not done. The hook may look at the wrapped file system, for instance to
// take a CrashClone, but must not use the Fault.
func (f *Fault) Before(hook func(Op) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before = hook
}

// Count returns the number of operations so far.
func (f *Fault) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

// op numbers an operation and returns how many bytes of it may be done, and its error. grows is
// the space it takes from a disk that can get full.
func (f *Fault) op(kind OpKind, name string, offset int64, length int, grows int64) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if f.before != nil {
		op := Op{N: f.count, Kind: kind, Name: name, Offset: offset, Bytes: length}
		if err := f.before(op); err != nil {
			return 0, fmt.Errorf("%s %s (operation %d): %w", kind, name, f.count, err)
		}
	}
	if f.count == f.failAt {
		return grows / 2, fmt.Errorf("%s %s (operation %d): %w", kind, name, f.count, ErrInjected)
	}
	if f.full {
		if grows > f.freeBytes {
			fits := f.freeBytes
			f.freeBytes = 0
			return fits, fmt.Errorf("%s %s (operation %d): %w", kind, name, f.count, ErrNoSpace)
		}
		f.freeBytes -= grows
	}
	return grows, nil
}

// Create makes a new empty file.
func (f *Fault) Create(name string) (File, error) {
	if _, err := f.op(OpCreate, name, 0, 0, 0); err != nil {
		return nil, err
	}
	return f.wrap(f.inner.Create(name))
}

// Open opens a file for reading.
func (f *Fault) Open(name string) (File, error) { return f.wrap(f.inner.Open(name)) }

// OpenReadWrite opens a file that exists for reading and writing.
func (f *Fault) OpenReadWrite(name string) (File, error) {
	return f.wrap(f.inner.OpenReadWrite(name))
}

func (f *Fault) wrap(file File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return &faultFile{File: file, f: f}, nil
}

// Rename renames a file or directory within its directory.
func (f *Fault) Rename(oldName, newName string) error {
	if _, err := f.op(OpRename, newName, 0, 0, 0); err != nil {
		return err
	}
	return f.inner.Rename(oldName, newName)
}

// Remove removes a file or an empty directory.
func (f *Fault) Remove(name string) error {
	if _, err := f.op(OpRemove, name, 0, 0, 0); err != nil {
		return err
	}
	return f.inner.Remove(name)
}

// MkdirAll makes a directory and its parents.
func (f *Fault) MkdirAll(dir string) error {
	if _, err := f.op(OpMkdir, dir, 0, 0, 0); err != nil {
		return err
	}
	return f.inner.MkdirAll(dir)
}

// List returns the sorted names in a directory.
func (f *Fault) List(dir string) ([]string, error) { return f.inner.List(dir) }

// Stat describes a file or directory.
func (f *Fault) Stat(name string) (Info, error) { return f.inner.Stat(name) }

// SyncDir makes the names in a directory durable.
func (f *Fault) SyncDir(dir string) error {
	if _, err := f.op(OpSyncDir, dir, 0, 0, 0); err != nil {
		return err
	}
	return f.inner.SyncDir(dir)
}

// Lock takes a directory.
func (f *Fault) Lock(dir string) (io.Closer, error) { return f.inner.Lock(dir) }

// FreeBytes returns what FullAfter left, or what the wrapped file system has.
func (f *Fault) FreeBytes(dir string) (int64, error) {
	f.mu.Lock()
	full, free := f.full, f.freeBytes
	f.mu.Unlock()
	if full {
		return free, nil
	}
	return f.inner.FreeBytes(dir)
}

// faultFile counts and spoils the operations of an open file. What it embeds is not counted.
type faultFile struct {
	File
	f *Fault
}

// WriteAt writes p, or as much of it as the fault lets through.
func (w *faultFile) WriteAt(p []byte, offset int64) (int, error) {
	return w.write(p, offset, func(p []byte) (int, error) { return w.File.WriteAt(p, offset) })
}

// Write writes p at the file's own position, or as much of it as the fault lets through.
func (w *faultFile) Write(p []byte) (int, error) { return w.write(p, -1, w.File.Write) }

func (w *faultFile) write(p []byte, offset int64, do func([]byte) (int, error)) (int, error) {
	fits, err := w.f.op(OpWrite, w.Name(), offset, len(p), int64(len(p)))
	if err == nil {
		return do(p)
	}
	n := 0
	if fits > 0 {
		n, _ = do(p[:fits]) // the injected error is the one to report
	}
	return n, err
}

// Sync makes the bytes and the length durable.
func (w *faultFile) Sync() error {
	if _, err := w.f.op(OpSync, w.Name(), 0, 0, 0); err != nil {
		return err
	}
	return w.File.Sync()
}

// Truncate sets the length.
func (w *faultFile) Truncate(size int64) error {
	if _, err := w.f.op(OpTruncate, w.Name(), size, 0, 0); err != nil {
		return err
	}
	return w.File.Truncate(size)
}

// Allocate lengthens the file. On a disk that can get full it fails if the new length does not
// fit, but takes no space: the writes into it will.
func (w *faultFile) Allocate(size int64) error {
	now, err := w.Size()
	if err != nil {
		return err
	}
	if _, err := w.f.op(OpAllocate, w.Name(), size, 0, 0); err != nil {
		return err
	}
	w.f.mu.Lock()
	tooLong := w.f.full && size-now > w.f.freeBytes
	w.f.mu.Unlock()
	if tooLong {
		return pathError("allocate", w.Name(), ErrNoSpace)
	}
	return w.File.Allocate(size)
}
