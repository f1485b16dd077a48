package sim

import (
	"math/rand/v2"
	"slices"

	"juno"
	"juno/cluster/consensus"
)

// This file does harm to correct nodes: crashes, partitions, and an adversarial scheduler that
// strikes at the worst moments. With faults at random moments only, several broken rules are not
// noticed in thousands of runs; if a node is cut off right after it has signed a prepare, they are
// noticed within tens.

// every runs a function again and again, at exponential distances, until the run is healed.
func (w *World) every(mean Micros, run func()) {
	if mean == 0 {
		return
	}
	var again func()
	plan := func() {
		after := Micros(float64(mean) * w.rng.ExpFloat64())
		w.queue.plan(w.now+min(after, 10*mean)+1, again)
	}
	again = func() {
		if !w.healed {
			run()
			plan()
		}
	}
	plan()
}

// unleash starts the faults of the plan.
func (w *World) unleash() {
	f := &w.plan.Faults
	w.every(f.CrashEvery, func() { w.crashLater(w.randomNode()) })
	w.every(f.PartitionEvery, w.partition)
	w.every(f.EpochEvery, w.proposeEpoch)
	w.every(f.FreezeEvery, func() { w.freeze(w.randomNode()) })
	w.every(f.HaltEvery, w.toggleHalt)
	if f.Late > 0 {
		n := w.honest[w.rng.IntN(len(w.honest))]
		n.crash(false)
		w.startLater(n, f.Late)
	}
	if f.LoseDisk {
		w.queue.plan(w.now+between(w.rng, 0, w.plan.Chaos), func() { w.loseDisk(w.randomNode()) })
	}
	if f.Corrupt {
		w.queue.plan(w.now+between(w.rng, 0, w.plan.Chaos), func() { w.corrupt(w.randomNode()) })
	}
	w.adversary.unleash()
}

func (w *World) randomNode() *node { return w.nodes[w.rng.IntN(len(w.nodes))] }

// crashLater crashes a node now and starts it again after a while.
func (w *World) crashLater(n *node) {
	if !n.up || w.healed {
		return
	}
	power, down := w.rng.IntN(4) != 0, between(w.rng, millisecond, second)
	if w.rng.IntN(8) == 0 {
		down += 2 * second // the others get far ahead
	}
	if power {
		w.count(PowerFailures)
	} else {
		w.count(Kills)
	}
	n.crash(power)
	w.startLater(n, down)
}

// startLater starts a process that is down after a while, unless that happens before.
func (w *World) startLater(n *node, after Micros) {
	life := n.life
	w.queue.plan(w.now+after, func() {
		if !n.up && n.life == life {
			n.guard(n.start)
		}
	})
}

// loseDisk takes everything from a correct node. It may never vote again under its key, because it
// does not know its promises.
func (w *World) loseDisk(n *node) {
	if n.party.byzantine || w.healed {
		return
	}
	n.observe = true
	n.lostIn = uint32(len(w.oracle.configs) - 1)
	if n.lostKey = w.publicOf(n); !w.bearableNow() {
		n.observe = false
		return
	}
	n.crash(true)
	n.disk.damage(w)
	w.count(DisksLost)
	w.note(n, "lost", "its disk")
	n.disk, n.snapshots = w.newDisk(n), nil
	n.results = make(map[juno.Index]juno.Result)
	n.start()
}

// regainVote lets a node vote again that lost its disk, once it has another key in an epoch that
// began later: it promised nothing there yet. Its operator restarts it for that.
func (n *node) regainVote() {
	m, votes := n.config.Voter(n.id)
	if !n.observe || !votes || m.Public == n.lostKey || n.config.Epoch <= n.lostIn {
		return
	}
	n.observe = false
	n.w.count(Reborn)
	n.w.note(n, "reborn", "under another key")
	n.later(between(n.w.rng, millisecond, 100*millisecond), func() {
		n.crash(false)
		n.start()
	})
}

// corrupt makes a correct node compute wrong states: its memory is damaged, or it runs another
// version. All nodes must notice, itself included (H2).
func (w *World) corrupt(n *node) {
	if n.party.byzantine || w.healed || !n.up {
		return
	}
	n.corrupt = n.executed + 1
	if !w.bearableNow() {
		n.corrupt = 0
		return
	}
	w.count(StatesDamaged)
	w.note(n, "corrupt", "its state after %d", n.executed)
}

// bearableNow reports whether every epoch that a node may still be in, or that was proposed, is
// large enough for the faults among its voters.
func (w *World) bearableNow() bool {
	for _, c := range slices.Concat(w.oracle.configs, w.admin.asked) {
		if !w.bearable(voters(c)) {
			return false
		}
	}
	return true
}

func (w *World) publicOf(n *node) juno.PublicKey {
	m, _, _ := w.oracle.configs[len(w.oracle.configs)-1].Member(n.id)
	return m.Public
}

// partition cuts the parties into pieces for a while.
func (w *World) partition() {
	w.count(Partitions)
	until := w.now + between(w.rng, 50*millisecond, 2*second)
	n := len(w.parties)
	side := w.rng.Uint64()
	switch w.rng.IntN(4) {
	case 0: // one alone
		side = 1 << w.rng.IntN(n)
	case 1: // only one direction of one link
		w.links.block(juno.NodeID(1+w.rng.IntN(n)), juno.NodeID(1+w.rng.IntN(n)), until)
		return
	}
	bridge := juno.NodeID(0)
	if w.rng.IntN(3) == 0 { // one node sees both sides
		bridge = juno.NodeID(1 + w.rng.IntN(n))
	}
	for _, a := range w.parties {
		for _, b := range w.parties {
			if side>>(a.id-1)&1 != side>>(b.id-1)&1 && a.id != bridge && b.id != bridge {
				w.links.block(a.id, b.id, until)
			}
		}
	}
	w.note(nil, "part", "sides %b, bridge %d, until %s", side&(1<<n-1), bridge, until)
}

// moment is an occasion for the adversarial scheduler.
type moment string

// strike may do harm to a node at a bad moment. Its last decision is on its way to the disk and not
// sent yet: if the node is cut off now, no other node learns of it.
func (w *World) strike(n *node, m moment) {
	if w.healed || n.party.byzantine || !w.chance(w.plan.Faults.CutPermille) {
		return
	}
	w.count(Strikes)
	w.note(n, "strike", "it has just %s", m)
	if w.plan.Faults.FreezeEvery > 0 && w.rng.IntN(3) == 0 {
		w.freeze(n)
		return
	}
	switch w.rng.IntN(5) {
	case 0:
		w.crashLater(n)
	case 1:
		w.isolate(n.id, 0, between(w.rng, 100*millisecond, 3*second))
	case 2: // its next messages reach some nodes only, and then it is cut off
		w.isolate(n.id, w.rng.Uint64(), between(w.rng, 100*millisecond, 3*second))
	case 3: // it receives nothing, and some nodes still receive its messages
		w.deafen(n.id, w.rng.Uint64(), between(w.rng, 100*millisecond, 2*second))
	case 4: // its messages leave, and then the power fails
		n.later(between(w.rng, 0, 10*millisecond), func() { w.crashLater(n) })
	}
}

// isolate cuts a node off from all but a set of others.
func (w *World) isolate(id juno.NodeID, friends uint64, during Micros) {
	for _, p := range w.parties {
		if friends>>(p.id-1)&1 == 0 {
			w.links.block(id, p.id, w.now+during)
			w.links.block(p.id, id, w.now+during)
		}
	}
}

// deafen blocks all messages to a node except for those of a set of others, which alone receive its
// messages.
func (w *World) deafen(id juno.NodeID, friends uint64, during Micros) {
	for _, p := range w.parties {
		w.links.block(p.id, id, w.now+during)
		if friends>>(p.id-1)&1 == 0 {
			w.links.block(id, p.id, w.now+during)
		}
	}
}

// observeStatus compares a node before and after an input: for the oracle, and for the scheduler.
func (n *node) observeStatus() {
	if !n.up {
		return
	}
	before, now := n.seen, n.core.Status()
	n.seen = now
	w := n.w
	if n.party.byzantine {
		return
	}
	w.oracle.status(n, &before, &now)
	n.countStatus(&before, &now)
	switch {
	case now.Role == consensus.Leader && before.Role != consensus.Leader:
		w.strike(n, "begun to lead")
	case before.HighRank.Less(now.HighRank):
		w.strike(n, "formed a certificate")
	case now.Committed.Index > before.Committed.Index:
		w.strike(n, "committed")
	case now.Term > before.Term:
		w.strike(n, "left for a term")
	case samePos(before.Accepted, now.Accepted):
	default:
		w.strike(n, "accepted")
	}
}

// countStatus counts the changes that an operator would see.
func (n *node) countStatus(before, now *consensus.Status) {
	switch {
	case now.Halted && !before.Halted:
		n.w.count(Halted)
	case !now.Halted && before.Halted:
		n.w.count(Resumed)
	}
	if now.Role == consensus.Quarantined && before.Role != consensus.Quarantined {
		n.w.count(Quarantines)
	}
}

func samePos(a, b *juno.Pos) bool {
	return a == b || (a != nil && b != nil && *a == *b)
}

// toggleHalt halts the ledger, or resumes it.
func (w *World) toggleHalt() {
	w.admin.nonce++
	halted := w.rng.IntN(2) == 0
	change := &juno.ModeChange{Halted: halted, Nonce: w.admin.nonce}
	change.Approve(secretKeyOf(holderAdmin, 0).private, w.book.cluster)
	change.Approve(secretKeyOf(holderAdmin+1, 0).private, w.book.cluster)
	if !halted || w.rng.IntN(3) == 0 {
		w.submit(newRequest(juno.Entry{Type: juno.EntryMode, Payload: change.Payload()}))
		return
	}
	halt := &consensus.Halt{Change: change}
	p := newPacket(0, halt)
	w.note(nil, "button", "%s", consensus.Describe(halt))
	w.carry(p, juno.NodeID(1+w.rng.IntN(len(w.parties))))
}

// resume ends every halt, for good.
func (w *World) resume() {
	if w.plan.Faults.HaltEvery == 0 {
		return
	}
	w.admin.nonce++
	change := &juno.ModeChange{Nonce: w.admin.nonce}
	change.Approve(secretKeyOf(holderAdmin, 0).private, w.book.cluster)
	change.Approve(secretKeyOf(holderAdmin+1, 0).private, w.book.cluster)
	w.submit(newRequest(juno.Entry{Type: juno.EntryMode, Payload: change.Payload()}))
}

// fresh returns a generator for something that must not disturb the rest of the run.
func (w *World) fresh(salt uint64) *rand.Rand {
	return rand.New(rand.NewPCG(w.plan.Seed, salt))
}
