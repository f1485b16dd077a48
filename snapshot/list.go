package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"juno"
	"juno/internal/vfs"
)

// manifestBytesMax bounds a manifest file.
const manifestBytesMax = 2*certificateBytesMax + 1024

// Listed is one snapshot in a directory: its manifest, or why it is not to be trusted.
type Listed struct {
	Index    juno.Index
	Path     string // of the state file
	Manifest *Manifest
	Err      error
}

// List returns the snapshots in dir, oldest first. It reads and checks the signed manifests and
// looks at the length of the states, but does not read them: a Listed without an Err may still
// turn out to be damaged when it is opened. A directory that is not there holds none. With a nil
// ring the caller checks who signed.
func List(dir string, ring *juno.Keyring) ([]Listed, error) {
	names, err := vfs.OS{}.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	var all []Listed
	for _, name := range names {
		index, suffix, ok := parseName(name)
		if !ok || suffix != manifestSuffix {
			continue
		}
		l := Listed{Index: index, Path: statePath(dir, index)}
		l.Manifest, l.Err = readManifest(filepath.Join(dir, name), index, ring)
		if l.Err == nil {
			l.Err = checkLength(l.Path, l.Manifest)
		}
		all = append(all, l)
	}
	return all, nil
}

// parseName takes apart the name of a file of a snapshot.
func parseName(name string) (index juno.Index, suffix string, ok bool) {
	digits, suffix, _ := strings.Cut(name, ".")
	n, err := strconv.ParseUint(digits, 10, 64)
	return juno.Index(n), "." + suffix, err == nil && digits == baseName(juno.Index(n))
}

func readManifest(path string, index juno.Index, ring *juno.Keyring) (*Manifest, error) {
	b, err := vfs.ReadFile(vfs.OS{}, path, manifestBytesMax)
	if err != nil {
		return nil, err
	}
	m, err := ParseManifest(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if m.Pos.Index != index {
		return nil, fmt.Errorf("%w: %s is the manifest of index %d", ErrCorrupt, path, m.Pos.Index)
	}
	if ring == nil {
		return m, nil
	}
	if err := m.Check(ring); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// checkLength finds missing and cut-off states without reading them.
func checkLength(path string, m *Manifest) error {
	info, err := vfs.OS{}.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is missing, the manifest says %d bytes", ErrCorrupt, path,
			m.FileBytes)
	}
	if err == nil && uint64(info.Bytes) != m.FileBytes {
		return fmt.Errorf("%w: %s: %d bytes, the manifest says %d", ErrCorrupt, path, info.Bytes,
			m.FileBytes)
	}
	return err
}

// Prune removes all but the newest keep snapshots, at least one, damaged ones not counted. The
// manifest goes first, so that no half of a snapshot is ever taken for one. A snapshot that is
// open stays readable.
func Prune(dir string, keep int, ring *juno.Keyring) error {
	if keep < 1 {
		return fmt.Errorf("prune snapshots: keep %d, at least 1: the log before the newest one "+
			"may be gone", keep)
	}
	all, err := List(dir, ring)
	if err != nil {
		return err
	}
	for i := len(all) - 1; i >= 0; i-- {
		switch {
		case all[i].Err == nil:
			if keep--; keep >= 0 {
				continue
			}
		case keep > 0:
			continue // damaged, and perhaps worth a look; it goes when newer ones have come
		}
		if err := remove(vfs.OS{}, dir, all[i].Index); err != nil {
			return fmt.Errorf("prune snapshots: %w", err)
		}
	}
	return nil
}

// remove removes a snapshot. A crash after the first step leaves a state without a manifest,
// which the next Create removes.
func remove(fsys vfs.FS, dir string, index juno.Index) error {
	if err := fsys.Remove(manifestPath(dir, index)); err != nil {
		return err
	}
	if err := fsys.SyncDir(dir); err != nil {
		return err
	}
	return ignoreMissing(fsys.Remove(statePath(dir, index)))
}

// removeParts removes what an interrupted Create or Prune left, and nothing else: somebody may
// keep other files in the directory.
func removeParts(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if err != nil {
		return fmt.Errorf("list snapshots: %w", err)
	}
	have := make(map[string]bool, len(names))
	for _, n := range names {
		have[n] = true
	}
	for _, n := range names {
		index, suffix, ours := parseName(n)
		switch suffix {
		case stateSuffix:
			ours = ours && !have[baseName(index)+manifestSuffix]
		case stateSuffix + partSuffix, manifestSuffix + temporarySuffix:
		default:
			continue
		}
		if !ours {
			continue
		}
		if err := fsys.Remove(filepath.Join(dir, n)); err != nil {
			return fmt.Errorf("remove an unfinished snapshot: %w", err)
		}
	}
	return nil
}
