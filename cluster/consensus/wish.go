package consensus

import (
	"fmt"

	"juno"
)

// TermChangeCause is why a node wishes for another leader.
type TermChangeCause uint8

// The causes of wishes. The numbers are part of the format.
const (
	CauseTimeout    TermChangeCause = 1 // one of the timers P1 to P4
	CauseEvidence   TermChangeCause = 2 // the leader contradicted itself, or proposed what is not valid
	CauseRevolution TermChangeCause = 3 // administrators asked for it
	CauseResign     TermChangeCause = 4 // the leader gives the term back, or its turn is over
	CauseJoin       TermChangeCause = 5 // f+1 others wish
	CauseHalt       TermChangeCause = 6 // the ledger is halted, and the leader goes on with commands
	CauseEnd        TermChangeCause = 7 // the leader is about to end
)

var causeNames = [...]string{
	CauseTimeout: "timeout", CauseEvidence: "evidence",
	CauseRevolution: "revolution", CauseResign: "resign", CauseJoin: "join", CauseHalt: "halt",
	CauseEnd: "end",
}

// String returns the cause in lower case.
func (c TermChangeCause) String() string {
	if int(c) < len(causeNames) && causeNames[c] != "" {
		return causeNames[c]
	}
	return fmt.Sprintf("cause(%d)", uint8(c))
}

// TermChange asks for a later term (RV). Its sender goes on working in the present one until a quorum
// wishes too (E1), so a single node can disturb nobody.
//
// Signed bytes: version (1), term (8), node (4), cause (1).
type TermChange struct {
	Term  juno.Term
	Node  juno.NodeID
	Cause TermChangeCause
	signed
}

const termChangeVersion = 1

// Kind implements Message.
func (*TermChange) Kind() MessageKind { return KindTermChange }

// Sender implements Message.
func (w *TermChange) Sender() juno.NodeID { return w.Node }

func (w *TermChange) body() []byte {
	b := juno.AppendU64(append(make([]byte, 0, 16), termChangeVersion), uint64(w.Term))
	return append(juno.AppendU32(b, uint32(w.Node)), byte(w.Cause))
}

func (w *TermChange) statements(all []Statement) []Statement {
	return append(all, Statement{
		Epoch: w.Term.Epoch(), Node: w.Node,
		Envelope: w.envelope(juno.KindTermChange, w.body()),
	})
}

func (w *TermChange) signBy(s Signer) { w.sign(s, juno.KindTermChange, w.body()) }

func (w *TermChange) appendTo(b []byte) []byte { return w.signed.appendTo(append(b, w.body()...)) }

func decodeTermChange(d *juno.Decoder) Message {
	d.Version(termChangeVersion, "term change")
	w := &TermChange{Term: juno.Term(d.U64()), Node: juno.NodeID(d.U32()), Cause: TermChangeCause(d.U8())}
	if d.Err() == nil && (w.Node == 0 || w.Cause < CauseTimeout || w.Cause > CauseEnd) {
		d.Fail("term-change of %s with cause %d", w.Node, w.Cause)
	}
	w.decode(d)
	return w
}
