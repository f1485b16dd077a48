package measure

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// blockBytes is the unit of st_blocks, whatever the file system's own block size is (stat(2)).
const blockBytes = 512

// DirBytes returns the bytes that the file system has allocated for everything below a
// directory. Holes in preallocated files do not count.
func DirBytes(dir string) (int64, error) {
	total := int64(0)
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return fmt.Errorf("measure: %s: no block count on this system", name)
		}
		total += stat.Blocks * blockBytes
		return nil
	})
	return total, err
}

// syncBytes is a typical group of small commands.
const syncBytes = 8 << 10

// Syncs measures the disk itself: append syncBytes to a file in dir and make them durable.
func (p Plan) Syncs(dir string) (Result, error) {
	file, err := os.CreateTemp(dir, "fsync")
	if err != nil {
		return Result{}, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	block := make([]byte, syncBytes)
	for i := range block {
		block[i] = byte(i)
	}
	result, err := p.Loop(1, func(int, *Pairs) (int, error) {
		if _, err := file.Write(block); err != nil {
			return 0, err
		}
		return 1, dataSync(file)
	})
	if err != nil {
		return Result{}, fmt.Errorf("measure: sync %s: %w", file.Name(), err)
	}
	result.Name, result.Unit = "disk/fsync", "syncs/s"
	result.Note = "append 8 KiB, fdatasync"
	return result, nil
}
