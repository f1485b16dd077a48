package consensus

import "juno"

// Ready is what the host has to do, in one group commit. The order is:
//
//  1. write Truncate, Append and Records to the log as one group, of which recovery keeps
//     everything or nothing;
//  2. sign and send Now, and hand Committed to execution, both at any time;
//  3. if Sync, sync the log, and call Core.Persisted(Seq); without Sync call Persisted at once;
//  4. sign and send After, and give messages back with Core.Step where Out.Self says so.
//
// Readies are written and persisted in the order of Seq; the next one may be written before this
// one is synced, and one sync may serve several: Persisted(seq) covers all up to seq. What a
// Ready points to belongs to the host, but entries and payloads are shared and must not be
// changed.
type Ready struct {
	Seq uint64
	// Truncate, if not nil, is the last index to keep of the log as it is on disk.
	Truncate *juno.Index
	// Append are the entries that follow.
	Append []juno.Entry
	// Tip is where the chain is after Truncate and Append.
	Tip juno.Pos
	// Records are hard state and certificates, to be written behind the entries.
	Records []juno.Record
	// Sync says that somebody waits for this group to be on disk. Without it the records, if
	// any, may be written lazily, with the next group.
	Sync bool
	// After must not leave before the group is on disk.
	After []Out
	// Now may leave at once.
	Now []Out
	// Committed are final entries, in order, all of them on this node's disk already.
	Committed []Committed
	// Forward, if not 0, is the leader to whom requests older than Limits.ForwardTicks go.
	Forward juno.NodeID
	// Epochs are the memberships that came into force, in order; the last one is in force now. A
	// host that checks signatures has to know all of them.
	Epochs []*juno.EpochConfig
	// Certified, if not nil, proves the newest checkpoint; it is in Records too. The log below
	// the one before it is not needed to catch up any more (Y4).
	Certified *juno.CheckpointCertificate
	// Snapshot, if not nil, asks for a state that is ahead of everything the log can give (Y5).
	Snapshot *SnapshotRequest
	// Reset, if not nil, makes the log forget all its entries and begin anew behind this
	// position, before anything else of this Ready: a snapshot was installed (Y5).
	Reset *juno.Pos
	// Evidence was found and is to be kept; it is in Records too.
	Evidence []*Evidence
	// Alarms are things that an operator must see.
	Alarms []Alarm
	// Role, if not nil, is what the node has become.
	Role *RoleChange
}

// Out is a message to be signed (see Sign) and sent.
type Out struct {
	To      []juno.NodeID // whom it goes to, sorted, without ourselves; shared, do not change
	Self    bool          // give it back to Core.Step once it is signed
	Message Message
}

// Committed is a stretch of the log that is final.
type Committed struct {
	Entries []juno.Entry
	Pos     juno.Pos // of the last one
	// Certificate proves Pos, and with it all before. It is nil if we believe f+1 nodes that
	// committed (N9c); a later stretch brings one.
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
	Quarantined Role = 5 // its log is contradicted by a quorum; says nothing any more
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

// RoleChange reports what the node has become, in which term, and who leads it.
type RoleChange struct {
	Role   Role
	Term   juno.Term
	Leader juno.NodeID
}

// Alarm is a condition that no correct node can repair by itself.
type Alarm struct {
	// Text names rule, object, expected and got.
	Text string
}

// Status is a picture of the core for operators and tests.
type Status struct {
	ID            juno.NodeID
	Role          Role
	Term          juno.Term
	Leader        juno.NodeID
	RequestedTerm juno.Term // the term the node wants; not above Term if it is content
	Last          juno.Pos
	Accepted      *juno.Pos // in this term
	Prepared      *juno.Pos // in this term
	Committed     juno.Pos
	HighRank      Rank
	HighPos       juno.Pos
	TermKnown     bool     // it is known why the leader of the term may lead
	Base          juno.Pos // where the chain of the term begins, if Convinced
	Halted        bool
	Config        *juno.EpochConfig
}
