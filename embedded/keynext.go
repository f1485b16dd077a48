package embedded

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"juno"
)

// Hold keeps everybody else from changing the keys of the directory, and from opening it, until it
// is closed.
func (d *Directory) Hold() (io.Closer, error) { return d.fsys.Lock(d.Path) }

// NextKey returns the key that was drawn for a client and is not known to be in the log yet;
// ErrNoKey if there is none.
func (d *Directory) NextKey(name string) (juno.PrivateKey, error) {
	if err := checkClientName(name); err != nil {
		return juno.PrivateKey{}, err
	}
	return readKey(d.fsys, d.Path, name+nextSuffix)
}

// DrawKey returns the next key of a client: one that was drawn before, or a fresh one, which is on
// disk then. Whoever tries a change again tries it with the same key. So it does not matter which
// of the tries gets into the log, and no key is lost that may be the only valid one. The caller
// holds the directory.
func (d *Directory) DrawKey(name string) (key juno.PrivateKey, fresh bool, err error) {
	key, err = d.NextKey(name)
	if !errors.Is(err, ErrNoKey) {
		return key, false, err
	}
	key, err = newKey(d.fsys, d.Path, name+nextSuffix, drawSeed)
	return key, true, err
}

// AdoptKey puts the next key of a client, which is in the log, in the place of the one before.
func (d *Directory) AdoptKey(name string) error {
	err := d.fsys.Rename(keyPath(d.Path, name+nextSuffix), keyPath(d.Path, name))
	if err != nil {
		return fmt.Errorf("put the new key of %s in its place: %w", name, err)
	}
	return d.fsys.SyncDir(filepath.Join(d.Path, keysName))
}

// DropKey removes the next key of a client, which is not in the log and cannot get there.
func (d *Directory) DropKey(name string) error {
	return d.fsys.Remove(keyPath(d.Path, name+nextSuffix))
}
