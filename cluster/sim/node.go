package sim

import (
	"fmt"
	"math/rand/v2"

	"juno"
	"juno/cluster/consensus"
	"juno/db/state"
)

// party is an identity: a node of the cluster, correct or not. A correct party is one process; one
// of the adversary's may be none, one, or several that share the identity (Twins).
type party struct {
	id        juno.NodeID
	byzantine bool
	hosts     []*node
}

// node is a process: a core with what package cluster puts around it, and a disk of its own.
type node struct {
	w      *World
	party  *party
	id     juno.NodeID
	twin   int // number among the hosts of the party
	rng    *rand.Rand
	mutant Mutant
	skew   Micros // of its clock
	drift  Micros // of its ticks

	// The state that a crash leaves.
	disk      disk
	snapshots []*snapshot // by index
	results   map[juno.Index]juno.Result
	observe   bool       // it lost its disk and may not vote under its key
	corrupt   juno.Index // its states are wrong from this entry on; 0 for never
	lostKey   juno.PublicKey
	lostIn    uint32 // newest epoch in which it may have made a promise that it lost

	// The state that a crash takes.
	up        bool
	life      int // number of the incarnation, so that events of older ones are ignored
	core      *consensus.Core
	durable   *consensus.Durable
	prefix    *state.Prefix
	app       *app
	pool      *pool
	verifier  *verifier
	config    *juno.EpochConfig
	ticks     uint64
	executed  juno.Index
	certified juno.Index
	wrongAt   juno.Index // first checkpoint after healing at which its state was wrong
	doubtAt   Micros
	wanted    *consensus.SnapshotRequest
	pending   []consensus.Ready // not persisted, or waiting for those that are not
	installed bool              // its log began behind a snapshot at least once
	written   int               // groups of pending that went to the disk, not synced yet
	syncing   bool
	advancing bool
	frozen    bool      // it gets no processor
	inbox     []*packet // messages that arrived meanwhile
	postponed []func()  // other work of the meantime
	rate      rate
	seen      consensus.Status // after the last input
}

// newNode returns a process that is not running.
func (w *World) newNode(p *party, twin int) *node {
	n := &node{
		w: w, party: p, id: p.id, twin: twin, mutant: w.plan.Mutant,
		results: make(map[juno.Index]juno.Result),
		rng:     rand.New(rand.NewPCG(w.plan.Seed, uint64(p.id)<<8|uint64(twin))),
	}
	if p.byzantine {
		n.mutant = NoMutant
	}
	if skew := w.plan.Faults.ClockSkew; skew > 0 {
		n.skew = between(w.rng, 0, skew)
		n.drift = between(w.rng, 0, tickEvery/20)
	}
	n.disk = w.newDisk(n)
	return n
}

// clock returns the time as the node sees it.
func (n *node) clock() juno.Millis {
	return n.w.genesis.Created + juno.Millis((n.w.now+n.skew)/millisecond)
}

// base returns the state that the log begins behind.
func (n *node) base() *snapshot {
	first := n.disk.First() - 1
	if first == 0 {
		return n.w.initial
	}
	s := n.snapshotAt(first)
	if s == nil {
		panic(fmt.Sprintf("%s: the log begins behind %d, and there is no state of it", n.id, first))
	}
	return s
}

func (n *node) snapshotAt(i juno.Index) *snapshot {
	for _, s := range n.snapshots {
		if s.pos.Index == i {
			return s
		}
	}
	return nil
}

// start starts the process on what its disk holds.
func (n *node) start() {
	n.up, n.life = true, n.life+1
	st := n.disk.stored(&n.w.genesis.Config)
	n.pool = newPool(&n.ticks)
	n.ticks, n.pending, n.written, n.syncing = 0, nil, 0, false
	n.certified, n.wanted, n.wrongAt = 0, nil, 0
	n.frozen, n.inbox, n.postponed = false, nil, nil
	n.verifier = &verifier{book: n.w.book, configs: []*juno.EpochConfig{&n.w.genesis.Config}}
	for i := range st.Records {
		if r := &st.Records[i]; r.Kind == juno.RecordEpoch {
			e, err := juno.ParseEpochRecord(r.Bytes)
			n.check(err)
			n.verifier.add(e.Next)
		}
	}
	n.config = n.verifier.configs[len(n.verifier.configs)-1]
	base := n.base()
	n.loadPrefix(base.view)
	for _, e := range n.read(base.pos.Index+1, n.disk.tip().Index+1) {
		n.check(n.prefix.Append(&e))
	}
	var err error
	n.durable, err = consensus.NewDurable(n.id, st)
	n.check(err)
	n.core, err = newCore(n.mutant, consensus.Config{
		ID: n.id, Cluster: n.w.book.cluster, Limits: n.w.plan.Limits, Observe: n.observe,
	}, st, consensus.Ports{Validator: n, Pool: n.pool, Log: n.disk, Rand: n.rng}, n.clock())
	n.check(err)
	n.seen = n.core.Status()
	n.app, n.executed = newApp(base, n.results), base.pos.Index
	final := n.seen.Committed.Index
	n.execute(n.read(base.pos.Index+1, final+1), false)
	n.prefix.Committed(final)
	n.w.note(n, "start", "log to %s, committed %s", n.seen.Last, n.seen.Committed)
	n.tickLater(between(n.w.rng, 1, tickEvery))
	n.advance()
}

// check stops the run: a correct process met an impossible error.
func (n *node) check(err error) {
	if err != nil {
		panic(fmt.Sprintf("%s: %v", n.id, err))
	}
}

func (n *node) loadPrefix(view *elements) {
	var err error
	n.prefix, err = state.LoadPrefix(view)
	n.check(err)
}

// read returns the entries [lo, hi) of the disk.
func (n *node) read(lo, hi juno.Index) []juno.Entry {
	var all []juno.Entry
	for lo < hi {
		more := n.disk.Entries(lo, hi, 1<<20)
		all = append(all, more...)
		lo += juno.Index(len(more))
	}
	return all
}

// crash ends the process at once. With power its machine goes down, too, and what was not synced
// may be lost.
func (n *node) crash(power bool) {
	if !n.up {
		return
	}
	n.w.note(n, "crash", "power lost: %v", power)
	if power && n.written > 0 {
		n.w.count(WritesLost)
	}
	n.up, n.life = false, n.life+1
	n.core, n.advancing = nil, false
	n.disk = n.disk.crash(n.w.rng, power)
}

// later runs a function after a while, unless the process ended meanwhile.
func (n *node) later(after Micros, run func()) {
	life := n.life
	n.w.queue.plan(n.w.now+after, func() {
		if n.up && n.life == life {
			n.awake(func() { n.guard(run) })
		}
	})
}

// guard runs a function of a process. A process of the adversary may panic: a core that breaks
// rules need not survive that.
func (n *node) guard(run func()) {
	if n.party.byzantine {
		defer func() {
			if caught := recover(); caught != nil {
				n.broke(caught)
			}
		}()
	}
	run()
}

// broke stops a process of the adversary for a while; it loses everything.
func (n *node) broke(why any) {
	if v, ok := why.(*Violation); ok {
		panic(v) // a correct node was called in between
	}
	n.w.note(n, "broke", "%v", why)
	n.up, n.life, n.advancing = false, n.life+1, false
	n.disk, n.snapshots = n.w.newDisk(n), nil
	n.results = make(map[juno.Index]juno.Result)
	n.w.queue.plan(n.w.now+second, func() {
		if !n.up {
			n.guard(n.start)
		}
	})
}

func (n *node) tickLater(after Micros) {
	n.later(after, func() {
		n.ticks++
		n.core.Tick(n.clock())
		n.advance()
		if n.up {
			n.tickLater(tickEvery + n.drift)
		}
	})
}

// Append implements consensus.Validator. Client signatures are checked as package cluster does,
// before an entry comes here, if they are real.
func (n *node) Append(e *juno.Entry) error {
	if n.w.plan.Real {
		if err := n.prefix.Verify([]juno.Entry{*e}); err != nil {
			return err
		}
	}
	return n.prefix.Append(e)
}

// TruncateTo implements consensus.Validator.
func (n *node) TruncateTo(index juno.Index) { n.prefix.TruncateTo(index) }

// signer returns the key that the node signs with: the one in its newest membership.
func (n *node) signer() signer {
	m, _, ok := n.config.Member(n.id)
	if !ok {
		panic(fmt.Sprintf("%s is no member of epoch %d", n.id, n.config.Epoch))
	}
	return signer{n.w.book, n.w.book.byID[m.Public.ID()]}
}
