package forge

import (
	"slices"

	"juno"
)

// ballot is a way to come by the votes of a quorum without having it.
type ballot int

const (
	ownOnly     ballot = iota // the forger's own votes, too few
	ownTwice                  // its own votes, some of them twice
	asOthers                  // votes in the names of other voters, under keys that it owns
	badlySigned               // votes of other voters, their keys named, signed by somebody else
	outsiders                 // votes of observers, of retired nodes, of nobody
	elsewhere                 // what other voters did vote for: another term or another chain
	relabeled                 // the same, with this position written over it
	foreign                   // what other voters signed in another ledger
	oldKeys                   // votes of other voters under keys that they had before
	accepted                  // votes that accept, and prepare nothing
	ballots
)

func (b ballot) String() string {
	return [...]string{
		"own votes only", "own votes twice", "other names", "bad signatures", "outsiders",
		"votes for elsewhere", "relabelled votes", "votes in another ledger", "old keys",
		"accepting votes",
	}[b]
}

// voteOf signs a vote for a position.
func voteOf(k juno.PrivateKey, cluster juno.ClusterID, id juno.NodeID, t juno.Term, at juno.Pos,
	kind juno.CertificateKind,
) juno.SignedVote {
	v := juno.Vote{Term: t, Node: id, Accepted: &at, Committed: at}
	if kind == juno.Commit {
		v.Prepared = &at
	}
	return juno.SignVote(k, cluster, v)
}

// ownVotes returns the votes of the voters that the forger owns, at most n.
func (f *forger) ownVotes(cfg *juno.EpochConfig, c *juno.QuorumCertificate, n int,
) []juno.SignedVote {
	var all []juno.SignedVote
	for _, m := range cfg.Voters {
		if k, ok := f.has(m.Public); ok && len(all) < n {
			all = append(all, voteOf(k, f.w.cluster, m.ID, c.Term, c.Pos, c.Kind))
		}
	}
	return all
}

// fill puts votes into a certificate of an epoch, as if they were a quorum. Where the forger owns a
// quorum they mostly are one.
func (f *forger) fill(cfg *juno.EpochConfig, c *juno.QuorumCertificate) {
	q := cfg.Quorum()
	own := f.ownVotes(cfg, c, q)
	if len(own) == q && f.chance(80) {
		c.Votes = own
		f.note("votes of a quorum of epoch %d", cfg.Epoch)
		return
	}
	how := ballot(f.rng.IntN(int(ballots)))
	f.note("certificate of epoch %d at %d: %s", cfg.Epoch, c.Pos.Index, how)
	if len(own) == q {
		own = own[:q-1]
	}
	c.Votes = append(own, f.others(cfg, c, how, own, q-len(own))...)
	f.rng.Shuffle(len(c.Votes), func(i, j int) {
		c.Votes[i], c.Votes[j] = c.Votes[j], c.Votes[i]
	})
}

// strangers returns the voters of an epoch that the forger does not own, and that have not voted.
func (f *forger) strangers(cfg *juno.EpochConfig, own []juno.SignedVote) []juno.Member {
	return slices.DeleteFunc(slices.Clone(cfg.Voters), func(m juno.Member) bool {
		return slices.ContainsFunc(own, func(v juno.SignedVote) bool { return v.Node == m.ID })
	})
}

// anyKey returns a key that the forger has.
func (f *forger) anyKey(cfg *juno.EpochConfig) juno.PrivateKey {
	for _, m := range slices.Concat(cfg.Voters, cfg.Observers) {
		if k, ok := f.has(m.Public); ok && f.chance(60) {
			return k
		}
	}
	return f.outsider(f.rng.IntN(4))
}

// others returns n votes that are missing for a quorum.
func (f *forger) others(cfg *juno.EpochConfig, c *juno.QuorumCertificate, how ballot,
	own []juno.SignedVote, n int,
) []juno.SignedVote {
	var all []juno.SignedVote
	switch how {
	case ownTwice:
		for len(own) > 0 && len(all) < n {
			all = append(all, own[f.rng.IntN(len(own))])
		}
	case outsiders:
		return f.outsideVotes(cfg, c, n)
	case elsewhere, relabeled:
		return f.votesElsewhere(cfg, c, how == relabeled, own, n)
	case ownOnly:
	default:
		for _, m := range f.strangers(cfg, own) {
			if len(all) == n {
				break
			}
			if v, ok := f.voteAs(cfg, c, how, m); ok {
				all = append(all, v)
			}
		}
	}
	return all
}

// voteAs returns a vote in the name of a voter that the forger does not own.
func (f *forger) voteAs(cfg *juno.EpochConfig, c *juno.QuorumCertificate, how ballot,
	m juno.Member,
) (juno.SignedVote, bool) {
	w, honest := f.w, f.keyOf(m.Public)
	switch how {
	case asOthers:
		return voteOf(f.anyKey(cfg), w.cluster, m.ID, c.Term, c.Pos, c.Kind), true
	case foreign:
		return voteOf(honest, w.foreign, m.ID, c.Term, c.Pos, c.Kind), true
	case accepted:
		// Only where it did accept: votes for what is final prove nothing false.
		for _, v := range w.votes {
			if v.Node == m.ID && v.Term == c.Term && v.Prepared == nil && *v.Accepted == c.Pos {
				return v, true
			}
		}
	case oldKeys:
		for generation := range 4 {
			k := nodeKey(m.ID, generation)
			if f.owned[k.Public().ID()] && k.Public() != m.Public {
				return voteOf(k, w.cluster, m.ID, c.Term, c.Pos, c.Kind), true
			}
		}
	}
	v := voteOf(f.anyKey(cfg), w.cluster, m.ID, c.Term, c.Pos, c.Kind)
	v.Key = m.Public.ID()
	return v, true
}

// outsideVotes returns votes of nodes that have none in the epoch.
func (f *forger) outsideVotes(cfg *juno.EpochConfig, c *juno.QuorumCertificate, n int,
) []juno.SignedVote {
	var all []juno.SignedVote
	add := func(id juno.NodeID, k juno.PrivateKey) {
		if len(all) < n {
			all = append(all, voteOf(k, f.w.cluster, id, c.Term, c.Pos, c.Kind))
		}
	}
	for _, m := range cfg.Observers {
		if k, ok := f.has(m.Public); ok {
			add(m.ID, k)
		}
	}
	for _, e := range f.w.epochs {
		for _, m := range slices.Concat(e.config.Voters, e.config.Observers) {
			if _, _, member := cfg.Member(m.ID); member {
				continue
			}
			if k, ok := f.has(m.Public); ok && f.chance(70) {
				add(m.ID, k)
			}
		}
	}
	for i := 0; len(all) < n; i++ {
		add(juno.NodeID(900+i), f.outsider(i))
	}
	return all
}

// votesElsewhere returns votes that voters did send, for another position or in another term.
func (f *forger) votesElsewhere(cfg *juno.EpochConfig, c *juno.QuorumCertificate, relabel bool,
	own []juno.SignedVote, n int,
) []juno.SignedVote {
	var all, known []juno.SignedVote
	for _, q := range f.w.proofs {
		known = append(known, q.Votes...)
	}
	known = append(known, f.w.votes...)
	sameTerm := f.chance(60)
	f.rng.Shuffle(len(known), func(i, j int) { known[i], known[j] = known[j], known[i] })
	taken := make(map[juno.NodeID]bool)
	for _, v := range own {
		taken[v.Node] = true
	}
	for _, v := range known {
		_, votes := cfg.Voter(v.Node)
		if len(all) == n || !votes || taken[v.Node] || sameTerm && v.Term != c.Term {
			continue
		}
		taken[v.Node] = true
		if relabel {
			at := c.Pos
			v.Term, v.Accepted, v.Prepared = c.Term, &at, &at
		}
		all = append(all, v)
	}
	return all
}

// detach makes a certificate one that stands alone, as far as a chain goes.
func detach(c *juno.QuorumCertificate, h juno.History) {
	c.Detached = true
	c.PrevHash, _ = h.HashAt(c.Pos.Index - 1)
	c.Head, _ = h.HeaderAt(c.Pos.Index)
	if !c.Head.Type.Valid() {
		c.Head.Type = juno.EntryNoop
	}
	c.Headers = nil
	for i := c.Pos.Index + 1; i <= min(furthest(c), c.Pos.Index+200); i++ {
		l, ok := h.HeaderAt(i)
		if !ok {
			break
		}
		c.Headers = append(c.Headers, l)
	}
}

// certify makes a certificate of an entry of a chain, in the entry's own term.
func (f *forger) certify(cfg *juno.EpochConfig, h juno.History, at juno.Index,
) *juno.QuorumCertificate {
	head, _ := h.HeaderAt(at)
	hash, _ := h.HashAt(at)
	c := &juno.QuorumCertificate{
		Term: head.Term, Pos: juno.Pos{Index: at, Hash: hash}, Kind: juno.Commit,
	}
	f.fill(cfg, c)
	detach(c, h)
	return c
}
