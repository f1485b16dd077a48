package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"juno"
	"juno/cluster/consensus"
)

// adversary controls all nodes that are not correct. It sees every message that a correct node
// sends, at the moment when it is sent, and every entry that was ever made; it signs only with the
// keys of its own nodes. It delays and loses messages of others no more than the network does, but
// its own as it likes.
type adversary struct {
	w   *World
	rng *rand.Rand
	ids []juno.NodeID // its nodes, sorted

	votes     []juno.SignedVote    // of all nodes, the newest votesSeen
	newTerms  []*consensus.NewTerm // likewise
	certs     []*juno.QuorumCertificate
	elections []*consensus.ElectionCertificate
	packets   []*packet // to be replayed
	requests  []*request
	forks     []*fork
	asks      []*ask
	client    *secretKey // of a client of its own
	fresh     juno.RequestID
	newest    juno.Term             // that any correct node speaks in
	styles    map[juno.NodeID]style // of its nodes
	contacts  map[*node]uint64      // which parties each of its processes talks to
}

// ask is a correct node's request to one of the adversary's.
type ask struct {
	to      juno.NodeID
	request *consensus.SyncRequest
}

// How many of each kind the adversary keeps.
const (
	votesSeen    = 512
	newTermsSeen = 64
	thingsSeen   = 64
)

func newAdversary(w *World) *adversary {
	a := &adversary{
		w: w, rng: w.fresh(0x61647665), styles: make(map[juno.NodeID]style),
		contacts: make(map[*node]uint64),
		client:   secretKeyOf(holderClient+uint32(w.plan.Clients), 0),
	}
	for _, p := range w.parties {
		if p.byzantine {
			a.styles[p.id] = w.plan.Styles[len(a.ids)]
			a.ids = append(a.ids, p.id)
		}
	}
	return a
}

// unleash starts the moves of the plan. Healing does not end them.
func (a *adversary) unleash() {
	if len(a.ids) == 0 {
		return
	}
	for _, name := range a.w.plan.Moves {
		m := moves[slices.IndexFunc(moves, func(m move) bool { return m.name == name })]
		a.again(m)
	}
	a.reconnect()
}

// again plans a move, at exponential distances, for ever.
func (a *adversary) again(m move) {
	after := Micros(float64(m.every)*a.rng.ExpFloat64()) + 1
	a.w.queue.plan(a.w.now+min(after, 10*m.every), func() {
		m.make(a)
		a.again(m)
	})
}

// remember adds to a list that drops its oldest elements.
func remember[T any](all []T, x T, most int) []T {
	if len(all) == most {
		all = all[1:] // append moves the rest when it runs out of room
	}
	return append(all, x)
}

// pick draws one of a memory, the newer ones more often; ok is false if there is none.
func pick[T any](rng *rand.Rand, all []T) (x T, ok bool) {
	if len(all) == 0 {
		return x, false
	}
	i := max(rng.IntN(len(all)), rng.IntN(len(all)))
	return all[i], true
}

// sees processes a message that a correct node sends.
func (a *adversary) sees(p *packet, m consensus.Message) {
	if len(a.ids) == 0 {
		return
	}
	if a.rng.IntN(16) == 0 {
		a.packets = remember(a.packets, p, thingsSeen)
	}
	switch m := m.(type) {
	case *consensus.Vote:
		a.newest = max(a.newest, m.Term)
		a.votes = remember(a.votes, m.SignedVote, votesSeen)
		a.react(m)
	case *consensus.NewTerm:
		a.newest = max(a.newest, m.Term)
		a.newTerms = remember(a.newTerms, m, newTermsSeen)
		a.certify(m.Certificate)
		a.usurp(m)
	case *consensus.Append:
		if m.Election != nil {
			a.elections = remember(a.elections, m.Election, thingsSeen)
			a.certify(m.Election.Base)
		}
	case *consensus.SyncReply:
		a.certify(m.Proof)
	}
}

// certify keeps a certificate.
func (a *adversary) certify(c *juno.QuorumCertificate) {
	if c == nil {
		return
	}
	for _, known := range a.certs {
		if known.Term == c.Term && known.Pos == c.Pos && known.Kind == c.Kind {
			return
		}
	}
	a.certs = remember(a.certs, c, thingsSeen)
}

// asked processes a request that a client sent to one of the adversary's nodes.
func (a *adversary) asked(_ juno.NodeID, r *request) {
	a.requests = remember(a.requests, r, thingsSeen)
}

// signer returns the key of one of the adversary's nodes in an epoch.
func (a *adversary) signer(id juno.NodeID, epoch uint32) (signer, bool) {
	configs := a.w.oracle.configs
	if int(epoch) >= len(configs) || !a.w.isByzantine(id) {
		return signer{}, false
	}
	m, _, ok := configs[epoch].Member(id)
	return signer{a.w.book, a.w.book.byID[m.Public.ID()]}, ok
}

// say signs a message with the key of a node for an epoch and sends it to some parties.
func (a *adversary) say(id juno.NodeID, epoch uint32, m consensus.Message, to []juno.NodeID) {
	s, ok := a.signer(id, epoch)
	if !ok {
		return
	}
	consensus.Sign(m, s)
	a.launch(newPacket(id, m), to)
	if a.w.logging {
		a.w.note(nil, "lie", "of %d to %v: %s", id, plain(to), consensus.Describe(m))
	}
}

// launch sends bytes past all partitions.
func (a *adversary) launch(p *packet, to []juno.NodeID) {
	a.w.count(Lies)
	for _, id := range to {
		if a.w.isByzantine(id) {
			continue
		}
		after := between(a.rng, 50, 5*millisecond)
		a.w.queue.plan(a.w.now+after, func() { a.w.deliver(p, id) })
	}
}

// some draws a set of parties: all, one, or any.
func (a *adversary) some() []juno.NodeID {
	switch a.rng.IntN(4) {
	case 0:
		return []juno.NodeID{juno.NodeID(1 + a.rng.IntN(len(a.w.parties)))}
	case 1:
		return a.members(a.rng.Uint64())
	}
	return a.members(^uint64(0))
}

// members returns the parties of a set.
func (a *adversary) members(set uint64) []juno.NodeID {
	var all []juno.NodeID
	for _, p := range a.w.parties {
		if set>>(p.id-1)&1 == 1 {
			all = append(all, p.id)
		}
	}
	return all
}

// one draws one of the adversary's nodes.
func (a *adversary) one() juno.NodeID { return a.ids[a.rng.IntN(len(a.ids))] }

// answers returns what the adversary answers to a client.
func (a *adversary) answers(r juno.Result, e *juno.Entry) (juno.Result, *juno.Entry) {
	if a.rng.IntN(2) == 0 {
		return r, e
	}
	lie := *e
	lie.Index += juno.Index(a.rng.IntN(3))
	return juno.Result{Status: juno.StatusOK, Value: fmt.Sprint(a.rng.IntN(9))}, &lie
}

// forgeState returns what the adversary sends as the state of a checkpoint.
func (a *adversary) forgeState(s *snapshot) *snapshot {
	switch a.rng.IntN(3) {
	case 0:
		return nil
	case 1:
		return s
	}
	forged := *s
	forged.view = s.view.clone()
	key := forged.view.keys[a.rng.IntN(len(forged.view.keys))]
	forged.view.values[key] = append([]byte{1}, forged.view.values[key]...)
	return &forged
}

// left reports whether an alarm says that one of the adversary's nodes left.
func (a *adversary) left(alarm string) bool {
	for _, id := range a.ids {
		if strings.HasPrefix(alarm, fmt.Sprintf("H2: %s left", id)) {
			return true
		}
	}
	return false
}
