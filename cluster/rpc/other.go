package rpc

import (
	"crypto/sha256"
	"math"

	"juno"
)

// Position asks how far the node's log is known to be agreed on, for a read that misses nothing
// that was acknowledged before it began.
//
// Body: nonce (32).
type Position struct {
	Nonce juno.Hash // makes the answer fresh
}

func (*Position) requestKind() RequestKind { return KindPosition }

func (p *Position) appendTo(b []byte) []byte { return append(b, p.Nonce[:]...) }

// Positioned is the answer to Position. Reading is signed over the nonce, the newest final
// position and CertificateHash.
//
// Body: reading (juno.AppendReading), certificate (0, or 1 and juno.AppendCertificate).
type Positioned struct {
	Reading juno.Reading
	// Certificate is the highest that the node holds, detached, of either kind. Positions that it
	// does not prove do not count.
	Certificate *juno.QuorumCertificate
}

func (*Positioned) responseKind() ResponseKind { return KindPositioned }

func (p *Positioned) appendTo(b []byte) []byte {
	return appendCertificate(juno.AppendReading(b, &p.Reading), p.Certificate)
}

func decodePositioned(d *juno.Decoder) *Positioned {
	return &Positioned{Reading: d.Reading(), Certificate: decodeCertificate(d)}
}

const positionTag = "juno1/position"

// CertificateHash is what the Reading of a Positioned signs as its answer.
func CertificateHash(c *juno.QuorumCertificate) juno.Hash {
	return sha256.Sum256(appendCertificate([]byte(positionTag), c))
}

// Complete asks for names of accounts that begin with a prefix.
//
// Body: prefix (text), most names (uvarint).
type Complete struct {
	Prefix string
	Limit  int
}

func (*Complete) requestKind() RequestKind { return KindComplete }

func (c *Complete) appendTo(b []byte) []byte {
	return juno.AppendUvarint(juno.AppendText(b, c.Prefix), uint64(c.Limit))
}

func decodeComplete(d *juno.Decoder) *Complete {
	return &Complete{Prefix: d.Text(juno.NameBytesMax), Limit: d.Count(NamesMax)}
}

// Names is the answer to Complete.
//
// Body: count (uvarint), then the names (text each).
type Names struct{ Names []string }

func (*Names) responseKind() ResponseKind { return KindNames }

func (n *Names) appendTo(b []byte) []byte {
	b = juno.AppendUvarint(b, uint64(len(n.Names)))
	for _, s := range n.Names {
		b = juno.AppendText(b, s)
	}
	return b
}

func decodeNames(d *juno.Decoder) *Names {
	n := &Names{}
	for range d.Count(NamesMax) {
		if d.Err() != nil {
			break
		}
		n.Names = append(n.Names, d.Text(juno.NameBytesMax))
	}
	return n
}

// Receipt asks for the proof of an entry. It comes as a stream of Chunks, its JSON text, with a
// Done.
//
// Body: index (uvarint).
type Receipt struct{ Index juno.Index }

func (*Receipt) requestKind() RequestKind { return KindReceipt }

func (r *Receipt) appendTo(b []byte) []byte { return juno.AppendUvarint(b, uint64(r.Index)) }

// Chunk is one frame of bytes.
//
// Body: place in the stream (uvarint), last (1), data (bytes).
type Chunk struct {
	Place int
	Last  bool
	Data  []byte
}

func (*Chunk) responseKind() ResponseKind { return KindChunk }

func (c *Chunk) appendTo(b []byte) []byte {
	return juno.AppendBytes(juno.AppendBool(juno.AppendUvarint(b, uint64(c.Place)), c.Last), c.Data)
}

func decodeChunk(d *juno.Decoder) *Chunk {
	return &Chunk{
		Place: d.Count(math.MaxInt32), Last: d.Bool(), Data: d.Bytes(2 * StreamFrameBytes),
	}
}

// Status asks for what an operator wants to know. It has no body.
type Status struct{}

func (*Status) requestKind() RequestKind { return KindStatus }

func (*Status) appendTo(b []byte) []byte { return b }

// Facts is the answer to Status, in the order to be shown.
//
// Body: count (uvarint), then name (text) and value (as a cell of Rows) each.
type Facts struct{ Facts []juno.Fact }

func (*Facts) responseKind() ResponseKind { return KindFacts }

func (f *Facts) appendTo(b []byte) []byte {
	b = juno.AppendUvarint(b, uint64(len(f.Facts)))
	for i := range f.Facts {
		b = appendValue(juno.AppendText(b, clip(f.Facts[i].Name)), &f.Facts[i].Value)
	}
	return b
}

func decodeFacts(d *juno.Decoder) *Facts {
	f := &Facts{}
	for range d.Count(factsMax) {
		if d.Err() != nil {
			break
		}
		f.Facts = append(f.Facts, juno.Fact{Name: d.Text(textBytesMax), Value: decodeValue(d)})
	}
	return f
}

// Admin hands in what administrators have signed: a change of the membership or of the mode, or a
// demand for another leader. The answer is Done or an Error.
//
// Body: kind (1), payload (bytes).
type Admin struct {
	Kind    juno.Kind // KindConfig, KindMode or KindRevolution
	Payload []byte    // as juno.ConfigChange.Payload and its like give it
}

func (*Admin) requestKind() RequestKind { return KindAdmin }

func (a *Admin) appendTo(b []byte) []byte {
	return juno.AppendBytes(append(b, byte(a.Kind)), a.Payload)
}

func decodeAdmin(d *juno.Decoder) *Admin {
	a := &Admin{Kind: juno.Kind(d.U8()), Payload: d.Bytes(adminBytesMax)}
	switch a.Kind {
	case juno.KindConfig, juno.KindMode, juno.KindRevolution:
	default:
		d.Fail("administrators sign nothing of kind %d", a.Kind)
	}
	return a
}

// Done says that the node has taken what was handed in; when it takes effect the log will tell.
// It has no body.
type Done struct{}

func (*Done) responseKind() ResponseKind { return KindDone }

func (*Done) appendTo(b []byte) []byte { return b }

// Snapshots asks for the snapshots that the node holds. It has no body.
type Snapshots struct{}

func (*Snapshots) requestKind() RequestKind { return KindSnapshots }

func (*Snapshots) appendTo(b []byte) []byte { return b }

// SnapshotList is the answer to Snapshots, oldest first.
//
// Body: count (uvarint), then index (8), state hash (32), bytes (uvarint), signers (uvarint) each.
type SnapshotList struct{ Snapshots []juno.SnapshotInfo }

func (*SnapshotList) responseKind() ResponseKind { return KindSnapshotList }

func (l *SnapshotList) appendTo(b []byte) []byte {
	b = juno.AppendUvarint(b, uint64(len(l.Snapshots)))
	for i := range l.Snapshots {
		s := &l.Snapshots[i]
		b = append(juno.AppendU64(b, uint64(s.Index)), s.StateHash[:]...)
		b = juno.AppendUvarint(juno.AppendUvarint(b, uint64(s.Bytes)), uint64(s.Signers))
	}
	return b
}

func decodeSnapshotList(d *juno.Decoder) *SnapshotList {
	l := &SnapshotList{}
	for range d.Count(snapshotsMax) {
		if d.Err() != nil {
			break
		}
		l.Snapshots = append(l.Snapshots, juno.SnapshotInfo{
			Index: juno.Index(d.U64()), StateHash: d.Hash(), Bytes: int64(d.Count(math.MaxInt64)),
			Signers: d.Count(juno.VotersMax),
		})
	}
	return l
}
