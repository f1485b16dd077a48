package consensus

import (
	"errors"
	"fmt"
	"strings"

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

// Message is a message between nodes about consensus. The types are TermChange, NewTerm, Append,
// Vote, SyncRequest, SyncReply, Checkpoint, Evidence, Leave, Halt and Revolution, all by pointer.
type Message interface {
	// Kind returns the kind of the message.
	Kind() MessageKind
	// Sender is the node that the message speaks for; 0 if the sender does not matter.
	Sender() juno.NodeID
	// statements appends every signed statement in the message, its own first.
	statements(all []Statement) []Statement
	// signBy fills in the signature of the message itself, if it has one.
	signBy(s Signer)
	// appendTo appends the canonical bytes after the kind.
	appendTo(b []byte) []byte
}

// Statement is a signature in a message, with the node that must have made it.
type Statement struct {
	// Epoch is the membership whose key must have made the signature, and Node the member. Node 0
	// stands for any administrator.
	Epoch uint32
	Node  juno.NodeID
	// Anywhere allows a key of any epoch that the verifier knows: a node that is far behind, or
	// joins, sends requests under the newest key that it has.
	Anywhere bool
	// Members, if not nil, is the membership of Epoch as the message itself proves it; otherwise
	// the verifier must know it. Its keys count for this message only.
	Members  *juno.EpochConfig
	Envelope juno.Envelope
}

// Verifier knows the keys of the epochs. The host implements it, see Keys.
type Verifier interface {
	// Verify returns nil if every statement was signed by the node that it names. The error wraps
	// ErrUnknownEpoch if the membership of a statement is not known.
	Verify(all []Statement) error
}

// Signer signs for this node.
type Signer interface {
	// Sign returns the signature over the body, and the id of the key that made it.
	Sign(kind juno.Kind, body []byte) (juno.KeyID, juno.Signature)
}

// ErrUnknownEpoch reports a statement of an epoch whose members are not known: this node is behind.
// The host calls Core.Behind.
var ErrUnknownEpoch = errors.New("unknown epoch")

// Checked is a message whose signatures are all verified. Only Check and Sign make one; it has no
// encoding, so it cannot arrive from outside.
type Checked struct{ message Message }

// Message returns the message itself. It must not be changed.
func (c Checked) Message() Message { return c.message }

// Check verifies every signature in a message from outside, also those of its attachments. It may
// run anywhere, and for several messages at a time; the core checks the rest.
func Check(m Message, v Verifier) (Checked, error) {
	if err := v.Verify(m.statements(nil)); err != nil {
		return Checked{}, fmt.Errorf("%s of %s: %w", m.Kind(), m.Sender(), err)
	}
	return Checked{m}, nil
}

// Sign signs a message of this node that the core wants sent.
func Sign(m Message, s Signer) Checked {
	m.signBy(s)
	return Checked{m}
}

// signed is the signature of a node under a message of its own.
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

// messageVersion begins every message; it is the version of the whole protocol.
const messageVersion = 1

// MessageBytesMax bounds a message on the wire: a SyncReply with as many entries as may be
// requested, one batch more, and its certificates.
const MessageBytesMax = syncBytesMax + 8<<20

// Encode returns the canonical bytes of a message: version (1), kind (1), and the bytes that its
// type documents.
func Encode(m Message) []byte { return AppendMessage(nil, m) }

// AppendMessage appends what Encode returns.
func AppendMessage(b []byte, m Message) []byte {
	return m.appendTo(append(b, messageVersion, byte(m.Kind())))
}

var decoders = [...]func(*juno.Decoder) Message{
	KindTermChange: decodeTermChange, KindNewTerm: decodeNewTerm,
	KindAppend: decodeAppend, KindVote: decodeVote,
	KindSyncRequest: decodeSyncRequest, KindSyncReply: decodeSyncReply,
	KindCheckpoint: decodeCheckpoint, KindEvidence: decodeEvidence, KindLeave: decodeLeave,
	KindHalt: decodeHalt, KindRevolution: decodeRevolution,
}

// Decode reads exactly what Encode wrote and rejects everything else. The message aliases b. Its
// signatures are not verified: see Check.
func Decode(b []byte) (Message, error) {
	if len(b) > MessageBytesMax {
		return nil, fmt.Errorf("message: %w: %d bytes, at most %d", juno.ErrMalformed, len(b),
			MessageBytesMax)
	}
	d := juno.NewDecoder(b)
	d.Version(messageVersion, "message")
	kind := MessageKind(d.U8())
	if int(kind) >= len(decoders) || decoders[kind] == nil {
		d.Fail("message of kind %d", kind)
		return nil, fmt.Errorf("message: %w", d.Err())
	}
	m := decoders[kind](d)
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	return m, nil
}

// Describe returns one line about a message, for traces.
func Describe(m Message) string {
	switch m := m.(type) {
	case *Vote:
		return fmt.Sprintf("vote of %d in %s: accepted %s, prepared %s, committed %s",
			m.Node, m.Term, describePos(m.Accepted), describePos(m.Prepared),
			describePos(&m.Committed))
	case *TermChange:
		return fmt.Sprintf("term-change of %d for %s: %s", m.Node, m.Term, m.Cause)
	case *NewTerm:
		return fmt.Sprintf("new-term of %d to %d in %s: %s of %s",
			m.Node, m.Candidate, m.Term, describePos(&m.Pos), m.Rank.Term)
	case *Append:
		return describeAppend(m)
	case *SyncRequest:
		return fmt.Sprintf("sync request of %d in %s: from %d, committed %s, wants %s",
			m.Node, m.Term, m.From, describePos(&m.Commit), describePos(m.Want))
	case *SyncReply:
		return describeReply(m)
	case *Checkpoint:
		return fmt.Sprintf("checkpoint of %d at %d: %s", m.Node, m.Index, m.StateRoot.Short())
	case *Evidence:
		node, term := m.Accused()
		return fmt.Sprintf("evidence against %d in %s: %s", node, term, m.What)
	case *Leave:
		return fmt.Sprintf("leave of %d: %s", m.Node, m.Reason)
	case *Halt:
		return fmt.Sprintf("halt %d", m.Change.Nonce)
	case *Revolution:
		return fmt.Sprintf("revolution against %d in %s", m.Leader, m.Term)
	}
	return m.Kind().String()
}

// describePos prints an index and four digits of the hash, "-" for none.
func describePos(p *juno.Pos) string {
	switch {
	case p == nil:
		return "-"
	case p.Index == 0:
		return "0"
	}
	return fmt.Sprintf("%d/%x", p.Index, p.Hash[:2])
}

func describeAppend(m *Append) string {
	var b strings.Builder
	fmt.Fprintf(&b, "append of %d in %s: ", m.Leader, m.Term)
	if m.Count == 0 {
		fmt.Fprintf(&b, "nothing after %s", describePos(&m.Prev))
	} else {
		fmt.Fprintf(&b, "%s to %s", describePos(&m.Prev), describePos(&m.Last))
	}
	if m.Election != nil {
		fmt.Fprintf(&b, ", elected by %s", describeVoters(m.Election))
	}
	return b.String()
}

func describeVoters(e *ElectionCertificate) string {
	names := make([]string, len(e.NewTerms))
	for i, r := range e.NewTerms {
		names[i] = fmt.Sprint(uint32(r.Node))
	}
	return strings.Join(names, " ")
}

func describeReply(m *SyncReply) string {
	var b strings.Builder
	fmt.Fprintf(&b, "sync reply of %d: ", m.Node)
	if n := len(m.Entries); n > 0 {
		fmt.Fprintf(&b, "entries %d to %d", m.Entries[0].Index, m.Entries[n-1].Index)
	} else {
		b.WriteString("no entries")
	}
	if m.Proof != nil {
		fmt.Fprintf(&b, ", proof of %s", describePos(&m.Proof.Pos))
	}
	if m.Election != nil {
		fmt.Fprintf(&b, ", election of %s", m.Election.Term)
	}
	if len(m.Headers) > 0 {
		fmt.Fprintf(&b, ", %d headers", len(m.Headers))
	}
	if m.Snapshot != nil {
		fmt.Fprintf(&b, ", snapshot at %d", m.Snapshot.Checkpoint.Index)
	}
	return b.String()
}
