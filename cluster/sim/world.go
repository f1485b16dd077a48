package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"juno"
	"juno/cluster/consensus"
	"juno/db/state"
)

// World is one run: a cluster, its clients and its adversary, in virtual time, on one goroutine.
type World struct {
	plan    Plan
	rng     *rand.Rand
	now     Micros
	queue   eventQueue
	genesis *juno.Genesis
	initial *snapshot // the state before the first entry
	book    *keyBook

	parties   []*party // by id-1
	nodes     []*node  // all processes, those of the adversary too
	honest    []*node  // those of correct parties, by id
	links     links
	oracle    *oracle
	adversary *adversary
	clients   []*client
	admin     admin

	inFlight  int
	healed    bool
	checkedAt Micros     // time of the last check by isWell
	target    juno.Index // that every correct node has to commit after healing
	history   []Operation
	digest    uint64   // of everything that happened
	log       []string // of everything that happened, in words; nil unless wanted
	logging   bool
	Stats     Stats
}

// newWorld builds the cluster of a plan; nothing has happened in it yet.
func newWorld(p Plan) *World {
	w := &World{plan: p, rng: rand.New(rand.NewPCG(p.Seed, 0x776f726c64))}
	w.book = newKeyBook(p.Real)
	w.makeParties()
	w.makeGenesis()
	w.oracle = newOracle(w, w.genesis)
	w.links = newLinks(len(w.parties))
	w.adversary = newAdversary(w)
	for _, party := range w.parties {
		hosts := 1
		if party.byzantine {
			hosts = w.adversary.hosts(party.id)
		}
		for twin := range hosts {
			n := w.newNode(party, twin)
			party.hosts = append(party.hosts, n)
			w.nodes = append(w.nodes, n)
			if !party.byzantine {
				w.honest = append(w.honest, n)
			}
		}
	}
	w.makeClients()
	return w
}

// makeParties draws which of the voters belong to the adversary.
func (w *World) makeParties() {
	for i := range w.plan.Voters + w.plan.Spares {
		w.parties = append(w.parties, &party{id: juno.NodeID(i + 1)})
	}
	for _, i := range w.rng.Perm(w.plan.Voters)[:w.plan.Byzantine] {
		w.parties[i].byzantine = true
	}
}

// genesisTime is when the ledgers of the simulator begin.
const genesisTime juno.Millis = 1_700_000_000_000

func (w *World) makeGenesis() {
	g := &juno.Genesis{
		Created: genesisTime, Open: true,
		Config: juno.EpochConfig{
			FirstLeader: juno.NodeID(1 + w.rng.IntN(w.plan.Voters)), AdminThreshold: 2,
			CheckpointEvery: w.plan.CheckpointEvery,
		},
	}
	for _, p := range w.parties {
		m := juno.Member{ID: p.id, Public: w.book.add(secretKeyOf(uint32(p.id), 0)).public}
		if int(p.id) <= w.plan.Voters {
			g.Config.Voters = append(g.Config.Voters, m)
		} else {
			g.Config.Observers = append(g.Config.Observers, m)
		}
	}
	for i := range uint32(3) {
		g.Config.Admins = append(g.Config.Admins, juno.Admin{
			Name: string(rune('x' + i)), Public: w.book.add(secretKeyOf(holderAdmin+i, 0)).public,
		})
	}
	for i := range uint32(w.plan.Clients) + 1 {
		g.Clients = append(g.Clients, juno.ClientKey{
			Name: clientName(int(i)), Role: juno.RoleClient,
			Public: w.book.add(secretKeyOf(holderClient+i, 0)).public,
		})
	}
	all, err := state.Genesis(g)
	if err != nil {
		panic(fmt.Sprintf("genesis: %v", err))
	}
	w.genesis, w.book.cluster = g, g.ID()
	w.initial = &snapshot{pos: juno.Pos{Hash: w.book.cluster}, view: newElements(all)}
}

// isByzantine reports whether a node belongs to the adversary.
func (w *World) isByzantine(id juno.NodeID) bool {
	return id > 0 && int(id) <= len(w.parties) && w.parties[id-1].byzantine
}

// byzantineIn returns how many voters of an epoch belong to the adversary.
func (w *World) byzantineIn(c *juno.EpochConfig) int {
	n := 0
	for i := range c.Voters {
		if w.isByzantine(c.Voters[i].ID) {
			n++
		}
	}
	return n
}

// hash folds what happens into the digest of the run.
func (w *World) hash(words ...uint64) {
	w.digest = mix(w.digest, uint64(w.now))
	for _, word := range words {
		w.digest = mix(w.digest, word)
	}
}

// unknownEpoch reports whether a message could not be verified because this node is behind.
func unknownEpoch(err error) bool { return errors.Is(err, consensus.ErrUnknownEpoch) }
