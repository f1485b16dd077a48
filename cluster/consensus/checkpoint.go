package consensus

import (
	"fmt"
	"slices"

	"juno"
)

// Checkpoint is what a node signs after it executed an entry that all nodes make a snapshot at
// (CKPT, Y4).
//
// Signed bytes: version (1), epoch (4), index (8), chain hash (32), state root (32), node (4).
type Checkpoint struct {
	Epoch     uint32 // of the entry's term
	Index     juno.Index
	Hash      juno.Hash // chain hash at Index
	StateRoot juno.Hash // of everything that execution up to Index gave
	Node      juno.NodeID
	signed
}

const checkpointVersion = 1

// Kind implements Message.
func (*Checkpoint) Kind() MessageKind { return KindCheckpoint }

// Sender implements Message.
func (p *Checkpoint) Sender() juno.NodeID { return p.Node }

func (p *Checkpoint) body() []byte {
	b := juno.AppendU32(append(make([]byte, 0, 96), checkpointVersion), p.Epoch)
	b = append(juno.AppendU64(b, uint64(p.Index)), p.Hash[:]...)
	return juno.AppendU32(append(b, p.StateRoot[:]...), uint32(p.Node))
}

func (p *Checkpoint) statement() Statement {
	return Statement{
		Epoch: p.Epoch, Node: p.Node, Envelope: p.envelope(juno.KindSnapshot, p.body()),
	}
}

func (p *Checkpoint) statements(all []Statement) []Statement { return append(all, p.statement()) }

func (p *Checkpoint) seal(s Signer) { p.sign(s, juno.KindSnapshot, p.body()) }

func (p *Checkpoint) appendTo(b []byte) []byte { return p.signed.appendTo(append(b, p.body()...)) }

func decodeCheckpoint(d *juno.Decoder) Message {
	d.Version(checkpointVersion, "checkpoint")
	p := &Checkpoint{Epoch: d.U32(), Index: juno.Index(d.U64()), Hash: d.Hash()}
	p.StateRoot, p.Node = d.Hash(), juno.NodeID(d.U32())
	if d.Err() == nil && (p.Node == 0 || p.Index == 0) {
		d.Fail("checkpoint of %s at %d", p.Node, p.Index)
	}
	p.decode(d)
	return p
}

// CheckpointCertificate proves a state: a quorum computed the same one (Y4). It is the signature
// under the cluster's snapshot at its index.
//
// Canonical bytes: version (1), epoch (4), index (8), chain hash (32), state root (32), votes
// (count, then node (4), key id (8), signature (64) each, ascending by node).
type CheckpointCertificate struct {
	Epoch     uint32
	Index     juno.Index
	Hash      juno.Hash
	StateRoot juno.Hash
	Votes     []CheckpointVote
}

// CheckpointVote is one node's signature under a checkpoint.
type CheckpointVote struct {
	Node juno.NodeID
	signed
}

// Pos returns the position that the state is of.
func (k *CheckpointCertificate) Pos() juno.Pos { return juno.Pos{Index: k.Index, Hash: k.Hash} }

// checkpoint returns what a node has signed.
func (k *CheckpointCertificate) checkpoint(v *CheckpointVote) *Checkpoint {
	return &Checkpoint{
		Epoch: k.Epoch, Index: k.Index, Hash: k.Hash, StateRoot: k.StateRoot,
		Node: v.Node, signed: v.signed,
	}
}

// Check verifies everything but the signatures: a quorum of distinct voters of cfg.
func (k *CheckpointCertificate) Check(cfg *juno.EpochConfig) error {
	if k.Epoch != cfg.Epoch {
		return fmt.Errorf("checkpoint at %s of epoch %d: want epoch %d", k.Pos(), k.Epoch,
			cfg.Epoch)
	}
	for i, v := range k.Votes {
		if _, ok := cfg.Voter(v.Node); !ok || (i > 0 && k.Votes[i-1].Node >= v.Node) {
			return fmt.Errorf("checkpoint at %s: the vote of %s does not count", k.Pos(), v.Node)
		}
	}
	if len(k.Votes) < cfg.Quorum() {
		return fmt.Errorf("checkpoint at %s: %d votes, want %d", k.Pos(), len(k.Votes),
			cfg.Quorum())
	}
	return nil
}

func (k *CheckpointCertificate) appendTo(b []byte) []byte {
	b = juno.AppendU32(append(b, checkpointVersion), k.Epoch)
	b = append(juno.AppendU64(b, uint64(k.Index)), k.Hash[:]...)
	b = juno.AppendUvarint(append(b, k.StateRoot[:]...), uint64(len(k.Votes)))
	for i := range k.Votes {
		b = k.Votes[i].appendTo(juno.AppendU32(b, uint32(k.Votes[i].Node)))
	}
	return b
}

func decodeCheckpointCertificate(d *juno.Decoder) *CheckpointCertificate {
	d.Version(checkpointVersion, "checkpoint certificate")
	k := &CheckpointCertificate{Epoch: d.U32(), Index: juno.Index(d.U64()), Hash: d.Hash()}
	k.StateRoot = d.Hash()
	for range d.Count(juno.VotersMax) {
		if d.Err() != nil {
			return k
		}
		v := CheckpointVote{Node: juno.NodeID(d.U32())}
		v.decode(d)
		k.Votes = append(k.Votes, v)
	}
	return k
}

// Bytes returns the canonical bytes, which are those of a RecordCheckpoint.
func (k *CheckpointCertificate) Bytes() []byte { return k.appendTo(nil) }

// ParseCheckpointCertificate reads the bytes of a RecordCheckpoint.
func ParseCheckpointCertificate(b []byte) (*CheckpointCertificate, error) {
	d := juno.NewDecoder(b)
	k := decodeCheckpointCertificate(d)
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("checkpoint certificate: %w", err)
	}
	return k, nil
}

// checkpoints is what the nodes say of their states.
type checkpoints struct {
	newest *CheckpointCertificate
	mine   []*Checkpoint // the newest that we signed, at most checkpointsKept
	votes  []*Checkpoint // of all voters, at most checkpointsKept of each
}

// checkpointsKept is how many of a voter's checkpoints wait for a quorum. The nodes execute at
// their own pace, but hardly ever a whole interval apart.
const checkpointsKept = 2

// Executed tells the state root after the execution of the entry at index. The host calls it for
// every multiple of the epoch's CheckpointEvery, in order.
func (c *Core) Executed(index juno.Index, stateRoot juno.Hash) {
	e, ok := c.log.entry(index)
	if !ok || index > c.commit.Index || e.Term.Epoch() != c.epoch.config.Epoch ||
		c.role == Quarantined {
		return // it is of an epoch that is over: the next one will do
	}
	pos, _ := c.posAt(index)
	p := &Checkpoint{
		Epoch: c.epoch.config.Epoch, Index: index, Hash: pos.Hash, StateRoot: stateRoot, Node: c.id,
	}
	c.points.mine = append(c.points.mine, p)
	if n := len(c.points.mine); n > checkpointsKept {
		c.points.mine = c.points.mine[n-checkpointsKept:]
	}
	if c.mayVote() {
		c.sendCheckpoint(p)
	}
	if k := c.points.newest; k != nil && k.Index == index {
		c.compareCertified(k) // it was certified before we came so far
		return
	}
	c.compareStates()
}

func (c *Core) sendCheckpoint(p *Checkpoint) {
	own := *p // the host signs it
	c.sendAfter(c.epoch.peers, &own, true)
}

// repeatCheckpoint says our newest checkpoint again while it is not certified.
func (c *Core) repeatCheckpoint() {
	n := len(c.points.mine)
	if n == 0 || !c.mayVote() {
		return
	}
	p := c.points.mine[n-1]
	certified := c.points.newest != nil && c.points.newest.Index >= p.Index
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
	if c.points.newest != nil && p.Index <= c.points.newest.Index {
		return fmt.Errorf("checkpoint of %s at %d: %d is certified", p.Node, p.Index,
			c.points.newest.Index)
	}
	c.keepCheckpoint(p)
	c.certify(p)
	c.compareStates()
	return nil
}

// keepCheckpoint keeps the newest checkpoints of each voter.
func (c *Core) keepCheckpoint(p *Checkpoint) {
	all := slices.DeleteFunc(c.points.votes, func(o *Checkpoint) bool {
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
	c.points.votes = all
}

// certify makes a certificate of the votes that agree with p, once they are a quorum.
func (c *Core) certify(p *Checkpoint) {
	k := &CheckpointCertificate{
		Epoch: p.Epoch, Index: p.Index, Hash: p.Hash, StateRoot: p.StateRoot,
	}
	for _, id := range c.epoch.voters {
		for _, o := range c.points.votes {
			if o.Node == id && o.agrees(p) {
				k.Votes = append(k.Votes, CheckpointVote{Node: id, signed: o.signed})
			}
		}
	}
	if len(k.Votes) < c.epoch.quorum {
		return
	}
	k.Votes = k.Votes[:c.epoch.quorum]
	c.points.newest = k
	c.points.votes = slices.DeleteFunc(c.points.votes, func(o *Checkpoint) bool {
		return o.Index <= p.Index
	})
	c.note(Record{Kind: RecordCheckpoint, Index: p.Index, Bytes: k.appendTo(nil)})
	c.out.ready.Certified = k
	c.compareCertified(k)
}

func (p *Checkpoint) agrees(o *Checkpoint) bool {
	return p.Index == o.Index && p.Hash == o.Hash && p.StateRoot == o.StateRoot
}

// compareCertified leaves if a quorum computed another state than we did, or has another history
// (H2).
func (c *Core) compareCertified(k *CheckpointCertificate) {
	theirs := k.Pos()
	if theirs.Index <= c.commit.Index && theirs.Index >= c.log.lowest() && !c.log.has(theirs) {
		c.contradicted(theirs, nil, nil)
		return
	}
	for _, p := range c.points.mine {
		if p.Index == k.Index && p.StateRoot != k.StateRoot {
			c.leaveState(p, k.StateRoot)
			return
		}
	}
}

// compareStates leaves if f+1 nodes computed one state that is not ours (H2). Two states with f+1
// nodes each mean that execution is not deterministic: then nobody is right, and we halt.
func (c *Core) compareStates() {
	for _, mine := range c.points.mine {
		for _, o := range c.points.votes {
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
	for _, o := range c.points.votes {
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
