package sim

import (
	"slices"

	"juno"
)

// admin holds the keys of the administrators: now and then they change the membership, or halt the
// ledger. They are honest, and slow.
type admin struct {
	nonce  uint64   // of the newest change of the mode
	change *request // the newest change of the membership
	asked  []*juno.EpochConfig
}

// proposeEpoch proposes another membership: other voters, another leader, a new key for a node.
func (w *World) proposeEpoch() {
	o := w.oracle
	now := o.configs[len(o.configs)-1]
	next := w.drawMembership(now)
	change := &juno.ConfigChange{Previous: now.Hash(), Next: *next}
	for i := range uint32(now.AdminThreshold) {
		change.Approve(secretKeyOf(holderAdmin+i, 0).private, w.book.cluster)
	}
	for _, m := range slices.Concat(next.Voters, next.Observers) {
		if old, _, _ := now.Member(m.ID); old.Public != m.Public {
			change.Possess(w.book.byID[m.Public.ID()].private, w.book.cluster)
		}
	}
	w.admin.asked = append(w.admin.asked, next)
	w.admin.change = newRequest(juno.Entry{Type: juno.EntryConfig, Payload: change.Payload()})
	w.note(nil, "epoch", "asked for epoch %d: voters %v, leader %d", next.Epoch, voters(next),
		next.FirstLeader)
	w.submit(w.admin.change)
}

// submit hands a request of the administrators to every node.
func (w *World) submit(r *request) {
	for _, p := range w.parties {
		w.requestFrom(p.id, r)
	}
}

// drawMembership draws the next membership: a node may join, a node may leave, and at most f of the
// voters are the adversary's, or without a disk.
func (w *World) drawMembership(now *juno.EpochConfig) *juno.EpochConfig {
	next := *now
	next.Epoch++
	voting := voters(now)
	for range w.rng.IntN(3) {
		i := juno.NodeID(1 + w.rng.IntN(len(w.parties)))
		if at, found := slices.BinarySearch(voting, i); !found {
			voting = slices.Insert(voting, at, i)
		} else if len(voting) > 1 {
			voting = slices.Delete(voting, at, at+1)
		}
	}
	if !w.bearable(voting) {
		voting = voters(now)
	}
	rekeyed := w.drawKeys(now)
	next.Voters, next.Observers = nil, nil
	for _, p := range w.parties {
		m, _, _ := now.Member(p.id)
		if rekeyed[p.id-1] != nil {
			m.Public = rekeyed[p.id-1].public
		}
		if _, votes := slices.BinarySearch(voting, p.id); votes {
			next.Voters = append(next.Voters, m)
		} else {
			next.Observers = append(next.Observers, m)
		}
	}
	next.FirstLeader = voting[w.rng.IntN(len(voting))]
	return &next
}

// bearable reports whether a set of voters is large enough for the faults among it.
func (w *World) bearable(voting []juno.NodeID) bool {
	faulty := 0
	for _, id := range voting {
		if w.isByzantine(id) || w.diskless(id) || w.corrupted(id) {
			faulty++
		}
	}
	return faulty <= juno.Faulty(len(voting))
}

// diskless reports whether a node lost its disk and has no new key yet.
func (w *World) diskless(id juno.NodeID) bool {
	p := w.parties[id-1]
	return !p.byzantine && p.hosts[0].observe
}

// corrupted reports whether a node computes wrong states.
func (w *World) corrupted(id juno.NodeID) bool {
	p := w.parties[id-1]
	return !p.byzantine && p.hosts[0].corrupt > 0
}

// faulty returns how many nodes a client must not rely on.
func (w *World) faulty() int {
	if w.plan.Faults.LoseDisk || w.plan.Faults.Corrupt {
		return w.plan.Byzantine + 1
	}
	return w.plan.Byzantine
}

// drawKeys gives one or no node another key, first of all one that lost its disk.
func (w *World) drawKeys(now *juno.EpochConfig) []*secretKey {
	fresh := make([]*secretKey, len(w.parties))
	lucky := juno.NodeID(1 + w.rng.IntN(3*len(w.parties)))
	for _, p := range w.parties {
		m, _, _ := now.Member(p.id)
		if p.id == lucky || (w.diskless(p.id) && m.Public == p.hosts[0].lostKey) {
			fresh[p.id-1] = w.book.add(secretKeyOf(uint32(p.id), now.Epoch+1))
		}
	}
	return fresh
}

func voters(c *juno.EpochConfig) []juno.NodeID {
	var all []juno.NodeID
	for _, m := range c.Voters {
		all = append(all, m.ID)
	}
	return all
}
