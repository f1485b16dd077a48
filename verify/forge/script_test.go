package forge

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"

	"juno"
	"juno/db/state"
)

// builder writes the log of a world, entry by entry, as its nodes do.
type builder struct {
	w       *world
	rng     *rand.Rand
	prefix  *state.Prefix
	memory  memory
	machine *state.Machine
	set     state.SetHash
	effects state.Effects

	term     juno.Term
	time     juno.Millis
	head     juno.Index // of the batch whose commands come now, or 0
	batchEnd juno.Index
	requests map[string]juno.RequestID
	rotated  map[string]int // generation of each client's key
	known    map[string]bool
	nonce    uint64 // of the newest change of the mode
	spare    []int
}

func newBuilder(w *world, rng *rand.Rand, spare []int) *builder {
	prefix, err := state.NewPrefix(w.genesis)
	if err != nil {
		panic(err)
	}
	elements, err := state.Genesis(w.genesis)
	if err != nil {
		panic(err)
	}
	b := &builder{
		w: w, rng: rng, prefix: prefix, memory: make(memory), machine: state.NewMachine(),
		time: w.genesis.Created, requests: make(map[string]juno.RequestID),
		rotated: make(map[string]int), spare: spare,
		known: map[string]bool{alice: true, bob: true, mallory: true, olga: true},
	}
	for _, e := range elements {
		b.memory[string(e.Key)] = e.Value
		b.set.Add(e.Key, e.Value)
	}
	w.hashes, w.roots = []juno.Hash{w.cluster}, []juno.Hash{b.set.Hash()}
	return b
}

func (b *builder) last() juno.Index { return b.w.last() }

// append judges an entry, executes it and notes what is true after it.
func (b *builder) append(t juno.EntryType, payload []byte) {
	w := b.w
	b.time += juno.Millis(b.rng.IntN(40))
	e := juno.Entry{Index: b.last() + 1, Term: b.term, Time: b.time, Type: t, Payload: payload}
	if err := b.prefix.Append(&e); err != nil {
		panic(fmt.Sprintf("world %d: %v", w.seed, err))
	}
	result, err := b.machine.Apply(b.memory, &e, &b.effects)
	if err != nil {
		panic(fmt.Sprintf("world %d: %v", w.seed, err))
	}
	for i := range b.effects.Writes {
		x := &b.effects.Writes[i]
		if x.Before != nil {
			b.set.Remove(x.Key, x.Before)
		}
		after := append([]byte{}, x.After...)
		b.set.Add(x.Key, after)
		b.memory[string(x.Key)] = after
	}
	w.entries = append(w.entries, e)
	w.hashes = append(w.hashes, e.ChainHash(w.hashes[e.Index-1]))
	w.roots = append(w.roots, b.set.Hash())
	w.results = append(w.results, result)
	w.heads = append(w.heads, b.head)
}

// reign writes the entries of an epoch, which next ends if it is not nil.
func (b *builder) reign(next *juno.EpochConfig) {
	w, number := b.w, uint32(len(b.w.epochs)-1)
	e := w.epochs[number]
	round := uint32(0)
	terms := 1 + b.rng.IntN(3)
	budget := (entriesMin + b.rng.IntN(entriesMore)) / (4 * terms)
	for i := range terms {
		b.term = juno.TermOf(number, round)
		b.append(juno.EntryTermStart, b.randomHash())
		b.commit()
		for range 1 + budget {
			b.step()
		}
		if i+1 < terms {
			b.die()
			round = b.term.Round() + 1 + uint32(b.rng.IntN(2))
		}
	}
	if next == nil {
		return
	}
	b.append(juno.EntryConfig, b.configChange(&e.config, next))
	e.last = b.last()
	w.commits = append(w.commits, e.last)
}

func (b *builder) randomHash() []byte {
	h := sha256.Sum256(fmt.Append(nil, b.rng.Uint64()))
	return h[:]
}

// commit makes the newest entry one that the voters committed, and takes a snapshot of some.
func (b *builder) commit() {
	w, at := b.w, b.last()
	w.commits = append(w.commits, at)
	every := juno.Index(w.epochs[len(w.epochs)-1].config.CheckpointEvery)
	if b.rng.IntN(6) == 0 && at%every != 0 {
		w.states[at] = b.memory.elements()
	}
}

// step writes one or a few entries.
func (b *builder) step() {
	every := juno.Index(b.w.epochs[len(b.w.epochs)-1].config.CheckpointEvery)
	left := every - b.last()%every // entries up to the next checkpoint, which is in no batch
	switch n := b.rng.IntN(20); {
	case n < 4 && left > 5:
		b.batch(1 + b.rng.IntN(4))
	case n == 4:
		b.append(juno.EntryNoop, nil)
	case n == 5 || n == 6:
		b.keys()
	case n == 7:
		b.mode()
	default:
		b.single()
	}
	if b.last()%every == 0 {
		b.w.states[b.last()] = b.memory.elements()
		b.w.commits = append(b.w.commits, b.last())
	} else if b.rng.IntN(2) == 0 {
		b.commit()
	}
}

// die makes a branch of what voters accepted in the present term, and that is lost with it.
func (b *builder) die() {
	if b.rng.IntN(2) == 0 {
		return
	}
	number := b.term.Epoch()
	d := &branch{base: b.last(), term: b.term, spare: b.spare[number]}
	b.w.commits = append(b.w.commits, d.base)
	time := b.time
	for i := range 1 + b.rng.IntN(3) {
		e := juno.Entry{
			Index: d.base + juno.Index(i) + 1, Term: b.term, Time: time, Type: juno.EntryCommand,
			Payload: b.command(b.someClient(), b.text()),
		}
		if b.rng.IntN(3) == 0 {
			e.Type, e.Payload = juno.EntryNoop, nil
		} else {
			b.w.pending = append(b.w.pending, e.Payload)
		}
		d.entries = append(d.entries, e)
	}
	b.w.dead = append(b.w.dead, d)
}

// tail writes entries that nobody has committed yet.
func (b *builder) tail() {
	for range b.rng.IntN(4) {
		b.single()
	}
	b.voteTail()
}

// configChange returns the payload of the entry that puts the next membership in force.
func (b *builder) configChange(present, next *juno.EpochConfig) []byte {
	c := &juno.ConfigChange{Previous: present.Hash(), Next: *next}
	known := make(map[juno.KeyID]bool)
	for _, k := range configKeys(present) {
		known[k.ID()] = true
	}
	for _, k := range configKeys(next) {
		if !known[k.ID()] {
			c.Possess(b.w.keys[k.ID()], b.w.cluster)
		}
	}
	for _, i := range b.rng.Perm(len(present.Admins))[:present.AdminThreshold] {
		c.Approve(b.w.keys[present.Admins[i].Public.ID()], b.w.cluster)
	}
	return c.Payload()
}

// configKeys returns the keys of all members and administrators.
func configKeys(c *juno.EpochConfig) []juno.PublicKey {
	var all []juno.PublicKey
	for _, m := range c.Voters {
		all = append(all, m.Public)
	}
	for _, m := range c.Observers {
		all = append(all, m.Public)
	}
	for _, a := range c.Admins {
		all = append(all, a.Public)
	}
	return all
}
