package consensus

import "juno"

// Ready lists what the host must do, in one group commit. The order is:
//
//  1. write Truncate, Append and Records to the log as one group, of which recovery keeps
//     everything or nothing;
//  2. sign and send Now, and hand Committed to execution, both at any time;
//  3. if Sync, sync the log, and call Core.Persisted(Seq); without Sync call Persisted at once;
//  4. sign and send After, and pass messages with Out.Self to Core.Step.
//
// Readies are written and persisted in the order of Seq. The next one may be written before this
// one is synced, and one sync may serve several: Persisted(seq) covers all up to seq. A Ready
// belongs to the host, but entries and payloads are shared and must not be changed.
type Ready struct {
	Seq uint64
	// Truncate, if not nil, is the last index of the log on disk to keep.
	Truncate *juno.Index
	// Append are the entries that follow.
	Append []juno.Entry
	// Tip is the end of the chain after Truncate and Append.
	Tip juno.Pos
	// Records are hard state and certificates, to be written behind the entries.
	Records []juno.Record
	// Sync says that messages wait until this group is on disk. Without it the records, if any, may
	// be written lazily, with the next group.
	Sync bool
	// After must not leave before the group is on disk.
	After []Out
	// Now may leave at once.
	Now []Out
	// Committed are final entries, in order, all of them on this node's disk already.
	Committed []Committed
	// Forward, if not 0, is the leader to which requests older than Limits.ForwardTicks are
	// forwarded.
	Forward juno.NodeID
	// Epochs are the memberships that came into force, in order; the last one is in force now. A
	// host that checks signatures must know all of them.
	Epochs []*juno.EpochConfig
	// Certified, if not nil, proves the newest checkpoint; it is in Records too. The log below the
	// checkpoint before it is no longer needed to catch up (Y4).
	Certified *juno.CheckpointCertificate
	// Snapshot, if not nil, asks for a state that is ahead of everything the log can provide (Y5).
	Snapshot *SnapshotRequest
	// Reset, if not nil, makes the log drop all its entries and begin anew behind this position,
	// before anything else of this Ready: a snapshot was installed (Y5).
	Reset *juno.Pos
	// Evidence was found and must be kept; it is in Records too.
	Evidence []*Evidence
	// Alarms are conditions that an operator must see.
	Alarms []Alarm
	// Role, if not nil, is the new role of the node.
	Role *RoleChange
}

// Out is a message to be signed (see Sign) and sent.
type Out struct {
	To      []juno.NodeID // recipients, sorted, without this node; shared, do not change
	Self    bool          // pass it to Core.Step once it is signed
	Message Message
}

// Committed is a stretch of the log that is final.
type Committed struct {
	Entries []juno.Entry
	Pos     juno.Pos // of the last one
	// Certificate proves Pos and all entries before. It is nil if f+1 nodes say that they committed
	// Pos (N9c); a later stretch brings a certificate.
	Certificate *juno.QuorumCertificate
}

// Role is what a node does in the present term.
type Role uint8

// The roles of a node (docs/SPECIFICATION.md §3.1).
const (
	Follower    Role = 1 // follows the leader of the term and votes
	Candidate   Role = 2 // designated leader of the term, without an election certificate yet
	Leader      Role = 3 // proposes
	Observer    Role = 4 // follows and never votes
	Quarantined Role = 5 // its log is contradicted by a quorum; sends nothing any more
)

var roleNames = [...]string{
	Follower: "follower", Candidate: "candidate", Leader: "leader",
	Observer: "observer", Quarantined: "quarantined",
}

// String returns the role in lower case.
func (r Role) String() string {
	if int(r) < len(roleNames) && roleNames[r] != "" {
		return roleNames[r]
	}
	return "role(?)"
}

// RoleChange is the new role of the node, with the term and its leader.
type RoleChange struct {
	Role   Role
	Term   juno.Term
	Leader juno.NodeID
}

// Alarm is a condition that no correct node can repair by itself.
type Alarm struct {
	// Text names the rule, the object, the expected and the actual value.
	Text string
}

// Status is the state of the core for operators and tests.
type Status struct {
	ID            juno.NodeID
	Role          Role
	Term          juno.Term
	Leader        juno.NodeID
	RequestedTerm juno.Term // newest term asked for; not above Term if none
	Last          juno.Pos
	Accepted      *juno.Pos // in this term
	Prepared      *juno.Pos // in this term
	Committed     juno.Pos
	HighRank      Rank
	HighPos       juno.Pos
	TermKnown     bool     // the base of the term is known
	Base          juno.Pos // where the chain of the term begins, if TermKnown
	Halted        bool
	Config        *juno.EpochConfig
}

// outbox collects the contents of the next Ready, and knows what is on disk.
type outbox struct {
	seq       uint64 // of the newest Ready
	persisted uint64
	// gate is the Ready that must be on disk before any message leaves: it records that the node
	// leads the term, or that an epoch ended (docs/SPECIFICATION.md §3.4). Until then Now stays
	// empty.
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
	lazyHard                              bool // a hint changed; no message waits for it

	critical bool // messages may wait for the records
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

// gatedMax bounds the messages that wait behind a closed gate, where a slow disk could let them
// pile up. All of them are of kinds that are repeated if they matter.
const gatedMax = 64

// sendAfter puts a message into After: it leaves only when everything that changed so far is on
// disk.
func (c *Core) sendAfter(to []juno.NodeID, m Message, self bool) {
	c.out.ready.After = append(c.out.ready.After, Out{To: to, Self: self, Message: m})
}

// closeGate holds all messages back until everything that changed so far is on disk.
func (c *Core) closeGate() { c.out.gate = c.out.seq + 1 }

// writeSynced adds a record that messages may wait for.
func (c *Core) writeSynced(r juno.Record) {
	c.out.records = append(c.out.records, r)
	c.out.critical = true
}

// writeLazily adds a record that no message waits for.
func (c *Core) writeLazily(r juno.Record) { c.out.records = append(c.out.records, r) }

// Ready returns what the host must do, if there is anything. The host calls it until it returns
// false.
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

// isEmpty reports whether a Ready holds nothing but records.
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

// Persisted notes that the Ready seq, and every one before it, is on disk. It releases nothing by
// itself: the host sends After, and passes the core's own messages to Step.
func (c *Core) Persisted(seq uint64) {
	o := &c.out
	o.persisted = max(o.persisted, seq)
	for len(o.written) > 0 && o.written[0].seq <= seq {
		o.durable = max(o.durable, o.written[0].last)
		o.written = o.written[1:]
	}
}
