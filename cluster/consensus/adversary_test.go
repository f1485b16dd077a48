package consensus_test

import (
	"fmt"
	"slices"

	"juno"
	"juno/cluster/consensus"
)

// adversary drives one Byzantine node at random: it sees every message and every disk, and signs
// whatever it likes with its own key. It leads when it is its turn, votes for every chain, claims
// certificates that it has seen for what they are not, and answers requests with what fits.
type adversary struct {
	c      *chaos
	id     int
	chains [][]juno.Entry // forged, behind bases
	bases  []juno.Pos
	certs  []*juno.QuorumCertificate // seen anywhere
}

// act does one bad thing.
func (a *adversary) act() {
	a.learn()
	t := a.someTerm()
	switch a.c.below(10) {
	case 0:
		a.say(&consensus.TermChange{
			Term: t + juno.Term(a.c.below(3)), Node: juno.NodeID(a.id),
			Cause: consensus.CauseTimeout,
		})
	case 1, 2, 3:
		v := &consensus.Vote{}
		v.Term, v.Node = t, juno.NodeID(a.id)
		p, q := a.somePos(), a.somePos()
		if p.Index < q.Index {
			p, q = q, p
		}
		v.Accepted = &p
		if a.c.below(2) == 0 {
			v.Prepared = &q
		}
		if a.c.below(3) == 0 {
			v.Prepared = &p
		}
		v.Committed = a.somePos()
		if a.c.below(2) == 0 {
			v.Committed = juno.Pos{Hash: a.c.w.cluster}
		}
		a.say(v)
	case 4:
		a.newTerm(t)
	case 5, 6:
		a.lead(t)
	case 7, 8:
		a.spoil()
	default:
		a.replay()
	}
}

// say sends to some of the others.
func (a *adversary) say(m consensus.Message) {
	consensus.Sign(m, scribe{a.c.w, fakeKey('n', a.id)})
	for _, n := range a.c.w.nodes {
		if n.id != a.id && a.c.below(3) != 0 {
			a.c.w.post(a.id, n.id, m)
		}
	}
}

// learn picks certificates from the wire.
func (a *adversary) learn() {
	for _, p := range a.c.w.wire {
		switch m := p.message.(type) {
		case *consensus.NewTerm:
			a.cert(m.Certificate)
		case *consensus.SyncReply:
			a.cert(m.Proof)
		}
	}
}

func (a *adversary) cert(c *juno.QuorumCertificate) {
	if c != nil && len(a.certs) < 64 && !slices.Contains(a.certs, c) {
		a.certs = append(a.certs, c)
	}
}

// someTerm returns a term near those of the others.
func (a *adversary) someTerm() juno.Term {
	t := juno.Term(0)
	for _, n := range a.c.w.nodes {
		if !n.byz && !n.down {
			t = max(t, n.core.Status().Term)
		}
	}
	switch a.c.below(6) {
	case 0:
		return t + 1
	case 1:
		return max(t, juno.TermOf(t.Epoch(), 1)) - 1
	}
	return t
}

// somePos returns a position on somebody's log, or on a forged chain.
func (a *adversary) somePos() juno.Pos {
	if len(a.chains) > 0 && a.c.below(3) == 0 {
		i := a.c.below(len(a.chains))
		at, n := a.bases[i], a.c.below(len(a.chains[i])+1)
		for _, e := range a.chains[i][:n] {
			at = juno.Pos{Index: e.Index, Hash: e.ChainHash(at.Hash)}
		}
		return at
	}
	d := a.c.w.nodes[a.c.below(len(a.c.w.nodes))].disk
	tip := d.tip().Index
	back := juno.Index(a.c.below(5))
	h, ok := d.HashAt(max(tip, back) - back)
	if !ok {
		return d.start
	}
	return juno.Pos{Index: max(tip, back) - back, Hash: h}
}

// newTerm claims some certificate, for what it is or for something else.
func (a *adversary) newTerm(t juno.Term) {
	r := &consensus.NewTerm{Term: t, Node: juno.NodeID(a.id), Candidate: a.config(t).Leader(t)}
	r.Pos = a.config0Base()
	if len(a.certs) > 0 && a.c.below(4) != 0 {
		r.Certificate = a.certs[a.c.below(len(a.certs))]
		r.Rank, r.Pos = consensus.Rank{Term: r.Certificate.Term, Index: r.Certificate.Pos.Index},
			r.Certificate.Pos
		if a.c.below(5) == 0 {
			r.Rank.Term, r.Pos = max(t, 1)-1, a.somePos()
			r.Rank.Index = r.Pos.Index
		}
	}
	if cert := a.underclaim(); cert != nil && a.c.below(2) == 0 {
		r.Certificate = cert
		r.Rank, r.Pos = consensus.Rank{Term: cert.Term, Index: cert.Pos.Index}, cert.Pos
	}
	a.say(r)
}

// underclaim makes, from a certificate that it has seen, one for an earlier position: every vote
// for a position is a vote for what lies before it. Only the rule of the terms forbids this (F1).
func (a *adversary) underclaim() *juno.QuorumCertificate {
	if len(a.certs) == 0 {
		return nil
	}
	c := *a.certs[a.c.below(len(a.certs))]
	back := juno.Index(1 + a.c.below(3))
	if c.Pos.Index <= back {
		return nil
	}
	var links []juno.EntryHeader
	at := c.Pos
	for range back {
		l, ok := a.c.w.oracle.tree[at.Hash]
		if !ok {
			return nil
		}
		links = append([]juno.EntryHeader{l.link}, links...)
		at = juno.Pos{Index: at.Index - 1, Hash: l.prev}
	}
	l, ok := a.c.w.oracle.tree[at.Hash]
	if !ok {
		return nil
	}
	c.Headers = append(links, c.Headers...)
	c.Pos, c.Head, c.PrevHash, c.Kind = at, l.link, l.prev, juno.Prepare
	return &c
}

func (a *adversary) config(t juno.Term) *juno.EpochConfig {
	all := a.c.w.configs()
	return all[min(int(t.Epoch()), len(all)-1)]
}

func (a *adversary) config0Base() juno.Pos { return juno.Pos{Hash: a.c.w.cluster} }

// lead proposes a chain if it leads the term, and other chains to others.
func (a *adversary) lead(t juno.Term) {
	config := a.config(t)
	if config.Leader(t) != juno.NodeID(a.id) {
		return
	}
	base, e := a.config0Base(), (*consensus.ElectionCertificate)(nil)
	if t.Round() > 0 {
		if e = a.election(t, config); e == nil {
			return
		}
		base = topOf(e).Pos
	}
	for range 1 + a.c.below(2) {
		ae := &consensus.Append{Election: e}
		ae.Term, ae.Leader, ae.Prev, ae.Last = t, juno.NodeID(a.id), base, base
		chain := a.chain(t, base)
		if len(a.chains) > 0 && a.c.below(2) == 0 {
			chain = a.again(base, chain)
		}
		for _, entry := range chain {
			ae.Entries = append(ae.Entries, entry)
			ae.Last = juno.Pos{Index: entry.Index, Hash: entry.ChainHash(ae.Last.Hash)}
		}
		ae.Count = len(ae.Entries)
		a.chains, a.bases = append(a.chains, chain), append(a.bases, base)
		if len(a.chains) > 8 {
			a.chains, a.bases = a.chains[1:], a.bases[1:]
		}
		a.say(ae)
	}
}

// again extends a chain that it proposed before on the same base.
func (a *adversary) again(base juno.Pos, fallback []juno.Entry) []juno.Entry {
	for i := len(a.chains) - 1; i >= 0; i-- {
		old := a.chains[i]
		if a.bases[i] != base || len(old) == 0 || old[0].Term != fallback[0].Term {
			continue
		}
		last := old[len(old)-1]
		return append(old[:len(old):len(old)], a.command(last.Index+1, last.Term))
	}
	return fallback
}

func (a *adversary) chain(t juno.Term, base juno.Pos) []juno.Entry {
	chain := []juno.Entry{{
		Index: base.Index + 1, Term: t, Time: a.now(),
		Type: juno.EntryTermStart, Payload: make([]byte, juno.HashBytes),
	}}
	if a.c.below(8) == 0 {
		chain[0] = a.command(base.Index+1, t)
	}
	for i := range a.c.below(3) {
		chain = append(chain, a.command(base.Index+2+juno.Index(i), t))
	}
	return chain
}

// now returns a time that nobody finds too late or too early.
func (a *adversary) now() juno.Millis {
	now := juno.Millis(0)
	for _, n := range a.c.w.nodes {
		now = max(now, n.now)
	}
	return now
}

func (a *adversary) command(i juno.Index, t juno.Term) juno.Entry {
	a.c.next++
	name := "evil"
	if a.c.below(12) == 0 {
		name = "bad" // and the validator knows
	}
	return juno.Entry{
		Index: i, Term: t, Time: a.now(), Type: juno.EntryCommand,
		Payload: fmt.Appendf(nil, "%s%d", name, a.c.next),
	}
}

// election picks a quorum of the new-term messages that it has seen, a different one every time.
func (a *adversary) election(t juno.Term, config *juno.EpochConfig) *consensus.ElectionCertificate {
	newTerms := a.c.w.newTerms[t]
	e := &consensus.ElectionCertificate{Term: t}
	var top *consensus.NewTerm
	skip := a.c.below(len(config.Voters) + 1)
	for i, m := range config.Voters {
		r := newTerms[m.ID]
		if r == nil || i == skip || len(e.NewTerms) == config.Quorum() {
			continue
		}
		own := *r
		own.Certificate = nil
		e.NewTerms = append(e.NewTerms, &own)
		if top == nil || top.Rank.Less(r.Rank) {
			top = r
		}
	}
	if len(e.NewTerms) < config.Quorum() {
		return nil
	}
	e.Base = top.Certificate
	return e
}

func topOf(e *consensus.ElectionCertificate) *consensus.NewTerm {
	top := e.NewTerms[0]
	for _, r := range e.NewTerms {
		if top.Rank.Less(r.Rank) {
			top = r
		}
	}
	return top
}

// replay repeats somebody's message to somebody else.
func (a *adversary) replay() {
	w := a.c.w
	if len(w.wire) == 0 {
		return
	}
	p := w.wire[a.c.below(len(w.wire))]
	p.to = w.nodes[a.c.below(len(w.nodes))].id
	w.wire = append(w.wire, p)
}
