package consensus_test

import (
	"slices"

	"juno"
	"juno/cluster/consensus"
)

// spoil takes something that was said before, by whomever, changes some bytes of it, and says it
// in the liar's own name: so it is well signed, and almost right.
func (a *adversary) spoil() {
	w := a.c.w
	if len(w.sent) == 0 {
		return
	}
	p := w.sent[len(w.sent)-1-a.c.below(min(len(w.sent), 250))]
	b := consensus.Encode(p.message)
	for range a.c.below(3) {
		b[a.c.below(len(b))] ^= byte(1 << a.c.below(8))
	}
	m, err := consensus.Decode(slices.Clone(b))
	if err != nil {
		return
	}
	a.rename(m, p.to)
	a.say(m)
}

// rename makes a message one of the liar's. A reply answers what somebody asked the liar.
func (a *adversary) rename(m consensus.Message, to int) {
	me := juno.NodeID(a.id)
	switch m := m.(type) {
	case *consensus.Vote:
		m.Node = me
	case *consensus.TermChange:
		m.Node = me
	case *consensus.NewTerm:
		m.Node = me
	case *consensus.Append:
		m.Leader = me
	case *consensus.SyncRequest:
		m.Node = me
	case *consensus.Checkpoint:
		m.Node = me
	case *consensus.Leave:
		m.Node = me
	case *consensus.SyncReply:
		m.Node = me
		if asked := a.c.w.asked[[2]int{to, a.id}]; asked != nil {
			m.Nonce = asked.Nonce
		}
	}
}
