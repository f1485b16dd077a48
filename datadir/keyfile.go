package datadir

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"juno"
	"juno/internal/vfs"
)

// A key file is three lines of text:
//
//	juno key 1
//	public 64 hexadecimal digits
//	secret 64 hexadecimal digits
//
// The public half is there for people, and is checked against the secret.
const keyFileHeader = "juno key 1\n"

const keyFileBytesMax = 1024

// The names of key files: a name and a suffix. Administrators' keys have one of their own, because
// no command is ever signed with one. nextSuffix stands before keySuffix in the name of a key that
// was drawn and is not known to be in the log yet.
const (
	nodeKeyName = "node"
	keySuffix   = ".key"
	nextSuffix  = "-next"
	adminSuffix = ".admin"
)

// ErrNoKey is returned for a client, administrator or node whose key is not in the directory.
var ErrNoKey = errors.New("no key of that name here")

// drawSeed draws a secret from the system's source.
func drawSeed() (seed [juno.SeedBytes]byte, err error) {
	_, err = rand.Read(seed[:])
	return seed, err
}

// newKey draws a key and writes its file. A file that is there already, from an interrupted
// Create, is replaced: no genesis names it yet.
func newKey(
	fsys vfs.FS, path, name, suffix string, entropy func() ([juno.SeedBytes]byte, error),
) (juno.PrivateKey, error) {
	seed, err := entropy()
	if err != nil {
		return juno.PrivateKey{}, fmt.Errorf("draw a key for %s: %w", name, err)
	}
	k := juno.NewPrivateKey(seed)
	return k, writeKey(fsys, path, name, suffix, k)
}

func writeKey(fsys vfs.FS, path, name, suffix string, k juno.PrivateKey) error {
	seed := k.Seed()
	text := keyFileHeader + "public " + k.Public().String() + "\nsecret " +
		hex.EncodeToString(seed[:]) + "\n"
	return vfs.WriteFile(fsys, keyPath(path, name, suffix), []byte(text))
}

func keyPath(path, name, suffix string) string {
	return filepath.Join(path, keysName, name+suffix)
}

// readKey reads the key file of a name.
func readKey(fsys vfs.FS, path, name, suffix string) (juno.PrivateKey, error) {
	file := keyPath(path, name, suffix)
	b, err := vfs.ReadFile(fsys, file, keyFileBytesMax)
	if errors.Is(err, fs.ErrNotExist) {
		return juno.PrivateKey{}, fmt.Errorf("key of %s: %w (%s)", name, ErrNoKey, file)
	}
	if err != nil {
		return juno.PrivateKey{}, fmt.Errorf("read key: %w", err)
	}
	k, err := parseKey(string(b))
	if err != nil {
		return juno.PrivateKey{}, fmt.Errorf("%s: %w", file, err)
	}
	return k, nil
}

// parseKey never puts what it read into an error: it may be a secret.
func parseKey(text string) (juno.PrivateKey, error) {
	rest, ok := strings.CutPrefix(text, keyFileHeader)
	if !ok {
		return juno.PrivateKey{}, errors.New(`not a key file: want "juno key 1" on the first line`)
	}
	public, rest, ok1 := strings.Cut(rest, "\n")
	secret, rest, ok2 := strings.Cut(rest, "\n")
	public, ok3 := strings.CutPrefix(public, "public ")
	secret, ok4 := strings.CutPrefix(secret, "secret ")
	b, err := hex.DecodeString(secret)
	if !ok1 || !ok2 || !ok3 || !ok4 || rest != "" || err != nil || len(b) != juno.SeedBytes {
		return juno.PrivateKey{}, errors.New("damaged key file: want a public and a secret line")
	}
	k := juno.NewPrivateKey([juno.SeedBytes]byte(b))
	if k.Public().String() != public {
		return juno.PrivateKey{}, errors.New("damaged key file: the halves do not belong together")
	}
	return k, nil
}

// SharedKeys returns the paths of the key files that others than their owner may read. Whoever
// reads a key can act as its client, or as the node.
func (d *Directory) SharedKeys() (paths []string, err error) {
	files, err := d.fsys.List(filepath.Join(d.Path, keysName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	for _, f := range files {
		path := filepath.Join(d.Path, keysName, f)
		if info, err := d.fsys.Stat(path); err == nil && info.Shared && !info.IsDir {
			paths = append(paths, path)
		}
	}
	return paths, nil
}
