package forge

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"juno"
	"juno/snapshot"
)

// world is a sound ledger, and what is true in it.
type world struct {
	seed    uint64
	genesis *juno.Genesis
	cluster juno.ClusterID
	epochs  []*epoch
	keys    map[juno.KeyID]juno.PrivateKey // everybody's

	entries   []juno.Entry  // entries[i] has index i+1
	hashes    []juno.Hash   // hashes[i] is the chain hash at index i
	roots     []juno.Hash   // roots[i] is the state hash after entry i
	results   []juno.Result // results[i] is that of the entry with index i+1
	heads     []juno.Index  // heads[i] is the head of the batch of entry i+1, 0 if it is in none
	committed juno.Index    // the newest final entry; those behind it are held only
	commits   []juno.Index  // where the voters committed, ascending
	states    map[juno.Index][]snapshot.Element

	proofs []*juno.QuorumCertificate // detached, ascending, one for each of commits
	points []*juno.CheckpointCertificate
	ends   []*juno.EpochRecord
	dead   []*branch
	// said are the payloads that honest clients signed, whatever became of them, by their hash.
	said map[juno.Hash]bool
	// pending are commands of honest clients that did not get into the log.
	pending [][]byte
	// votes are the votes that honest nodes sent for others than the true chain, or before they
	// had prepared it.
	votes []juno.SignedVote

	stolen, lying, stolenAdmins []juno.KeyID
	// foreign is an honest statement's cluster in another ledger that has the same keys.
	foreign juno.ClusterID
}

// epoch is a membership of a world, and the entries that it decided: [first, last].
type epoch struct {
	config juno.EpochConfig
	ring   *juno.Keyring
	first  juno.Index
	last   juno.Index // the config entry that ended it; 0 while it goes on
}

// branch is a chain that voters accepted, and that another leader's chain took the place of.
type branch struct {
	base    juno.Index // the last entry that it shares with the true chain
	term    juno.Term
	entries []juno.Entry
	// prepared is a certificate of kind Prepare at its end: a quorum did accept it.
	prepared *juno.QuorumCertificate
	spare    int // how many votes it takes besides, at least, to commit it
}

const (
	worldsMax   = 100 // how many worlds are kept
	entriesMin  = 20
	entriesMore = 60
)

var worlds = struct {
	sync.Mutex
	bySeed map[uint64]*world
}{bySeed: make(map[uint64]*world)}

// worldOf returns the world of a seed.
func worldOf(seed uint64) *world {
	worlds.Lock()
	defer worlds.Unlock()
	w := worlds.bySeed[seed]
	if w == nil {
		if len(worlds.bySeed) >= worldsMax {
			clear(worlds.bySeed)
		}
		w = newWorld(seed)
		worlds.bySeed[seed] = w
	}
	return w
}

// newWorld draws a world.
func newWorld(seed uint64) *world {
	rng := rand.New(rand.NewPCG(seed, 0x0b0e))
	p := newPlanner(rng)
	configs := []juno.EpochConfig{p.first()}
	for range rng.IntN(4) {
		configs = append(configs, p.next(&configs[len(configs)-1]))
	}
	w := &world{
		seed: seed, keys: p.keys, states: make(map[juno.Index][]snapshot.Element),
		said: make(map[juno.Hash]bool),
		genesis: &juno.Genesis{
			Created: 1_700_000_000_000, Nonce: sha256.Sum256(fmt.Append(nil, "nonce", seed)),
			Config: configs[0],
		},
	}
	for _, name := range []string{alice, bob, mallory, olga} {
		role := juno.RoleClient
		if name == alice || name == olga {
			role = juno.RoleOperator
		}
		k := clientKey(name, 0)
		w.keys[k.Public().ID()] = k
		w.genesis.Clients = append(w.genesis.Clients,
			juno.ClientKey{Name: name, Role: role, Public: k.Public()})
	}
	w.cluster = w.genesis.ID()
	w.foreign = sha256.Sum256(w.cluster[:])
	spare := make([]int, len(configs))
	w.stolen, w.lying = p.stealing(configs, spare)
	w.stolenAdmins = p.stealingAdmins(configs)
	b := newBuilder(w, rng, spare)
	for i := range configs {
		w.begin(configs[i])
		if i+1 < len(configs) {
			b.reign(&configs[i+1])
		} else {
			b.reign(nil)
		}
	}
	w.committed = w.commits[len(w.commits)-1]
	b.prove()
	b.tail()
	return w
}

func (w *world) begin(c juno.EpochConfig) {
	ring, err := c.Keyring(w.cluster)
	if err != nil {
		panic(err)
	}
	w.epochs = append(w.epochs, &epoch{
		config: c, ring: ring, first: juno.Index(len(w.entries) + 1),
	})
}

// epochAt returns the epoch that an entry belongs to; for what follows the log, the newest one.
func (w *world) epochAt(i juno.Index) *epoch {
	for _, e := range w.epochs {
		if e.last == 0 || i <= e.last {
			return e
		}
	}
	panic("a world whose last epoch has ended")
}

// HashAt and HeaderAt make a world a juno.History.
func (w *world) HashAt(i juno.Index) (juno.Hash, bool) {
	if i >= juno.Index(len(w.hashes)) {
		return juno.Hash{}, false
	}
	return w.hashes[i], true
}

func (w *world) HeaderAt(i juno.Index) (juno.EntryHeader, bool) {
	if i == 0 || i > w.last() {
		return juno.EntryHeader{}, false
	}
	return w.entries[i-1].Header(), true
}

// last returns the index of the last entry that is held, final or not.
func (w *world) last() juno.Index { return juno.Index(len(w.entries)) }

func (w *world) pos(i juno.Index) juno.Pos { return juno.Pos{Index: i, Hash: w.hashes[i]} }

// onChain reports whether a position is one of the true chain, and final.
func (w *world) onChain(p juno.Pos) bool {
	return p.Index <= w.committed && w.hashes[p.Index] == p.Hash
}

// key returns the key of a node in an epoch.
func (e *epoch) key(w *world, id juno.NodeID) juno.PrivateKey {
	m, _, ok := e.config.Member(id)
	if !ok {
		panic(fmt.Sprintf("%s is no member of epoch %d", id, e.config.Epoch))
	}
	return w.keys[m.Public.ID()]
}

// proofAt returns the first certificate at an entry or behind it.
func (w *world) proofAt(i juno.Index) *juno.QuorumCertificate {
	for _, c := range w.proofs {
		if c.Pos.Index >= i {
			return c
		}
	}
	return nil
}

// pointAt returns the checkpoint certificate of an entry, or nil.
func (w *world) pointAt(i juno.Index) *juno.CheckpointCertificate {
	for _, k := range w.points {
		if k.Index == i {
			return k
		}
	}
	return nil
}

// changes returns the proofs of the ends of all epochs.
func (w *world) changes() []juno.EpochChange {
	all := make([]juno.EpochChange, len(w.ends))
	for i, r := range w.ends {
		all[i] = r.Change()
	}
	return all
}

// snapshotIndexes returns at which entries there is a state, ascending.
func (w *world) snapshotIndexes() []juno.Index {
	var all []juno.Index
	for i := range w.states {
		all = append(all, i)
	}
	slices.Sort(all)
	return all
}
