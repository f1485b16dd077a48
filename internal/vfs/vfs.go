// Package vfs is the file system as the rooms that write files see it: the real one, one in
// memory that can lose power, and a wrapper that makes either of them fail.
//
// # Concepts
//
// An [FS] names, opens, renames and removes files. A [File] is one open file. [OS] is the machine's
// own file system. [Mem] keeps everything in memory and remembers what was synced: [Mem.CrashClone]
// is the disk that a machine finds after a power failure. [Fault] wraps an FS, counts its
// operations, and makes one of them fail, or the disk full.
//
// # What is durable when
//
// The contract is that of POSIX and no more, and Mem is as unkind as it allows:
//
//   - bytes written to a file, and its length, are durable after [File.Sync] on that file;
//   - a name (created, renamed, removed) is durable after [FS.SyncDir] on its directory, and a
//     synced file under a name that is not durable may be gone;
//   - unsynced writes survive a crash or not, each on its own, whole, as a prefix torn at any
//     byte, or with some of their 512-byte sectors missing; bytes that were never written read as
//     zeros. Unsynced names survive or not, each on its own; a rename is never half done;
//   - a process that is killed without a power failure loses nothing ([Mem.Clone]).
//
// After a failed Sync the state of the file on disk is unknown, and the kernel may have dropped
// the pages: trying again proves nothing. The process must stop and recover from what is there.
//
// The package does not buffer, retry, log, or start goroutines.
package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"
)

// FS is a file system. Names are paths in the syntax of path/filepath. Every implementation is
// safe for concurrent use by many goroutines. Errors satisfy errors.Is with fs.ErrNotExist,
// fs.ErrExist, fs.ErrClosed, and [ErrNoSpace] where they apply, and name the operation and path.
type FS interface {
	// Create makes a new empty file for reading and writing; fs.ErrExist if the name is taken.
	Create(name string) (File, error)
	// Open opens a file for reading only.
	Open(name string) (File, error)
	// OpenReadWrite opens a file that exists for reading and writing.
	OpenReadWrite(name string) (File, error)
	// Rename gives a file or directory another name in the same directory, atomically, replacing
	// a file that has it. Across directories it is refused: no crash-safe rename exists there.
	Rename(oldName, newName string) error
	// Remove removes a file, or a directory that is empty.
	Remove(name string) error
	// MkdirAll makes a directory and its parents; nil if it is there. The names it makes are
	// durable after SyncDir on each parent, see MkdirAllSync.
	MkdirAll(dir string) error
	// List returns the names in a directory, sorted, without the directory's own path.
	List(dir string) ([]string, error)
	// Stat describes a file or directory.
	Stat(name string) (Info, error)
	// SyncDir makes the names in a directory durable.
	SyncDir(dir string) error
	// Lock takes a directory for this process until the lock is closed, or the process ends.
	// A directory held by another holder gives a *LockedError. The directory must exist.
	Lock(dir string) (io.Closer, error)
	// FreeBytes returns how many bytes can still be written below dir.
	FreeBytes(dir string) (int64, error)
}

// File is an open file. ReadAt, WriteAt, Size and Sync may be called concurrently; Write, which
// moves the file's own position, and Close may not.
type File interface {
	io.ReaderAt
	io.WriterAt
	// Writer writes at the file's own position, which begins at 0 and which only Write moves.
	io.Writer
	// Sync makes the bytes written so far, and the length, durable. It need not make durable
	// what no reader of the bytes sees, such as the time of change.
	Sync() error
	// Truncate sets the length; what is beyond it is gone, what is added reads as zeros.
	Truncate(size int64) error
	// Allocate sees to it that bytes up to size can be written without the disk being found
	// full, and lengthens the file to size with zeros. It never shortens. Writes into allocated
	// space sync faster, because a sync then has no new length to write down.
	Allocate(size int64) error
	// Size returns the length in bytes.
	Size() (int64, error)
	// Name returns the path that the file was opened under.
	Name() string
	// Close releases the file. It does not sync.
	Close() error
}

// Info describes a file.
type Info struct {
	Bytes int64 // length; 0 for a directory
	IsDir bool
	// Shared says that others than the owner may read or write the file. A file system without
	// such permissions says false.
	Shared bool
}

// ErrNoSpace is how a full disk is recognised: errors.Is(err, ErrNoSpace).
var ErrNoSpace error = syscall.ENOSPC

// ErrLocked is what a LockedError is, for errors.Is.
var ErrLocked = errors.New("directory is in use")

// LockedError says that a directory is in use, and by whom.
type LockedError struct {
	Dir string
	PID int // process that holds it, 0 if it could not be found out
}

// Error names the directory and the holder, and what to do about it.
func (e *LockedError) Error() string {
	holder := "another process"
	if e.PID != 0 {
		holder = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("directory %s is in use by %s: stop it first, or use another directory",
		e.Dir, holder)
}

// Is reports whether target is ErrLocked.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// MkdirAllSync makes a directory and its parents and makes their names durable.
func MkdirAllSync(fsys FS, dir string) error {
	dir = filepath.Clean(dir)
	switch _, err := fsys.Stat(dir); {
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MkdirAllSync(fsys, parent); err != nil {
			return err
		}
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	return fsys.SyncDir(parent)
}

// ReadFile returns the whole contents of a file of at most bytesMax bytes. A longer one is an
// error before anything is allocated.
func ReadFile(fsys FS, name string, bytesMax int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > bytesMax {
		return nil, fmt.Errorf("read %s: %d bytes, at most %d", name, size, bytesMax)
	}
	b := make([]byte, size)
	n, err := f.ReadAt(b, 0)
	if err != nil && (err != io.EOF || n < len(b)) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return b, nil
}

// WriteFile makes name hold exactly data, durably and atomically: after a crash at any step it
// holds either what it held before, or data. It works through name+".tmp", which it replaces.
func WriteFile(fsys FS, name string, data []byte) error {
	temporary := name + ".tmp"
	if err := fsys.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := fsys.Create(temporary)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		// Synced before the rename: a durable name must never lead to missing bytes.
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err := fsys.Rename(temporary, name); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}

// FlipBit inverts one bit of a file, durably: bit n is bit n%8 (0 the lowest) of byte n/8.
// It is how tests and the demo damage a disk.
func FlipBit(fsys FS, name string, bit int64) error {
	f, err := fsys.OpenReadWrite(name)
	if err != nil {
		return err
	}
	var b [1]byte
	_, err = f.ReadAt(b[:], bit/8)
	if err == nil {
		b[0] ^= 1 << (bit % 8)
		_, err = f.WriteAt(b[:], bit/8)
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("flip bit %d of %s: %w", bit, name, err)
	}
	return nil
}
