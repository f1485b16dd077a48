package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"juno"
	"juno/internal/vfs"
)

// The file "node" says which member of the cluster a directory is: two lines,
//
//	juno node 1
//	id 3
//
// A directory without it is the first voter of its genesis: those made before there were clusters
// have none, and need none.
const (
	nodeFileName     = "node"
	nodeFileHeader   = "juno node 1\n"
	nodeFileBytesMax = 256
)

func writeNodeFile(fsys vfs.FS, path string, id juno.NodeID) error {
	text := fmt.Sprintf("%sid %d\n", nodeFileHeader, id)
	return vfs.WriteFile(fsys, filepath.Join(path, nodeFileName), []byte(text))
}

// NodeID returns which member the directory is.
func (d *Directory) NodeID() (juno.NodeID, error) {
	file := filepath.Join(d.Path, nodeFileName)
	b, err := vfs.ReadFile(d.fsys, file, nodeFileBytesMax)
	if errors.Is(err, fs.ErrNotExist) {
		return d.Genesis.Config.Voters[0].ID, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read node id: %w", err)
	}
	var id juno.NodeID
	if rest, ok := strings.CutPrefix(string(b), nodeFileHeader); ok {
		_, err = fmt.Sscanf(rest, "id %d\n", &id)
	}
	if err != nil || fmt.Sprintf("%sid %d\n", nodeFileHeader, id) != string(b) || id == 0 {
		return 0, fmt.Errorf("%s: not a node file: want %q and a line %q", file,
			strings.TrimSpace(nodeFileHeader), "id N")
	}
	return id, nil
}

// readIdentity reads who the node is, and its keys. One that was drawn for it and is not in force
// yet comes along.
func (l *Ledger) readIdentity() (err error) {
	if l.id, err = l.dir.NodeID(); err != nil {
		return err
	}
	switch l.key, err = readKey(l.fsys, l.dir.Path, nodeKeyName); {
	case errors.Is(err, ErrNoKey):
		l.readOnly = true
		return nil
	case err != nil:
		return err
	}
	next, err := readKey(l.fsys, l.dir.Path, nodeKeyName+nextSuffix)
	if err == nil {
		l.spareKeys = append(l.spareKeys, next)
	} else if !errors.Is(err, ErrNoKey) {
		return err
	}
	return l.checkNodeKey()
}

// checkNodeKey finds files that were put together from two ledgers. Only where the membership can
// never have changed can it be sure.
func (l *Ledger) checkNodeKey() error {
	g := &l.dir.Genesis.Config
	m, _, ok := g.Member(l.id)
	if g.AdminThreshold > 0 || !ok || m.Public == l.key.Public() {
		return nil
	}
	return fmt.Errorf("%s: key %s, the genesis names %s: the files are of two ledgers",
		keyPath(l.dir.Path, nodeKeyName), l.key.Public().ID(), m.Public.ID())
}

// ErrLogLost is returned for a voter among several whose log is gone: it has forgotten what it
// promised, and must never again speak under its key.
var ErrLogLost = errors.New("the log of this voter is gone, and with it what it promised; " +
	"give it a new key with: juno node recover")

// mayBeginLog reports whether a log that is not there can be begun: by who is alone, where there
// is nobody to whom anything was promised.
func (l *Ledger) mayBeginLog() error {
	if len(l.dir.Genesis.Config.Voters) == 1 && !l.readOnly {
		return nil
	}
	if l.readOnly {
		return nil
	}
	return fmt.Errorf("%s: %w", l.dir.LogPath(), ErrLogLost)
}
