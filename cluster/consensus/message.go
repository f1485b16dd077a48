package consensus

import (
	"errors"
	"fmt"

	"juno"
)

// MessageKind tells messages apart on the wire. The numbers are part of the format.
type MessageKind uint8

// The kinds of messages, with their names in the prototype (docs/SPECIFICATION.md §3.3).
const (
	KindTermChange  MessageKind = 1  // RV
	KindNewTerm     MessageKind = 2  // RVR
	KindAppend      MessageKind = 3  // AE
	KindVote        MessageKind = 4  // AER
	KindSyncRequest MessageKind = 5  // SYNCREQ
	KindSyncReply   MessageKind = 6  // SYNCRESP
	KindCheckpoint  MessageKind = 7  // CKPT
	KindEvidence    MessageKind = 8  // EVIDENCE
	KindLeave       MessageKind = 9  // LEAVE
	KindHalt        MessageKind = 10 // HALT
	KindRevolution  MessageKind = 11 // REVOLUTION
)

var kindNames = [...]string{
	KindTermChange: "term-change", KindNewTerm: "new-term", KindAppend: "append",
	KindVote: "vote", KindSyncRequest: "sync-request", KindSyncReply: "sync-reply",
	KindCheckpoint: "checkpoint", KindEvidence: "evidence", KindLeave: "leave", KindHalt: "halt",
	KindRevolution: "revolution",
}

// String returns the name that traces show.
func (k MessageKind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("message(%d)", uint8(k))
}

// Message is anything that nodes say to each other about consensus. The types are Wish, Report,
// Append, Vote, SyncRequest, SyncReply, Checkpoint, Evidence, Leave, Halt and Revolution, all by
// pointer.
type Message interface {
	// Kind tells the type.
	Kind() MessageKind
	// Sender is the node that says it; 0 if that does not matter.
	Sender() juno.NodeID
	// statements appends every signed statement in the message, its own first.
	statements(all []Statement) []Statement
	// signBy fills in the signature of the message itself, if it has one.
	signBy(s Signer)
	// appendTo appends the canonical bytes after the kind.
	appendTo(b []byte) []byte
}

// Statement is a signature that stands in a message, and whose it has to be.
type Statement struct {
	// Epoch is the membership whose key must have made it, and Node the member. For Node 0 it
	// must be the key of an administrator.
	Epoch uint32
	Node  juno.NodeID
	// Anywhere allows a key of any epoch that the verifier knows: a node that is far behind, or
	// joins, asks under the newest key that it has.
	Anywhere bool
	// Members, if not nil, is the membership of Epoch as the message itself proves it; otherwise
	// the verifier has to know it. Its keys count for this message only.
	Members  *juno.EpochConfig
	Envelope juno.Envelope
}

// Verifier knows the keys of the epochs. The host implements it, see Keys.
type Verifier interface {
	// Verify returns nil if every statement was signed by the one it has to be of. It returns
	// an error that wraps ErrUnknownEpoch if it does not know the membership of one.
	Verify(all []Statement) error
}

// Signer makes the signatures of this node.
type Signer interface {
	// Sign returns the signature over the body, and the id of the key that made it.
	Sign(kind juno.Kind, body []byte) (juno.KeyID, juno.Signature)
}

// ErrUnknownEpoch is a statement of an epoch whose members we do not know: we are behind. The
// host tells the core with Core.Behind.
var ErrUnknownEpoch = errors.New("unknown epoch")

// Checked is a message all of whose signatures are known to be good. Only Check and Sign make
// one; it has no encoding, so trust cannot arrive from outside.
type Checked struct{ message Message }

// Message returns the message itself. It must not be changed.
func (c Checked) Message() Message { return c.message }

// Check verifies every signature in a message that came from outside, those of its attachments
// too. It may run anywhere, also for many messages at a time; the core does the rest.
func Check(m Message, v Verifier) (Checked, error) {
	if err := v.Verify(m.statements(nil)); err != nil {
		return Checked{}, fmt.Errorf("%s of %s: %w", m.Kind(), m.Sender(), err)
	}
	return Checked{m}, nil
}

// Sign signs a message of our own that the core wants sent.
func Sign(m Message, s Signer) Checked {
	m.signBy(s)
	return Checked{m}
}

// signed is the signature of a node under its own message.
type signed struct {
	Key       juno.KeyID
	Signature juno.Signature
}

func (s *signed) sign(by Signer, kind juno.Kind, body []byte) {
	s.Key, s.Signature = by.Sign(kind, body)
}

func (s *signed) envelope(kind juno.Kind, body []byte) juno.Envelope {
	return juno.Envelope{Kind: kind, Key: s.Key, Body: body, Signature: s.Signature}
}

func (s *signed) appendTo(b []byte) []byte {
	return append(append(b, s.Key[:]...), s.Signature[:]...)
}

func (s *signed) decode(d *juno.Decoder) {
	copy(s.Key[:], d.Fixed(juno.KeyIDBytes))
	copy(s.Signature[:], d.Fixed(juno.SignatureBytes))
}

// certificateStatements appends the votes of a certificate.
func certificateStatements(all []Statement, c *juno.QuorumCertificate) []Statement {
	if c == nil {
		return all
	}
	for i := range c.Votes {
		all = append(all, voteStatement(&c.Votes[i]))
	}
	return all
}

func voteStatement(v *juno.SignedVote) Statement {
	return Statement{Epoch: v.Term.Epoch(), Node: v.Node, Envelope: v.Envelope()}
}
