package sim

import (
	"juno"
	"juno/cluster/consensus"
)

// promises are the promises of one correct node.
type promises struct {
	newTerm   juno.Term // the newest term of its new-term messages; it has left older ones
	requested juno.Term // the newest term that it asked for
	entered   juno.Term
	in        map[juno.Term]*word
	asking    instant             // when it sent the last sync request
	asked     map[juno.NodeID]int // sync requests at that instant, by recipient
}

// instant is a tick in the life of a process.
type instant struct {
	life int
	tick uint64
}

// word is what a correct node signed in one term.
type word struct {
	accepted, prepared *block
	muted              bool   // it does not vote to accept any more
	led                *block // end of the chain that it signed as leader
}

func (o *oracle) word(id juno.NodeID, t juno.Term) *word {
	in := o.promises[id-1].in
	if in[t] == nil {
		in[t] = &word{}
	}
	return in[t]
}

// signed checks a message that a correct node is about to send.
func (o *oracle) signed(n *node, m consensus.Message, to []juno.NodeID) {
	switch m := m.(type) {
	case *consensus.Vote:
		o.voted(n, m)
	case *consensus.NewTerm:
		o.newTermSigned(n.id, m)
	case *consensus.Append:
		o.led(n.id, m)
	case *consensus.TermChange:
		p := &o.promises[n.id-1]
		p.requested = max(p.requested, m.Term)
	case *consensus.SyncRequest:
		o.asked(n, to)
	}
}

// left is I5: after a new-term message for a term nothing is signed for an older one, restarts or
// not.
func (o *oracle) left(id juno.NodeID, t juno.Term, m consensus.Message) {
	if newest := o.promises[id-1].newTerm; t < newest {
		o.fail("I5", "%s left for term %s and signs: %s", id, newest, consensus.Describe(m))
	}
}

// voted checks a vote against the node's earlier votes (I3), and counts it (I7).
func (o *oracle) voted(n *node, v *consensus.Vote) {
	id := n.id
	o.left(id, v.Term, v)
	said := o.word(id, v.Term)
	committed := o.must(id, v.Committed, "says that it committed")
	o.committed(id, committed)
	if v.Accepted == nil {
		said.muted = said.muted || said.accepted != nil
		return
	}
	accepted := o.must(id, *v.Accepted, "accepted")
	switch {
	case said.muted && !o.w.plan.Mutant.votesAfterLeaving():
		o.fail("I3", "%s fell silent in term %s and says again: %s", id, v.Term,
			consensus.Describe(v))
	case said.accepted != nil && !accepted.holds(said.accepted):
		o.fail("I3", "%s accepted %s in term %s, and now %s", id, said.accepted.pos, v.Term,
			accepted.pos)
	}
	o.rooted(n, v.Term, accepted, said.accepted)
	said.accepted = accepted
	o.count(id, v.Term, accepted, false)
	if v.Prepared == nil {
		return
	}
	prepared := o.must(id, *v.Prepared, "prepared")
	switch {
	case !accepted.holds(prepared):
		o.fail("I3", "%s prepared what it did not accept: %s", id, consensus.Describe(v))
	case said.prepared != nil && !prepared.holds(said.prepared):
		o.fail("I3", "%s prepared %s in term %s, and now %s", id, said.prepared.pos, v.Term,
			prepared.pos)
	}
	said.prepared = prepared
	o.count(id, v.Term, prepared, true)
}

// led checks that a correct leader signs one chain only (F8), in terms that it has not left.
func (o *oracle) led(id juno.NodeID, ae *consensus.Append) {
	if ae.Leader != id {
		return // relayed
	}
	o.left(id, ae.Term, ae)
	last := o.tree.learn(ae)
	if last == nil {
		o.fail("I3", "%s signs what is no history: %s", id, consensus.Describe(ae))
	}
	said := o.word(id, ae.Term)
	switch {
	case said.led == nil || last.holds(said.led):
		said.led = last
	case !said.led.holds(last):
		o.fail("I3", "%s leads term %s to %s and to %s", id, ae.Term, said.led.pos, last.pos)
	}
}

// rooted is the rest of I3: what a node accepts in a term is a chain of entries of that term that
// begins right above the base that it knows, and nothing on it follows the end of the epoch.
func (o *oracle) rooted(n *node, t juno.Term, accepted, before *block) {
	at := accepted
	for ; at != before && at.parent != nil && at.entry.Term == t; at = at.parent {
		if at.parent.endsEpoch(t) {
			o.fail("I10", "%s accepted %s, which follows the end of epoch %d", n.id, at.pos,
				t.Epoch())
		}
	}
	st := n.core.Status()
	if before != nil || o.loose || st.Term != t || !st.TermKnown || at.pos == st.Base {
		return
	}
	final := o.must(n.id, st.Committed, "committed")
	if final.parent != nil && final.entry.Term == t && accepted.holds(final) {
		return // behind a commit of the term: everything that older terms decided lies before
	}
	o.fail("I3", "%s accepted %s in term %s, which begins at %s and not at %s", n.id, accepted.pos,
		t, st.Base, at.pos)
}

// enteredTerm is E2: a node does not leave a term alone; a quorum must ask for the next one, the
// adversary included, before the first correct node enters it.
func (o *oracle) enteredTerm(n *node, st *consensus.Status) {
	p := &o.promises[n.id-1]
	p.requested = max(p.requested, st.RequestedTerm)
	if st.Term <= p.entered {
		return
	}
	p.entered = st.Term
	config := o.config(st.Term)
	if st.Term.Round() == 0 || config == nil {
		return
	}
	asking := o.w.byzantineIn(config)
	for _, m := range config.Voters {
		if !o.w.isByzantine(m.ID) && o.promises[m.ID-1].requested >= st.Term {
			asking++
		}
	}
	if asking < o.quorum(config) {
		o.fail("E2", "%s enters term %s, for which %d ask", n.id, st.Term, asking)
	}
}

// asksMax bounds the requests to the same node within a tick. One is what the rule allows; others
// may have waited for the disk, or for the beginning of an epoch.
const asksMax = 3

// asked is F15: a node sends sync requests to the same node only some ticks apart.
func (o *oracle) asked(n *node, to []juno.NodeID) {
	p := &o.promises[n.id-1]
	if now := (instant{n.life, n.ticks}); p.asking != now || p.asked == nil {
		p.asking, p.asked = now, make(map[juno.NodeID]int)
	}
	for _, id := range to {
		if p.asked[id]++; p.asked[id] > asksMax {
			o.fail("I12", "%s asks %s %d times in a tick", n.id, id, p.asked[id])
		}
	}
}
