package sim

import (
	"juno"
	"juno/cluster/consensus"
)

// overhears keeps requests that correct nodes send to the adversary's.
func (a *adversary) overhears(to []juno.NodeID, m consensus.Message) {
	r, ok := m.(*consensus.SyncRequest)
	if !ok || len(to) != 1 || !a.w.isByzantine(to[0]) {
		return
	}
	a.asks = remember(a.asks, &ask{to[0], r}, thingsSeen)
}

// answerAsk answers a correct node's sync request: with the wrong chain, with half of it, with a
// certificate of something else.
func (a *adversary) answerAsk() {
	q, ok := pick(a.rng, a.asks)
	if !ok {
		return
	}
	o := a.w.oracle
	reply := &consensus.SyncReply{Node: q.to, Nonce: q.request.Nonce, Commit: q.request.Commit}
	from := o.tree.at(q.request.Commit)
	chain := o.golden[len(o.golden)-1]
	if f, ok := pick(a.rng, a.forks); ok && a.rng.IntN(2) == 0 {
		chain = f.tip
	}
	if q.request.Want != nil && a.rng.IntN(2) == 0 {
		if b := o.tree.at(*q.request.Want); b != nil {
			chain = b
		}
	}
	if from != nil && chain.holds(from) {
		reply.Entries = chain.entriesAfter(from)
		if first := q.request.From - q.request.Commit.Index - 1; int(first) <= len(reply.Entries) {
			reply.Entries = reply.Entries[first:]
		}
		reply.Entries = reply.Entries[:a.rng.IntN(len(reply.Entries)+1)]
	}
	reply.Proof, _ = pick(a.rng, a.certs)
	reply.Election, _ = pick(a.rng, a.elections)
	if a.rng.IntN(3) == 0 {
		reply.Proof, reply.Election = nil, nil
	}
	a.launch(newPacket(q.to, reply), []juno.NodeID{q.request.Node})
}
