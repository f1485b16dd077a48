//go:build darwin || dragonfly || freebsd

package vfs

import (
	"os"
	"syscall"
)

// syncData has no fdatasync to call here. On darwin this is only as good as the drive's word,
// because fsync leaves the bytes in the drive's cache: Juno's durable platform is Linux.
func syncData(fd int) error { return syscall.Fsync(fd) }

func allocate(fd int, offset, length int64) error {
	return syscall.Ftruncate(fd, offset+length)
}

func lockFile(f *os.File) (held bool, err error) {
	err = osFile{f}.control("lock", func(fd int) error {
		return syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB)
	})
	if pathErr, ok := err.(*os.PathError); ok && pathErr.Err == syscall.EWOULDBLOCK {
		return true, nil
	}
	return false, err
}

func freeBytes(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}
