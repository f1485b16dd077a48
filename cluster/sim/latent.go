package sim

import (
	"slices"

	"juno"
	"juno/cluster/consensus"
)

// This file is I7, the strongest of the invariants. It does not wait for a fork: after every
// signature it checks whether the adversary could now put together certificates that contradict
// each other, counting every vote that any correct node ever signed, sent or not, and giving the
// adversary all its own votes for free.

// termVotes is what correct nodes signed in one term.
type termVotes struct {
	// prepared are the lowest and the highest block of which a prepare certificate can exist,
	// final the highest of which a commit certificate can.
	lowest, prepared, final *block
	newTerms                []highClaim
}

// highClaim is the highest certificate in a correct node's new-term message.
type highClaim struct {
	node juno.NodeID
	rank consensus.Rank
	at   *block
}

func (o *oracle) votesIn(t juno.Term) *termVotes {
	if r := o.termVotes[t]; r != nil {
		return r
	}
	o.termVotes[t] = &termVotes{}
	at, _ := slices.BinarySearch(o.terms, t)
	o.terms = slices.Insert(o.terms, at, t)
	return o.termVotes[t]
}

// count records that a voter accepted, or prepared, b in term t, and with it the blocks before b.
func (o *oracle) count(id juno.NodeID, t juno.Term, b *block, prepared bool) {
	config := o.config(t)
	if config == nil {
		o.fail("I10", "%s votes in term %s of an epoch that has not begun", id, t)
	}
	if _, voter := config.Voter(id); !voter {
		o.fail("I10", "%s votes in term %s and is no voter of epoch %d", id, t, config.Epoch)
	}
	enough, bit := o.enough(config), uint64(1)<<(id-1)
	var newlyPrepared, newlyFinal []*block // from the highest down
	for at := b; at.parent != nil; at = at.parent {
		if at.entry.Term != t && !at.endsEpoch(t) && !o.loose {
			break // votes of t do not count here, nor below
		}
		s := at.supportIn(t)
		before := *s
		s.accepted |= bit
		if prepared {
			s.prepared |= bit
		}
		if *s == before {
			break // and so it is below
		}
		if s.accepted != before.accepted && count(s.accepted) == enough {
			newlyPrepared = append(newlyPrepared, at)
		}
		if s.prepared != before.prepared && count(s.prepared) == enough {
			newlyFinal = append(newlyFinal, at)
		}
		if at.entry.Term != t && !o.loose {
			break // the seal stands alone
		}
	}
	if n := len(newlyPrepared); n > 0 {
		o.prepareCertificates(t, newlyPrepared[n-1], newlyPrepared[0])
	}
	if len(newlyFinal) > 0 {
		o.commitCertificates(t, newlyFinal[0])
	}
}

// prepareCertificates checks the blocks from low to high, of which prepare certificates of term t
// can exist from now on: they are on one chain with all others of t, and they hold everything
// that any older term may have committed.
func (o *oracle) prepareCertificates(t juno.Term, low, high *block) {
	r := o.votesIn(t)
	if r.prepared != nil && !high.holds(r.prepared) && !r.prepared.holds(high) {
		o.fail("I7", "term %s can prepare %s and %s", t, r.prepared.pos, high.pos)
	}
	if r.prepared == nil || high.holds(r.prepared) {
		r.prepared = high
	}
	if r.lowest == nil || low.pos.Index < r.lowest.pos.Index {
		r.lowest = low
	}
	if older, final := o.finalBefore(t); final != nil && !low.holds(final) {
		o.fail("I7", "term %s can prepare %s, and term %s can have committed %s", t, low.pos, older,
			final.pos)
	}
}

// finalBefore returns the highest block that a term before t can have committed.
func (o *oracle) finalBefore(t juno.Term) (juno.Term, *block) {
	for i := len(o.terms) - 1; i >= 0; i-- {
		if older := o.terms[i]; older < t && o.termVotes[older].final != nil {
			return older, o.termVotes[older].final
		}
	}
	return 0, nil
}

// commitCertificates checks that later terms hold what term t can have committed.
func (o *oracle) commitCertificates(t juno.Term, high *block) {
	r := o.votesIn(t)
	if r.final != nil && !high.holds(r.final) && !r.final.holds(high) {
		o.fail("I7", "term %s can commit %s and %s", t, r.final.pos, high.pos)
	}
	if r.final == nil || high.holds(r.final) {
		r.final = high
	}
	for i := len(o.terms) - 1; i >= 0 && o.terms[i] > t; i-- {
		later := o.termVotes[o.terms[i]]
		if later.lowest != nil && !later.lowest.holds(high) {
			o.fail("I7", "term %s can prepare %s, and term %s can have committed %s", o.terms[i],
				later.lowest.pos, t, high.pos)
		}
		o.electable(o.terms[i])
	}
}

// newTermSigned records a new-term message; from then on its node has left all older terms.
func (o *oracle) newTermSigned(id juno.NodeID, m *consensus.NewTerm) {
	o.left(id, m.Term, m)
	p := &o.promises[id-1]
	p.newTerm = max(p.newTerm, m.Term)
	c := highClaim{id, m.Rank, o.must(id, m.Pos, "reports")}
	r := o.votesIn(m.Term)
	if !slices.Contains(r.newTerms, c) {
		r.newTerms = append(r.newTerms, c)
		o.electable(m.Term)
	}
}

// electable checks that no leader of term t, however it chooses among the new-term messages, and
// whatever messages the adversary adds, gets an election that drops what an older term may have
// committed.
func (o *oracle) electable(t juno.Term) {
	older, final := o.finalBefore(t)
	config := o.config(t)
	if final == nil || config == nil {
		return
	}
	r := o.termVotes[t]
	for _, top := range r.newTerms {
		if top.at.holds(final) {
			continue
		}
		var below uint64 // nodes that can be in an election whose highest message is top
		for _, c := range r.newTerms {
			if !top.rank.Less(c.rank) {
				below |= 1 << (c.node - 1)
			}
		}
		if count(below) >= o.enough(config) {
			o.fail("I7", "term %s can begin at %s, and term %s can have committed %s", t,
				top.at.pos, older, final.pos)
		}
	}
}
