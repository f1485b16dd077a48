package forge

import (
	"slices"

	"juno"
)

// prove makes what the voters signed about the log: commit certificates, the ends of the epochs,
// checkpoint certificates, and votes for branches that died.
func (b *builder) prove() {
	w := b.w
	slices.Sort(w.commits)
	w.commits = slices.Compact(w.commits)
	w.commits = slices.DeleteFunc(w.commits, func(i juno.Index) bool {
		return i > w.committed || w.insideBatch(i)
	})
	for _, at := range w.commits {
		e := w.epochAt(at)
		term := w.entries[at-1].Term
		if at == e.last && b.rng.IntN(4) == 0 {
			term++ // a later term sealed the epoch
		}
		w.proofs = append(w.proofs, b.certificate(at, term))
	}
	for _, e := range w.epochs {
		if e.last == 0 {
			break
		}
		next := w.epochs[e.config.Epoch+1].config
		w.ends = append(w.ends, &juno.EpochRecord{
			Payload: w.entries[e.last-1].Payload, Next: &next, Certificate: w.proofAt(e.last),
		})
	}
	for i := juno.Index(1); i <= w.committed; i++ {
		e := w.epochAt(i)
		if i%juno.Index(e.config.CheckpointEvery) == 0 && i != e.last {
			w.points = append(w.points, b.checkpoint(e, i))
		}
	}
	for _, d := range w.dead {
		b.vote(d)
	}
}

// insideBatch reports whether commands of the same batch follow an entry.
func (w *world) insideBatch(i juno.Index) bool {
	if i >= w.last() {
		return false
	}
	next := w.heads[i]
	return next != 0 && next <= i
}

// someVoters draws a number of an epoch's voters.
func (b *builder) someVoters(c *juno.EpochConfig, n int) []juno.NodeID {
	var all []juno.NodeID
	for _, i := range b.rng.Perm(len(c.Voters))[:n] {
		all = append(all, c.Voters[i].ID)
	}
	return all
}

// quorumSize draws how many vote: a quorum, or some more.
func (b *builder) quorumSize(c *juno.EpochConfig) int {
	return c.Quorum() + b.rng.IntN(len(c.Voters)-c.Quorum()+1)
}

// certificate returns a detached commit certificate of a term at an entry. Some of its votes are
// for later entries of the term.
func (b *builder) certificate(at juno.Index, term juno.Term) *juno.QuorumCertificate {
	w := b.w
	e := w.epochAt(at)
	later := []juno.Index{at}
	for _, i := range w.commits {
		if i > at && w.entries[i-1].Term == term && i-at < 12 {
			later = append(later, i)
		}
	}
	c := &juno.QuorumCertificate{Term: term, Pos: w.pos(at), Kind: juno.Commit}
	for _, id := range b.someVoters(&e.config, b.quorumSize(&e.config)) {
		prepared := at
		if b.rng.IntN(3) == 0 {
			prepared = later[b.rng.IntN(len(later))]
		}
		c.Votes = append(c.Votes, w.voteFor(e, id, term, w.pos(prepared)))
	}
	detached, err := c.Detach(w)
	if err != nil {
		panic(err)
	}
	return detached
}

// voteFor is the vote of a node that has prepared a position.
func (w *world) voteFor(e *epoch, id juno.NodeID, term juno.Term, p juno.Pos) juno.SignedVote {
	return juno.SignVote(e.key(w, id), w.cluster, juno.Vote{
		Term: term, Node: id, Accepted: &p, Prepared: &p, Committed: w.pos(p.Index / 2),
	})
}

// checkpoint returns what a quorum signed about the state after an entry.
func (b *builder) checkpoint(e *epoch, i juno.Index) *juno.CheckpointCertificate {
	w := b.w
	k := &juno.CheckpointCertificate{
		Epoch: e.config.Epoch, Index: i, Hash: w.hashes[i], StateRoot: w.roots[i],
	}
	ids := b.someVoters(&e.config, e.config.Quorum())
	slices.Sort(ids)
	for _, id := range ids {
		k.Votes = append(k.Votes, signCheckpoint(e.key(w, id), w.cluster, k, id))
	}
	return k
}

// signCheckpoint signs a checkpoint certificate as a node.
func signCheckpoint(key juno.PrivateKey, cluster juno.ClusterID, k *juno.CheckpointCertificate,
	id juno.NodeID,
) juno.CheckpointVote {
	v := juno.CheckpointVote{Node: id}
	p := k.Checkpoint(&v)
	s := juno.Seal(key, cluster, juno.KindSnapshot, p.Body())
	v.Key, v.Signature = s.Key, s.Signature
	return v
}

// vote makes the votes for a branch that died: a quorum accepted it, and fewer prepared it than
// could commit it together with all that the forger owns.
func (b *builder) vote(d *branch) {
	w := b.w
	e := w.epochAt(d.base + 1)
	if d.base+1 > e.last && e.last != 0 || d.term.Epoch() != e.config.Epoch {
		return
	}
	hashes := []juno.Hash{w.hashes[d.base]}
	for i := range d.entries {
		hashes = append(hashes, d.entries[i].ChainHash(hashes[i]))
	}
	n := len(d.entries)
	tip := juno.Pos{Index: d.base + juno.Index(n), Hash: hashes[n]}
	c := &juno.QuorumCertificate{
		Term: d.term, Pos: tip, Kind: juno.Prepare, Detached: true, PrevHash: hashes[n-1],
		Head: d.entries[n-1].Header(),
	}
	for _, id := range b.someVoters(&e.config, b.quorumSize(&e.config)) {
		v := juno.Vote{Term: d.term, Node: id, Accepted: &tip, Committed: w.pos(d.base)}
		c.Votes = append(c.Votes, juno.SignVote(e.key(w, id), w.cluster, v))
	}
	d.prepared = c
	w.votes = append(w.votes, c.Votes...)
	b.votePrepared(e, d.term, tip, d.base)
}

// votePrepared makes votes of honest nodes that have prepared a position which is not final.
func (b *builder) votePrepared(e *epoch, term juno.Term, tip juno.Pos, committed juno.Index) {
	w, spare := b.w, b.spare[e.config.Epoch]
	for _, id := range b.someVoters(&e.config, len(e.config.Voters)) {
		key := e.key(w, id)
		if spare == 0 || slices.Contains(w.stolen, key.Public().ID()) {
			continue
		}
		spare--
		w.votes = append(w.votes, juno.SignVote(key, w.cluster, juno.Vote{
			Term: term, Node: id, Accepted: &tip, Prepared: &tip, Committed: w.pos(committed),
		}))
	}
}

// voteTail makes the votes for the entries behind the newest final one: all voters accepted them,
// and fewer prepared them than could commit them together with the forger.
func (b *builder) voteTail() {
	w := b.w
	if w.last() == w.committed {
		return
	}
	e := w.epochs[len(w.epochs)-1]
	tip := w.pos(w.last())
	for _, m := range e.config.Voters {
		w.votes = append(w.votes, juno.SignVote(e.key(w, m.ID), w.cluster, juno.Vote{
			Term: b.term, Node: m.ID, Accepted: &tip, Committed: w.pos(w.committed),
		}))
	}
	b.votePrepared(e, b.term, tip, w.committed)
}
