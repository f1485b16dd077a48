package cluster

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"juno"
	"juno/cluster/consensus"
)

// Status is the state of a node for operators.
type Status struct {
	consensus.Status
	Applied juno.Pos // newest executed entry
	Waiting int64    // commands that are not answered yet
	// Certified is the newest checkpoint that a quorum has signed, as far as this run knows.
	Certified juno.Index
	// Peers are the other members, by id.
	Peers []PeerStatus
	// Reachable says that a quorum of voters has been heard lately.
	Reachable bool
	// Observing says that the node is a voter by its id, and does not vote: the membership names a
	// key that it does not have, or whose promises it has lost.
	Observing bool
	// Quarantine is the reason why the node is quarantined; empty if it is not (H2).
	Quarantine string
	// Evidence counts the evidence that this run found.
	Evidence int
	// Alarms are the newest alarms, oldest first.
	Alarms []AlarmStatus
	// Dropped counts frames that were dropped because the inbox was full.
	Dropped uint64
	// Fetching is the checkpoint whose state is being fetched from others, 0 for none.
	Fetching juno.Index
	// QueuedWrites and QueuedJobs count what waits for the disk and for execution.
	QueuedWrites, QueuedJobs int
}

// PeerStatus is the state of another member, as known here.
type PeerStatus struct {
	Node    juno.NodeID
	Address string
	Voting  bool
	// Heard is the age of its last vote in milliseconds; -1 if there was none in this run.
	Heard int64
	// Term, Accepted and Committed are those of that vote.
	Term      juno.Term
	Accepted  juno.Index
	Committed juno.Index
	// Refused counts its refused messages, and Refusal is the reason for the newest.
	Refused uint64
	Refusal string
	// Lost counts frames for it that the transport dropped.
	Lost uint64
}

// AlarmStatus is an alarm with its time.
type AlarmStatus struct {
	Time juno.Millis
	Text string
}

// alarmsMax bounds the alarms that are kept.
const alarmsMax = 100

// alarms are the alarms of this run. They belong to the loop.
type alarms struct {
	all      []AlarmStatus
	evidence int
}

func (a *alarms) add(now juno.Millis, text string) {
	if n := len(a.all); n > 0 && a.all[n-1].Text == text {
		return
	}
	if len(a.all) == alarmsMax {
		a.all = slices.Delete(a.all, 0, 1)
	}
	a.all = append(slices.Clip(a.all), AlarmStatus{now, text}) // readers hold the old slice
}

// peers is the loop's state of the other members.
type peers struct{ all map[juno.NodeID]*peer }

type peer struct {
	heard     uint64 // tick of the last vote
	ever      bool
	vote      juno.Vote
	refusals  uint64
	refusal   string
	lostCount uint64
}

func (p *peers) get(id juno.NodeID) *peer {
	if p.all == nil {
		p.all = make(map[juno.NodeID]*peer)
	}
	if p.all[id] == nil {
		p.all[id] = &peer{}
	}
	return p.all[id]
}

func (p *peers) voted(v *consensus.Vote, tick uint64) {
	q := p.get(v.Node)
	q.heard, q.ever, q.vote = tick, true, v.Vote
}

func (p *peers) refused(id juno.NodeID, why error) {
	q := p.get(id)
	q.refusals++
	q.refusal = why.Error()
}

func (p *peers) lost(id juno.NodeID) { p.get(id).lostCount++ }

// reachTicks is how long a voter may be silent and count as reachable. At rest it repeats its vote
// only at every twentieth heartbeat.
const reachTicks = 300

// list returns the status of the members.
func (p *peers) list(id juno.NodeID, config *juno.EpochConfig, now uint64) []PeerStatus {
	members := slices.Concat(config.Voters, config.Observers)
	all := make([]PeerStatus, 0, len(members))
	for _, m := range members {
		if m.ID == id {
			continue
		}
		_, voting := config.Voter(m.ID)
		q := p.get(m.ID)
		s := PeerStatus{
			Node: m.ID, Address: m.Address, Voting: voting, Heard: -1, Term: q.vote.Term,
			Committed: q.vote.Committed.Index, Refused: q.refusals, Refusal: q.refusal,
			Lost: q.lostCount,
		}
		if q.ever {
			s.Heard = int64(now-q.heard) * tickEvery.Milliseconds()
		}
		if q.vote.Accepted != nil {
			s.Accepted = q.vote.Accepted.Index
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b PeerStatus) int { return int(int64(a.Node) - int64(b.Node)) })
	return all
}

// reachable reports whether a quorum of voters, including this node, was heard lately.
func (p *peers) reachable(id juno.NodeID, config *juno.EpochConfig, now uint64) bool {
	n := 0
	for _, m := range config.Voters {
		q := p.all[m.ID]
		if m.ID == id || q != nil && q.ever && now-q.heard <= reachTicks {
			n++
		}
	}
	return n >= config.Quorum()
}

// publish publishes the state of the core and the validator to other goroutines.
func (n *Node) publish() {
	s := Status{
		Status: n.core.Status(), Certified: n.certified, Observing: n.observing,
		Quarantine: n.quarantine, Evidence: n.alarms.evidence, Alarms: n.alarms.all,
		Fetching: n.transfer.index(),
	}
	old := n.status.Load()
	s.Reachable = n.peers.reachable(n.cfg.ID, n.config, n.ticks)
	if old != nil && n.transport != nil && n.ticks < n.listNext && old.Config == s.Config {
		s.Peers = old.Peers // a list that is a little old will do
	} else {
		n.listNext = n.ticks + publishTicks
		s.Peers = n.peers.list(n.cfg.ID, n.config, n.ticks)
	}
	n.status.Store(&s)
	n.admission.tip.Store(uint64(s.Last.Index))
	n.watchers.wake()
}

// Status returns a recent status of the node.
func (n *Node) Status() Status {
	s := *n.status.Load()
	s.Applied = *n.applied.Load()
	s.Waiting = n.commands.Load()
	s.Dropped = n.inbox.dropped()
	s.QueuedWrites, s.QueuedJobs = n.writes.len(), n.jobs.len()
	return s
}

func (n *Node) setApplied(p juno.Pos) {
	n.applied.Store(&p)
	n.watchers.wake()
}

// Watch waits until a condition holds for the node's status.
func (n *Node) Watch(ctx context.Context, until func(*Status) bool) error {
	for {
		changed := n.watchers.wait()
		s := n.Status()
		if until(&s) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-n.ended:
			if s = n.Status(); until(&s) {
				return nil
			}
			return n.stopReason()
		}
	}
}

// watchers wait for a change of the status. If there are none, a change costs nothing.
type watchers struct {
	waiting atomic.Bool
	mu      sync.Mutex
	changed chan struct{}
}

func (w *watchers) wait() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	w.waiting.Store(true)
	return w.changed
}

func (w *watchers) wake() {
	if !w.waiting.Load() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
	w.waiting.Store(false)
}

// addsNothing reports that a vote need not be verified: this node follows the same term and knows
// everything that the vote calls final. Every peer's vote is verified now and then all the same, so
// that a peer that contradicts this node, or is ahead, is noticed.
func (n *Node) addsNothing(from juno.NodeID, v *consensus.Vote) bool {
	s := n.status.Load()
	final := s.Committed.Index
	known := v.Term == s.Term && s.Role == consensus.Follower && v.Committed.Index <= final &&
		(v.Accepted == nil || v.Accepted.Index <= final) &&
		(v.Prepared == nil || v.Prepared.Index <= final)
	return known && !n.voteSampling.due(from)
}
