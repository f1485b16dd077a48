package sim

import (
	"cmp"
	"slices"

	"juno"
	"juno/cluster/consensus"
	"juno/db/state"
)

// fork is a chain with which one of the adversary's nodes leads a term, and the parties that see
// it.
type fork struct {
	term     juno.Term
	leader   juno.NodeID
	election *consensus.ElectionCertificate // nil in round 0
	base     *block
	tip      *block
	shown    uint64
}

// certificate makes a certificate of a term at a block from the votes that were seen, with the
// votes of the adversary's own nodes added; nil if they are not enough. It does not check whether
// such votes count at such a block: the receivers must.
func (a *adversary) certificate(
	t juno.Term, at *block, kind juno.CertificateKind,
) *juno.QuorumCertificate {
	config := a.w.oracle.config(t)
	if config == nil || at.parent == nil {
		return nil
	}
	type vote struct {
		vote juno.SignedVote
		at   *block
	}
	var votes []vote
	voted := make(map[juno.NodeID]bool)
	for i := len(a.votes) - 1; i >= 0; i-- {
		c := &a.votes[i]
		if c.Term != t || voted[c.Node] {
			continue
		}
		for _, p := range []*juno.Pos{c.Prepared, c.Accepted} {
			if p == nil || (kind == juno.Commit && p != c.Prepared) {
				continue
			}
			if b := a.w.oracle.tree.at(*p); b != nil && b.holds(at) {
				votes, voted[c.Node] = append(votes, vote{*c, b}), true
				break
			}
		}
	}
	for _, id := range a.ids {
		if own, ok := a.vote(id, t, at, at); ok && !voted[id] {
			votes = append(votes, vote{own.SignedVote, at})
		}
	}
	slices.SortStableFunc(votes, func(x, y vote) int {
		return cmp.Compare(x.at.pos.Index, y.at.pos.Index)
	})
	if len(votes) < config.Quorum() {
		return nil
	}
	votes = votes[:config.Quorum()]
	c := &juno.QuorumCertificate{Term: t, Pos: at.pos, Kind: kind, Detached: true}
	c.PrevHash, c.Head = at.parent.pos.Hash, at.entry.Header()
	for _, e := range votes[len(votes)-1].at.entriesAfter(at) {
		c.Headers = append(c.Headers, e.Header())
	}
	slices.SortFunc(votes, func(x, y vote) int { return cmp.Compare(x.vote.Node, y.vote.Node) })
	for i := range votes {
		c.Votes = append(c.Votes, votes[i].vote)
	}
	return c
}

// vote makes a vote of one of the adversary's nodes; ok is false if it has no key in the epoch.
func (a *adversary) vote(id juno.NodeID, t juno.Term, accepted, prepared *block,
) (*consensus.Vote, bool) {
	s, ok := a.signer(id, t.Epoch())
	if !ok {
		return nil, false
	}
	v := &consensus.Vote{}
	v.Term, v.Node, v.Committed = t, id, juno.Pos{Hash: a.w.book.cluster}
	if accepted != nil {
		v.Accepted = &accepted.pos
	}
	if prepared != nil && accepted != nil {
		v.Prepared = &prepared.pos
	}
	consensus.Sign(v, s)
	return v, true
}

// lie makes a new-term message of one of the adversary's nodes with some certificate: a stale one,
// one that claims less than it could, or none.
func (a *adversary) lie(id juno.NodeID, t juno.Term) *consensus.NewTerm {
	config := a.w.oracle.config(t)
	s, ok := a.signer(id, t.Epoch())
	if config == nil || !ok {
		return nil
	}
	base := a.w.oracle.bases[t.Epoch()]
	r := &consensus.NewTerm{
		Term: t, Node: id, Candidate: config.Leader(t),
		Rank: a.w.baseRank(t.Epoch()), Pos: base,
	}
	cert, _ := pick(a.rng, a.certs)
	if a.rng.IntN(2) == 0 {
		cert = a.underclaim(t)
	}
	if cert != nil && cert.Term < t && cert.Term.Epoch() == t.Epoch() && a.rng.IntN(3) > 0 {
		r.Rank, r.Pos = consensus.Rank{Term: cert.Term, Index: cert.Pos.Index}, cert.Pos
		r.Certificate = cert
	}
	if a.rng.IntN(8) == 0 { // it claims more than it can show
		r.Rank.Term++
		r.Certificate = nil
	}
	consensus.Sign(r, s)
	return r
}

// underclaim makes a certificate of some term before t at a block below what was voted for.
func (a *adversary) underclaim(t juno.Term) *juno.QuorumCertificate {
	c, ok := pick(a.rng, a.votes)
	if !ok || c.Term >= t || c.Accepted == nil {
		return nil
	}
	b := a.w.oracle.tree.at(*c.Accepted)
	for range a.rng.IntN(4) {
		if b != nil && b.parent != nil && b.parent.parent != nil {
			b = b.parent
		}
	}
	if b == nil {
		return nil
	}
	return a.certificate(c.Term, b, juno.Prepare)
}

// baseRank returns the rank of the base of an epoch.
func (w *World) baseRank(epoch uint32) consensus.Rank {
	base := w.oracle.tree.at(w.oracle.bases[epoch])
	return consensus.Rank{Term: base.entry.Term, Index: base.pos.Index}
}

// elect makes an election certificate of term t from the new-term messages that were seen and lies
// of its own, in any of the ways that a quorum allows, and returns it with the block where the term
// begins.
func (a *adversary) elect(t juno.Term) (*consensus.ElectionCertificate, *block) {
	config := a.w.oracle.config(t)
	if config == nil || t.Round() == 0 {
		return nil, nil
	}
	byNode := make(map[juno.NodeID]*consensus.NewTerm)
	for _, r := range a.newTerms {
		if r.Term == t {
			byNode[r.Node] = r
		}
	}
	for _, id := range a.ids {
		if r := a.lie(id, t); r != nil {
			byNode[id] = r
		}
	}
	e := &consensus.ElectionCertificate{Term: t}
	ids := voters(config)
	a.rng.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	for _, id := range ids {
		if byNode[id] != nil && len(e.NewTerms) < config.Quorum() {
			own := *byNode[id]
			own.Certificate = nil
			e.NewTerms = append(e.NewTerms, &own)
		}
	}
	if len(e.NewTerms) < config.Quorum() {
		return nil, nil
	}
	slices.SortFunc(e.NewTerms, func(x, y *consensus.NewTerm) int {
		return cmp.Compare(x.Node,
			y.Node)
	})
	top := e.NewTerms[0]
	for _, r := range e.NewTerms[1:] {
		if top.Rank.Less(r.Rank) {
			top = r
		}
	}
	e.Base = byNode[top.Node].Certificate
	return e, a.w.oracle.tree.at(top.Pos)
}

// extend makes entries behind a block: the start of the term if there is none yet, and commands of
// clients, or of its own.
func (a *adversary) extend(f *fork, n int) []juno.Entry {
	last := f.tip
	clock := a.w.genesis.Created + juno.Millis(a.w.now/millisecond)
	var entries []juno.Entry
	add := func(kind juno.EntryType, payload []byte) {
		e := juno.Entry{
			Index: f.tip.pos.Index + 1 + juno.Index(len(entries)), Term: f.term,
			Time: max(clock, last.entry.Time), Type: kind, Payload: payload,
		}
		entries = append(entries, e)
	}
	if f.tip == f.base {
		hash := juno.Hash{}
		if f.election != nil {
			hash = f.election.Hash()
		}
		add(juno.EntryTermStart, hash[:])
	}
	for range n {
		if r, ok := pick(a.rng, a.requests); ok && a.rng.IntN(2) == 0 {
			for _, e := range r.entries {
				add(e.Type, e.Payload)
			}
			continue
		}
		add(juno.EntryCommand, a.command())
	}
	return entries
}

// command makes a fresh command of the adversary's own client.
func (a *adversary) command() []byte {
	a.fresh++
	const text = "transfer(evil->worse, 1%1)"
	c := juno.Command{
		Key: a.client.id, Request: a.fresh, Language: state.Detect(text), Text: text,
	}
	if a.w.plan.Real {
		c.Sign(a.client.private, a.w.book.cluster)
	}
	return c.Payload()
}

// show signs entries that follow the fork and sends them to the parties that may see it.
func (a *adversary) show(f *fork, entries []juno.Entry, to []juno.NodeID) {
	s, ok := a.signer(f.leader, f.term.Epoch())
	if !ok {
		return
	}
	last := a.w.oracle.tree.growAll(f.tip.pos, entries)
	if last == nil {
		return
	}
	ae := &consensus.Append{
		AppendHeader: consensus.AppendHeader{
			Term: f.term, Leader: f.leader, Prev: f.tip.pos, Last: last.pos, Count: len(entries),
		},
		Entries: entries, Election: f.election,
	}
	consensus.Sign(ae, s)
	a.launch(newPacket(f.leader, ae), to)
	if a.w.logging {
		a.w.note(nil, "lie", "to %v: %s", plain(to), consensus.Describe(ae))
	}
	f.tip = last
}
