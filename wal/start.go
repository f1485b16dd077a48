package wal

import (
	"juno"
	"juno/internal/vfs"
)

// StartOf returns the position before the first entry of the log in dir, from a log that nobody
// needs to have open. It reads the last segment and the headers of the others. The errors are
// those of Verify.
func StartOf(fsys vfs.FS, dir string, cluster juno.ClusterID) (juno.Pos, error) {
	c, err := load(fsys, dir, cluster)
	if err != nil {
		return juno.Pos{}, err
	}
	return c.view().start, nil
}
