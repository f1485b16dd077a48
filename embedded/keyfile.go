package embedded

import (
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

// ErrNoKey is returned for a client whose key is not in the directory.
var ErrNoKey = errors.New("no key of that name here")

// newKey draws a key and writes its file. A file that is there already, from an interrupted
// Create, is replaced: no genesis names it yet.
func newKey(
	fsys vfs.FS, path, name string, entropy func() ([juno.SeedBytes]byte, error),
) (juno.PrivateKey, error) {
	seed, err := entropy()
	if err != nil {
		return juno.PrivateKey{}, fmt.Errorf("draw a key for %s: %w", name, err)
	}
	k := juno.NewPrivateKey(seed)
	return k, writeKey(fsys, path, name, k)
}

func writeKey(fsys vfs.FS, path, name string, k juno.PrivateKey) error {
	return vfs.WriteFile(fsys, keyPath(path, name), []byte(keyFileText(k)))
}

func keyFileText(k juno.PrivateKey) string {
	seed := k.Seed()
	return keyFileHeader + "public " + k.Public().String() + "\nsecret " +
		hex.EncodeToString(seed[:]) + "\n"
}

func keyPath(path, name string) string {
	return filepath.Join(path, keysName, name+keySuffix)
}

// readKey reads the key file of a name.
func readKey(fsys vfs.FS, path, name string) (juno.PrivateKey, error) {
	return readKeyFile(fsys, keyPath(path, name), name)
}

func readKeyFile(fsys vfs.FS, file, name string) (juno.PrivateKey, error) {
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

// Names returns the clients whose keys are in the directory, sorted.
func (d *Directory) Names() ([]string, error) {
	files, err := d.fsys.List(filepath.Join(d.Path, keysName))
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	var names []string
	for _, f := range files {
		name, ok := strings.CutSuffix(f, keySuffix)
		if ok && name != nodeKeyName && !strings.HasSuffix(name, nextSuffix) {
			names = append(names, name)
		}
	}
	return names, nil
}

// pendingKeys returns the clients for whom a new key was drawn, and not put in its place.
func (d *Directory) pendingKeys() ([]string, error) {
	files, err := d.fsys.List(filepath.Join(d.Path, keysName))
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	var names []string
	for _, f := range files {
		name, ok := strings.CutSuffix(f, nextSuffix+keySuffix)
		if ok && name != nodeKeyName {
			names = append(names, name)
		}
	}
	return names, nil
}

// sharedKeys returns the key files that others than their owner may read: whoever reads one acts
// as its client, or as the node.
func (d *Directory) sharedKeys() (paths []string, err error) {
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

// Key returns the signing key of a client.
func (d *Directory) Key(name string) (juno.PrivateKey, error) {
	if err := checkClientName(name); err != nil {
		return juno.PrivateKey{}, err
	}
	return readKey(d.fsys, d.Path, name)
}

// adminSuffix ends the names of administrators' key files. They are kept apart from those of
// clients: no command is ever signed with one.
const adminSuffix = ".admin"

func adminKeyPath(path, name string) string {
	return filepath.Join(path, keysName, name+adminSuffix)
}

// newAdminKey draws an administrator's key and writes its file.
func newAdminKey(
	fsys vfs.FS, path, name string, entropy func() ([juno.SeedBytes]byte, error),
) (juno.PrivateKey, error) {
	seed, err := entropy()
	if err != nil {
		return juno.PrivateKey{}, fmt.Errorf("draw a key for %s: %w", name, err)
	}
	k := juno.NewPrivateKey(seed)
	return k, vfs.WriteFile(fsys, adminKeyPath(path, name), []byte(keyFileText(k)))
}

// AdminKey returns the signing key of an administrator.
func (d *Directory) AdminKey(name string) (juno.PrivateKey, error) {
	if err := checkClientName(name); err != nil {
		return juno.PrivateKey{}, err
	}
	return readKeyFile(d.fsys, adminKeyPath(d.Path, name), name)
}

// AdminNames returns the administrators whose keys are in the directory, sorted.
func (d *Directory) AdminNames() ([]string, error) {
	files, err := d.fsys.List(filepath.Join(d.Path, keysName))
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	var names []string
	for _, f := range files {
		if name, ok := strings.CutSuffix(f, adminSuffix); ok {
			names = append(names, name)
		}
	}
	return names, nil
}
