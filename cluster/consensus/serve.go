package consensus

import (
	"fmt"

	"juno"
)

// stepSyncRequest answers a peer that misses something (Y1): at most one request per peer and
// tick, and no more bytes than we would ask for ourselves.
func (c *Core) stepSyncRequest(m *SyncRequest) error {
	if m.Node == c.id {
		return fmt.Errorf("sync request of ourselves")
	}
	if !c.sync.answered.due(m.Node, c.ticks, 1) && !c.broken(MutantUnthrottled) {
		return fmt.Errorf("sync request of %s: one was answered in this tick", m.Node)
	}
	r := &SyncReply{Node: c.id, Nonce: m.Nonce, Commit: c.commit}
	budget := min(m.BytesMax, c.limits.SyncBytesMax)
	switch end := c.lastFor(m.Term.Epoch()); {
	case m.From < c.log.lowest():
		r.Snapshot = c.offer(m)
	case m.Want != nil:
		if c.log.has(*m.Want) {
			r.Entries = c.log.read(m.From, m.Want.Index+1, budget)
		}
	default:
		r.Entries, r.Proof = c.provenRun(m.From, end, budget)
		if m.Term.Epoch() == c.epoch.config.Epoch {
			c.addTermState(r, m, budget)
		}
	}
	c.send([]juno.NodeID{m.Node}, r)
	return nil
}

// lastFor returns the last index that a node of an epoch can use from us: that of the entry that
// ended it, or what is final here.
func (c *Core) lastFor(epoch uint32) juno.Index {
	if r := c.recordEnding(epoch); r != nil {
		return r.Certificate.Pos.Index
	}
	return c.commit.Index
}

// recordEnding returns what ended an epoch, if we know it.
func (c *Core) recordEnding(epoch uint32) *juno.EpochRecord {
	for _, r := range c.past {
		if r.Next.Epoch == epoch+1 {
			return r
		}
	}
	return nil
}

// provenRun returns final entries from an index on, and the certificate that proves the most of
// them; or, if not even the stretch to the first certificate fits, the beginning of it and that.
func (c *Core) provenRun(from, end juno.Index, budget int) ([]juno.Entry, *juno.QuorumCertificate) {
	proof := c.proofFrom(from, end)
	if proof == nil {
		return nil, nil
	}
	var entries []juno.Entry
	for next, size := from, 0; ; {
		more := c.log.read(next, proof.Pos.Index+1, budget-size)
		for i := range more {
			size += juno.EntryBytes(&more[i])
		}
		if len(entries) == 0 || size <= budget {
			entries = append(entries, more...)
		}
		next = from + juno.Index(len(entries))
		if len(more) == 0 || size >= budget || len(entries) >= syncEntriesMax/2 {
			return entries, proof
		}
		if next <= proof.Pos.Index {
			continue // cut where memory and disk meet
		}
		following := c.proofFrom(next, end)
		if following == nil || size+estimate(next, following.Pos.Index) > budget {
			return entries, proof
		}
		proof = following
	}
}

// estimate guesses the bytes of the entries [lo, hi] from their number.
func estimate(lo, hi juno.Index) int {
	const typicalBytes = 256
	return int(hi-lo+1) * typicalBytes
}

// proofFrom returns the stored commit certificate with the lowest position in [from, end].
func (c *Core) proofFrom(from, end juno.Index) *juno.QuorumCertificate {
	proof, ok := c.log.store.Certificate(from)
	if !ok && c.newestProof != nil && c.newestProof.Pos.Index >= from {
		proof, ok = c.newestProof, true // it may not be written yet
	}
	if r := c.past; !ok && len(r) > 0 && r[len(r)-1].Certificate.Pos.Index >= from {
		proof, ok = r[len(r)-1].Certificate, true
	}
	if !ok || proof.Pos.Index > end {
		return nil
	}
	return proof
}

// addTermState adds what the leader of our term has signed beyond what is final: with it the requester
// can accept, and vote, although the leader does not talk to it (docs/SPECIFICATION.md §2.3).
func (c *Core) addTermState(r *SyncReply, m *SyncRequest, budget int) {
	if !c.term.known || m.Term > c.hard.Term {
		return
	}
	r.Election = c.term.election
	if !c.hasAccepted() || len(c.term.headers) == 0 {
		return
	}
	next := m.From + juno.Index(len(r.Entries))
	if next <= c.commit.Index {
		return // first what is final
	}
	size := 0
	for i := range r.Entries {
		size += juno.EntryBytes(&r.Entries[i])
	}
	for i := range c.term.headers {
		h := &c.term.headers[i]
		if h.Last.Index >= next {
			more := c.log.read(next, h.Last.Index+1, budget-size)
			if juno.Index(len(more)) != h.Last.Index+1-next {
				return
			}
			for j := range more {
				size += juno.EntryBytes(&more[j])
			}
			if size > budget && len(r.Entries) > 0 {
				return
			}
			r.Entries = append(r.Entries[:len(r.Entries):len(r.Entries)], more...)
			next = h.Last.Index + 1
		}
		r.Headers = append(r.Headers, *h)
	}
}

// sendEpochEnd sends what ended its epoch to a node that does not know it yet (M2).
func (c *Core) sendEpochEnd(peer juno.NodeID, epoch uint32) {
	r := c.recordEnding(epoch)
	if r == nil || peer == c.id || !c.sync.epochHinted.due(peer, c.ticks, c.limits.HeartbeatTicks) {
		return
	}
	c.send([]juno.NodeID{peer}, &SyncReply{Node: c.id, Proof: r.Certificate, Commit: c.commit})
}
