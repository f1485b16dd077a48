package cluster

import (
	"errors"
	"fmt"
	"sync"

	"juno"
	"juno/cluster/consensus"
)

// ErrNotLeader ends a proposal that another node forwarded to a node that does not lead. The other
// node forwards it again.
var ErrNotLeader = errors.New("not the leader")

const (
	// forwardRoundBytes bounds the proposals that are forwarded at a time; the rest follows.
	forwardRoundBytes = 8 << 20
	// forwardedMax bounds the waiting commands of one peer, so that no peer can fill the pool.
	forwardedMax = 1 << 16
)

// Receive takes a frame from another member. The transport calls it, from any goroutine.
func (n *Node) Receive(from juno.NodeID, frame []byte) { n.inbox.put(from, frame) }

// forwardNew forwards proposals of this node's clients to the leader at once: the new ones, or all
// of them if the leader is new.
func (n *Node) forwardNew() {
	leader := juno.NodeID(0)
	if s := n.status.Load(); s.TermKnown {
		leader = s.Leader
	}
	if leader == n.cfg.ID || leader == 0 {
		n.unforwarded, n.leader = nil, leader
		return
	}
	if leader != n.leader {
		n.leader, n.unforwarded = leader, nil
		n.forward(leader, n.pool.waitingSince(n.ticks, forwardRoundBytes))
		return
	}
	if len(n.unforwarded) > 0 {
		n.forward(leader, n.unforwarded)
		n.unforwarded = nil
	}
}

// forwardOld forwards proposals again that have waited for long (P3).
func (n *Node) forwardOld(leader juno.NodeID) {
	patience := n.cfg.Limits.ForwardTicks
	if n.ticks < patience || leader == n.cfg.ID {
		return
	}
	var all []*Proposal
	for _, p := range n.pool.waitingSince(n.ticks-patience, forwardRoundBytes) {
		if n.ticks-p.sent >= patience {
			all = append(all, p)
		}
	}
	n.forward(leader, all)
}

func (n *Node) forward(leader juno.NodeID, all []*Proposal) {
	var send []*Proposal
	for _, p := range all {
		if p.stage == stageWaiting && p.from == 0 {
			p.sent = max(n.ticks, 1)
			send = append(send, p)
		}
	}
	for _, frame := range proposalFrames(send) {
		if !n.transport.Send(leader, LaneCommands, frame) {
			n.peers.lost(leader)
		}
	}
}

// takeForwarded submits proposals that another node has forwarded. They are never forwarded again
// (L7), and no client waits for them here: the other node sees them in the log.
func (n *Node) takeForwarded(from juno.NodeID, all []*Proposal) {
	if s := n.status.Load(); s.Role != consensus.Leader {
		return
	}
	for _, p := range all {
		count := len(p.commands())
		if !n.forwarded.take(from, count) {
			return
		}
		p.from = from
		p.ticket.finished = func() { n.forwarded.give(from, count) }
		select {
		case n.admission.in <- p:
		default:
			p.ticket.finished()
			return
		}
	}
}

// quotas count the waiting commands of each peer.
type quotas struct {
	mu   sync.Mutex
	used map[juno.NodeID]int
}

func (q *quotas) take(from juno.NodeID, n int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.used == nil {
		q.used = make(map[juno.NodeID]int)
	}
	if q.used[from] > 0 && q.used[from]+n > forwardedMax {
		return false
	}
	q.used[from] += n
	return true
}

func (q *quotas) give(from juno.NodeID, n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.used[from] -= n
}

// dropForwarded drops forwarded proposals because this node does not lead any more: the other nodes
// forward them again, to the new leader.
func (p *pool) dropForwarded() {
	for _, s := range p.waiting {
		if s.in(stageWaiting) && s.proposal.from != 0 {
			p.drop(s.proposal)
			s.proposal.ticket.finish(nil, ErrNotLeader)
		}
	}
}

const (
	// sweepMax bounds the proposals that sweep looks at.
	sweepMax = 4096
	// sweepCommandsMax bounds their commands: each costs a lookup in a table, twice a second.
	sweepCommandsMax = 1 << 16
)

// sweep ends waiting proposals that cannot get into the log any more: their request is used there,
// perhaps by another variant that the client signed, their key has ended, the ledger is halted, or
// no correct leader would propose them. They would wait for ever, and cause term changes without
// end (C4).
func (n *Node) sweep() {
	ring := n.validator.Keyring()
	now := n.core.Status()
	tip := now.Last.Index
	commands := 0
	for i, s := range n.pool.waiting {
		if i == sweepMax || commands > sweepCommandsMax {
			return
		}
		p := s.proposal
		if p == nil || !s.in(stageWaiting) || p.byAdmins() {
			continue
		}
		commands += len(p.entries)
		signer, known := ring.Lookup(p.key)
		if !known || !signer.ValidAt(tip+1) {
			n.noteMisfit(p, &now, fmt.Errorf("key %s: %w", p.key, juno.ErrKeyNotValid))
			continue
		}
		if at, used := n.partInLog(p, signer.Subject); used {
			n.pool.drop(p)
			n.jobs.put(job{replay: p, client: signer.Subject, at: at})
		} else if now.Halted && p.isCommand() {
			n.pool.drop(p)
			p.ticket.finish(nil, p.halted())
		} else if n.ticks-p.admitted >= n.cfg.Limits.ForwardTicks {
			n.noteMisfit(p, &now, n.validateNext(p, tip))
		}
	}
}

// noteMisfit records why a proposal does not fit behind the last entry, nil if it fits, and ends
// the proposal once that entry is final. Until then another chain may replace the entry that is in
// its way; and the entry may come from the proposal itself, if it was forwarded.
func (n *Node) noteMisfit(p *Proposal, now *consensus.Status, wrong error) {
	if wrong == nil {
		p.misfitAt = juno.Pos{}
		return
	}
	if p.misfitAt == (juno.Pos{}) {
		p.misfitAt = now.Last
	}
	final := p.misfitAt == now.Committed
	if p.misfitAt.Index < now.Committed.Index {
		hash, _ := n.cfg.Log.HashAt(p.misfitAt.Index)
		if final = hash == p.misfitAt.Hash; !final {
			p.misfitAt = now.Last // another entry is at that place
		}
	}
	if final {
		n.pool.drop(p)
		p.ticket.finish(nil, wrong)
	}
}

// halted returns the error of a proposal that a halt stops. One that was forwarded may have reached
// the leader before.
func (p *Proposal) halted() error {
	if p.sent > 0 {
		return fmt.Errorf("%w: %w", juno.ErrUnknown, juno.ErrHalted)
	}
	return juno.ErrHalted
}

// validateNext validates a proposal as the next entries of the log.
func (n *Node) validateNext(p *Proposal, tip juno.Index) error {
	defer n.validator.TruncateTo(tip)
	for i := range p.entries {
		e := p.entries[i]
		e.Index = tip + 1 + juno.Index(i)
		if err := n.validator.Append(&e); err != nil {
			return fmt.Errorf("%w: %w", juno.ErrRefused, err)
		}
	}
	return nil
}

// reject ends a proposal that the Validator refused as the next entry. If its request is in the log
// it is answered with the first result.
func (n *Node) reject(p *Proposal, reason error) {
	if signer, known := n.validator.Keyring().Lookup(p.key); known && !p.byAdmins() {
		if at, used := n.partInLog(p, signer.Subject); used {
			n.jobs.put(job{replay: p, client: signer.Subject, at: at})
			return
		}
	}
	p.ticket.finish(nil, fmt.Errorf("%w: %w", juno.ErrRefused, reason))
}
