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
	// message is the decoded form of the bytes. It is decoded once for all receivers, which must
	// not change it; a share of the runs decodes for every receiver, to notice one that does.
	message consensus.Message
	err     error
	decoded bool
}

func newPacket(from juno.NodeID, m consensus.Message) *packet {
	b := consensus.Encode(m)
	return &packet{from: from, bytes: b, hash: mixBytes(0, b)}
}

// decode returns the message of the packet.
func (p *packet) decode(again bool) (consensus.Message, error) {
	if !p.decoded || again {
		p.message, p.err = consensus.Decode(p.bytes)
		p.decoded = true
	}
	return p.message, p.err
}

// links are the links between the parties.
type links struct {
	// cut holds until when a link is cut, by sender and receiver.
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

// block blocks all messages from one party to another for a while.
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

// chance returns true so many times in a thousand.
func (w *World) chance(permille int) bool {
	return permille > 0 && w.rng.IntN(1000) < permille
}

// broadcast sends a message of a core.
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

// carry sends a packet to a party: perhaps twice, perhaps never.
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

// deliver delivers a packet to the processes of a party.
func (w *World) deliver(p *packet, to juno.NodeID) {
	party := w.parties[to-1]
	for _, n := range party.hosts {
		if n.up && (!party.byzantine || w.adversary.hears(n, p)) {
			n.guard(func() { n.receive(p) })
		}
	}
}

// receive processes bytes from outside, like the transport of a node.
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

// crowdMax bounds how long a full inbox keeps a host from asking its core for a Ready.
const crowdMax = 5 * millisecond

// plain returns ids as numbers, for traces.
func plain(ids []juno.NodeID) []uint32 {
	all := make([]uint32, len(ids))
	for i, id := range ids {
		all[i] = uint32(id)
	}
	return all
}
