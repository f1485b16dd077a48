package embedded

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"juno"
	"juno/internal/vfs"
	"juno/wal"
)

// Place is where a node of a new cluster gets its directory.
type Place struct {
	Path string
	// Address is where the other members reach the node, "host:port".
	Address string
	// Observer makes it a member that follows the log and does not vote.
	Observer bool
	// Clients are the names of clients whose keys are kept there, besides those of
	// CreateOptions.Clients, which are kept in the first place.
	Clients []string
}

// creation is a cluster that is being made.
type creation struct {
	fsys    vfs.FS
	places  []Place
	options CreateOptions
	genesis *juno.Genesis
}

// CreateCluster makes one directory for each node of a new ledger, each of which must be empty or
// absent. The nodes have the ids 1, 2, … in the order of their places. Every directory can be
// moved to the machine that it is for; none needs another one's files.
//
// A crash on the way leaves directories without a genesis file. CreateCluster takes over those that
// hold no log yet; the others have to be removed.
func CreateCluster(fsys vfs.FS, places []Place, o CreateOptions) ([]*Directory, error) {
	if fsys == nil {
		fsys = vfs.OS{}
	}
	if o.Created == 0 {
		o.Created = juno.Millis(time.Now().UnixMilli())
	}
	if o.Entropy == nil {
		o.Entropy = drawSeed
	}
	c := &creation{fsys: fsys, places: places, options: o}
	for _, p := range places {
		if names, err := fsys.List(p.Path); err == nil && !onlyUnfinished(names) {
			return nil, fmt.Errorf("create ledger in %s: %w", p.Path, ErrLedgerExists)
		}
		if err := vfs.MkdirAllSync(fsys, filepath.Join(p.Path, keysName)); err != nil {
			return nil, fmt.Errorf("create ledger: %w", err)
		}
	}
	if o.Home != "" {
		if _, err := Look(fsys, o.Home); err == nil {
			return nil, fmt.Errorf("create ledger in %s: %w", o.Home, ErrLedgerExists)
		}
		if err := vfs.MkdirAllSync(fsys, filepath.Join(o.Home, keysName)); err != nil {
			return nil, fmt.Errorf("create ledger: %w", err)
		}
	}
	if err := c.makeGenesis(); err != nil {
		return nil, fmt.Errorf("create ledger: %w", err)
	}
	if o.Home != "" {
		b := juno.AppendGenesis(nil, c.genesis)
		if err := vfs.WriteFile(fsys, filepath.Join(o.Home, genesisName), b); err != nil {
			return nil, fmt.Errorf("create ledger in %s: %w", o.Home, err)
		}
	}
	all := make([]*Directory, len(places))
	for i := range places {
		if err := c.finish(i); err != nil {
			return nil, fmt.Errorf("create ledger in %s: %w", places[i].Path, err)
		}
		all[i] = &Directory{Path: places[i].Path, Genesis: c.genesis, fsys: fsys}
	}
	return all, nil
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
		key, err := newKey(c.fsys, p.Path, nodeKeyName, o.Entropy)
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
		if err := checkClientName(name); err != nil {
			return err
		}
		k, err := newKey(c.fsys, path, name, c.options.Entropy)
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
		if err := checkClientName(name); err != nil {
			return err
		}
		k, err := newAdminKey(c.fsys, c.home(), name, c.options.Entropy)
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

// finish writes what else belongs into a directory.
func (c *creation) finish(i int) error {
	return c.fill(c.places[i].Path, juno.NodeID(i+1), len(c.places) > 1)
}

// fill writes everything but the keys into the directory of a node, which may be one among several.
func (c *creation) fill(path string, id juno.NodeID, several bool) error {
	settings := filepath.Join(path, settingsName)
	if err := vfs.WriteFile(c.fsys, settings, []byte(settingsText)); err != nil {
		return err
	}
	if several {
		if err := beginNode(c.fsys, path, id, c.genesis.ID()); err != nil {
			return err
		}
	}
	// The genesis comes last: a directory with one is complete.
	b := juno.AppendGenesis(nil, c.genesis)
	return vfs.WriteFile(c.fsys, filepath.Join(path, genesisName), b)
}

// beginNode makes a directory that of a member among several. The log is begun here and never
// again: where it is missing later, it was lost, and with it what the node has promised.
func beginNode(fsys vfs.FS, path string, id juno.NodeID, cluster juno.ClusterID) error {
	if err := writeNodeFile(fsys, path, id); err != nil {
		return err
	}
	dir := filepath.Join(path, logName)
	log, err := wal.Create(wal.Options{FS: fsys, Dir: dir, Cluster: cluster},
		juno.Pos{Hash: cluster})
	if err != nil {
		return err
	}
	return log.Close()
}
