package embedded

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

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
	nodeKeyName   = "node"
	keySuffix     = ".key"
)

// genesisBytesMax bounds the genesis file: ten thousand clients of at most 300 bytes.
const genesisBytesMax = 4 << 20

// ErrNoLedger is returned for a directory that holds no ledger.
var ErrNoLedger = errors.New("no ledger here; make one with: juno init DIR")

// ErrLedgerExists is returned by Create for a directory that is not empty.
var ErrLedgerExists = errors.New("directory is not empty")

// Directory is a ledger's directory that nobody needs to hold: its identity and its keys.
type Directory struct {
	Path    string
	Genesis *juno.Genesis
	fsys    vfs.FS
}

// CreateOptions say what a new ledger starts with.
type CreateOptions struct {
	// Clients are the names of clients that get a key each. The first is an operator, who may
	// issue money; empty means one operator called "operator".
	Clients []string
	// Open makes the ledger as permissive as the prototype (juno.Genesis.Open).
	Open bool
	// Created is the time written into the genesis; 0 is now.
	Created juno.Millis
	// Entropy draws 32 bytes of good randomness for each secret; nil is the system's source.
	Entropy func() ([juno.SeedBytes]byte, error)
	// Admins are the names of administrators, who can change the membership and halt the ledger.
	// Their keys are written to the first directory. AdminThreshold is how many of them it takes;
	// 0 stands for more than half.
	Admins         []string
	AdminThreshold int
	// Home, if not empty, is a directory of its own for the keys of clients and administrators,
	// and a copy of the genesis: a client's directory, from which the nodes are spoken to. It must
	// not hold a ledger yet. Otherwise the keys are in the first node's directory.
	Home string
	// CheckpointEvery is how many entries lie between two automatic snapshots;
	// 0 means DefaultCheckpointEvery.
	CheckpointEvery uint64
}

// DefaultCheckpointEvery is how often a ledger takes a snapshot by itself. Restarts do not depend
// on it; it bounds what has to be replayed where the computed state was lost.
const DefaultCheckpointEvery = 250_000

// Create makes a ledger of one voter in path, which must be empty or absent. A crash on the way
// leaves a directory without a genesis file, which Create takes over. A nil fsys is the machine's
// file system.
func Create(fsys vfs.FS, path string, o CreateOptions) (*Directory, error) {
	all, err := CreateCluster(fsys, []Place{{Path: path}}, o)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// drawSeed draws a secret from the system's source.
func drawSeed() (seed [juno.SeedBytes]byte, err error) {
	_, err = rand.Read(seed[:])
	return seed, err
}

// onlyUnfinished reports whether names are nothing, or what an interrupted Create left.
func onlyUnfinished(names []string) bool {
	for _, n := range names {
		switch n {
		case keysName, settingsName, settingsName + ".tmp", genesisName + ".tmp",
			nodeFileName, nodeFileName + ".tmp":
		default:
			return false
		}
	}
	return true
}

// checkClientName keeps names that would not be file names, or would look like the node's key,
// out of the keys folder.
func checkClientName(name string) error {
	ok := name != "" && len(name) <= 64 && name != nodeKeyName &&
		!strings.HasSuffix(name, nextSuffix)
	for _, c := range name {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '-' || c == '_')
	}
	if !ok {
		return fmt.Errorf("client name %.80q: want 1 to 64 of a-z A-Z 0-9 - _, not %q, and no %q "+
			"at the end", name, nodeKeyName, nextSuffix)
	}
	return nil
}

// Look reads a directory's identity without taking hold of it. A nil fsys is the machine's file
// system.
func Look(fsys vfs.FS, path string) (*Directory, error) {
	if fsys == nil {
		fsys = vfs.OS{}
	}
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

// LogPath returns the folder of the write-ahead log.
func (d *Directory) LogPath() string { return filepath.Join(d.Path, logName) }

// StatePath returns the folder of the computed state.
func (d *Directory) StatePath() string { return filepath.Join(d.Path, stateName) }

// SnapshotsPath returns the folder of the snapshots.
func (d *Directory) SnapshotsPath() string { return filepath.Join(d.Path, snapshotsName) }
