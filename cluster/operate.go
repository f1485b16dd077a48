package cluster

import (
	"errors"
	"fmt"

	"juno"
	"juno/cluster/consensus"
)

// requestLater makes the loop run a function after its present work.
func (n *Node) requestLater(run func()) {
	select {
	case n.requests <- run:
	default:
		go n.request(run)
	}
}

// request makes the loop run a function, unless the node ends before.
func (n *Node) request(run func()) {
	select {
	case n.requests <- run:
	case <-n.quit:
	}
}

// call makes the loop run a function and waits for it.
func (n *Node) call(run func() error) error {
	done := make(chan error, 1)
	n.request(func() { done <- run() })
	select {
	case err := <-done:
		return err
	case <-n.quit:
		return n.stopReason()
	}
}

// executed passes the state root of a checkpoint to the core.
func (n *Node) executed(index juno.Index, root juno.Hash) {
	n.request(func() { n.core.Executed(index, root) })
}

// Halt stops the ledger on every node that the message reaches, without a vote (H1). Enough
// administrators must have signed it. The error says why it did not take effect on this node.
func (n *Node) Halt(change *juno.ModeChange) error {
	if !change.Halted {
		return fmt.Errorf("halt %d: it is a resume, which goes through the log", change.Nonce)
	}
	err := n.stepSigned(&consensus.Halt{Change: change})
	if errors.Is(err, consensus.ErrObeyed) { // another node was faster
		return nil
	}
	return err
}

// Revolution asks for another leader in the name of administrators (E6), here and at all members.
func (n *Node) Revolution(r *consensus.Revolution) error {
	if err := n.stepSigned(r); err != nil {
		return err
	}
	return n.call(func() error {
		if n.transport == nil {
			return nil
		}
		frame := messageFrame(r)
		for _, p := range n.peers.list(n.cfg.ID, n.config, n.ticks) {
			if !n.transport.Send(p.Node, LaneEvidence, frame) {
				n.peers.lost(p.Node)
			}
		}
		return nil
	})
}

// stepSigned passes a message that administrators have signed to the core, as if a peer had sent
// it.
func (n *Node) stepSigned(m consensus.Message) error {
	checked, err := consensus.Check(m, newVerifier(n.members, n.seen))
	if err != nil {
		return err
	}
	return n.call(func() error { return n.core.Step(checked) })
}

// restartCore makes a new core on what is on disk, because the right to vote has changed: the node
// has received the key of a membership, or has lost it. All earlier promises hold: they are in the
// log.
func (n *Node) restartCore() {
	if n.mustObserve(n.config) == n.observing {
		return
	}
	job := writeJob{flushed: make(chan struct{})}
	n.writes.put(job)
	select {
	case <-job.flushed:
	case <-n.failed:
		return
	}
	n.coreNumber++ // later reports of the writer are of the old core
	n.unsynced = nil
	st, err := n.cfg.Log.Stored()
	if err == nil {
		err = n.makeCore(st)
	}
	if err == nil {
		err = n.deliverAgain()
	}
	if err != nil {
		n.fail(fmt.Errorf("begin anew as %s: %w", n.cfg.ID, err))
	}
}

// deliverAgain passes final entries to the applier that the old core did not deliver, because they
// were not on disk yet. The new core counts everything as delivered that is final when it begins.
func (n *Node) deliverAgain() error {
	for final := n.core.Status().Committed.Index; n.delivered < final; {
		hi := min(n.delivered+1+catchUpEntries, final+1)
		entries := n.cfg.Log.Entries(n.delivered+1, hi, catchUpBytes)
		if len(entries) == 0 {
			return fmt.Errorf("entry %d is final: the log does not hold it", n.delivered+1)
		}
		last := entries[len(entries)-1].Index
		hash, _ := n.cfg.Log.HashAt(last)
		n.commit(&consensus.Committed{Entries: entries, Pos: juno.Pos{Index: last, Hash: hash}})
	}
	return nil
}

// enterQuarantine reports to the operator, once, that the node is quarantined.
func (n *Node) enterQuarantine() {
	if n.quarantine != "" {
		return
	}
	n.quarantine = "the history or the state of this node is contradicted by others"
	if k := len(n.alarms.all); k > 0 {
		n.quarantine = n.alarms.all[k-1].Text
	}
	if n.cfg.Quarantine != nil {
		n.cfg.Quarantine(n.quarantine)
	}
}
