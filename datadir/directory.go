package datadir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"juno"
	"juno/internal/vfs"
)

// The names in a directory.
const (
	genesisName   = "genesis"
	settingsName  = "juno.conf"
	keysName      = "keys"
	logName       = "log"
	stateName     = "state"
	snapshotsName = "snapshots"
	nodeFileName  = "node"
	epochsName    = "epochs"
)

// genesisBytesMax bounds the genesis file: ten thousand clients of at most 300 bytes.
const genesisBytesMax = 4 << 20

var (
	// ErrNoLedger is returned for a directory that holds no ledger.
	ErrNoLedger = errors.New("no ledger here; make one with: juno init DIR")
	// ErrExists is returned where a new directory is to be made and there is something already.
	ErrExists = errors.New("directory is not empty")
	// ErrLocked is returned for a directory that another process, or this one, holds.
	ErrLocked = vfs.ErrLocked
	// ErrNoClientKey is returned for a directory that has no key of any client.
	ErrNoClientKey = errors.New("no key of a client here")
)

// Directory is the directory of a ledger: its identity and its keys. Reading it takes no lock.
type Directory struct {
	Path    string
	Genesis *juno.Genesis
	fsys    vfs.FS
}

// Open reads the identity of a directory.
func Open(path string) (*Directory, error) { return openOn(vfs.OS{}, path) }

func openOn(fsys vfs.FS, path string) (*Directory, error) {
	b, err := vfs.ReadFile(fsys, filepath.Join(path, genesisName), genesisBytesMax)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path, ErrNoLedger)
	}
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	g, err := juno.ParseGenesis(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(path, genesisName), err)
	}
	return &Directory{Path: path, Genesis: g, fsys: fsys}, nil
}

// Begin makes a directory that is complete only after [Directory.Finish]: it has settings, and
// room for keys. The directory must be empty, absent, or left unfinished by an earlier call.
func Begin(path string, genesis *juno.Genesis) (*Directory, error) {
	return beginOn(vfs.OS{}, path, genesis)
}

func beginOn(fsys vfs.FS, path string, genesis *juno.Genesis) (*Directory, error) {
	if err := makeRoom(fsys, path); err != nil {
		return nil, err
	}
	d := &Directory{Path: path, Genesis: genesis, fsys: fsys}
	return d, vfs.WriteFile(fsys, filepath.Join(path, settingsName), []byte(settingsText))
}

// makeRoom makes a directory and its folder for keys, unless it holds anything that an interrupted
// call would not have left.
func makeRoom(fsys vfs.FS, path string) error {
	names, err := fsys.List(path)
	if err == nil && slices.ContainsFunc(names, func(n string) bool { return !unfinished[n] }) {
		return ErrExists
	}
	return vfs.MkdirAllSync(fsys, filepath.Join(path, keysName))
}

// unfinished are the names that an interrupted call of Create leaves.
var unfinished = map[string]bool{
	keysName: true, settingsName: true, settingsName + ".tmp": true, genesisName + ".tmp": true,
	nodeFileName: true, nodeFileName + ".tmp": true,
}

// Finish writes the genesis. From now on the directory is complete, and Open finds it.
func (d *Directory) Finish() error {
	return vfs.WriteFile(d.fsys, filepath.Join(d.Path, genesisName),
		juno.AppendGenesis(nil, d.Genesis))
}

// Lock keeps every other process from opening the ledger and from changing its keys, until it is
// closed. A directory that is locked already gives [ErrLocked].
func (d *Directory) Lock() (io.Closer, error) { return d.fsys.Lock(d.Path) }

// LogPath returns the folder of the write-ahead log.
func (d *Directory) LogPath() string { return filepath.Join(d.Path, logName) }

// StatePath returns the folder of the computed state.
func (d *Directory) StatePath() string { return filepath.Join(d.Path, stateName) }

// SnapshotsPath returns the folder of the snapshots.
func (d *Directory) SnapshotsPath() string { return filepath.Join(d.Path, snapshotsName) }
