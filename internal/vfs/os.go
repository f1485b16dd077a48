package vfs

import (
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
)

// OS is the file system of the machine.
type OS struct{}

var _ FS = OS{}

// lockFileName is the file that Lock locks. It stays when the lock is gone: removing it would let
// two processes hold two files of the same name.
const lockFileName = "LOCK"

// lockFileBytesMax bounds what Lock reads to find the holder: a process id and a newline.
const lockFileBytesMax = 32

// Create makes a new empty file.
func (OS) Create(name string) (File, error) {
	return openOS(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

// Open opens a file for reading.
func (OS) Open(name string) (File, error) { return openOS(name, os.O_RDONLY) }

// OpenReadWrite opens a file that exists for reading and writing.
func (OS) OpenReadWrite(name string) (File, error) { return openOS(name, os.O_RDWR) }

// Rename renames a file or directory within its directory.
func (OS) Rename(oldName, newName string) error {
	if err := sameDir(oldName, newName); err != nil {
		return err
	}
	return os.Rename(oldName, newName)
}

// Remove removes a file or an empty directory.
func (OS) Remove(name string) error { return os.Remove(name) }

// MkdirAll makes a directory and its parents.
func (OS) MkdirAll(dir string) error { return os.MkdirAll(dir, 0o700) }

// List returns the sorted names in a directory.
func (OS) List(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	names, err := d.Readdirnames(-1)
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	sort.Strings(names)
	return names, err
}

// Stat describes a file or directory.
func (OS) Stat(name string) (Info, error) {
	st, err := os.Stat(name)
	if err != nil {
		return Info{}, err
	}
	if st.IsDir() {
		return Info{IsDir: true}, nil
	}
	return Info{Bytes: st.Size(), Shared: st.Mode().Perm()&0o077 != 0}, nil
}

// SyncDir makes the names in a directory durable, with fsync on the directory.
func (OS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}

// Lock takes an exclusive lock on the file LOCK in dir, and writes the process id into it. The
// lock belongs to the open file, so a second Lock in the same process fails too, and the
// operating system gives it back when the process dies.
func (OS) Lock(dir string) (io.Closer, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFileName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	held, err := lockFile(f)
	if err == nil && held {
		err = &LockedError{Dir: dir, PID: readPID(f)}
	}
	if err == nil {
		// Only for the message of whoever comes second; the lock itself does not depend on it.
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		_ = f.Close() // the first error is the one to report
		return nil, err
	}
	return f, nil
}

func readPID(f *os.File) int {
	b := make([]byte, lockFileBytesMax)
	n, _ := f.ReadAt(b, 0) // io.EOF is the normal end; anything else leaves no number to parse
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil {
		return 0
	}
	return pid
}

// FreeBytes returns the bytes that an unprivileged process can still write below dir.
func (OS) FreeBytes(dir string) (int64, error) {
	n, err := freeBytes(dir)
	if err != nil {
		return 0, &os.PathError{Op: "free space", Path: dir, Err: err}
	}
	return n, nil
}

type osFile struct{ *os.File }

func openOS(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Sync makes the contents durable, with fdatasync where there is one.
func (f osFile) Sync() error { return f.control("sync", syncData) }

// Allocate reserves space up to size, with fallocate where there is one.
func (f osFile) Allocate(size int64) error {
	now, err := f.Size()
	if err != nil || now >= size {
		return err
	}
	return f.control("allocate", func(fd int) error { return allocate(fd, now, size-now) })
}

// Size returns the length in bytes.
func (f osFile) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// control runs a system call on the file, again as long as a signal interrupts it.
func (f osFile) control(op string, call func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var callErr error
	err = conn.Control(func(fd uintptr) {
		for callErr = syscall.EINTR; callErr == syscall.EINTR; {
			callErr = call(int(fd))
		}
	})
	if err == nil {
		err = callErr
	}
	if err != nil {
		return &os.PathError{Op: op, Path: f.Name(), Err: err}
	}
	return nil
}
