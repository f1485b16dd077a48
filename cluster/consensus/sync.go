package consensus

import (
	"fmt"

	"juno"
)

// SyncRequest asks a peer for missing entries (SYNCREQ).
//
// Signed bytes: version (1), node (4), nonce (8), term (8), commit (40), first index (8), wanted
// position (flag, then 40), bytes (uvarint).
type SyncRequest struct {
	Node   juno.NodeID
	Nonce  uint64 // the answer repeats it
	Term   juno.Term
	Commit juno.Pos   // of the requester, which has everything up to it
	From   juno.Index // first entry that is needed
	// Want, if not nil, asks for the chain that leads to this position, final or not.
	Want     *juno.Pos
	BytesMax int
	signed
}

const syncRequestVersion = 1

// Kind implements Message.
func (*SyncRequest) Kind() MessageKind { return KindSyncRequest }

// Sender implements Message.
func (s *SyncRequest) Sender() juno.NodeID { return s.Node }

func (s *SyncRequest) body() []byte {
	b := juno.AppendU32(append(make([]byte, 0, 128), syncRequestVersion), uint32(s.Node))
	b = juno.AppendU64(juno.AppendU64(b, s.Nonce), uint64(s.Term))
	b = juno.AppendU64(juno.AppendPos(b, s.Commit), uint64(s.From))
	b = juno.AppendBool(b, s.Want != nil)
	if s.Want != nil {
		b = juno.AppendPos(b, *s.Want)
	}
	return juno.AppendUvarint(b, uint64(s.BytesMax))
}

func (s *SyncRequest) statements(all []Statement) []Statement {
	return append(all, Statement{
		Epoch: s.Term.Epoch(), Node: s.Node, Anywhere: true,
		Envelope: s.envelope(juno.KindSync, s.body()),
	})
}

func (s *SyncRequest) signBy(by Signer) { s.sign(by, juno.KindSync, s.body()) }

func (s *SyncRequest) appendTo(b []byte) []byte { return s.signed.appendTo(append(b, s.body()...)) }

func decodeSyncRequest(d *juno.Decoder) Message {
	d.Version(syncRequestVersion, "sync request")
	s := &SyncRequest{Node: juno.NodeID(d.U32()), Nonce: d.U64(), Term: juno.Term(d.U64())}
	s.Commit, s.From = d.Pos(), juno.Index(d.U64())
	if d.Bool() {
		p := d.Pos()
		s.Want = &p
	}
	s.BytesMax = d.Count(syncBytesMax)
	if d.Err() == nil && (s.Node == 0 || s.From <= s.Commit.Index) {
		d.Fail("sync request of %s for entries from %d after %s", s.Node, s.From, s.Commit)
	}
	s.decode(d)
	return s
}

// syncBytesMax bounds the size of a request, and so what a reply can make a node allocate.
const syncBytesMax = 16 << 20

// SyncReply answers a SyncRequest (SYNCRESP). Its sender does not sign it: the contents prove
// themselves, and the nonce ties it to the request. With nonce 0 it is a hint that was not
// requested: a commit certificate, usually the one that ended the receiver's epoch.
//
// Canonical bytes: version (1), node (4), nonce (8), entries (count, then each), proof (flag, then
// the certificate), election (flag, then the election), headers (count, then each with its
// signature), commit (40), snapshot offer (flag, then the offer).
type SyncReply struct {
	Node    juno.NodeID
	Nonce   uint64
	Entries []juno.Entry            // without gap, from SyncRequest.From on
	Proof   *juno.QuorumCertificate // commit certificate of a position in or beyond the entries
	// Election and Headers are of the sender's term: the signed headers of entries that are not
	// final yet. Headers without an election are of round 0.
	Election *ElectionCertificate
	Headers  []AppendHeader
	Commit   juno.Pos // of the sender
	// Snapshot is there instead of the entries if the sender no longer has them.
	Snapshot *SnapshotOffer
}

const syncReplyVersion = 1

// Kind implements Message.
func (*SyncReply) Kind() MessageKind { return KindSyncReply }

// Sender implements Message.
func (s *SyncReply) Sender() juno.NodeID { return s.Node }

func (s *SyncReply) statements(all []Statement) []Statement {
	all = certificateStatements(all, s.Proof)
	all = s.Election.statements(all)
	for i := range s.Headers {
		all = append(all, s.Headers[i].statement())
	}
	return s.Snapshot.statements(all)
}

func (*SyncReply) signBy(Signer) {}

func (s *SyncReply) appendTo(b []byte) []byte {
	b = juno.AppendU32(append(b, syncReplyVersion), uint32(s.Node))
	b = juno.AppendUvarint(juno.AppendU64(b, s.Nonce), uint64(len(s.Entries)))
	for i := range s.Entries {
		b = juno.AppendEntry(b, &s.Entries[i])
	}
	b = appendOptionalElection(appendOptionalCertificate(b, s.Proof), s.Election)
	b = juno.AppendUvarint(b, uint64(len(s.Headers)))
	for i := range s.Headers {
		b = s.Headers[i].appendTo(b)
	}
	return appendOptionalOffer(juno.AppendPos(b, s.Commit), s.Snapshot)
}

// syncEntriesMax bounds the entries of one reply.
const syncEntriesMax = 1 << 17

func decodeSyncReply(d *juno.Decoder) Message {
	d.Version(syncReplyVersion, "sync reply")
	s := &SyncReply{Node: juno.NodeID(d.U32()), Nonce: d.U64()}
	s.Entries = decodeEntries(d, d.Count(syncEntriesMax))
	s.Proof, s.Election = decodeOptionalCertificate(d), decodeOptionalElection(d)
	for range d.Count(headersMax) {
		if d.Err() != nil {
			return s
		}
		s.Headers = append(s.Headers, decodeAppendHeader(d))
	}
	s.Commit, s.Snapshot = d.Pos(), decodeOptionalOffer(d)
	return s
}

// stepSyncRequest answers a peer that misses entries (Y1): at most one request per peer and tick,
// and no more bytes than this node would request itself.
func (c *Core) stepSyncRequest(m *SyncRequest) error {
	if m.Node == c.id {
		return fmt.Errorf("sync request of this node itself")
	}
	if !c.sync.answered.due(m.Node, c.ticks, 1) {
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

// lastFor returns the last index that a node of an epoch can use: that of the entry that ended the
// epoch, or the commit index.
func (c *Core) lastFor(epoch uint32) juno.Index {
	if r := c.recordEnding(epoch); r != nil {
		return r.Certificate.Pos.Index
	}
	return c.commit.Index
}

// recordEnding returns the record that ended an epoch, or nil if it is not known.
func (c *Core) recordEnding(epoch uint32) *juno.EpochRecord {
	for _, r := range c.past {
		if r.Next.Epoch == epoch+1 {
			return r
		}
	}
	return nil
}

// provenRun returns final entries from an index on, and the certificate that proves the most of
// them; or, if not even the stretch to the first certificate fits, its beginning and that
// certificate.
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

// estimate estimates the bytes of the entries [lo, hi] from their number.
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

// addTermState adds the headers that the leader of the present term has signed beyond the commit
// index. With them the requester can accept and vote, even if the leader does not send to it
// (docs/SPECIFICATION.md §2.3).
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
		return // final entries come first
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

// sendEpochEnd sends the end of its epoch to a node that does not know it yet (M2).
func (c *Core) sendEpochEnd(peer juno.NodeID, epoch uint32) {
	r := c.recordEnding(epoch)
	if r == nil || peer == c.id || !c.sync.epochHinted.due(peer, c.ticks, c.limits.HeartbeatTicks) {
		return
	}
	c.send([]juno.NodeID{peer}, &SyncReply{Node: c.id, Proof: r.Certificate, Commit: c.commit})
}
