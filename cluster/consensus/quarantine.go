package consensus

import (
	"fmt"

	"juno"
)

// LeaveReason says why a node leaves.
type LeaveReason uint8

// The reasons to leave. The numbers are part of the format.
const (
	LeaveContradicted LeaveReason = 1 // a quorum's history is not ours
	LeaveState        LeaveReason = 2 // others computed another state from the same history
	LeaveInvalid      LeaveReason = 3 // a quorum found valid what we refuse
)

// String returns the reason in words.
func (r LeaveReason) String() string {
	switch r {
	case LeaveContradicted:
		return "a quorum has another history"
	case LeaveState:
		return "others have another state"
	case LeaveInvalid:
		return "a quorum accepted what is invalid here"
	}
	return fmt.Sprintf("reason(%d)", uint8(r))
}

// Leave says that a node stops voting, because what it holds is contradicted (H2).
//
// Signed bytes: version (1), node (4), epoch (4), reason (1), own position (40), their position
// (40). Attached: the votes that contradict it (count, then each), and the certificate that does
// (flag, then the certificate).
type Leave struct {
	Node         juno.NodeID
	Epoch        uint32
	Reason       LeaveReason
	Mine, Theirs juno.Pos
	signed
	Votes []juno.SignedVote
	Proof *juno.QuorumCertificate
}

const leaveVersion = 1

// Kind implements Message.
func (*Leave) Kind() MessageKind { return KindLeave }

// Sender implements Message.
func (l *Leave) Sender() juno.NodeID { return l.Node }

func (l *Leave) body() []byte {
	b := juno.AppendU32(append(make([]byte, 0, 96), leaveVersion), uint32(l.Node))
	b = append(juno.AppendU32(b, l.Epoch), byte(l.Reason))
	return juno.AppendPos(juno.AppendPos(b, l.Mine), l.Theirs)
}

func (l *Leave) statements(all []Statement) []Statement {
	all = append(all, Statement{
		Epoch: l.Epoch, Node: l.Node, Envelope: l.envelope(juno.KindLeave, l.body()),
	})
	for i := range l.Votes {
		all = append(all, voteStatement(&l.Votes[i]))
	}
	return certificateStatements(all, l.Proof)
}

func (l *Leave) signBy(s Signer) { l.sign(s, juno.KindLeave, l.body()) }

func (l *Leave) appendTo(b []byte) []byte {
	b = l.signed.appendTo(append(b, l.body()...))
	b = juno.AppendUvarint(b, uint64(len(l.Votes)))
	for i := range l.Votes {
		b = juno.AppendSignedVote(b, &l.Votes[i])
	}
	return appendOptionalCertificate(b, l.Proof)
}

func decodeLeave(d *juno.Decoder) Message {
	d.Version(leaveVersion, "leave")
	l := &Leave{Node: juno.NodeID(d.U32()), Epoch: d.U32(), Reason: LeaveReason(d.U8())}
	l.Mine, l.Theirs = d.Pos(), d.Pos()
	if d.Err() == nil && (l.Node == 0 || l.Reason < LeaveContradicted || l.Reason > LeaveInvalid) {
		d.Fail("leave of %s for reason %d", l.Node, l.Reason)
	}
	l.decode(d)
	for range d.Count(juno.VotersMax) {
		if d.Err() != nil {
			return l
		}
		l.Votes = append(l.Votes, d.SignedVote())
	}
	l.Proof = decodeOptionalCertificate(d)
	return l
}

// checkContradiction is H2 for votes: a quorum of one term that has something else final where we
// are sure. Whatever is wrong is wrong here, or more nodes lie than can be tolerated.
func (c *Core) checkContradiction(v *Vote) {
	p := v.Committed
	if p.Index > c.commit.Index || p.Index < c.log.lowest() || c.log.has(p) {
		return
	}
	var against []juno.SignedVote
	for i := range c.votes {
		votes := c.votes[i].inTerm(v.Term)
		for j := range votes {
			q := votes[j].Committed
			if q.Index <= c.commit.Index && q.Index >= c.log.lowest() && !c.log.has(q) {
				against = append(against, votes[j])
				break
			}
		}
	}
	if len(against) >= c.epoch.quorum {
		c.leaveContradicted(p, against, nil)
	}
}

// leaveContradicted leaves, because others have another history.
func (c *Core) leaveContradicted(
	theirs juno.Pos, votes []juno.SignedVote, proof *juno.QuorumCertificate,
) {
	mine, _ := c.posAt(theirs.Index)
	c.alarm("H2: %s is final here and %s elsewhere", mine, theirs)
	c.quarantine(&Leave{
		Node: c.id, Epoch: c.epoch.config.Epoch, Reason: LeaveContradicted,
		Mine: mine, Theirs: theirs, Votes: votes, Proof: proof,
	})
}

// quarantine says good-bye and nothing more. Only an operator can bring the node back.
func (c *Core) quarantine(l *Leave) {
	if c.role == Quarantined || c.broken(MutantStay) {
		return
	}
	if len(c.epoch.peers) > 0 {
		c.send(c.epoch.peers, l)
	}
	c.out.dirtyVote = false
	c.become(Quarantined)
}

// leaveTicks is how often, at most, the operator is told that the same node left: a liar may say so
// without end.
const leaveTicks = 6000

// stepLeave tells the operator that another node has left.
func (c *Core) stepLeave(l *Leave) error {
	if c.peer(l.Node) < 0 {
		return fmt.Errorf("leave of %s: not a member", l.Node)
	}
	if !c.sync.leaveNoted.due(l.Node, c.ticks, leaveTicks) {
		return fmt.Errorf("leave of %s: we know", l.Node)
	}
	c.alarm("H2: %s left: %s; it has %s, others %s", l.Node, l.Reason, l.Mine, l.Theirs)
	return nil
}
