package consensus

import (
	"slices"

	"juno"
)

// epoch is one generation of the membership, as this node sees it.
type epoch struct {
	config *juno.EpochConfig
	voters []juno.NodeID // sorted
	peers  []juno.NodeID // voters and observers without ourselves, sorted
	quorum int
	faulty int
	me     int // our place among the voters, or -1
	// base is where the epoch begins: the Config entry before it, or the genesis. Its rank is
	// the term of that entry, which is of an older epoch: the lowest. It is not the term of the
	// certificate that ended the epoch, of which there may be several.
	base     juno.Pos
	baseRank Rank
	// record ended the epoch before; nil in epoch 0.
	record *juno.EpochRecord
}

// newEpoch returns the epoch as this node sees it.
func (c *Core) newEpoch(config *juno.EpochConfig, base juno.Pos, r *juno.EpochRecord) *epoch {
	e := &epoch{
		config: config, quorum: config.Quorum(), faulty: config.Faulty(), base: base, record: r,
	}
	if r != nil {
		e.baseRank = Rank{Term: r.Certificate.Head.Term, Index: base.Index}
	}
	for _, m := range config.Voters {
		e.voters = append(e.voters, m.ID)
	}
	for _, all := range [][]juno.Member{config.Voters, config.Observers} {
		for _, m := range all {
			if m.ID != c.id {
				e.peers = append(e.peers, m.ID)
			}
		}
	}
	slices.Sort(e.peers)
	if e.me = e.voter(c.id); c.observe {
		e.me = -1
	}
	if c.broken(MutantNaiveQuorum) {
		e.quorum = 2*e.faulty + 1
	}
	return e
}

// baseQC returns the highest certificate of a node that knows nothing of the epoch yet.
func (e *epoch) baseQC() HighQC { return HighQC{Rank: e.baseRank, Pos: e.base} }

// voter returns the place of a node among the voters, or -1.
func (e *epoch) voter(id juno.NodeID) int {
	if i, found := slices.BinarySearch(e.voters, id); found {
		return i
	}
	return -1
}

// votes reports whether we are a voter.
func (e *epoch) votes() bool { return e.me >= 0 }

// alone reports whether this node is a quorum by itself.
func (e *epoch) alone() bool { return e.quorum == 1 && e.votes() }

// firstTerm returns round 0 of the epoch.
func (e *epoch) firstTerm() juno.Term { return juno.TermOf(e.config.Epoch, 0) }
