package juno

// Claim is what a node says of its log in one term, for everybody to hear (AER). Claims are
// cumulative: whoever accepted a position accepted everything behind it.
//
// Canonical bytes: version (1), term (8), node (4), flags (1: bit 0 Accepted is there, bit 1
// Prepared is there), Accepted (40, if there), Prepared (40, if there), Committed (40).
type Claim struct {
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
	claimVersion  = 1
	claimAccepted = 1
	claimPrepared = 2
)

// Body returns the canonical bytes, which are what the node signs.
func (c *Claim) Body() []byte {
	flags := byte(0)
	if c.Accepted != nil {
		flags |= claimAccepted
	}
	if c.Prepared != nil {
		flags |= claimPrepared
	}
	b := append(make([]byte, 0, 144), claimVersion)
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

// Claim reads what Claim.Body wrote.
func (d *Decoder) Claim() (c Claim) {
	d.Version(claimVersion, "claim")
	c.Term, c.Node = Term(d.U64()), NodeID(d.U32())
	flags := d.U8()
	if flags > claimAccepted|claimPrepared || (d.err == nil && c.Node == 0) {
		d.fail("claim of %s with flags %d", c.Node, flags)
	}
	if flags&claimAccepted != 0 {
		p := d.Pos()
		c.Accepted = &p
	}
	if flags&claimPrepared != 0 {
		p := d.Pos()
		c.Prepared = &p
	}
	c.Committed = d.Pos()
	return c
}

// SignedClaim is a claim with its node's signature, not checked yet.
type SignedClaim struct {
	Claim
	Key       KeyID
	Signature Signature
}

// SignClaim signs a claim with the node's key.
func SignClaim(key PrivateKey, cluster ClusterID, c Claim) SignedClaim {
	e := Seal(key, cluster, KindClaim, c.Body())
	return SignedClaim{Claim: c, Key: e.Key, Signature: e.Signature}
}

// Envelope returns the claim as a statement to be opened by a Keyring.
func (c *SignedClaim) Envelope() Envelope {
	return Envelope{Kind: KindClaim, Key: c.Key, Body: c.Body(), Signature: c.Signature}
}

// AppendSignedClaim appends the canonical bytes: the claim, the key id (8), the signature (64).
func AppendSignedClaim(b []byte, c *SignedClaim) []byte {
	b = append(b, c.Body()...)
	b = append(b, c.Key[:]...)
	return append(b, c.Signature[:]...)
}

// SignedClaim reads what AppendSignedClaim wrote.
func (d *Decoder) SignedClaim() SignedClaim {
	c := SignedClaim{Claim: d.Claim()}
	copy(c.Key[:], d.Fixed(KeyIDBytes))
	copy(c.Signature[:], d.Fixed(SignatureBytes))
	return c
}
