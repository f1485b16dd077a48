package datadir

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"juno"
	"juno/internal/vfs"
	"juno/wal"
)

// Options say what a new ledger starts with. The zero value is fine.
type Options struct {
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

// Place is where a node of a new cluster gets its directory.
type Place struct {
	Path string
	// Address is where the other members reach the node, "host:port".
	Address string
	// Observer makes it a member that follows the log and does not vote.
	Observer bool
	// Clients are the names of clients whose keys are kept there, besides those of
	// Options.Clients, which are kept in the first place.
	Clients []string
}

// Create makes a ledger of one voter in path, which must be empty or absent. A crash on the way
// leaves a directory without a genesis file, which Create takes over.
func Create(path string, o Options) (*Directory, error) {
	all, err := CreateCluster([]Place{{Path: path}}, o)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// CreateCluster makes one directory for each node of a new ledger, each of which must be empty or
// absent. The nodes have the ids 1, 2, … in the order of their places. Every directory can be
// moved to the machine that it is for; none needs another one's files.
//
// A crash on the way leaves directories without a genesis file. CreateCluster takes over those that
// hold no log yet; the others have to be removed.
func CreateCluster(places []Place, o Options) ([]*Directory, error) {
	return createOn(vfs.OS{}, places, o)
}

func createOn(fsys vfs.FS, places []Place, o Options) ([]*Directory, error) {
	if o.Created == 0 {
		o.Created = juno.Millis(time.Now().UnixMilli())
	}
	if o.Entropy == nil {
		o.Entropy = drawSeed
	}
	c := &creation{fsys: fsys, places: places, options: o}
	for _, p := range places {
		if err := makeRoom(fsys, p.Path); err != nil {
			return nil, fmt.Errorf("create ledger in %s: %w", p.Path, err)
		}
	}
	if o.Home != "" {
		if _, err := openOn(fsys, o.Home); err == nil {
			return nil, fmt.Errorf("create ledger in %s: %w", o.Home, ErrExists)
		}
		if err := vfs.MkdirAllSync(fsys, filepath.Join(o.Home, keysName)); err != nil {
			return nil, fmt.Errorf("create ledger: %w", err)
		}
	}
	if err := c.makeGenesis(); err != nil {
		return nil, fmt.Errorf("create ledger: %w", err)
	}
	if o.Home != "" {
		home := &Directory{Path: o.Home, Genesis: c.genesis, fsys: fsys}
		if err := home.Finish(); err != nil {
			return nil, fmt.Errorf("create ledger in %s: %w", o.Home, err)
		}
	}
	all := make([]*Directory, len(places))
	for i, p := range places {
		var err error
		all[i], err = fill(fsys, p.Path, c.genesis, juno.NodeID(i+1), len(places) > 1)
		if err != nil {
			return nil, fmt.Errorf("create ledger in %s: %w", p.Path, err)
		}
	}
	return all, nil
}

// creation is a cluster that is being made.
type creation struct {
	fsys    vfs.FS
	places  []Place
	options Options
	genesis *juno.Genesis
}

func (c *creation) makeGenesis() (err error) {
	o := &c.options
	g := &juno.Genesis{Created: o.Created, Open: o.Open, Config: juno.EpochConfig{
		FirstLeader: 1, CheckpointEvery: o.CheckpointEvery,
	}}
	if g.Config.CheckpointEvery == 0 {
		g.Config.CheckpointEvery = DefaultCheckpointEvery
	}
	for i, p := range c.places {
		key, err := newKey(c.fsys, p.Path, nodeKeyName, keySuffix, o.Entropy)
		if err != nil {
			return err
		}
		m := juno.Member{ID: juno.NodeID(i + 1), Address: p.Address, Public: key.Public()}
		if p.Observer {
			g.Config.Observers = append(g.Config.Observers, m)
		} else {
			g.Config.Voters = append(g.Config.Voters, m)
		}
	}
	if g.Nonce, err = o.Entropy(); err != nil {
		return err
	}
	c.genesis = g
	if err := c.addClients(); err != nil {
		return err
	}
	if err := c.addAdmins(); err != nil {
		return err
	}
	return g.Check()
}

// home returns where the keys of clients and administrators are kept.
func (c *creation) home() string {
	if c.options.Home != "" {
		return c.options.Home
	}
	return c.places[0].Path
}

// addClients draws the clients' keys. The first client is an operator.
func (c *creation) addClients() error {
	names := c.options.Clients
	if len(names) == 0 {
		names = []string{"operator"}
	}
	if err := c.addClientsAt(c.home(), names); err != nil {
		return err
	}
	for _, p := range c.places {
		if err := c.addClientsAt(p.Path, p.Clients); err != nil {
			return err
		}
	}
	return nil
}

func (c *creation) addClientsAt(path string, names []string) error {
	for _, name := range names {
		if err := CheckClientName(name); err != nil {
			return err
		}
		k, err := newKey(c.fsys, path, name, keySuffix, c.options.Entropy)
		if err != nil {
			return err
		}
		role := juno.RoleClient
		if len(c.genesis.Clients) == 0 {
			role = juno.RoleOperator
		}
		c.genesis.Clients = append(c.genesis.Clients,
			juno.ClientKey{Name: name, Role: role, Public: k.Public()})
	}
	return nil
}

func (c *creation) addAdmins() error {
	config := &c.genesis.Config
	for _, name := range slices.Sorted(slices.Values(c.options.Admins)) {
		if err := CheckClientName(name); err != nil {
			return err
		}
		k, err := newKey(c.fsys, c.home(), name, adminSuffix, c.options.Entropy)
		if err != nil {
			return err
		}
		config.Admins = append(config.Admins, juno.Admin{Name: name, Public: k.Public()})
	}
	config.AdminThreshold = c.options.AdminThreshold
	if config.AdminThreshold == 0 && len(config.Admins) > 0 {
		config.AdminThreshold = len(config.Admins)/2 + 1
	}
	return nil
}

// PrepareNode makes the directory of a node that is to join a cluster, or to take the place of one
// whose disk was lost, with a new key: a node never speaks again under one whose promises it has
// forgotten. It can be opened at once, and observes until a membership names the key, see
// Directory.Possess.
func PrepareNode(path string, genesis *juno.Genesis, id juno.NodeID) (*Directory, error) {
	return prepareOn(vfs.OS{}, path, genesis, id)
}

func prepareOn(
	fsys vfs.FS, path string, genesis *juno.Genesis, id juno.NodeID,
) (d *Directory, err error) {
	if err = makeRoom(fsys, path); err == nil {
		_, err = newKey(fsys, path, nodeKeyName, keySuffix, drawSeed)
	}
	if err == nil {
		d, err = fill(fsys, path, genesis, id, true)
	}
	if err != nil {
		return nil, fmt.Errorf("prepare %s in %s: %w", id, path, err)
	}
	return d, nil
}

// fill writes everything but the keys into the directory of a node, which may be one among several.
func fill(
	fsys vfs.FS, path string, genesis *juno.Genesis, id juno.NodeID, several bool,
) (*Directory, error) {
	d, err := beginOn(fsys, path, genesis)
	if err != nil {
		return nil, err
	}
	if several {
		if err := beginNode(d, id); err != nil {
			return nil, err
		}
	}
	return d, d.Finish()
}

// beginNode makes a directory that of a member among several. The log is begun here and never
// again: where it is missing later, it was lost, and with it what the node has promised.
func beginNode(d *Directory, id juno.NodeID) error {
	if err := writeNodeFile(d.fsys, d.Path, id); err != nil {
		return err
	}
	cluster := d.Genesis.ID()
	log, err := wal.Create(wal.Options{FS: d.fsys, Dir: d.LogPath(), Cluster: cluster},
		juno.Pos{Hash: cluster})
	if err != nil {
		return err
	}
	return log.Close()
}
