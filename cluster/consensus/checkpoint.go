package consensus

import (
	"fmt"
	"slices"

	"juno"
)

// Checkpoint is a voter's signed word for the state at a checkpoint (CKPT, Y4).
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

// checkpointState is what the nodes say of their states.
type checkpointState struct {
	newest *juno.CheckpointCertificate
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

// compareCertified leaves if a quorum computed another state than we did, or has another history
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

// compareStates leaves if f+1 nodes computed one state that is not ours (H2). Two states with f+1
// nodes each mean that execution is not deterministic: then nobody is right, and we halt.
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
