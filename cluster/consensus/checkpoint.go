package consensus

import (
	"fmt"
	"slices"

	"juno"
)

// Checkpoint is a voter's signature of the state at a checkpoint (CKPT, Y4).
type Checkpoint struct {
	juno.Checkpoint
	signed
}

// Kind implements Message.
func (*Checkpoint) Kind() MessageKind { return KindCheckpoint }

// Sender implements Message.
func (p *Checkpoint) Sender() juno.NodeID { return p.Node }

func checkpointStatement(p *juno.Checkpoint, e juno.Envelope) Statement {
	return Statement{Epoch: p.Epoch, Node: p.Node, Envelope: e}
}

func (p *Checkpoint) statements(all []Statement) []Statement {
	return append(all, checkpointStatement(&p.Checkpoint,
		p.Checkpoint.Envelope(p.Key, p.Signature)))
}

func (p *Checkpoint) signBy(s Signer) { p.sign(s, juno.KindSnapshot, p.Body()) }

func (p *Checkpoint) appendTo(b []byte) []byte { return p.signed.appendTo(append(b, p.Body()...)) }

func decodeCheckpoint(d *juno.Decoder) Message {
	p := &Checkpoint{Checkpoint: d.Checkpoint()}
	p.decode(d)
	return p
}

// checkpointState holds the signed states of all nodes.
type checkpointState struct {
	newest *juno.CheckpointCertificate
	mine   []*Checkpoint // the newest of this node, at most checkpointsKept
	votes  []*Checkpoint // of all voters, at most checkpointsKept of each
}

// checkpointsKept is how many of a voter's checkpoints wait for a quorum. The nodes execute at
// their own pace, but hardly ever a whole interval apart.
const checkpointsKept = 2

// Executed notes the state root after the execution of the entry at index. The host calls it for
// every multiple of the epoch's CheckpointEvery, in order.
func (c *Core) Executed(index juno.Index, stateRoot juno.Hash) {
	e, ok := c.log.entry(index)
	if !ok || index > c.commit.Index || e.Term.Epoch() != c.epoch.config.Epoch ||
		c.role == Quarantined {
		return // the epoch is over: the next checkpoint will do
	}
	pos, _ := c.posAt(index)
	p := &Checkpoint{Checkpoint: juno.Checkpoint{
		Epoch: c.epoch.config.Epoch, Index: index, Hash: pos.Hash, StateRoot: stateRoot, Node: c.id,
	}}
	c.checkpoints.mine = append(c.checkpoints.mine, p)
	if n := len(c.checkpoints.mine); n > checkpointsKept {
		c.checkpoints.mine = c.checkpoints.mine[n-checkpointsKept:]
	}
	if c.mayVote() {
		c.sendCheckpoint(p)
	}
	if k := c.checkpoints.newest; k != nil && k.Index == index {
		c.compareCertified(k) // certified before this node executed it
		return
	}
	c.compareStates()
}

func (c *Core) sendCheckpoint(p *Checkpoint) {
	own := *p // the host signs it
	c.sendAfter(c.epoch.peers, &own, true)
}

// repeatCheckpoint sends the newest own checkpoint again while it is not certified.
func (c *Core) repeatCheckpoint() {
	n := len(c.checkpoints.mine)
	if n == 0 || !c.mayVote() {
		return
	}
	p := c.checkpoints.mine[n-1]
	certified := c.checkpoints.newest != nil && c.checkpoints.newest.Index >= p.Index
	if !certified && p.Epoch == c.epoch.config.Epoch {
		c.sendCheckpoint(p)
	}
}

// stepCheckpoint collects checkpoints until a quorum agrees (Y4).
func (c *Core) stepCheckpoint(p *Checkpoint) error {
	if p.Epoch != c.epoch.config.Epoch || c.epoch.voter(p.Node) < 0 {
		return fmt.Errorf("checkpoint of %s in epoch %d: not a voter of epoch %d", p.Node, p.Epoch,
			c.epoch.config.Epoch)
	}
	if c.checkpoints.newest != nil && p.Index <= c.checkpoints.newest.Index {
		return fmt.Errorf("checkpoint of %s at %d: %d is certified", p.Node, p.Index,
			c.checkpoints.newest.Index)
	}
	c.keepCheckpoint(p)
	c.certify(p)
	c.compareStates()
	return nil
}

// keepCheckpoint keeps the newest checkpoints of each voter.
func (c *Core) keepCheckpoint(p *Checkpoint) {
	all := slices.DeleteFunc(c.checkpoints.votes, func(o *Checkpoint) bool {
		return o.Node == p.Node && o.Index == p.Index
	})
	all = append(all, p)
	kept := 0
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Node != p.Node {
			continue
		}
		if kept++; kept > checkpointsKept {
			all = slices.Delete(all, i, i+1)
		}
	}
	c.checkpoints.votes = all
}

// certify makes a certificate of the votes that agree with p, once they are a quorum.
func (c *Core) certify(p *Checkpoint) {
	k := &juno.CheckpointCertificate{
		Epoch: p.Epoch, Index: p.Index, Hash: p.Hash, StateRoot: p.StateRoot,
	}
	for _, id := range c.epoch.voters {
		for _, o := range c.checkpoints.votes {
			if o.Node == id && o.agrees(p) {
				k.Votes = append(k.Votes, juno.CheckpointVote{
					Node: id, Key: o.Key, Signature: o.Signature,
				})
			}
		}
	}
	if len(k.Votes) < c.epoch.quorum {
		return
	}
	k.Votes = k.Votes[:c.epoch.quorum]
	c.checkpoints.newest = k
	c.checkpoints.votes = slices.DeleteFunc(c.checkpoints.votes, func(o *Checkpoint) bool {
		return o.Index <= p.Index
	})
	c.writeLazily(k.Record())
	c.out.ready.Certified = k
	c.compareCertified(k)
}

func (p *Checkpoint) agrees(o *Checkpoint) bool {
	return p.Index == o.Index && p.Hash == o.Hash && p.StateRoot == o.StateRoot
}

// compareCertified leaves if a quorum computed another state than this node, or has another history
// (H2).
func (c *Core) compareCertified(k *juno.CheckpointCertificate) {
	theirs := k.Pos()
	if theirs.Index <= c.commit.Index && theirs.Index >= c.log.lowest() && !c.log.has(theirs) {
		c.leaveContradicted(theirs, nil, nil)
		return
	}
	for _, p := range c.checkpoints.mine {
		if p.Index == k.Index && p.StateRoot != k.StateRoot {
			c.leaveState(p, k.StateRoot)
			return
		}
	}
}

// compareStates leaves if f+1 nodes computed one state that this node did not (H2). Two states with
// f+1 nodes each mean that execution is not deterministic: then no state can be trusted, and the
// node halts.
func (c *Core) compareStates() {
	for _, mine := range c.checkpoints.mine {
		for _, o := range c.checkpoints.votes {
			if o.Index != mine.Index || o.StateRoot == mine.StateRoot {
				continue
			}
			if c.countStates(o) > c.epoch.faulty && c.countStates(mine) > c.epoch.faulty {
				c.alarm("Y4: two states at %d, %s and %s, with more than %d nodes each: execution "+
					"is not deterministic", o.Index, o.StateRoot.Short(), mine.StateRoot.Short(),
					c.epoch.faulty)
				c.setMode(true, c.hard.ModeNonce)
				return
			}
			if c.countStates(o) > c.epoch.faulty {
				c.leaveState(mine, o.StateRoot)
				return
			}
		}
	}
}

func (c *Core) countStates(p *Checkpoint) int {
	n := 0
	for _, o := range c.checkpoints.votes {
		if o.agrees(p) {
			n++
		}
	}
	return n
}

func (c *Core) leaveState(mine *Checkpoint, theirs juno.Hash) {
	c.alarm("H2: the state at %d is %s here and %s elsewhere", mine.Index, mine.StateRoot.Short(),
		theirs.Short())
	pos := juno.Pos{Index: mine.Index, Hash: mine.Hash}
	c.quarantine(&Leave{
		Node: c.id, Epoch: c.epoch.config.Epoch, Reason: LeaveState, Mine: pos, Theirs: pos,
	})
}

// SnapshotOffer names the point from which a node can go on that is behind the oldest entry of the
// sender's log (Y1, Y5): a certified checkpoint, with proofs that lead there step by step from the
// receiver's epoch.
//
// Canonical bytes: epochs (count, then each juno.EpochRecord), checkpoint certificate, proof (flag,
// then the certificate).
type SnapshotOffer struct {
	// Epochs ended, one after the other, at or below the checkpoint, beginning with the receiver's.
	Epochs     []*juno.EpochRecord
	Checkpoint *juno.CheckpointCertificate
	// Proof is a commit certificate at or beyond the checkpoint. It becomes the highest certificate
	// of the receiver, which does not vote until its log reaches there. It is nil if the checkpoint
	// is the end of an epoch, whose record proves as much.
	Proof *juno.QuorumCertificate
}

// SnapshotRequest asks the host to fetch the state of a certified checkpoint, in any way, to check
// it against StateRoot, to install it, and to call Core.Installed; or else Core.NotInstalled.
type SnapshotRequest struct {
	From       juno.NodeID // sender of the offer; other nodes may have the state too
	Checkpoint *juno.CheckpointCertificate
	// Epochs are the ends of the epochs that the offer bridges, in order.
	Epochs []*juno.EpochRecord
	// Config is the membership in force behind the checkpoint.
	Config *juno.EpochConfig
}

// statements requires of every epoch the keys that the epoch before it has named. The core checks
// that the first epoch is its own, and that each names the next.
func (o *SnapshotOffer) statements(all []Statement) []Statement {
	if o == nil {
		return all
	}
	members := make(map[uint32]*juno.EpochConfig, len(o.Epochs))
	for _, r := range o.Epochs {
		all = memberStatements(all, r.Certificate, members)
		members[r.Next.Epoch] = r.Next
	}
	for i := range o.Checkpoint.Votes {
		v := &o.Checkpoint.Votes[i]
		p := o.Checkpoint.Checkpoint(v)
		s := checkpointStatement(&p, p.Envelope(v.Key, v.Signature))
		s.Members = members[s.Epoch]
		all = append(all, s)
	}
	return memberStatements(all, o.Proof, members)
}

func memberStatements(
	all []Statement, c *juno.QuorumCertificate, members map[uint32]*juno.EpochConfig,
) []Statement {
	from := len(all)
	all = certificateStatements(all, c)
	for i := range all[from:] {
		all[from+i].Members = members[all[from+i].Epoch]
	}
	return all
}

// epochsPerOffer bounds the epochs that one offer can bridge. A node that is further behind needs
// an older checkpoint first, or an export from its operator.
const epochsPerOffer = 1024

func appendOptionalOffer(b []byte, o *SnapshotOffer) []byte {
	b = juno.AppendBool(b, o != nil)
	if o == nil {
		return b
	}
	b = juno.AppendUvarint(b, uint64(len(o.Epochs)))
	for _, r := range o.Epochs {
		b = juno.AppendEpochRecord(b, r)
	}
	return appendOptionalCertificate(juno.AppendCheckpointCertificate(b, o.Checkpoint), o.Proof)
}

func decodeOptionalOffer(d *juno.Decoder) *SnapshotOffer {
	if !d.Bool() || d.Err() != nil {
		return nil
	}
	o := &SnapshotOffer{}
	for range d.Count(epochsPerOffer) {
		if d.Err() != nil {
			return o
		}
		o.Epochs = append(o.Epochs, d.EpochRecord())
	}
	o.Checkpoint, o.Proof = d.CheckpointCertificate(), decodeOptionalCertificate(d)
	return o
}

// offer makes an offer to a peer whose next entry is no longer in the log.
func (c *Core) offer(m *SyncRequest) *SnapshotOffer {
	k := c.checkpoints.newest
	if k == nil || k.Index <= m.Commit.Index {
		return nil
	}
	o := &SnapshotOffer{Checkpoint: k}
	epoch := m.Term.Epoch()
	for _, r := range c.past {
		if r.Next.Epoch > m.Term.Epoch() && r.Certificate.Pos.Index <= k.Index {
			o.Epochs, epoch = append(o.Epochs, r), r.Next.Epoch
		}
	}
	if n := len(o.Epochs); n > epochsPerOffer {
		return nil
	} else if n > 0 && o.Epochs[n-1].Certificate.Pos.Index == k.Index {
		return o
	}
	if o.Proof = c.proofFrom(k.Index, c.lastFor(epoch)); o.Proof == nil {
		return nil
	}
	return o
}

// stepOffer checks an offer and asks the host for the state (Y5).
func (c *Core) stepOffer(m *SyncReply) error {
	o := m.Snapshot
	config, err := c.checkOffer(o)
	if err != nil {
		return fmt.Errorf("snapshot offer of %s: %w", m.Node, err)
	}
	if old := c.sync.offered; old != nil && old.Checkpoint.Index >= o.Checkpoint.Index {
		return nil // the host fetches that state already
	}
	c.sync.offered = o
	c.out.ready.Snapshot = &SnapshotRequest{
		From: m.Node, Checkpoint: o.Checkpoint, Epochs: o.Epochs, Config: config,
	}
	return nil
}

// checkOffer follows the epochs from the present one to the checkpoint, and returns the membership
// there.
func (c *Core) checkOffer(o *SnapshotOffer) (*juno.EpochConfig, error) {
	config, before := c.epoch.config, c.epoch.config
	at := c.commit
	for _, r := range o.Epochs {
		if r.Next.Epoch != config.Epoch+1 || r.Certificate.Pos.Index <= at.Index {
			return nil, fmt.Errorf("epoch %d at %s follows epoch %d at %s", r.Next.Epoch,
				r.Certificate.Pos, config.Epoch, at)
		}
		if err := r.Certificate.Check(config, nil); err != nil {
			return nil, err
		}
		before, config, at = config, r.Next, r.Certificate.Pos
	}
	k := o.Checkpoint
	if k.Index <= c.commit.Index || k.Index < at.Index {
		return nil, fmt.Errorf("checkpoint at %s: %s is final here", k.Pos(), c.commit)
	}
	voters := config
	if k.Pos() == at {
		voters = before // the entry that ends an epoch still belongs to it
	}
	if err := k.Check(voters); err != nil {
		return nil, err
	}
	if o.Proof == nil {
		if len(o.Epochs) == 0 || k.Pos() != at {
			return nil, fmt.Errorf("checkpoint at %s: no commit certificate beyond it", k.Pos())
		}
		return config, nil
	}
	if p := o.Proof; p.Kind != juno.Commit || p.Pos.Index < k.Index || !p.Detached ||
		(p.Pos.Index == k.Index && p.Pos != k.Pos()) {
		return nil, fmt.Errorf("checkpoint at %s with the certificate of %s", k.Pos(), p.Pos)
	}
	return config, o.Proof.Check(config, nil)
}

// NotInstalled notes that the state of the newest SnapshotRequest could not be fetched.
func (c *Core) NotInstalled() { c.sync.offered = nil }

// Installed notes that the state of the newest SnapshotRequest is installed and durable, and that
// the Validator is the one of that state. No Ready may wait to be taken, because it might hold a
// newer request. The log begins anew behind the checkpoint: the next Ready says so in Reset.
func (c *Core) Installed() error {
	o := c.sync.offered
	c.sync.offered = nil
	if o == nil || o.Checkpoint.Index <= c.commit.Index {
		return fmt.Errorf("a snapshot was installed that is not needed: %s is final", c.commit)
	}
	pos := o.Checkpoint.Pos()
	c.restartLog(pos)
	if newest := c.checkpoints.newest; newest == nil || newest.Index < pos.Index {
		// Otherwise a newer one was certified while the state was fetched.
		c.checkpoints.newest = o.Checkpoint
		c.writeSynced(o.Checkpoint.Record())
	}
	if c.hasAccepted() {
		// The accepted position of this term cannot be compared with any chain any more.
		c.hard.Muted, c.hard.EverMuted = c.hard.Term, true
		c.out.dirtyHard = true
	}
	entered := c.epoch.config.Epoch
	for _, r := range o.Epochs {
		if r.Next.Epoch <= entered {
			continue // entered while the state was fetched
		}
		c.past = append(c.past, r)
		c.writeSynced(r.Record())
		c.epoch = c.newEpoch(r.Next, r.Certificate.Pos, r)
		c.out.ready.Epochs = append(c.out.ready.Epochs, r.Next)
	}
	if c.epoch.config.Epoch > entered {
		c.startEpoch(c.epoch)
		c.closeGate()
	}
	if o.Proof != nil {
		c.highQC = HighQC{Rank: c.rankOf(o.Proof), Pos: o.Proof.Pos, Certificate: o.Proof}
		c.out.dirtyHighQC = true
		if o.Proof.Term > c.hard.Term {
			c.sync.incomplete = true // so that enterTerm takes no role yet
			c.enterTerm(o.Proof.Term)
		}
		if o.Proof.Pos == pos {
			c.log.anchored(o.Proof)
		}
	} else {
		c.log.anchored(o.Epochs[len(o.Epochs)-1].Certificate)
	}
	c.sync.incomplete = c.highQC.Pos.Index > pos.Index
	c.sync.fragments = nil
	c.takeRole()
	return nil
}

// restartLog makes the log begin behind pos.
func (c *Core) restartLog(pos juno.Pos) {
	store := c.log.store
	c.log = &chain{first: pos.Index + 1, prev: pos.Hash, store: store}
	c.commit, c.delivered, c.proofs = pos, pos.Index, nil
	c.newestProof = nil
	o := &c.out
	o.truncate, o.written = nil, nil
	o.handed, o.durable = pos.Index, pos.Index
	o.ready.Reset = &pos
	o.dirtyHard, o.critical = true, true
	c.term.headers, c.term.buffered = nil, nil
}
