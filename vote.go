package juno

// Vote is what a node says of its log in one term, for everybody to hear (AER). Votes are
// cumulative: whoever accepted a position accepted everything behind it.
//
// Canonical bytes: version (1), term (8), node (4), flags (1: bit 0 Accepted is there, bit 1
// Prepared is there), Accepted (40, if there), Prepared (40, if there), Committed (40).
type Vote struct {
	Term Term
	Node NodeID
	// Accepted is the end of the chain that the node took from the leader of Term and has on
	// disk; nil if it has taken none in that term.
	Accepted *Pos
	// Prepared is a position of Term that the node knows a quorum has accepted, the certificate
	// being on its disk; nil if there is none.
	Prepared *Pos
	// Committed is the newest position that the node knows to be final.
	Committed Pos
}

const (
	voteVersion  = 1
	voteAccepted = 1
	votePrepared = 2
)

// Body returns the canonical bytes, which are what the node signs.
func (c *Vote) Body() []byte {
	flags := byte(0)
	if c.Accepted != nil {
		flags |= voteAccepted
	}
	if c.Prepared != nil {
		flags |= votePrepared
	}
	b := append(make([]byte, 0, 144), voteVersion)
	b = AppendU32(AppendU64(b, uint64(c.Term)), uint32(c.Node))
	b = append(b, flags)
	if c.Accepted != nil {
		b = AppendPos(b, *c.Accepted)
	}
	if c.Prepared != nil {
		b = AppendPos(b, *c.Prepared)
	}
	return AppendPos(b, c.Committed)
}

// Vote reads what Vote.Body wrote.
func (d *Decoder) Vote() (c Vote) {
	d.Version(voteVersion, "vote")
	c.Term, c.Node = Term(d.U64()), NodeID(d.U32())
	flags := d.U8()
	if flags > voteAccepted|votePrepared || (d.err == nil && c.Node == 0) {
		d.fail("vote of %s with flags %d", c.Node, flags)
	}
	if flags&voteAccepted != 0 {
		p := d.Pos()
		c.Accepted = &p
	}
	if flags&votePrepared != 0 {
		p := d.Pos()
		c.Prepared = &p
	}
	c.Committed = d.Pos()
	return c
}

// SignedVote is a vote with its node's signature, not checked yet.
type SignedVote struct {
	Vote
	Key       KeyID
	Signature Signature
}

// SignVote signs a vote with the node's key.
func SignVote(key PrivateKey, cluster ClusterID, c Vote) SignedVote {
	e := Seal(key, cluster, KindVote, c.Body())
	return SignedVote{Vote: c, Key: e.Key, Signature: e.Signature}
}

// Envelope returns the vote as a statement to be opened by a Keyring.
func (c *SignedVote) Envelope() Envelope {
	return Envelope{Kind: KindVote, Key: c.Key, Body: c.Body(), Signature: c.Signature}
}

// AppendSignedVote appends the canonical bytes: the vote, the key id (8), the signature (64).
func AppendSignedVote(b []byte, c *SignedVote) []byte {
	b = append(b, c.Body()...)
	b = append(b, c.Key[:]...)
	return append(b, c.Signature[:]...)
}

// SignedVote reads what AppendSignedVote wrote.
func (d *Decoder) SignedVote() SignedVote {
	c := SignedVote{Vote: d.Vote()}
	copy(c.Key[:], d.Fixed(KeyIDBytes))
	copy(c.Signature[:], d.Fixed(SignatureBytes))
	return c
}
