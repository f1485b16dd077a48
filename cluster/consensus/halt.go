package consensus

import (
	"bytes"
	"errors"
	"fmt"

	"juno"
)

// Halt stops the ledger (H1): enough administrators signed that it shall take no commands. It takes
// effect at once on every node that receives it, without consensus, because not voting never hurts
// safety. Resuming is an entry of the log.
//
// Canonical bytes: version (1), the mode change (length-prefixed, juno.ModeChange.Payload).
type Halt struct {
	Change *juno.ModeChange
}

const haltVersion = 1

// haltBytesMax bounds a halt: its text and a signature of every administrator.
const haltBytesMax = 16 << 10

// Kind implements Message.
func (*Halt) Kind() MessageKind { return KindHalt }

// Sender implements Message. It does not matter which node relays a halt.
func (*Halt) Sender() juno.NodeID { return 0 }

// statements does not say who the administrators are: checkAdmins takes those of the epoch in
// force.
func (h *Halt) statements(all []Statement) []Statement {
	for _, e := range h.Change.Envelopes() {
		all = append(all, Statement{Anywhere: true, Envelope: e})
	}
	return all
}

func (*Halt) signBy(Signer) {}

func (h *Halt) appendTo(b []byte) []byte {
	return juno.AppendBytes(append(b, haltVersion), h.Change.Payload())
}

func decodeHalt(d *juno.Decoder) Message {
	d.Version(haltVersion, "halt")
	h := &Halt{Change: &juno.ModeChange{}}
	payload := d.Bytes(haltBytesMax)
	if d.Err() != nil {
		return h
	}
	change, err := juno.ParseModeChange(payload)
	if err != nil || !change.Halted {
		d.Fail("halt: %v", err)
		return h
	}
	h.Change = change
	return h
}

// ErrObeyed refuses a halt that took effect already: every node relays a halt, so copies arrive.
var ErrObeyed = errors.New("it is in force already")

// stepHalt applies a halt that is newer than every mode change before, and relays it once.
func (c *Core) stepHalt(h *Halt) error {
	if h.Change.Nonce == c.hard.ModeNonce && c.hard.Halted {
		return fmt.Errorf("halt %d: %w", h.Change.Nonce, ErrObeyed)
	}
	if h.Change.Nonce <= c.hard.ModeNonce {
		return fmt.Errorf("halt %d: mode change %d came later", h.Change.Nonce, c.hard.ModeNonce)
	}
	if err := c.checkAdmins(h.Change.Approvals); err != nil {
		return fmt.Errorf("halt %d: %w", h.Change.Nonce, err)
	}
	c.setMode(true, h.Change.Nonce)
	c.lastHalt = h
	if c.role == Leader && c.hasCommandsInFlight() {
		c.requestTerm(c.hard.Term+1, CauseHalt) // see refuseWhileHalted
	}
	if len(c.epoch.peers) > 0 {
		c.sendAfter(c.epoch.peers, h, false) // it acknowledges the halt, so it waits for the disk
	}
	return nil
}

// refuseWhileHalted refuses commands on a halted node. It sends the halt to the leader, which may
// not have received it, and asks for the next term. Without that the halt could never end: the
// entry that ends it stands behind commands that no node accepts. The next term begins at the
// prepared position, and its leader, halted too, proposes no commands.
func (c *Core) refuseWhileHalted(ae *Append) {
	if c.lastHalt != nil && ae.Leader != c.id {
		c.sendAfter([]juno.NodeID{ae.Leader}, c.lastHalt, false)
	}
	c.requestTerm(c.hard.Term+1, CauseHalt)
}

// checkAdmins checks that enough different administrators approve. Their signatures are verified.
func (c *Core) checkAdmins(all []juno.Approval) error {
	config := c.epoch.config
	count := 0
	for i, a := range all {
		for j := range config.Admins {
			if config.Admins[j].Public.ID() == a.Key && (i == 0 || all[i-1].Key != a.Key) {
				count++
				break
			}
		}
	}
	if config.AdminThreshold == 0 || count < config.AdminThreshold {
		return fmt.Errorf("%w: %d administrators of epoch %d, want %d", juno.ErrNotApproved,
			count, config.Epoch, config.AdminThreshold)
	}
	return nil
}

func (c *Core) setMode(halted bool, nonce uint64) {
	c.hard.Halted, c.hard.ModeNonce = halted, nonce
	c.out.dirtyHard = true
}

// hasCommandsInFlight reports whether this leader proposed commands that are not final.
func (c *Core) hasCommandsInFlight() bool {
	for _, e := range c.log.slice(max(c.commit.Index+1, c.log.first), c.log.tip().Index+1) {
		if isCommand(e.Type) {
			return true
		}
	}
	return false
}

// obeyModes applies the mode changes among the entries (after, last], which have become final.
func (c *Core) obeyModes(after, last juno.Index) {
	for _, e := range c.log.slice(max(after+1, c.log.first), last+1) {
		if e.Type != juno.EntryMode {
			continue
		}
		m, err := juno.ParseModeChange(e.Payload)
		if err != nil {
			c.alarm("H1: the final entry %d is no mode change: %v", e.Index, err)
			continue
		}
		if m.Nonce > c.hard.ModeNonce {
			c.setMode(m.Halted, m.Nonce)
		}
	}
}

// Revolution asks for another leader in the name of administrators (E6). At each node that receives
// it, it has the effect of a timeout: f+1 nodes must receive it, and it cannot affect safety.
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

// Sender implements Message. It does not matter which node relays a revolution.
func (*Revolution) Sender() juno.NodeID { return 0 }

// Body returns the bytes that an administrator signs, as a statement of kind juno.KindRevolution.
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

// revolutionApprovalsMax is the highest possible number of administrators.
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

// stepRevolution acts like the timer P1, if revolutions are enabled.
func (c *Core) stepRevolution(r *Revolution) error {
	if !c.limits.Revolution {
		return fmt.Errorf("revolution in term %s: revolutions are off", r.Term)
	}
	if r.Term != c.hard.Term || r.Leader != c.epoch.config.Leader(c.hard.Term) {
		return fmt.Errorf("revolution against %s in term %s: this node is in term %s",
			r.Leader, r.Term, c.hard.Term)
	}
	if err := c.checkAdmins(r.Approvals); err != nil {
		return fmt.Errorf("revolution in term %s: %w", r.Term, err)
	}
	c.requestTerm(c.hard.Term+1, CauseRevolution) // a second one changes nothing
	return nil
}

// LeaveReason is the reason why a node leaves.
type LeaveReason uint8

// The reasons to leave. The numbers are part of the format.
const (
	LeaveContradicted LeaveReason = 1 // a quorum has another history than this node
	LeaveState        LeaveReason = 2 // others computed another state from the same history
	LeaveInvalid      LeaveReason = 3 // a quorum accepted what the validator here refuses
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

// Leave announces that a node stops voting, because its history or state is contradicted (H2).
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

// checkContradiction is H2 for votes: a quorum of one term calls a position final that contradicts
// what is final here. Either this node is wrong, or more nodes are Byzantine than can be tolerated.
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

// leaveContradicted leaves because other nodes have another history.
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

// quarantine sends the leave message and nothing more. Only an operator can bring the node back.
func (c *Core) quarantine(l *Leave) {
	if c.role == Quarantined {
		return
	}
	if len(c.epoch.peers) > 0 {
		c.send(c.epoch.peers, l)
	}
	c.out.dirtyVote = false
	c.become(Quarantined)
}

// leaveTicks is the least distance of two reports to the operator that the same node left: a
// Byzantine node may repeat its leave message without end.
const leaveTicks = 6000

// stepLeave reports to the operator that another node has left.
func (c *Core) stepLeave(l *Leave) error {
	if c.peer(l.Node) < 0 {
		return fmt.Errorf("leave of %s: not a member", l.Node)
	}
	if !c.sync.leaveNoted.due(l.Node, c.ticks, leaveTicks) {
		return fmt.Errorf("leave of %s: it was reported already", l.Node)
	}
	c.alarm("H2: %s left: %s; it has %s, others %s", l.Node, l.Reason, l.Mine, l.Theirs)
	return nil
}
