package cluster

import (
	"fmt"
	"slices"
	"time"

	"juno"
	"juno/cluster/consensus"
)

// loop owns the core. It processes one input at a time, and then carries out the Readies of the
// core.
func (n *Node) loop() {
	defer close(n.quit)
	defer n.endFetch()
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	stop := n.stop
	n.advance(true)
	for {
		news := true
		select {
		case all := <-n.admitted:
			n.enqueue(all)
			n.core.Propose(n.cfg.Clock())
		case in := <-n.incoming:
			n.stepAll(in)
		case <-n.written.wake:
			n.persisted()
		case <-ticker.C:
			news = n.tickSome()
		case run := <-n.requests:
			run()
		case <-stop:
			stop = nil // finish what is in the log, then end
			n.stopping = n.ticks
		case <-n.failed:
			n.abandon()
			return
		}
		n.advance(news)
		if stop == nil && n.settled() {
			n.abandon()
			return
		}
		n.pace(ticker)
	}
}

// pace makes a node at rest take its ticks restTicks at a time: such a node does little more than
// wake up.
func (n *Node) pace(ticker *time.Ticker) {
	resting := n.idle && n.pool.idle() && n.status.Load().TermKnown
	if resting == n.resting {
		return
	}
	n.resting = resting
	every := tickEvery
	if resting {
		every *= restTicks
	}
	ticker.Reset(every)
}

// tickSome takes the ticks that have passed, and reports whether the status must be published.
func (n *Node) tickSome() (news bool) {
	count := uint64(1)
	if n.resting {
		count = restTicks
	}
	before := n.ticks
	for range count {
		n.tick()
	}
	return n.ticks/publishTicks != before/publishTicks
}

// stepAll gives the core a message, and all others that are waiting: one vote then covers what they
// prove together.
func (n *Node) stepAll(in incoming) {
	for {
		n.step(&in)
		select {
		case in = <-n.incoming:
		default:
			return
		}
	}
}

func (n *Node) step(in *incoming) {
	if in.behind {
		n.core.Behind(in.from)
	}
	if in.refused != nil {
		n.peers.refused(in.from, in.refused)
		return
	}
	if vote, ok := in.message.Message().(*consensus.Vote); ok {
		n.peers.voted(vote, n.ticks)
	}
	if err := n.core.Step(in.message); err != nil {
		n.peers.refused(in.from, err)
	}
}

// settled reports whether everything in the log is final, and another node leads: then nothing is
// lost by stopping. A node without a quorum cannot wait for ever; entries that are not final then
// are on disk, and the node goes on with them after a restart.
func (n *Node) settled() bool {
	s := n.core.Status()
	others := len(s.Config.Voters) > 1
	if others && s.Role == consensus.Leader && !n.resigned {
		n.resigned = true
		n.core.Resign()
		n.advance(true)
	}
	final := n.pool.idle() && s.Committed.Index == s.Last.Index
	if others {
		nobody := !n.peers.reachable(n.cfg.ID, n.config, n.ticks)
		final = n.pool.idle() && (s.Role != consensus.Leader || nobody)
	}
	return final || n.ticks-n.stopping > stopTicksMax
}

// abandon refuses proposals that have not reached the log. Final proposals stay with the applier,
// which still executes them.
func (n *Node) abandon() {
	n.turnAwayAdmitted()
	for _, p := range n.pool.all() {
		switch {
		case p.stage == stageNone: // final
		case p.stage == stageWaiting && p.sent == 0:
			p.ticket.finish(nil, n.stopReason())
		default: // in the log, or with the leader
			p.ticket.finish(nil, n.unknown())
		}
	}
}

func (n *Node) turnAwayAdmitted() {
	for {
		select {
		case all := <-n.admitted:
			turnAway(all, n.stopReason())
		default:
			return
		}
	}
}

func (n *Node) unknown() error {
	if err := n.Err(); err != nil {
		return fmt.Errorf("%w (%w)", juno.ErrUnknown, err)
	}
	return juno.ErrUnknown
}

func (n *Node) tick() {
	n.ticks++
	n.core.Tick(n.cfg.Clock())
	if !n.idle && n.ticks-n.lastWork > idleTicks {
		n.idle = true
		n.writes.put(writeJob{flushed: make(chan struct{})}) // the writer writes deferred records
	}
	if n.transport != nil && n.ticks%n.cfg.Limits.ForwardTicks == 0 {
		n.sweep()
	}
}

// enqueue puts verified proposals into the pool. Those that are in the log already are answered
// with their first results.
func (n *Node) enqueue(all []*Proposal) {
	ring := n.validator.Keyring()
	now := n.core.Status()
	leads := now.Role == consensus.Leader
	for _, p := range all {
		if p.from != 0 && !leads {
			p.ticket.finish(nil, ErrNotLeader)
			continue
		}
		if same := n.pool.find(p); same != nil {
			n.follow(p, same)
			continue
		}
		if !p.byAdmins() && !n.notInLogYet(p, ring) {
			continue
		}
		if now.Halted && p.isCommand() {
			p.ticket.finish(nil, p.halted())
			continue
		}
		n.pool.add(p)
		if p.from == 0 && !leads {
			n.unforwarded = append(n.unforwarded, p)
		}
	}
}

// notInLogYet reports whether the log does not hold a client's proposal. If it does, the proposal
// is answered.
func (n *Node) notInLogYet(p *Proposal, ring *juno.Keyring) bool {
	signer, known := ring.Lookup(p.key)
	if !known {
		p.ticket.finish(nil, fmt.Errorf("key %s: %w", p.key, juno.ErrUnknownKey))
		return false
	}
	if at, used := n.inLog(p, signer.Subject); used {
		n.jobs.put(job{replay: p, client: signer.Subject, at: at})
		return false
	}
	return true
}

// notInLog stands for the index of a command that is not in the log.
const notInLog = ^juno.Index(0)

// inLog returns the indices of a proposal's commands, if its first request was used.
func (n *Node) inLog(p *Proposal, client string) ([]juno.Index, bool) {
	if _, used := n.validator.Lookup(client, p.request); !used {
		return nil, false
	}
	return n.partInLog(p, client)
}

// partInLog returns the indices of a proposal's commands, if one of its requests was used.
func (n *Node) partInLog(p *Proposal, client string) (at []juno.Index, used bool) {
	for i := range p.commands() {
		place, one := n.validator.Lookup(client, p.request+juno.RequestID(i))
		if one && !used {
			used, at = true, slices.Repeat([]juno.Index{notInLog}, len(p.commands()))
		}
		if one {
			at[i] = place
		}
	}
	return at, used
}

// persisted tells the core which Readies are durable, and sends the messages that waited for them.
func (n *Node) persisted() {
	for _, w := range n.written.poll() {
		last := uint64(0)
		for i := range w.jobs {
			if rd := w.jobs[i].ready; rd != nil && w.jobs[i].coreNumber == n.coreNumber {
				last = max(last, rd.Seq)
			}
		}
		if w.synced && last > 0 {
			n.core.Persisted(last)
		}
		for i := range w.jobs {
			rd := w.jobs[i].ready
			if rd == nil || w.jobs[i].coreNumber != n.coreNumber {
				continue
			}
			if w.synced {
				n.synced(rd.Seq) // one by one, so that each Ready is checked by itself
			}
			n.send(rd.After)
		}
	}
}

// synced records for the assertions which Readies are on disk.
func (n *Node) synced(upTo uint64) {
	done := 0
	for done < len(n.unsynced) && n.unsynced[done].Seq <= upTo {
		if err := n.durable.Synced(n.unsynced[done]); err != nil {
			panic(fmt.Sprintf("cluster: records of this node: %v", err))
		}
		done++
	}
	clear(n.unsynced[:done])
	n.unsynced = n.unsynced[done:]
}

// advance carries out all Readies of the core. If there is none, and no news, the published status
// is still right.
func (n *Node) advance(news bool) {
	for {
		rd, ok := n.core.Ready()
		if !ok {
			break
		}
		n.handle(&rd)
		news = true
	}
	if !news {
		return
	}
	n.publish()
	if n.transport != nil {
		n.forwardNew()
	}
}

func (n *Node) handle(rd *consensus.Ready) {
	var durable chan struct{}
	if rd.Reset != nil {
		durable = n.reset(rd)
	}
	if rd.Truncate != nil {
		n.pool.truncated(*rd.Truncate)
	}
	n.pool.appended(rd.Append)
	if len(rd.Append) > 0 {
		n.lastWork, n.idle = n.ticks, false
	}
	if rd.Reset != nil || slices.ContainsFunc(rd.Append, changesKeys) {
		if err := n.publishKeys(); err != nil {
			n.fail(err)
		}
	}
	for _, config := range rd.Epochs {
		n.enter(config)
	}
	n.unsynced = append(n.unsynced, rd)
	n.writes.put(writeJob{ready: rd, coreNumber: n.coreNumber, reset: durable})
	n.send(rd.Now)
	for i := range rd.Committed {
		n.commit(&rd.Committed[i])
	}
	n.handleRest(rd)
}

func changesKeys(e juno.Entry) bool { return e.Type == juno.EntryKeyOp }

// enter switches to a membership that came into force.
func (n *Node) enter(config *juno.EpochConfig) {
	if err := n.members.add(config); err != nil {
		panic(fmt.Sprintf("cluster: epoch %d: %v", config.Epoch, err))
	}
	n.findKey(config)
	n.config = config
	n.admission.config.Store(config)
	if n.transport != nil {
		n.transport.SetMembers(config)
	}
	if n.cfg.Entered != nil {
		n.cfg.Entered()
	}
	if n.mustObserve(config) != n.observing {
		n.requestLater(n.restartCore)
	}
}

// handleRest carries out the other parts of a Ready.
func (n *Node) handleRest(rd *consensus.Ready) {
	if rd.Forward != 0 {
		n.forwardOld(rd.Forward)
	}
	for _, a := range rd.Alarms {
		n.alarms.add(n.cfg.Clock(), a.Text)
	}
	n.alarms.evidence += len(rd.Evidence)
	if rd.Certified != nil {
		n.certify(rd)
	}
	if rd.Snapshot != nil {
		n.fetch(rd.Snapshot)
	}
	if rd.Role != nil {
		n.become(rd.Role)
	}
}

// certify hands a new checkpoint certificate on.
func (n *Node) certify(rd *consensus.Ready) {
	// The checkpoint before it stays within reach: other nodes may be fetching it.
	if before := n.certified; before > 0 && before <= n.applied.Load().Index {
		n.writes.put(writeJob{certified: before})
	}
	n.certified = rd.Certified.Index
	if n.cfg.States == nil {
		return
	}
	n.jobs.put(job{certified: rd.Certified})
}

// become follows a change of role.
func (n *Node) become(r *consensus.RoleChange) {
	if r.Role != consensus.Leader {
		n.pool.dropForwarded()
	}
	if r.Role == consensus.Quarantined {
		n.enterQuarantine()
	}
}

// commit hands final entries to the applier, with the proposals that they complete.
func (n *Node) commit(c *consensus.Committed) {
	done := n.pool.committed(c.Pos.Index)
	for _, p := range done {
		n.pool.forget(p)
	}
	n.delivered = max(n.delivered, c.Pos.Index)
	n.cfg.Log.Committed(c.Pos.Index)
	n.validator.Committed(c.Pos.Index)
	n.jobs.put(job{committed: c, proposals: done})
}

// send signs messages once, and sends each to its recipients. Messages of the core to itself go to
// Step at once.
func (n *Node) send(all []consensus.Out) {
	for i := range all {
		out := &all[i]
		if err := n.durable.Check(out.Message); err != nil {
			panic(fmt.Sprintf("cluster: %v", err)) // a promise that a crash could break
		}
		signed := consensus.Sign(out.Message, n)
		if out.Self {
			// The error says why the core does not count its own message, for instance because the
			// term is over; it needs no action.
			_ = n.core.Step(signed)
		}
		if len(out.To) == 0 || n.transport == nil {
			continue
		}
		frame, lane := messageFrame(out.Message), laneOf(out.Message.Kind())
		for _, to := range out.To {
			if !n.transport.Send(to, lane, frame) {
				n.peers.lost(to)
			}
		}
	}
}
