package consensus

import "juno"

// Vote is a node's vote of what it accepted, prepared and knows to be final in a term (AER).
// Everybody hears everybody's votes, so everybody finds out alone what is final.
type Vote struct {
	juno.SignedVote
}

// Kind implements Message.
func (*Vote) Kind() MessageKind { return KindVote }

// Sender implements Message.
func (v *Vote) Sender() juno.NodeID { return v.Node }

func (v *Vote) statements(all []Statement) []Statement {
	return append(all, voteStatement(&v.SignedVote))
}

func (v *Vote) signBy(s Signer) {
	v.Key, v.Signature = s.Sign(juno.KindVote, v.Body())
}

func (v *Vote) appendTo(b []byte) []byte { return juno.AppendSignedVote(b, &v.SignedVote) }

func decodeVote(d *juno.Decoder) Message { return &Vote{d.SignedVote()} }
