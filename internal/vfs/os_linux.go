package vfs

import (
	"os"
	"syscall"
)

func syncData(fd int) error { return syscall.Fdatasync(fd) }

// allocate lengthens the file with unwritten extents: they read as zeros until they are written,
// also after a crash, and cost no writing now. On a file system without fallocate the file is
// lengthened only; then a full disk is found by the write.
func allocate(fd int, offset, length int64) error {
	err := syscall.Fallocate(fd, 0, offset, length)
	if err == syscall.EOPNOTSUPP || err == syscall.ENOSYS {
		return syscall.Ftruncate(fd, offset+length)
	}
	return err
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
	return int64(st.Bavail) * st.Bsize, nil
}
