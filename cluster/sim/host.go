package sim

import (
	"juno"
	"juno/cluster/consensus"
)

// This file does what package cluster does around a core, without goroutines: the order of write,
// sync, send and execute is the contract of consensus.Ready.

// advance carries out the Readies of the core after an input.
func (n *node) advance() {
	if n.advancing {
		return
	}
	n.advancing = true
	life := n.life
	for n.up && n.life == life {
		rd, ok := n.core.Ready()
		if !ok {
			break
		}
		n.handle(&rd)
	}
	if n.life != life {
		return // it crashed in the middle, and perhaps runs again
	}
	n.advancing = false
	n.observeStatus()
	if n.up && n.life == life {
		n.startSync()
	}
}

// handle carries out the part of a Ready that needs no sync, and keeps the rest.
func (n *node) handle(rd *consensus.Ready) {
	n.w.rate(n, rd)
	if rd.Truncate != nil && *rd.Truncate < n.executed && !n.party.byzantine {
		n.w.oracle.fail("I2", "%s truncates to %d and has executed %d", n.id, *rd.Truncate,
			n.executed)
	}
	if len(rd.Append) > 0 {
		n.w.oracle.tree.growAll(n.before(rd), rd.Append)
	}
	if writes(rd) {
		n.disk.write(rd)
		n.written++
	}
	for _, config := range rd.Epochs {
		n.enter(config)
	}
	n.pending = append(n.pending, *rd)
	n.send(rd.Now, life(n.life))
	if !n.up {
		return
	}
	for i := range rd.Committed {
		n.commit(&rd.Committed[i])
	}
	n.handleRest(rd)
	n.release()
}

// life is an incarnation of a node.
type life int

// before returns the position that the entries of a Ready follow.
func (n *node) before(rd *consensus.Ready) juno.Pos {
	first := rd.Append[0].Index
	if rd.Reset != nil && rd.Reset.Index == first-1 {
		return *rd.Reset
	}
	hash, _ := n.disk.HashAt(first - 1)
	return juno.Pos{Index: first - 1, Hash: hash}
}

// enter switches to a membership that came into force.
func (n *node) enter(config *juno.EpochConfig) {
	n.config = config
	n.verifier.add(config)
	n.regainVote()
	if n.party.byzantine {
		return
	}
	st := n.core.Status()
	n.w.oracle.committed(n.id, n.w.oracle.must(n.id, st.Committed, "committed"))
	n.w.oracle.entered(n.id, config, st.Committed)
}

// handleRest carries out the other parts of a Ready.
func (n *node) handleRest(rd *consensus.Ready) {
	if rd.Forward != 0 {
		n.forward(rd.Forward)
	}
	if rd.Certified != nil {
		n.compact(rd.Certified)
	}
	if rd.Snapshot != nil {
		n.fetch(rd.Snapshot)
	}
	if n.party.byzantine {
		return
	}
	for _, e := range rd.Evidence {
		n.w.oracle.accused(n.id, e)
	}
	for _, a := range rd.Alarms {
		n.w.oracle.alarmed(n.id, a)
	}
}

// startSync begins to make written groups durable, if messages wait for them.
func (n *node) startSync() {
	wanted := false
	for i := range n.pending {
		wanted = wanted || n.pending[i].Sync
	}
	if n.syncing || !wanted {
		return
	}
	n.syncing = true
	upTo, groups := n.pending[len(n.pending)-1].Seq, n.written
	n.later(between(n.w.rng, n.w.plan.Disk.SyncMin, n.w.plan.Disk.SyncMax), func() {
		n.syncing = false
		n.disk.sync(groups)
		n.written -= groups
		n.persisted(upTo)
		n.advance()
	})
}

// persisted tells the core that its Readies up to one are on disk, and sends the messages that
// waited for that.
func (n *node) persisted(upTo uint64) {
	covered := 0
	for covered < len(n.pending) && n.pending[covered].Seq <= upTo {
		covered++
	}
	done := n.pending[:covered:covered]
	n.pending = n.pending[covered:]
	n.w.note(n, "synced", "up to %d", upTo)
	n.core.Persisted(upTo)
	at := life(n.life)
	for i := range done {
		n.check(n.durable.Synced(&done[i])) // one by one, so that each Ready is checked by itself
		if n.send(done[i].After, at); !n.up || life(n.life) != at {
			return
		}
	}
	n.release()
}

// release carries out Readies that need no sync, with none before them that does. Those that write
// something stay until the next sync.
func (n *node) release() {
	at := life(n.life)
	for i := 0; i < len(n.pending) && !n.pending[i].Sync; i++ {
		after := n.pending[i].After
		n.pending[i].After = nil
		if n.send(after, at); !n.up || life(n.life) != at {
			return
		}
	}
	kept := n.pending[:0]
	for _, rd := range n.pending {
		if rd.Sync || len(rd.After) > 0 || writes(&rd) {
			kept = append(kept, rd)
		}
	}
	n.pending = kept
}

// writes reports whether a Ready puts anything on disk.
func writes(rd *consensus.Ready) bool {
	return rd.Truncate != nil || rd.Reset != nil || len(rd.Append) > 0 || len(rd.Records) > 0
}

// send signs and sends messages, and passes the core's own back to it.
func (n *node) send(all []consensus.Out, at life) {
	for i := range all {
		if !n.up || life(n.life) != at {
			return // the adversary has struck
		}
		out := &all[i]
		checked := consensus.Sign(out.Message, n.signer())
		if !n.party.byzantine {
			n.w.signed(n, out.Message, out.To)
		}
		if out.Self {
			n.w.refused(n, out.Message, n.core.Step(checked))
		}
		n.w.broadcast(n, out)
	}
}

// commit executes final entries.
func (n *node) commit(c *consensus.Committed) {
	if tip := n.disk.tip(); c.Pos.Index > tip.Index {
		n.w.oracle.fail("I6", "%s is handed %s for execution, its log ends at %s", n.id, c.Pos, tip)
	}
	if !n.party.byzantine {
		o := n.w.oracle
		o.committed(n.id, o.must(n.id, c.Pos, "committed"))
		o.proven(n.id, c)
	}
	n.execute(c.Entries, true)
	n.prefix.Committed(c.Pos.Index)
	n.pool.done(c.Entries)
}

// execute applies entries, answers clients, and tells the core of checkpoints.
func (n *node) execute(entries []juno.Entry, fresh bool) {
	for i := range entries {
		e := &entries[i]
		if e.Index <= n.executed {
			continue
		}
		result := n.app.apply(e)
		n.executed = e.Index
		switch {
		case n.corrupt > 0 && e.Index >= n.corrupt:
			result.Value += "wrong"
		case !n.party.byzantine:
			n.w.oracle.executed(n.id, e.Index, n.app.progress().Trace, result.Hash())
		}
		if fresh {
			n.w.answer(n, e, result)
			if n.seen.Role == consensus.Observer {
				n.w.count(Observed)
			}
		}
		if uint64(e.Index)%n.config.CheckpointEvery == 0 {
			n.checkpoint(e.Index)
		}
	}
}

// checkpoint keeps the state and tells the core its hash. Inside a client batch there is none, on
// no node.
func (n *node) checkpoint(at juno.Index) {
	if n.app.progress().BatchLeft > 0 {
		return
	}
	hash, ok := n.disk.HashAt(at)
	if !ok {
		return
	}
	s := n.app.snapshot(juno.Pos{Index: at, Hash: hash})
	if n.snapshotAt(at) == nil {
		n.snapshots = append(n.snapshots, s)
	}
	if n.corrupt > 0 && at >= n.corrupt {
		s.root[0] ^= 1
		// A node that is late may not get the checkpoints of a quorum before the next one.
		if _, late := n.w.oracle.roots[at]; n.w.healed && n.wrongAt == 0 && !late {
			n.wrongAt, n.doubtAt = at, n.w.now
		}
	}
	n.core.Executed(at, s.root)
}

// compact drops the log below the checkpoint before a certified one.
func (n *node) compact(k *juno.CheckpointCertificate) {
	if !n.party.byzantine {
		n.w.oracle.certified(k)
	}
	before := n.certified
	n.certified = k.Index
	n.w.count(Certified)
	if before == 0 || before >= n.executed || n.snapshotAt(before) == nil ||
		before < n.disk.First() {
		return
	}
	n.w.note(n, "drop", "below %d", before+1)
	n.w.count(Dropped)
	n.disk.drop(before + 1)
	n.written++
	kept := n.snapshots[:0]
	for _, s := range n.snapshots {
		if s.pos.Index >= n.disk.begins() {
			kept = append(kept, s)
		}
	}
	n.snapshots = kept
}

// forward hands old requests to the leader.
func (n *node) forward(leader juno.NodeID) {
	for _, r := range n.pool.older(n.w.plan.Limits.ForwardTicks) {
		n.w.request(n.id, leader, r)
	}
}

// admit accepts a request, or answers it if it was executed.
func (n *node) admit(r *request) {
	if n.w.replay(n, r) {
		return
	}
	if n.pool.add(r) {
		n.core.Propose(n.clock())
		n.advance()
	}
}
