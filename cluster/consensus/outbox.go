package consensus

import "juno"

// outbox collects what the next Ready tells the host, and knows what is on disk already.
type outbox struct {
	seq       uint64 // of the newest Ready
	persisted uint64
	// gate is the Ready that must be on disk before anything leaves: it holds that we lead the
	// term, or that an epoch ended (docs/SPECIFICATION.md §3.4). Until then nothing goes into Now.
	gate  uint64
	gated int // messages that wait for it

	handed  juno.Index // entries up to here were in some Ready
	durable juno.Index // entries up to here are on disk
	written []written  // Readies that are not on disk yet

	truncate *juno.Index
	// What changed since the last Ready.
	dirtyHard, dirtyAccepted, dirtyHighQC bool
	dirtyVote, dirtyNewTerm               bool
	dirtyHeaders                          bool
	lazyHard                              bool // a hint changed, nobody waits for it

	critical bool // somebody may wait for the records
	records  []juno.Record
	ready    Ready
	role     *RoleChange
}

// written is a Ready on its way to the disk.
type written struct {
	seq  uint64
	last juno.Index // newest entry that will be durable with it
}

// send puts a message into Now, or into After while the gate is closed.
func (c *Core) send(to []juno.NodeID, m Message) {
	if c.out.persisted < c.out.gate {
		if c.out.gated++; c.out.gated <= gatedMax {
			c.sendAfter(to, m, false)
		}
		return
	}
	c.out.gated = 0
	c.out.ready.Now = append(c.out.ready.Now, Out{To: to, Message: m})
}

// gatedMax bounds the messages that wait behind a closed gate, where a slow disk could let them pile
// up. All of them are of kinds that are sent again if they matter.
const gatedMax = 64

// sendAfter puts a message into After: it may leave only with everything on disk that changed
// until now.
func (c *Core) sendAfter(to []juno.NodeID, m Message, self bool) {
	c.out.ready.After = append(c.out.ready.After, Out{To: to, Self: self, Message: m})
}

// closeGate holds all messages back until what changed until now is on disk.
func (c *Core) closeGate() { c.out.gate = c.out.seq + 1 }

// writeSynced adds a record that somebody may wait for.
func (c *Core) writeSynced(r juno.Record) {
	c.out.records = append(c.out.records, r)
	c.out.critical = true
}

// writeLazily adds a record that nobody waits for.
func (c *Core) writeLazily(r juno.Record) { c.out.records = append(c.out.records, r) }

// Ready returns what is to be done, if there is anything. The host calls it until there is not.
func (c *Core) Ready() (Ready, bool) {
	c.sendNewTerm()
	c.vote()
	c.deliver()
	o := &c.out
	r := o.ready
	tip := c.log.tip()
	r.Truncate, r.Tip = o.truncate, tip
	if tip.Index > o.handed {
		r.Append = c.log.slice(o.handed+1, tip.Index+1)
	}
	c.stateRecords()
	r.Records, r.Role = o.records, o.role
	r.Sync = o.critical || r.Truncate != nil || len(r.Append) > 0
	if !r.Sync && len(r.Records) == 0 && r.isEmpty() {
		return Ready{}, false
	}
	o.seq++
	r.Seq = o.seq
	o.handed = tip.Index
	if r.Sync {
		o.written = append(o.written, written{seq: r.Seq, last: tip.Index})
	}
	o.truncate, o.records, o.role, o.ready, o.critical = nil, nil, nil, Ready{}, false
	return r, true
}

// isEmpty reports whether nothing but records could be in the Ready.
func (r *Ready) isEmpty() bool {
	return len(r.After) == 0 && len(r.Now) == 0 && len(r.Committed) == 0 && r.Forward == 0 &&
		len(r.Epochs) == 0 && r.Snapshot == nil && len(r.Evidence) == 0 && len(r.Alarms) == 0 &&
		r.Certified == nil && r.Reset == nil && r.Role == nil
}

// stateRecords adds the records of the state that changed.
func (c *Core) stateRecords() {
	o := &c.out
	o.critical = o.critical || o.dirtyHard || o.dirtyAccepted || o.dirtyHighQC
	if o.dirtyHard || o.lazyHard {
		c.hard.Committed = c.commit
		if c.commit.Index > o.durable { // a hint must not point beyond what a crash leaves
			c.hard.Committed, _ = c.posAt(o.durable)
		}
		o.records = append(o.records, c.hard.record())
	}
	if o.dirtyAccepted {
		o.records = append(o.records, c.accepted.record())
	}
	if o.dirtyHighQC {
		o.records = append(o.records, c.highQC.record())
	}
	if o.dirtyHeaders {
		o.records = append(o.records, headersRecord(c.term.headers, c.commit.Index))
	}
	o.dirtyHeaders = false
	o.dirtyHard, o.lazyHard, o.dirtyAccepted, o.dirtyHighQC = false, false, false, false
}

// posAt returns the position of an index on the log.
func (c *Core) posAt(index juno.Index) (juno.Pos, bool) {
	h, ok := c.log.HashAt(index)
	return juno.Pos{Index: index, Hash: h}, ok
}

// Persisted tells that the Ready seq, and every one before it, is on disk. It releases nothing by
// itself: the host sends After and gives our own messages back.
func (c *Core) Persisted(seq uint64) {
	o := &c.out
	o.persisted = max(o.persisted, seq)
	for len(o.written) > 0 && o.written[0].seq <= seq {
		o.durable = max(o.durable, o.written[0].last)
		o.written = o.written[1:]
	}
}
