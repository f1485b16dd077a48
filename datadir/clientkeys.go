package datadir

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"juno"
)

// clientNameBytesMax bounds the name of a client or administrator: it is a file's name, too.
const clientNameBytesMax = 64

// CheckClientName refuses names that would not be file names, or would look like the node's key.
func CheckClientName(name string) error {
	ok := name != "" && len(name) <= clientNameBytesMax && name != nodeKeyName &&
		!strings.HasSuffix(name, nextSuffix)
	for _, c := range name {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '-' || c == '_')
	}
	if !ok {
		return fmt.Errorf("client name %.80q: want 1 to %d of a-z A-Z 0-9 - _, not %q, and no %q "+
			"at the end", name, clientNameBytesMax, nodeKeyName, nextSuffix)
	}
	return nil
}

// ClientNames returns the clients whose keys are in the directory, sorted.
func (d *Directory) ClientNames() ([]string, error) {
	return d.names(keySuffix, func(name string) bool {
		return !strings.HasSuffix(name,
			nextSuffix)
	})
}

// PendingNames returns the clients that have a next key, sorted.
func (d *Directory) PendingNames() ([]string, error) {
	return d.names(nextSuffix+keySuffix, func(string) bool { return true })
}

// AdminNames returns the administrators whose keys are in the directory, sorted.
func (d *Directory) AdminNames() ([]string, error) {
	return d.names(adminSuffix, func(string) bool { return true })
}

// names returns the names of key files with a suffix, the node's left out.
func (d *Directory) names(suffix string, wanted func(name string) bool) ([]string, error) {
	files, err := d.fsys.List(filepath.Join(d.Path, keysName))
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	var names []string
	for _, f := range files {
		name, ok := strings.CutSuffix(f, suffix)
		if ok && name != nodeKeyName && wanted(name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// DefaultClient returns the first client of the genesis whose key is in the directory;
// [ErrNoClientKey] if there is none.
func (d *Directory) DefaultClient() (string, error) {
	here, err := d.ClientNames()
	if err != nil {
		return "", err
	}
	for _, k := range d.Genesis.Clients {
		if slices.Contains(here, k.Name) {
			return k.Name, nil
		}
	}
	return "", fmt.Errorf("%s: %w", d.Path, ErrNoClientKey)
}

// ClientKey returns the signing key of a client; [ErrNoKey] if it is not here.
func (d *Directory) ClientKey(name string) (juno.PrivateKey, error) {
	return d.namedKey(name, keySuffix)
}

// AdminKey returns the signing key of an administrator; [ErrNoKey] if it is not here.
func (d *Directory) AdminKey(name string) (juno.PrivateKey, error) {
	return d.namedKey(name, adminSuffix)
}

// NextKey returns the key that was drawn for a client and is not known to be in the log yet;
// [ErrNoKey] if there is none.
func (d *Directory) NextKey(name string) (juno.PrivateKey, error) {
	return d.namedKey(name, nextSuffix+keySuffix)
}

func (d *Directory) namedKey(name, suffix string) (juno.PrivateKey, error) {
	if err := CheckClientName(name); err != nil {
		return juno.PrivateKey{}, err
	}
	return readKey(d.fsys, d.Path, name, suffix)
}

// DrawKey returns the next key of a client: the one that was drawn before, or a fresh one, which is
// then on disk. A change that is tried again is tried with the same key. So it does not matter
// which of the tries gets into the log, and no key is lost that may be the only valid one. The
// caller holds the lock.
func (d *Directory) DrawKey(name string) (key juno.PrivateKey, fresh bool, err error) {
	key, err = d.NextKey(name)
	if !errors.Is(err, ErrNoKey) {
		return key, false, err
	}
	key, err = newKey(d.fsys, d.Path, name, nextSuffix+keySuffix, drawSeed)
	return key, true, err
}

// AdoptKey replaces the key of a client by its next key, which is in the log.
func (d *Directory) AdoptKey(name string) error {
	if err := CheckClientName(name); err != nil {
		return err
	}
	return d.adopt(name)
}

func (d *Directory) adopt(name string) error {
	folder := filepath.Join(d.Path, keysName)
	err := d.fsys.Rename(filepath.Join(folder, name+nextSuffix+keySuffix),
		filepath.Join(folder, name+keySuffix))
	if err != nil {
		return fmt.Errorf("put the new key of %s in its place: %w", name, err)
	}
	return d.fsys.SyncDir(folder)
}

// DropKey removes the next key of a client, which is not in the log and cannot get there.
func (d *Directory) DropKey(name string) error {
	return d.fsys.Remove(keyPath(d.Path, name, nextSuffix+keySuffix))
}

// CopyKeys copies the keys of clients and of the node, as far as they are there, from another
// directory of the same ledger. withNode says that the node's was among them.
func (d *Directory) CopyKeys(from *Directory) (withNode bool, err error) {
	names, err := from.ClientNames()
	if err != nil {
		return false, err
	}
	for _, name := range append(names, nodeKeyName) {
		k, err := readKey(from.fsys, from.Path, name, keySuffix)
		if errors.Is(err, ErrNoKey) {
			continue
		}
		if err == nil {
			err = writeKey(d.fsys, d.Path, name, keySuffix, k)
		}
		if err != nil {
			return false, err
		}
		withNode = withNode || name == nodeKeyName
	}
	return withNode, nil
}
