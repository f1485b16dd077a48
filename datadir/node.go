package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"juno"
	"juno/internal/vfs"
)

// The file "node" says which member of the cluster a directory belongs to: two lines,
//
//	juno node 1
//	id 3
//
// A directory without it is the first voter of its genesis: those made before there were clusters
// have none, and need none.
const (
	nodeFileHeader   = "juno node 1\n"
	nodeFileBytesMax = 256
)

func writeNodeFile(fsys vfs.FS, path string, id juno.NodeID) error {
	text := fmt.Sprintf("%sid %d\n", nodeFileHeader, id)
	return vfs.WriteFile(fsys, filepath.Join(path, nodeFileName), []byte(text))
}

// NodeID returns which member of its cluster the directory belongs to.
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

// NodeKeyPath returns the file of the node's key.
func (d *Directory) NodeKeyPath() string { return keyPath(d.Path, nodeKeyName, keySuffix) }

// NodeKey returns the key of the node; [ErrNoKey] if it is not here, as in a client's directory.
func (d *Directory) NodeKey() (juno.PrivateKey, error) {
	return readKey(d.fsys, d.Path, nodeKeyName, keySuffix)
}

// NextNodeKey returns the key that was drawn for the node and is not in its place yet; [ErrNoKey]
// if there is none.
func (d *Directory) NextNodeKey() (juno.PrivateKey, error) {
	return readKey(d.fsys, d.Path, nodeKeyName, nextSuffix+keySuffix)
}

// NodePublic returns the public half of the node's key.
func (d *Directory) NodePublic() (juno.PublicKey, error) {
	key, err := d.NodeKey()
	if err != nil {
		return juno.PublicKey{}, err
	}
	return key.Public(), nil
}

// DrawNodeKey draws another key for the node, keeps it beside the one in force, and returns its
// public half, for juno.Replace. It needs no lock: a node that runs there takes the key into use
// when a membership comes into force that names it. One that was drawn before and is not in its
// place yet is returned again.
func (d *Directory) DrawNodeKey() (juno.PublicKey, error) {
	if _, err := d.NodeKey(); err != nil {
		return juno.PublicKey{}, err
	}
	key, err := d.NextNodeKey()
	if errors.Is(err, ErrNoKey) {
		key, err = newKey(d.fsys, d.Path, nodeKeyName, nextSuffix+keySuffix, drawSeed)
	}
	if err != nil {
		return juno.PublicKey{}, err
	}
	return key.Public(), nil
}

// AdoptNodeKey replaces the key of the node by its next one, which is in force.
func (d *Directory) AdoptNodeKey() error { return d.adopt(nodeKeyName) }

// Possess shows in a change of the membership that the directory has the secret of the node's key.
func (d *Directory) Possess(change *juno.ConfigChange) error {
	key, err := d.NodeKey()
	if err != nil {
		return err
	}
	change.Possess(key, d.Genesis.ID())
	return nil
}

// PossessNext shows in a change of the membership that the directory has the secret of the key
// that DrawNodeKey drew.
func (d *Directory) PossessNext(change *juno.ConfigChange) error {
	key, err := d.NextNodeKey()
	if err != nil {
		return err
	}
	change.Possess(key, d.Genesis.ID())
	return nil
}
