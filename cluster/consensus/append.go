package consensus

import "juno"

// AppendHeader is what a leader signs of an AppendEntries (AE): which stretch of which chain.
//
// Signed bytes: version (1), term (8), leader (4), position before the first entry (40), position
// of the last entry (40), count (4).
type AppendHeader struct {
	Term   juno.Term
	Leader juno.NodeID
	Prev   juno.Pos
	Last   juno.Pos // equal to Prev if Count is 0
	Count  int
	signed
}

// Append brings entries from the leader of a term, or none: a heartbeat, or the seal (N6).
type Append struct {
	AppendHeader
	Entries []juno.Entry
	// Election proves that the leader may lead. It is there until the follower has shown that
	// it saw it (is "convinced"), and never in round 0, which needs no election.
	Election *ElectionCertificate
}

const appendHeaderVersion = 1

// Kind implements Message.
func (*Append) Kind() MessageKind { return KindAppend }

// Sender implements Message.
func (ae *Append) Sender() juno.NodeID { return ae.Leader }

func (h *AppendHeader) body() []byte {
	b := juno.AppendU64(append(make([]byte, 0, 97), appendHeaderVersion), uint64(h.Term))
	b = juno.AppendU32(b, uint32(h.Leader))
	b = juno.AppendPos(juno.AppendPos(b, h.Prev), h.Last)
	return juno.AppendU32(b, uint32(h.Count))
}

func (h *AppendHeader) statement() Statement {
	return Statement{
		Epoch: h.Term.Epoch(), Node: h.Leader,
		Envelope: h.envelope(juno.KindAppend, h.body()),
	}
}

func (ae *Append) statements(all []Statement) []Statement {
	return ae.Election.statements(append(all, ae.statement()))
}

func (ae *Append) signBy(s Signer) { ae.sign(s, juno.KindAppend, ae.body()) }

func (h *AppendHeader) appendTo(b []byte) []byte { return h.signed.appendTo(append(b, h.body()...)) }

func (ae *Append) appendTo(b []byte) []byte {
	b = ae.AppendHeader.appendTo(b)
	for i := range ae.Entries {
		b = juno.AppendEntry(b, &ae.Entries[i])
	}
	return appendOptionalElection(b, ae.Election)
}

// appendEntriesMax bounds the entries of one AppendEntries: a batch head and all its commands.
const appendEntriesMax = juno.BatchCommandsMax + 1

func decodeAppendHeader(d *juno.Decoder) (h AppendHeader) {
	d.Version(appendHeaderVersion, "append header")
	h.Term, h.Leader = juno.Term(d.U64()), juno.NodeID(d.U32())
	h.Prev, h.Last = d.Pos(), d.Pos()
	count := d.U32()
	if d.Err() == nil && (h.Leader == 0 || count > appendEntriesMax ||
		h.Last.Index-h.Prev.Index != juno.Index(count) || (count == 0 && h.Last != h.Prev)) {
		d.Fail("append header of %s with %d entries from %s to %s", h.Leader, count, h.Prev, h.Last)
	}
	h.Count = int(count)
	h.decode(d)
	return h
}

func decodeAppend(d *juno.Decoder) Message {
	ae := &Append{AppendHeader: decodeAppendHeader(d)}
	ae.Entries = decodeEntries(d, ae.Count)
	ae.Election = decodeOptionalElection(d)
	return ae
}

// decodeEntries reads n entries. It allocates as it reads: a count alone costs nothing.
func decodeEntries(d *juno.Decoder, n int) []juno.Entry {
	if n == 0 {
		return nil
	}
	entries := make([]juno.Entry, 0, min(n, d.Rest()/juno.EntryBytesMin))
	for range n {
		if d.Err() != nil {
			return nil
		}
		entries = append(entries, d.Entry())
	}
	return entries
}
