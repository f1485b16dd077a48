package snapshot

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"juno"
	"juno/internal/vfs"
)

const (
	stateSuffix     = ".state"
	manifestSuffix  = ".manifest"
	partSuffix      = ".part" // a state that is being written
	temporarySuffix = ".tmp"  // a manifest that is being written, see vfs.WriteFile
)

// Signer signs a manifest's body as juno.KindSnapshot.
type Signer func(body []byte) (juno.KeyID, juno.Signature)

// Create writes a snapshot to dir, durably. m says what it is of; Elements, FileBytes, FileHash,
// Key and Signature are filled in here. elements come in the order of their keys and may be
// reused between two steps. If ctx ends, or anything fails, no snapshot is left behind. A
// snapshot of the same index is replaced. Memory is bounded whatever the size of the state.
//
// One Create at a time may work in a directory; readers may list and read the others meanwhile.
// An error of writing or syncing means that the disk is not to be relied on: stop.
func Create(
	ctx context.Context, dir string, m Manifest, elements iter.Seq2[Element, error], sign Signer,
) (*Manifest, error) {
	return create(ctx, vfs.OS{}, dir, m, elements, sign)
}

// create works on a file system that a test can make fail. bbolt opens its file by itself, so the
// paths have to be those of the machine.
func create(ctx context.Context, fsys vfs.FS, dir string, m Manifest,
	elements iter.Seq2[Element, error], sign Signer,
) (*Manifest, error) {
	if err := vfs.MkdirAllSync(fsys, dir); err != nil {
		return nil, fmt.Errorf("create snapshot: %w", err)
	}
	if err := removeParts(fsys, dir); err != nil {
		return nil, err
	}
	part := statePath(dir, m.Pos.Index) + partSuffix
	n, err := fill(ctx, part, elements)
	if err == nil {
		m.Elements = n
		m.FileHash, m.FileBytes, err = hashFile(ctx, part, nil)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create snapshot at %s: %w", m.Pos, err),
			ignoreMissing(os.Remove(part)))
	}
	m.Key, m.Signature = sign(m.Body())
	if err := publish(fsys, dir, part, &m); err != nil {
		return nil, fmt.Errorf("create snapshot at %s: %w", m.Pos, err)
	}
	return &m, nil
}

// publish gives a state that is written and synced its name, and then its manifest.
func publish(fsys vfs.FS, dir, part string, m *Manifest) error {
	manifest := manifestPath(dir, m.Pos.Index)
	switch err := fsys.Remove(manifest); {
	case err == nil:
		// The manifest that is being replaced must not be found with the new state.
		if err := fsys.SyncDir(dir); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := fsys.Rename(part, statePath(dir, m.Pos.Index)); err != nil {
		return err
	}
	// A crash from here on leaves a state without a manifest, which is no snapshot; the next
	// Create removes it.
	if err := fsys.SyncDir(dir); err != nil {
		return err
	}
	return vfs.WriteFile(fsys, manifest, m.Bytes())
}

// Certify puts what a cluster has signed about a snapshot into its manifest, which the node signs
// anew, atomically. checkpoint is kept as it is, see Manifest.Checkpoint. One Create or Certify at
// a time may work in a directory.
func Certify(
	dir string, index juno.Index, ring *juno.Keyring, checkpoint []byte, sign Signer,
) (*Manifest, error) {
	path := manifestPath(dir, index)
	m, err := readManifest(path, index, ring)
	if err != nil {
		return nil, fmt.Errorf("certify snapshot: %w", err)
	}
	if len(checkpoint) > certificateBytesMax {
		return nil, fmt.Errorf("certify snapshot %d: certificate of %d bytes, at most %d",
			index, len(checkpoint), certificateBytesMax)
	}
	m.Checkpoint = checkpoint
	m.Key, m.Signature = sign(m.Body())
	if err := vfs.WriteFile(vfs.OS{}, path, m.Bytes()); err != nil {
		return nil, fmt.Errorf("certify snapshot: %w", err)
	}
	return m, nil
}

// baseName is how the files of a snapshot are named, without what tells them apart.
func baseName(index juno.Index) string { return fmt.Sprintf("%020d", index) }

func statePath(dir string, index juno.Index) string {
	return filepath.Join(dir, baseName(index)+stateSuffix)
}

func manifestPath(dir string, index juno.Index) string {
	return filepath.Join(dir, baseName(index)+manifestSuffix)
}

// hashBufferBytes is how much of a file is read at a time to be hashed.
const hashBufferBytes = 1 << 20

// hashFile returns SHA-256 and length of a file. progress may be nil.
func hashFile(
	ctx context.Context, path string, progress func(done, total int64),
) (h juno.Hash, n uint64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return h, 0, err
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return h, 0, err
	}
	sum, buffer := sha256.New(), make([]byte, min(hashBufferBytes, info.Size()+1))
	for {
		k, err := f.Read(buffer)
		sum.Write(buffer[:k])
		n += uint64(k)
		if progress != nil {
			progress(int64(n), info.Size())
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return h, 0, err
		}
	}
	copy(h[:], sum.Sum(nil))
	return h, n, nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
