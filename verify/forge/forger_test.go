package forge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"juno"
	"juno/verify/files"
)

// power is what the forger has besides the disk.
type power int

const (
	// aThief has what the protocol survives: f voters of every epoch, nodes and keys out of service
	// as long as they are no quorum, all observers, administrators below the threshold, the keys
	// of two clients and a revoked one.
	aThief power = iota
	// theAdministrators have all administrators' keys as well.
	theAdministrators
	// anOldQuorum has all voters' keys of one epoch as well: it can write that epoch anew, and
	// nothing else.
	anOldQuorum
	// allNodes has the keys of all nodes that ever were. It can write everything anew, but for what
	// administrators and clients sign.
	allNodes
)

func (p power) String() string {
	return [...]string{"thief", "administrators", "old quorum", "all nodes"}[p]
}

// forger forges one piece of evidence.
type forger struct {
	rng     *rand.Rand
	worlds  uint64 // the seed of the first world that it may draw
	w       *world
	p       *pieces
	power   power
	options files.Options
	owned   map[juno.KeyID]bool
	made    map[juno.KeyID]juno.PrivateKey // keys that the forger made for itself
	// broken are the epochs of which the forger has a quorum: what they decided may be forged.
	broken  []bool
	request juno.RequestID // of its clients' next command
	notes   []string       // what it did
}

const (
	worldsEach    = 40   // so many worlds are drawn from,
	forgeriesEach = 5000 // for so many forgeries; then from others
)

// otherWorld draws a world, which may be the same one.
func (f *forger) otherWorld() *world { return worldOf(f.worlds + f.rng.Uint64N(worldsEach)) }

// newForger draws a world, a power, a piece of evidence and what the verifier is asked.
func newForger(seed uint64, kind artifact) *forger {
	rng := rand.New(rand.NewPCG(seed, 0xf0))
	first := seed / forgeriesEach * worldsEach
	w := worldOf(first + rng.Uint64N(worldsEach))
	f := &forger{
		rng: rng, worlds: first, w: w, p: soundPieces(w, kind, rng), owned: make(map[juno.KeyID]bool),
		made:   make(map[juno.KeyID]juno.PrivateKey),
		broken: make([]bool, len(w.epochs)), request: 10_000,
		power: []power{aThief, aThief, aThief, theAdministrators, anOldQuorum, allNodes}[rng.IntN(6)],
	}
	f.steal()
	f.options.Pinned = w.cluster
	if rng.IntN(5) == 0 {
		f.options.Pinned = juno.ClusterID{}
	}
	switch rng.IntN(14) {
	case 0:
		f.options.HashOnly = true
	case 1:
		f.options.SkipSignatures = true
	case 2:
		f.options.SkipReplay = true
	case 3:
		f.options.To = f.p.start.Index + 1 + juno.Index(rng.IntN(len(f.p.entries)+1))
	case 4:
		f.options.From = f.p.start.Index + juno.Index(rng.IntN(len(f.p.entries)+1))
	}
	if kind == aReceipt {
		f.options = files.Options{Pinned: f.options.Pinned}
	}
	return f
}

// steal takes the keys that the power gives.
func (f *forger) steal() {
	w := f.w
	for _, ids := range [][]juno.KeyID{w.stolen, w.stolenAdmins} {
		for _, id := range ids {
			f.owned[id] = true
		}
	}
	for _, name := range stolenClients {
		f.owned[clientKey(name, 0).Public().ID()] = true
	}
	voters := func(e *epoch) {
		for _, m := range e.config.Voters {
			f.owned[m.Public.ID()] = true
		}
	}
	switch f.power {
	case theAdministrators:
		for _, e := range w.epochs {
			for _, a := range e.config.Admins {
				f.owned[a.Public.ID()] = true
			}
		}
	case anOldQuorum:
		voters(w.epochs[f.rng.IntN(len(w.epochs))])
	case allNodes:
		for _, e := range w.epochs {
			voters(e)
		}
	}
	for i, e := range w.epochs {
		n := 0
		for _, m := range e.config.Voters {
			if f.owned[m.Public.ID()] {
				n++
			}
		}
		f.broken[i] = n >= e.config.Quorum()
	}
}

// has returns the secret of a key that the forger owns.
func (f *forger) has(public juno.PublicKey) (juno.PrivateKey, bool) {
	id := public.ID()
	if k, ok := f.made[id]; ok {
		return k, true
	}
	k, ok := f.w.keys[id]
	return k, ok && f.owned[id]
}

// keyOf returns the secret of any key: what a correct node signed somewhere else.
func (f *forger) keyOf(public juno.PublicKey) juno.PrivateKey {
	if k, ok := f.made[public.ID()]; ok {
		return k
	}
	return f.w.keys[public.ID()]
}

// outsider returns a key that the forger made for itself.
func (f *forger) outsider(i int) juno.PrivateKey {
	k := keyNamed(fmt.Sprintf("outsider/%d", i))
	f.made[k.Public().ID()] = k
	return k
}

func (f *forger) note(format string, args ...any) {
	f.notes = append(f.notes, fmt.Sprintf(format, args...))
}

// String says who forged what, how.
func (f *forger) String() string {
	return fmt.Sprintf("%s of world %d (%d voters, %d epochs) by a forger with power %q: %s; asked: %s",
		f.p.kind, f.w.seed, len(f.w.genesis.Config.Voters), len(f.w.epochs), f.power,
		strings.Join(f.notes, "; "), askedFor(f.options))
}

func askedFor(o files.Options) string {
	s := "all"
	if o.Pinned == (juno.ClusterID{}) {
		s = "not pinned"
	}
	return fmt.Sprintf("%s hash-only=%t skip=%t,%t [%d,%d)", s, o.HashOnly, o.SkipSignatures,
		o.SkipReplay, o.From, o.To)
}

// operator is one way to break a rule.
type operator struct {
	name  string
	kinds []artifact
	apply func(f *forger) bool // false: it does not fit the evidence
}

// operators returns all operators.
func operators() []operator {
	return slices.Concat(certificateOperators, logOperators, memberOperators, stateOperators,
		receiptOperators, byteOperators)
}

var (
	everyKind   = []artifact{aReceipt, anExport, aDirectory, aSnapshot}
	logKinds    = []artifact{anExport, aDirectory}
	receiptKind = []artifact{aReceipt}
	stateKinds  = []artifact{anExport, aDirectory, aSnapshot}
)

// fitting returns the operators for each kind of evidence.
var fitting = func() map[artifact][]operator {
	all := make(map[artifact][]operator)
	for _, o := range operators() {
		for _, k := range o.kinds {
			all[k] = append(all[k], o)
		}
	}
	return all
}()

// forge applies one to four operators; mostly one, because a second fault hides the first.
func (f *forger) forge() {
	all := fitting[f.p.kind]
	n := []int{1, 1, 1, 1, 1, 2, 2, 2, 3, 4}[f.rng.IntN(10)]
	for range 20 * n {
		o := all[f.rng.IntN(len(all))]
		at := len(f.notes)
		f.notes = append(f.notes, o.name)
		if !o.apply(f) {
			f.notes = f.notes[:at]
			continue
		}
		if n--; n == 0 {
			return
		}
	}
}

func (f *forger) chance(percent int) bool { return f.rng.IntN(100) < percent }

// pick draws one of several things.
func pick[T any](f *forger, all ...T) T { return all[f.rng.IntN(len(all))] }
