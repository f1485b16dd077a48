package raft_test

import (
	"slices"

	"juno"
	"juno/cluster/raft"
)

// spoil takes something that was said before, by whomever, changes some bytes of it, and says it
// in the liar's own name: so it is well signed, and almost right.
func (a *adversary) spoil() {
	w := a.c.w
	if len(w.sent) == 0 {
		return
	}
	p := w.sent[len(w.sent)-1-a.c.below(min(len(w.sent), 250))]
	b := raft.Encode(p.message)
	for range a.c.below(3) {
		b[a.c.below(len(b))] ^= byte(1 << a.c.below(8))
	}
	m, err := raft.Decode(slices.Clone(b))
	if err != nil {
		return
	}
	a.rename(m, p.to)
	a.say(m)
}

// rename makes a message one of the liar's. A reply answers what somebody asked the liar.
func (a *adversary) rename(m raft.Message, to int) {
	me := juno.NodeID(a.id)
	switch m := m.(type) {
	case *raft.Vote:
		m.Node = me
	case *raft.Wish:
		m.Node = me
	case *raft.Report:
		m.Node = me
	case *raft.Append:
		m.Leader = me
	case *raft.SyncRequest:
		m.Node = me
	case *raft.Checkpoint:
		m.Node = me
	case *raft.Leave:
		m.Node = me
	case *raft.SyncReply:
		m.Node = me
		if asked := a.c.w.asked[[2]int{to, a.id}]; asked != nil {
			m.Nonce = asked.Nonce
		}
	}
}
