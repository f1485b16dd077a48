package consensus

import (
	"fmt"

	"juno"
)

// Cause is why a node wishes for another leader.
type Cause uint8

// The causes of wishes. The numbers are part of the format.
const (
	CauseTimeout    Cause = 1 // one of the timers P1 to P4
	CauseEvidence   Cause = 2 // the leader contradicted itself, or proposed what is not valid
	CauseRevolution Cause = 3 // administrators asked for it
	CauseResign     Cause = 4 // the leader gives the term back, or its turn is over
	CauseJoin       Cause = 5 // f+1 others wish
	CauseHalt       Cause = 6 // the ledger is halted, and the leader goes on with commands
	CauseEnd        Cause = 7 // the leader is about to end
)

var causeNames = [...]string{
	CauseTimeout: "timeout", CauseEvidence: "evidence",
	CauseRevolution: "revolution", CauseResign: "resign", CauseJoin: "join", CauseHalt: "halt",
	CauseEnd: "end",
}

// String returns the cause in lower case.
func (c Cause) String() string {
	if int(c) < len(causeNames) && causeNames[c] != "" {
		return causeNames[c]
	}
	return fmt.Sprintf("cause(%d)", uint8(c))
}

// Wish asks for a later term (RV). Its sender goes on working in the present one until a quorum
// wishes too (E1), so a single node can disturb nobody.
//
// Signed bytes: version (1), term (8), node (4), cause (1).
type Wish struct {
	Term  juno.Term
	Node  juno.NodeID
	Cause Cause
	signed
}

const wishVersion = 1

// Kind implements Message.
func (*Wish) Kind() MessageKind { return KindWish }

// Sender implements Message.
func (w *Wish) Sender() juno.NodeID { return w.Node }

func (w *Wish) body() []byte {
	b := juno.AppendU64(append(make([]byte, 0, 16), wishVersion), uint64(w.Term))
	return append(juno.AppendU32(b, uint32(w.Node)), byte(w.Cause))
}

func (w *Wish) statements(all []Statement) []Statement {
	return append(all, Statement{
		Epoch: w.Term.Epoch(), Node: w.Node,
		Envelope: w.envelope(juno.KindWish, w.body()),
	})
}

func (w *Wish) seal(s Signer) { w.sign(s, juno.KindWish, w.body()) }

func (w *Wish) appendTo(b []byte) []byte { return w.signed.appendTo(append(b, w.body()...)) }

func decodeWish(d *juno.Decoder) Message {
	d.Version(wishVersion, "wish")
	w := &Wish{Term: juno.Term(d.U64()), Node: juno.NodeID(d.U32()), Cause: Cause(d.U8())}
	if d.Err() == nil && (w.Node == 0 || w.Cause < CauseTimeout || w.Cause > CauseEnd) {
		d.Fail("wish of %s with cause %d", w.Node, w.Cause)
	}
	w.decode(d)
	return w
}
