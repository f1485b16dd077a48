package consensus

import (
	"bytes"
	"fmt"

	"juno"
)

// Revolution asks for another leader in the name of administrators (E6). It is worth as much as a
// timeout at every node that hears it: it needs f+1 of them, and cannot affect safety.
//
// Signed bytes: version (1), term (8), leader (4). Attached: the approvals (count, then key id (8)
// and signature (64) each, ascending by key id).
type Revolution struct {
	Term      juno.Term
	Leader    juno.NodeID
	Approvals []juno.Approval
}

const revolutionVersion = 1

// Kind implements Message.
func (*Revolution) Kind() MessageKind { return KindRevolution }

// Sender implements Message. It does not matter who passes it on.
func (*Revolution) Sender() juno.NodeID { return 0 }

// Body returns what an administrator signs, as a statement of kind juno.KindRevolution.
func (r *Revolution) Body() []byte {
	b := juno.AppendU64([]byte{revolutionVersion}, uint64(r.Term))
	return juno.AppendU32(b, uint32(r.Leader))
}

func (r *Revolution) statements(all []Statement) []Statement {
	for _, a := range r.Approvals {
		all = append(all, Statement{Epoch: r.Term.Epoch(), Envelope: juno.Envelope{
			Kind: juno.KindRevolution, Key: a.Key, Body: r.Body(), Signature: a.Signature,
		}})
	}
	return all
}

func (*Revolution) signBy(Signer) {}

func (r *Revolution) appendTo(b []byte) []byte {
	b = juno.AppendUvarint(append(b, r.Body()...), uint64(len(r.Approvals)))
	for _, a := range r.Approvals {
		b = append(append(b, a.Key[:]...), a.Signature[:]...)
	}
	return b
}

// revolutionApprovalsMax is as many as there can be administrators.
const revolutionApprovalsMax = 100

func decodeRevolution(d *juno.Decoder) Message {
	d.Version(revolutionVersion, "revolution")
	r := &Revolution{Term: juno.Term(d.U64()), Leader: juno.NodeID(d.U32())}
	for i := range d.Count(revolutionApprovalsMax) {
		if d.Err() != nil {
			return r
		}
		s := signed{}
		s.decode(d)
		if i > 0 && bytes.Compare(r.Approvals[i-1].Key[:], s.Key[:]) >= 0 {
			d.Fail("approvals are not in the order of their keys")
		}
		r.Approvals = append(r.Approvals, juno.Approval{Key: s.Key, Signature: s.Signature})
	}
	return r
}

// stepRevolution acts like the timer P1, where it is allowed.
func (c *Core) stepRevolution(r *Revolution) error {
	if !c.limits.Revolution {
		return fmt.Errorf("revolution in term %s: they are switched off", r.Term)
	}
	if r.Term != c.hard.Term || r.Leader != c.epoch.config.Leader(c.hard.Term) {
		return fmt.Errorf("revolution against %s in term %s: we are in term %s", r.Leader, r.Term,
			c.hard.Term)
	}
	if err := c.checkAdmins(r.Approvals); err != nil {
		return fmt.Errorf("revolution in term %s: %w", r.Term, err)
	}
	c.requestTerm(c.hard.Term+1, CauseRevolution) // wishing twice for a term changes nothing
	return nil
}
