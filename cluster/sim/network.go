package sim

import (
	"juno"
	"juno/cluster/consensus"
)

// packet is a message on its way.
type packet struct {
	from  juno.NodeID
	bytes []byte
	hash  uint64
	// message is what the bytes say. It is decoded once for all receivers: nobody may change a
	// message, and a share of the runs decodes for every receiver to see that nobody does.
	message consensus.Message
	err     error
	decoded bool
}

func newPacket(from juno.NodeID, m consensus.Message) *packet {
	b := consensus.Encode(m)
	return &packet{from: from, bytes: b, hash: mixBytes(0, b)}
}

// decode returns what the packet says.
func (p *packet) decode(again bool) (consensus.Message, error) {
	if !p.decoded || again {
		p.message, p.err = consensus.Decode(p.bytes)
		p.decoded = true
	}
	return p.message, p.err
}

// links is what stands between two parties.
type links struct {
	// cut says until when nothing goes from one to another.
	cut  [][]Micros
	calm bool // healed: no loss, no delay to speak of
}

func newLinks(n int) links {
	l := links{cut: make([][]Micros, n+1)}
	for i := range l.cut {
		l.cut[i] = make([]Micros, n+1)
	}
	return l
}

// block keeps everything from one party to another for a while.
func (l *links) block(from, to juno.NodeID, until Micros) {
	l.cut[from][to] = max(l.cut[from][to], until)
}

func (l *links) heal() {
	l.calm = true
	for i := range l.cut {
		clear(l.cut[i])
	}
}

// delay draws how long a message takes; ok is false if it never arrives.
func (w *World) delay(from, to juno.NodeID) (after Micros, ok bool) {
	net := &w.plan.Net
	if w.links.cut[from][to] > w.now {
		return 0, false
	}
	if w.links.calm {
		return between(w.rng, net.DelayMin, min(net.DelayMax, 5*millisecond)), true
	}
	if w.chance(net.LossPermille) {
		return 0, false
	}
	if w.chance(net.SlowPermille) {
		return between(w.rng, net.DelayMax, max(net.DelayMax, net.SlowMax)), true
	}
	return between(w.rng, net.DelayMin, net.DelayMax), true
}

// chance is true so many times in a thousand.
func (w *World) chance(permille int) bool {
	return permille > 0 && w.rng.IntN(1000) < permille
}

// broadcast sends what a core wants sent.
func (w *World) broadcast(n *node, out *consensus.Out) {
	if len(out.To) == 0 {
		return
	}
	p := newPacket(n.id, out.Message)
	w.hash(uint64(n.id), p.hash)
	if w.logging {
		w.note(n, "send", "to %v: %s", plain(out.To), consensus.Describe(out.Message))
	}
	if n.party.byzantine {
		w.adversary.sends(n, p, out)
		return
	}
	w.adversary.sees(p, out.Message)
	w.adversary.overhears(out.To, out.Message)
	for _, to := range out.To {
		w.carry(p, to)
	}
}

// carry takes a packet to a party, perhaps twice, perhaps never.
func (w *World) carry(p *packet, to juno.NodeID) {
	copies := 1
	if !w.links.calm && w.chance(w.plan.Net.DupPermille) {
		copies = 2
	}
	for range copies {
		after, ok := w.delay(p.from, to)
		if !ok {
			continue
		}
		w.inFlight++
		w.queue.plan(w.now+after, func() {
			w.inFlight--
			w.deliver(p, to)
		})
	}
}

// deliver hands a packet to the processes of a party.
func (w *World) deliver(p *packet, to juno.NodeID) {
	party := w.parties[to-1]
	for _, n := range party.hosts {
		if n.up && (!party.byzantine || w.adversary.hears(n, p)) {
			n.guard(func() { n.receive(p) })
		}
	}
}

// receive is what the transport of a node does with bytes from outside.
func (n *node) receive(p *packet) {
	if n.frozen {
		n.inbox = append(n.inbox, p)
		return
	}
	w := n.w
	w.hash(uint64(n.id)<<32|uint64(p.from), p.hash)
	m, err := p.decode(w.plan.Seed%4 == 0)
	if err != nil {
		w.note(n, "garbage", "from %d: %v", p.from, err)
		return
	}
	if w.logging {
		w.note(n, "receive", "from %d: %s", p.from, consensus.Describe(m))
	}
	checked, err := consensus.Check(m, n.verifier)
	if err != nil {
		w.refused(n, m, err)
		if unknownEpoch(err) {
			n.core.Behind(p.from)
			n.advance()
		}
		return
	}
	w.refused(n, m, n.core.Step(checked))
	if w.chance(w.plan.Net.CrowdPermille) {
		w.count(Crowds)
		n.later(between(w.rng, 1, crowdMax), n.advance)
		return
	}
	n.advance()
}

// crowdMax is how long a full inbox keeps a host from asking its core what it wants.
const crowdMax = 5 * millisecond

// plain returns ids as numbers, for traces.
func plain(ids []juno.NodeID) []uint32 {
	all := make([]uint32, len(ids))
	for i, id := range ids {
		all[i] = uint32(id)
	}
	return all
}
