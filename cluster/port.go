package cluster

import (
	"iter"

	"juno"
	"juno/cluster/consensus"
)

// Log is the durable log. The node writes it from one goroutine, while others read. After the first
// error of Write or Sync the node stops; nothing is tried again, because after a failed sync the
// contents of the disk are unknown.
type Log interface {
	consensus.Log
	// Write appends one group, of which recovery keeps everything or nothing. It may be read at
	// once, and is durable after the next Sync. A group with Reset replaces the whole log, and
	// is durable when Write returns.
	Write(g Group) error
	// Sync makes everything durable that was written before.
	Sync() error
	// Entry returns one entry that was written.
	Entry(index juno.Index) (juno.Entry, error)
	// Committed notes that everything up to index is final and will never be truncated.
	Committed(index juno.Index)
	// Idle is called when nothing was written for a while, and before a clean end.
	Idle() error
	// Certified notes that a quorum has signed the state at index: a node behind it does not need
	// the entries up to there (Y4). The log may drop them, or keep them for auditors. It is called
	// by the goroutine that calls Write.
	Certified(index juno.Index) error
	// Stored returns the input of a new core, as of the newest write.
	Stored() (*consensus.Stored, error)
}

// Group is written together: first the reset or the truncation, then entries, then records.
type Group struct {
	Reset    *juno.Pos   // begin anew behind this position; nil goes on
	Truncate *juno.Index // last index to keep; nil keeps all
	Entries  []juno.Entry
	Tip      juno.Pos // end of the chain after them
	Records  []juno.Record
}

// Machine executes final entries. The node calls it from one goroutine.
type Machine interface {
	// Apply executes entries, which continue where the last call ended, and returns one result for
	// each. It may block while its projection is behind. An error stops the node.
	Apply(entries []juno.Entry) ([]juno.Result, error)
	// Result returns the result of an entry that was executed, also before the last restart.
	Result(index juno.Index) (juno.Result, error)
	// Find returns the index of a client's request among the executed entries, for requests whose
	// index the Validator no longer knows.
	Find(client string, request juno.RequestID) (juno.Index, bool, error)
}

// Validator decides whether an entry may follow the log before it, and knows which requests are in
// the log. The node calls it from the core's goroutine only.
type Validator interface {
	consensus.Validator
	// Keyring returns the clients' keys after the last entry. It must not be changed, and is
	// read only until the next call of Append or TruncateTo.
	Keyring() *juno.Keyring
	// Lookup returns the index of a client's request in the log. Index 0 with used true means that
	// it is there, but too far back for the Validator.
	Lookup(client string, request juno.RequestID) (index juno.Index, used bool)
	// Highest returns the highest request number that a client used in the log, 0 for none.
	Highest(client string) juno.RequestID
	// Committed allows the Validator to drop what undoing entries up to index needs.
	Committed(index juno.Index)
}

// States keeps copies of the executed state: nodes sign the state at every checkpoint together, and
// a node that is too far behind for the log takes it over (Y4, Y5).
type States interface {
	// Checkpoint is called right after the entry at pos was executed, by the goroutine that calls
	// Machine.Apply. It returns the hash of the state there, and keeps the state until a newer one
	// is certified. It returns false inside a client's batch, as on all nodes.
	Checkpoint(pos juno.Pos) (root juno.Hash, ok bool, err error)
	// Certified notes that a quorum has signed the state of a checkpoint. The log may be dropped up
	// to the checkpoint before it.
	Certified(k *juno.CheckpointCertificate)
	// Elements yields the state at a certified checkpoint in the order of its keys.
	Elements(index juno.Index) (iter.Seq2[Element, error], error)
	// Receive begins to receive the state of a checkpoint, and proves the checkpoint anew from the
	// genesis on.
	Receive(wanted *consensus.SnapshotRequest) (Incoming, error)
	// Install makes a received state the one from which Machine goes on. The log begins behind it
	// already. It is called by the goroutine that calls Machine.Apply.
	Install(at juno.Pos) error
}

// Element is one element of a state.
type Element struct{ Key, Value []byte }

// Incoming is a state that is being received.
type Incoming interface {
	// Put takes the next element. Keys ascend. It keeps neither slice.
	Put(e Element) error
	// Finish checks the state against the checkpoint, makes it durable, and returns the
	// Validator as of that state.
	Finish() (Validator, error)
	// Abort drops the received part.
	Abort()
}
