package consensus

import (
	"fmt"
	"slices"

	"juno"
)

// epoch is one generation of the membership, as seen by this node.
type epoch struct {
	config *juno.EpochConfig
	voters []juno.NodeID // sorted
	peers  []juno.NodeID // voters and observers without this node, sorted
	quorum int
	faulty int
	me     int // place of this node among the voters, or -1
	// base is where the epoch begins: the Config entry before it, or the genesis. Its rank is
	// the term of that entry, which is of an older epoch: the lowest. It is not the term of the
	// certificate that ended the epoch, of which there may be several.
	base     juno.Pos
	baseRank Rank
	// record ended the epoch before; nil in epoch 0.
	record *juno.EpochRecord
}

// newEpoch returns an epoch as seen by this node.
func (c *Core) newEpoch(config *juno.EpochConfig, base juno.Pos, r *juno.EpochRecord) *epoch {
	e := &epoch{
		config: config, quorum: config.Quorum(), faulty: config.Faulty(), base: base, record: r,
	}
	if r != nil {
		e.baseRank = Rank{Term: r.Certificate.Head.Term, Index: base.Index}
	}
	for _, m := range config.Voters {
		e.voters = append(e.voters, m.ID)
	}
	for _, all := range [][]juno.Member{config.Voters, config.Observers} {
		for _, m := range all {
			if m.ID != c.id {
				e.peers = append(e.peers, m.ID)
			}
		}
	}
	slices.Sort(e.peers)
	if e.me = e.voter(c.id); c.observe {
		e.me = -1
	}
	return e
}

// baseQC returns the highest certificate of a node that knows nothing else of the epoch.
func (e *epoch) baseQC() HighQC { return HighQC{Rank: e.baseRank, Pos: e.base} }

// voter returns the place of a node among the voters, or -1.
func (e *epoch) voter(id juno.NodeID) int {
	if i, found := slices.BinarySearch(e.voters, id); found {
		return i
	}
	return -1
}

// votes reports whether this node is a voter.
func (e *epoch) votes() bool { return e.me >= 0 }

// alone reports whether this node is a quorum by itself.
func (e *epoch) alone() bool { return e.quorum == 1 && e.votes() }

// firstTerm returns round 0 of the epoch.
func (e *epoch) firstTerm() juno.Term { return juno.TermOf(e.config.Epoch, 0) }

// enterEpoch ends the present epoch at its Config entry and begins the next one (M2). All correct
// nodes end it at the same entry, because nothing may follow it.
func (c *Core) enterEpoch(pos juno.Pos, head *juno.Entry, proof *juno.QuorumCertificate) {
	if proof == nil {
		panic(fmt.Sprintf("epoch %d ended at %s without a certificate", c.epoch.config.Epoch, pos))
	}
	change, err := juno.ParseConfigChange(head.Payload)
	if err != nil {
		panic(fmt.Sprintf("the final entry %s is no membership change: %v", pos, err))
	}
	if c.log.tip().Index > pos.Index {
		c.validator.TruncateTo(pos.Index)
		c.cut(pos.Index)
	}
	r := &juno.EpochRecord{Payload: head.Payload, Next: &change.Next, Certificate: proof}
	before := c.epoch
	c.past = append(c.past, r)
	c.writeSynced(r.Record())
	c.startEpoch(c.newEpoch(r.Next, pos, r))
	c.out.ready.Epochs = append(c.out.ready.Epochs, r.Next)
	c.closeGate() // nothing of the new epoch leaves before its record is on disk
	hint := &SyncReply{Node: c.id, Proof: proof, Commit: c.commit}
	if all := union(before.peers, c.epoch.peers); len(all) > 0 {
		c.send(all, hint)
	}
	c.takeRole()
}

// startEpoch drops all state of the epoch before.
func (c *Core) startEpoch(e *epoch) {
	c.epoch = e
	c.hard.Term = e.firstTerm()
	c.out.dirtyHard, c.out.dirtyVote = true, true
	c.highQC = e.baseQC()
	c.out.dirtyHighQC = true
	c.prepared = nil
	// Which states can be trusted depends on who may vote, so the checkpoints of the epoch before
	// are of no use.
	c.checkpoints.mine, c.checkpoints.votes = nil, nil
	c.leading = leading{}
	c.resetPeers()
	c.timers = timers{}
	c.timers.start(c)
	c.openRound0()
}

// openRound0 notes that the first round of an epoch needs no election: its base is the end of the
// epoch before (docs/SPECIFICATION.md §3.1).
func (c *Core) openRound0() {
	c.term = termState{}
	if c.hard.Term.Round() == 0 {
		c.term.known, c.term.base = true, c.epoch.base
	}
}

// resetPeers makes room for the messages of the members of the epoch.
func (c *Core) resetPeers() {
	c.requestedTerms = make([]juno.Term, len(c.epoch.voters))
	c.votes = make([]voterVotes, len(c.epoch.voters))
	c.sync.peers = make([]peerRequest, len(c.epoch.peers))
	c.sync.fragments, c.sync.lagging = nil, 0
	if c.sync.answered == nil {
		c.sync.answered, c.sync.epochHinted = make(throttle), make(throttle)
		c.sync.leaveNoted = make(throttle)
	}
}

// takeRole decides between follower, candidate and, in round 0, leader.
func (c *Core) takeRole() {
	switch {
	case !c.epoch.votes():
		c.become(Observer)
	case c.epoch.config.Leader(c.hard.Term) != c.id || c.hasLed(c.hard.Term) ||
		c.hasAccepted() || c.logIncomplete():
		c.become(Follower)
	case c.hard.Term.Round() > 0:
		c.become(Candidate)
	default:
		c.lead()
	}
}

func (c *Core) become(r Role) {
	c.role = r
	c.out.role = &RoleChange{
		Role: r, Term: c.hard.Term, Leader: c.epoch.config.Leader(c.hard.Term),
	}
}

// union merges two sorted lists of nodes.
func union(a, b []juno.NodeID) []juno.NodeID {
	all := make([]juno.NodeID, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || (len(a) > 0 && a[0] < b[0]):
			all, a = append(all, a[0]), a[1:]
		case len(a) == 0 || b[0] < a[0]:
			all, b = append(all, b[0]), b[1:]
		default:
			all, a, b = append(all, a[0]), a[1:], b[1:]
		}
	}
	return all
}
