package juno

// KindReading is the kind of a node's signature over the answer to a read.
const KindReading Kind = 18

// Reading is a node's signed word on what it answered to a read: to which question, at which
// position of the log, and the hash of the answer. Two readings of one question at one position
// with different hashes show that one of the two nodes is wrong.
//
// Signed bytes: version (1), node (4), term (8), asked (32), position (40), answer (32). Canonical
// bytes: the same, key id (8), signature (64).
type Reading struct {
	Node      NodeID
	Term      Term // the node is in
	Asked     Hash // of the question, with whatever makes it fresh
	At        Pos
	Answer    Hash
	Key       KeyID
	Signature Signature
}

const readingVersion = 1

func (r *Reading) appendBody(b []byte) []byte {
	b = AppendU32(append(b, readingVersion), uint32(r.Node))
	b = append(AppendU64(b, uint64(r.Term)), r.Asked[:]...)
	return append(AppendPos(b, r.At), r.Answer[:]...)
}

// Sign signs the reading with the node's key and fills in Key and Signature.
func (r *Reading) Sign(key PrivateKey, cluster ClusterID) {
	e := Seal(key, cluster, KindReading, r.appendBody(nil))
	r.Key, r.Signature = e.Key, e.Signature
}

// Envelope returns the reading as a statement to be opened by a Keyring. Its signer must be Node.
func (r *Reading) Envelope() Envelope {
	return Envelope{
		Kind: KindReading, Key: r.Key, Body: r.appendBody(nil), Signature: r.Signature,
	}
}

// AppendReading appends the canonical bytes of r.
func AppendReading(b []byte, r *Reading) []byte {
	b = r.appendBody(b)
	b = append(b, r.Key[:]...)
	return append(b, r.Signature[:]...)
}

// Reading reads what AppendReading wrote.
func (d *Decoder) Reading() (r Reading) {
	d.Version(readingVersion, "reading")
	r.Node, r.Term, r.Asked = NodeID(d.U32()), Term(d.U64()), d.Hash()
	r.At, r.Answer = d.Pos(), d.Hash()
	if d.err == nil && r.Node == 0 {
		d.fail("reading of no node")
	}
	copy(r.Key[:], d.Fixed(KeyIDBytes))
	copy(r.Signature[:], d.Fixed(SignatureBytes))
	return r
}
