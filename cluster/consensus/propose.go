package consensus

import (
	"fmt"
	"slices"

	"juno"
)

// propose takes batches from the pool while rule N1 allows it: at once if nothing is in flight or
// much is waiting, otherwise on the next commit. So batches grow with the load by themselves.
func (c *Core) propose() {
	for c.mayPropose() {
		entries := c.pool.Next(c.limits.BatchEntriesMax, c.limits.BatchBytesMax)
		if len(entries) == 0 {
			return
		}
		c.proposeBatch(entries)
	}
}

// mayPropose is N1.
func (c *Core) mayPropose() bool {
	if c.role != Leader || c.leading.draining || c.term.endsEpoch {
		return false
	}
	inFlight, waiting := len(c.leading.batches), c.pool.Len()
	switch {
	case waiting == 0, inFlight >= c.limits.InFlightMax,
		inFlight > 0 && waiting < c.limits.BatchTarget,
		c.log.tip().Index-c.commit.Index >= juno.Index(c.limits.WindowEntriesMax),
		c.log.unfinal >= c.limits.WindowBytesMax:
		return false
	}
	return true
}

// proposeBatch appends what the validator allows of entries as one batch.
func (c *Core) proposeBatch(entries []juno.Entry) {
	before := c.log.tip()
	for len(entries) > 0 && !c.leading.draining {
		group := entries[:groupLen(entries)]
		entries = entries[len(group):]
		if err := c.proposeGroup(group); err != nil {
			c.pool.Reject(group, err)
		}
	}
	if len(entries) > 0 {
		c.pool.Requeue(entries)
	}
	if c.log.tip() != before {
		c.proposed(before)
	}
}

// proposeGroup appends one group, all or nothing.
func (c *Core) proposeGroup(group []juno.Entry) error {
	kind := group[0].Type
	if c.hard.Halted && isCommand(kind) {
		return juno.ErrHalted
	}
	if kind == juno.EntryTermStart || !kind.Valid() {
		return fmt.Errorf("entries of type %s cannot be proposed", kind)
	}
	if err := checkGroups(group); err != nil {
		return err
	}
	before := c.log.tip().Index
	for i := range group {
		if err := c.proposeEntry(group[i].Type, group[i].Payload); err != nil {
			for c.log.tip().Index > before {
				c.log.retract()
			}
			c.validator.TruncateTo(before)
			return err
		}
	}
	return nil
}

// proposeEntry makes the next entry of the present term.
func (c *Core) proposeEntry(kind juno.EntryType, payload []byte) error {
	e := juno.Entry{
		Index: c.log.tip().Index + 1, Term: c.hard.Term,
		Time: max(c.now, c.leading.lastTime), Type: kind, Payload: payload,
	}
	c.log.append(e)
	if err := c.validate(c.log.newest()); err != nil {
		c.log.retract()
		return err
	}
	c.leading.lastTime = e.Time
	c.leading.draining = kind == juno.EntryConfig
	return nil
}

// proposed makes the entries behind before a batch in flight: it accepts them and sends them to
// all.
func (c *Core) proposed(before juno.Pos) {
	tip := c.log.tip()
	c.leading.batches = append(c.leading.batches, tip.Index)
	c.setAccepted(tip)
	c.broadcast(before)
}

// lead opens the present term on its base. A node must not lead a term before that is on disk (F8).
func (c *Core) lead() {
	c.become(Leader)
	c.hard.Led, c.hard.EverLed = c.hard.Term, true
	c.out.dirtyHard = true
	c.closeGate()
	c.leading = leading{}
	c.startProgress()
	base := c.log.tip()
	if e, ok := c.log.entry(base.Index); ok {
		c.leading.lastTime = e.Time
		c.term.endsEpoch = c.isEpochEnd(&e)
	}
	if c.term.endsEpoch {
		c.confirmEpochEnd(base)
		return
	}
	payload := juno.Hash{}
	if c.term.election != nil {
		payload = c.term.election.Hash()
	}
	if err := c.proposeEntry(juno.EntryTermStart, payload[:]); err != nil {
		panic(fmt.Sprintf("the start of term %s was refused: %v", c.hard.Term, err))
	}
	c.proposed(base)
	c.propose()
}

// confirmEpochEnd asks for votes of the present term for the entry that ends the epoch: no entry
// may follow it, so the term cannot have a TermStart (N6, F12).
func (c *Core) confirmEpochEnd(base juno.Pos) {
	c.setAccepted(base)
	c.sendEntries(c.epoch.peers, base, base.Index, c.term.election)
	c.evaluate()
}

// leading is the leader's state of its term.
type leading struct {
	batches  []juno.Index // last index of each batch that is not committed yet
	draining bool         // a Config entry was proposed: nothing may follow it (M2)
	lastTime juno.Millis  // of the newest entry
	peers    []progress   // parallel to epoch.peers
}

// progress is the position of a peer.
type progress struct {
	next      juno.Index // first entry that was not sent yet
	accepted  juno.Index // by its vote of this term, and on the log; 0 if none
	commit    juno.Index // by its votes, and on the log
	knowsTerm bool       // has voted in this term, so it knows the election
	unacked   int        // appends sent since the last vote that advanced accepted
	sent      uint64     // tick of the last append with entries
	// A busy peer answers late: an answer that is missing is not lost yet.
	since   uint64 // tick since which an answer is due
	latency uint64 // longest recent time to an answer, in ticks
	resent  int    // how often entries were sent again since the last answer
}

// startProgress assumes that every peer has the base.
func (c *Core) startProgress() {
	c.leading.peers = make([]progress, len(c.epoch.peers))
	for i := range c.leading.peers {
		c.leading.peers[i] = progress{
			next: c.term.base.Index + 1, sent: c.ticks,
			knowsTerm: c.term.election == nil,
		}
	}
}

// broadcast sends the entries behind before to all peers that have everything up to there. The
// other peers get them when they have caught up.
func (c *Core) broadcast(before juno.Pos) {
	var knowing, others []juno.NodeID
	tip, opening := c.log.tip().Index, before == c.term.base
	for i, id := range c.epoch.peers {
		p := &c.leading.peers[i]
		if p.next != before.Index+1 || p.unacked >= 2*c.limits.InFlightMax {
			continue
		}
		p.sending(c.ticks)
		p.next = tip + 1
		observes := c.epoch.voter(id) < 0 // an observer does not vote; it asks for what it misses
		if !observes {
			p.unacked++
		}
		if p.knowsTerm || (observes && !opening) {
			knowing = append(knowing, id)
		} else {
			others = append(others, id)
		}
	}
	c.sendEntries(knowing, before, tip, nil)
	c.sendEntries(others, before, tip, c.term.election)
}

// sendEntries sends (prev, last] to some peers.
func (c *Core) sendEntries(
	to []juno.NodeID, prev juno.Pos, last juno.Index, e *ElectionCertificate,
) {
	if len(to) == 0 {
		return
	}
	end, _ := c.posAt(last)
	ae := &Append{
		AppendHeader: AppendHeader{
			Term: c.hard.Term, Leader: c.id, Prev: prev, Last: end,
			Count: int(last - prev.Index),
		},
		Election: e,
	}
	if last > prev.Index {
		ae.Entries = c.log.read(prev.Index+1, last+1, int(^uint(0)>>1))
	}
	c.send(to, ae)
}

// feed sends a peer the next entries that it lacks, as one append that cuts no batch.
func (c *Core) feed(i int) {
	p := &c.leading.peers[i]
	tip := c.log.tip().Index
	prev, ok := c.posAt(p.next - 1)
	if !ok || p.next > tip {
		return
	}
	hi := min(tip+1, p.next+juno.Index(c.limits.BatchEntriesMax))
	entries := c.log.read(p.next, hi, c.limits.BatchBytesMax)
	n := uncut(entries)
	if n == 0 { // the first batch is bigger than that
		entries = c.log.read(p.next, min(tip+1, p.next+appendEntriesMax), 2*groupBytesMax)
		n = min(groupLen(entries), len(entries))
	}
	if n == 0 || c.log.tip().Index < prev.Index+juno.Index(n) {
		return // archived: the peer must send a sync request
	}
	var e *ElectionCertificate
	if !p.knowsTerm {
		e = c.term.election
	}
	c.sendEntries([]juno.NodeID{c.epoch.peers[i]}, prev, prev.Index+juno.Index(n), e)
	p.sending(c.ticks)
	p.next += juno.Index(n)
	p.unacked++
}

// sending records that entries are sent to the peer now.
func (p *progress) sending(now uint64) {
	p.sent = now
	if p.next == p.accepted+1 || p.since == 0 {
		p.since = now
	}
}

// answered records that the peer has accepted more than before.
func (p *progress) answered(now uint64) {
	p.latency = max(now-min(p.since, now), p.latency-p.latency/4)
	p.since, p.resent = now, 0
}

// lost reports whether entries for the peer have been unanswered for so long that they are sent
// again: two heartbeats, or longer if the peer is slow, and longer every time. In a busy cluster
// every copy makes all peers slower.
func (p *progress) lost(l *Limits, now uint64) bool {
	patience := min(max(2*l.HeartbeatTicks, 2*p.latency), l.ElectionTicks)
	return now-p.sent >= patience<<min(p.resent, resentShiftMax)
}

// resentShiftMax is how often the resend timeout of a peer doubles. A peer that really lacks
// entries sends a sync request long before (N10).
const resentShiftMax = 3

// acknowledged records a voter's progress, and sends it the next entries.
func (c *Core) acknowledged(v *Vote) {
	i := c.peer(v.Node)
	if c.role != Leader || i < 0 || v.Term != c.hard.Term {
		return
	}
	p := &c.leading.peers[i]
	p.knowsTerm = true
	if v.Committed.Index > p.commit && c.log.has(v.Committed) {
		p.commit, p.resent = v.Committed.Index, 0
	}
	if v.Accepted == nil || !c.log.has(*v.Accepted) || v.Accepted.Index <= p.accepted {
		return
	}
	p.accepted = v.Accepted.Index
	p.unacked = 0
	p.answered(c.ticks)
	p.next = max(p.next, p.accepted+1)
	for p.unacked < c.limits.InFlightMax && p.next <= c.log.tip().Index {
		before := p.next
		if c.feed(i); p.next == before {
			return
		}
	}
}

// peer returns the place of a node among the peers, or -1.
func (c *Core) peer(id juno.NodeID) int { return slices.Index(c.epoch.peers, id) }

// retransmit is the leader's part of a heartbeat (N11): an empty append for every peer, and the
// entries again for peers that seem to have lost them. A follower that has not accepted anything in
// the term starts at its commit index, which is always common, or at the base.
func (c *Core) retransmit() {
	tip := c.log.tip()
	var knowing, others []juno.NodeID
	for i, id := range c.epoch.peers {
		p, observes := &c.leading.peers[i], c.epoch.voter(id) < 0
		if p.knowsTerm || observes {
			knowing = append(knowing, id)
		} else {
			others = append(others, id)
		}
		if observes || p.accepted >= tip.Index || !p.lost(&c.limits, c.ticks) {
			continue
		}
		p.next, p.unacked = p.accepted+1, 0
		p.resent++
		if p.accepted == 0 {
			p.next = max(p.commit, c.term.base.Index) + 1
		}
		c.feed(i)
	}
	c.sendEntries(knowing, tip, tip.Index, nil)
	c.sendEntries(others, tip, tip.Index, c.term.election)
}
