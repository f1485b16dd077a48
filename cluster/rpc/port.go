package rpc

import (
	"context"

	"juno"
)

// Ledger is the node as the server sees it. Its methods are called from several goroutines at a
// time. Errors that wrap one of this package's keep their code; see ErrorOf for the others.
type Ledger interface {
	// Genesis returns what the ledger started from. It never changes.
	Genesis() *juno.Genesis
	// Epochs returns the proofs of all ends of epochs from that of epoch from on, in order; the
	// caller does not change them.
	Epochs(from uint32) ([]juno.EpochChange, error)
	// State returns where the node is. It is called for every frame of answers and must be cheap.
	State() State
	// Client returns whose key that is at the end of the node's log, "" if nobody's, and a number
	// above every request id of that client in the log, final or not.
	Client(key juno.KeyID) (name string, next juno.RequestID)

	// Submit hands a submission to the node and returns at once; the node takes submissions in the
	// order of the calls. done is called exactly once, from any goroutine, with one outcome for
	// each command, or with why the submission is not in the log, or ErrUnknown. The payloads do
	// not change afterwards.
	//
	// What was executed for the first time is answered when the node calls Server.Executed; of the
	// outcomes only those that are Replayed are sent.
	Submit(s Submission, done func([]juno.Outcome, error))
	// Find returns the entry of a request of the client whose key that is, and its result;
	// ErrMissing if it is not among the executed ones.
	Find(ctx context.Context, key juno.KeyID, request juno.RequestID) (
		juno.Entry, juno.Result, error)

	// Query starts a statement once the node has executed index at, and reads it at that index
	// unless it has an AS OF of its own; at 0 stands for whatever is executed.
	Query(ctx context.Context, q juno.Query, at juno.Index) (juno.Rows, error)
	// Proof returns a detached commit certificate at index or later, or nil if none is at hand.
	Proof(ctx context.Context, index juno.Index) (*juno.QuorumCertificate, error)
	// Position returns the newest final position, and the highest certificate that the node holds
	// of either kind, detached; nil if it holds none.
	Position() (juno.Pos, *juno.QuorumCertificate, error)

	// Accounts returns at most limit names of accounts that begin with prefix, in byte order.
	Accounts(ctx context.Context, prefix string, limit int) ([]string, error)
	// Receipt returns the proof of an entry as JSON.
	Receipt(ctx context.Context, index juno.Index) ([]byte, error)
	// Status returns what an operator wants to know first, in the order to be shown.
	Status(ctx context.Context) ([]juno.Fact, error)
	// Admin takes what administrators have signed, and returns once it is on its way.
	Admin(ctx context.Context, kind juno.Kind, payload []byte) error
	// Snapshots returns the snapshots that the node holds, oldest first.
	Snapshots(ctx context.Context) ([]juno.SnapshotInfo, error)
}

// State is where a node is.
type State struct {
	Term juno.Term // with it the epoch, and who leads
	Head juno.Head // the newest executed entry
}
