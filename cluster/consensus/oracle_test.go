package consensus_test

import (
	"cmp"
	"slices"

	"juno"
	"juno/cluster/consensus"
)

// oracle remembers every entry and every signed vote that ever existed, and finds out what could
// be proven with them. It sees the danger before there is a fork: two certificates that contradict
// each other, whether or not anybody ever held both (I7).
type oracle struct {
	tree  map[juno.Hash]leaf
	votes map[juno.Term]map[juno.NodeID]*voted
}

// leaf is an entry on the tree of all chains.
type leaf struct {
	pos  juno.Pos
	prev juno.Hash
	link juno.EntryHeader
}

// voted is what a voter signed in a term.
type voted struct{ accepted, prepared map[juno.Pos]bool }

func newOracle() *oracle {
	return &oracle{
		tree:  make(map[juno.Hash]leaf),
		votes: make(map[juno.Term]map[juno.NodeID]*voted),
	}
}

// entry notes an entry behind a chain hash.
func (o *oracle) entry(e *juno.Entry, prev juno.Hash) juno.Hash {
	link := e.Header()
	h := link.Chain(prev, e.Index)
	o.tree[h] = leaf{pos: juno.Pos{Index: e.Index, Hash: h}, prev: prev, link: link}
	return h
}

// message notes what a message says.
func (o *oracle) message(m consensus.Message) {
	switch m := m.(type) {
	case *consensus.Append:
		h := m.Prev.Hash
		for i := range m.Entries {
			h = o.entry(&m.Entries[i], h)
		}
	case *consensus.Vote:
		o.vote(&m.Vote)
	}
}

func (o *oracle) vote(c *juno.Vote) {
	if o.votes[c.Term] == nil {
		o.votes[c.Term] = make(map[juno.NodeID]*voted)
	}
	v := o.votes[c.Term][c.Node]
	if v == nil {
		v = &voted{accepted: make(map[juno.Pos]bool), prepared: make(map[juno.Pos]bool)}
		o.votes[c.Term][c.Node] = v
	}
	if c.Accepted != nil {
		v.accepted[*c.Accepted] = true
	}
	if c.Prepared != nil {
		v.prepared[*c.Prepared] = true
	}
}

// extends reports whether the chain of p leads through c.
func (o *oracle) extends(p, c juno.Pos) bool {
	for p.Index > c.Index {
		l, ok := o.tree[p.Hash]
		if !ok {
			return false
		}
		p = juno.Pos{Index: p.Index - 1, Hash: l.prev}
	}
	return p == c
}

// proof is a certificate that could be made.
type proof struct {
	term juno.Term
	pos  juno.Pos
}

// proofs returns the positions of a term that a quorum voted for, one way or the other.
func (o *oracle) proofs(t juno.Term, config *juno.EpochConfig, commit bool) []proof {
	candidates := make(map[juno.Pos]bool)
	for _, v := range o.votes[t] {
		for p := range v.prepared {
			candidates[p] = true
		}
		for p := range v.accepted {
			candidates[p] = candidates[p] || !commit
		}
	}
	var found []proof
	for p, is := range candidates {
		l, ok := o.tree[p.Hash]
		if !is || !ok || !juno.TermMatch(l.link, t) {
			continue
		}
		count := 0
		for _, m := range config.Voters {
			if v := o.votes[t][m.ID]; v != nil && v.covers(o, p, commit) {
				count++
			}
		}
		if count >= config.Quorum() {
			found = append(found, proof{t, p})
		}
	}
	slices.SortFunc(found, func(a, b proof) int {
		return cmp.Or(cmp.Compare(a.pos.Index, b.pos.Index),
			slices.Compare(a.pos.Hash[:], b.pos.Hash[:]))
	})
	return found
}

func (v *voted) covers(o *oracle, p juno.Pos, commit bool) bool {
	for q := range v.prepared {
		if o.extends(q, p) {
			return true
		}
	}
	if commit {
		return false
	}
	for q := range v.accepted {
		if o.extends(q, p) {
			return true
		}
	}
	return false
}

// check reports certificates that contradict each other.
func (o *oracle) check(w *world, configs []*juno.EpochConfig) {
	terms := make([]juno.Term, 0, len(o.votes))
	for t := range o.votes {
		terms = append(terms, t)
	}
	slices.Sort(terms)
	var commits []proof
	for _, t := range terms {
		if int(t.Epoch()) >= len(configs) {
			continue
		}
		config := configs[t.Epoch()]
		prepared := o.proofs(t, config, false)
		for i, p := range prepared {
			for _, q := range prepared[:i] {
				if !o.extends(p.pos, q.pos) {
					w.fault("LATENT: in term %s both %s and %s can be prepared", t, q.pos, p.pos)
				}
			}
			for _, c := range commits {
				if !o.extends(p.pos, c.pos) {
					w.fault("LATENT: %s was final in term %s, and %s can be prepared in term %s",
						c.pos, c.term, p.pos, t)
				}
			}
		}
		commits = append(commits, o.proofs(t, config, true)...)
	}
}
