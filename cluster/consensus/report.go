package consensus

import "juno"

// NewTerm is what a node tells the leader of a term that it has just entered (RVR): the highest
// prepare certificate that it knows. After it the node signs nothing for older terms (R4).
//
// Signed bytes: version (1), term (8), node (4), candidate (4), term of the certificate (8), its
// position (40).
type NewTerm struct {
	Term      juno.Term
	Node      juno.NodeID
	Candidate juno.NodeID // leader of Term
	Rank      Rank        // of the highest certificate
	Pos       juno.Pos    // its position; High.Index is Pos.Index
	signed
	// Certificate proves High and Pos. It is nil where Pos is the base of the epoch.
	Certificate *juno.QuorumCertificate
}

const newTermVersion = 1

// Kind implements Message.
func (*NewTerm) Kind() MessageKind { return KindNewTerm }

// Sender implements Message.
func (r *NewTerm) Sender() juno.NodeID { return r.Node }

func (r *NewTerm) body() []byte {
	b := juno.AppendU64(append(make([]byte, 0, 72), newTermVersion), uint64(r.Term))
	b = juno.AppendU32(juno.AppendU32(b, uint32(r.Node)), uint32(r.Candidate))
	return juno.AppendPos(juno.AppendU64(b, uint64(r.Rank.Term)), r.Pos)
}

// own appends the signature under the report without that of its certificate.
func (r *NewTerm) own(all []Statement) []Statement {
	return append(all, Statement{
		Epoch: r.Term.Epoch(), Node: r.Node,
		Envelope: r.envelope(juno.KindNewTerm, r.body()),
	})
}

func (r *NewTerm) statements(all []Statement) []Statement {
	return certificateStatements(r.own(all), r.Certificate)
}

func (r *NewTerm) signBy(s Signer) { r.sign(s, juno.KindNewTerm, r.body()) }

// appendOwn appends the report without its certificate.
func (r *NewTerm) appendOwn(b []byte) []byte { return r.signed.appendTo(append(b, r.body()...)) }

func (r *NewTerm) appendTo(b []byte) []byte {
	return appendOptionalCertificate(r.appendOwn(b), r.Certificate)
}

func decodeNewTermOwn(d *juno.Decoder) *NewTerm {
	d.Version(newTermVersion, "new-term message")
	r := &NewTerm{
		Term: juno.Term(d.U64()), Node: juno.NodeID(d.U32()),
		Candidate: juno.NodeID(d.U32()),
	}
	r.Rank.Term, r.Pos = juno.Term(d.U64()), d.Pos()
	r.Rank.Index = r.Pos.Index
	if d.Err() == nil && (r.Node == 0 || r.Candidate == 0) {
		d.Fail("new-term of %s to %s", r.Node, r.Candidate)
	}
	r.decode(d)
	return r
}

func decodeNewTerm(d *juno.Decoder) Message {
	r := decodeNewTermOwn(d)
	r.Certificate = decodeOptionalCertificate(d)
	return r
}

// appendOptionalCertificate appends whether there is a certificate, and the certificate.
func appendOptionalCertificate(b []byte, c *juno.QuorumCertificate) []byte {
	b = juno.AppendBool(b, c != nil)
	if c != nil {
		b = juno.AppendCertificate(b, c)
	}
	return b
}

func decodeOptionalCertificate(d *juno.Decoder) *juno.QuorumCertificate {
	if !d.Bool() || d.Err() != nil {
		return nil
	}
	return d.Certificate()
}
