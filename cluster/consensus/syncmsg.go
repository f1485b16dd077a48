package consensus

import "juno"

// SyncRequest asks a peer for what we miss (SYNCREQ).
//
// Signed bytes: version (1), node (4), nonce (8), term (8), commit (40), first index (8), wanted
// position (flag, then 40), bytes (uvarint).
type SyncRequest struct {
	Node   juno.NodeID
	Nonce  uint64 // the answer repeats it
	Term   juno.Term
	Commit juno.Pos   // ours; everything up to it we have
	From   juno.Index // first entry that we want
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

// syncBytesMax bounds what a node may ask for at a time, and so what a reply can make anybody
// allocate.
const syncBytesMax = 16 << 20

// SyncReply answers a SyncRequest (SYNCRESP). It carries no signature of its sender: whatever is
// in it proves itself, and the nonce ties it to the request. With nonce 0 it is a hint that nobody
// asked for: a commit certificate, usually the one that ended the receiver's epoch.
//
// Canonical bytes: version (1), node (4), nonce (8), entries (count, then each), proof (flag, then
// the certificate), election (flag, then the election), headers (count, then each with its
// signature), commit (40), snapshot offer (flag, then the offer).
type SyncReply struct {
	Node    juno.NodeID
	Nonce   uint64
	Entries []juno.Entry            // without gap, from SyncRequest.From on
	Proof   *juno.QuorumCertificate // commit certificate of a position in or beyond the entries
	// Election and Headers are of the sender's term: what a leader signed of the entries that
	// are not final yet. Headers without an election are of round 0.
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
