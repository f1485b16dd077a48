package juno

import "errors"

// The errors of what is handed to a ledger, whether the ledger is open in this process or is kept
// by the nodes of a cluster. They concern a whole submission. A command that is in the log and was
// refused there is no error: its [Result] says so.
var (
	// ErrBusy: too much is waiting already. Nothing was accepted.
	ErrBusy = errors.New("busy: too many commands are waiting; try again in a moment")
	// ErrUnknown: the submission may be in the log, or get there later. Asking again with the same
	// request number gives its outcome and executes nothing twice.
	ErrUnknown = errors.New("outcome unknown: ask again with the same request number")
	// ErrReused: the log holds another command under this request number.
	ErrReused = errors.New("request number was used for another command")
	// ErrRefused: the submission is not in the log and never will be. Its signature, key or
	// approvals do not suffice, or it cannot follow what is in the log.
	ErrRefused = errors.New("refused")
	// ErrHalted: administrators have halted the ledger. It can still be read.
	ErrHalted = errors.New("the ledger is halted")
	// ErrMissing: the log holds no such request or entry.
	ErrMissing = errors.New("not in the log")
)

// Mode says how the commands of one call are signed.
type Mode uint8

// The modes.
const (
	// Single signs every command by itself.
	Single Mode = iota
	// Batch puts one signature over up to [BatchCommandsMax] commands. Each of them is still an
	// entry of its own, with a result of its own.
	Batch
)

// Progress is told how much of a long task is done. total is 0 where it is not known yet. It may
// be called from any goroutine, and must return at once.
type Progress func(done, total int)

// Outcome is what became of one command.
type Outcome struct {
	// Err is nil if the command is in the log, executed or refused there; then Index, Time and
	// Result are set. If Err wraps ErrUnknown, the command may or may not be in the log. Any other
	// error says that it is not in the log and will not be, except ErrMissing: it is not there yet.
	Err     error
	Request RequestID // the number that the command was sent under
	Index   Index
	Time    Millis // of the entry
	Result  Result
	// Replayed says that the command was in the log already: Result is its first result, and
	// nothing was executed now.
	Replayed bool
}

// Fact is one line of a status: "commit index", 4711.
type Fact struct {
	Name  string
	Value Value
}

// TextFact returns a fact whose value is a text.
func TextFact(name, value string) Fact {
	return Fact{Name: name, Value: Value{Kind: Text, Text: value}}
}

// IntegerFact returns a fact whose value is a number.
func IntegerFact(name string, n int64) Fact {
	return Fact{Name: name, Value: Value{Kind: Integer, Integer: n}}
}

// SnapshotInfo describes a snapshot of the state. Where it comes over the network only the index,
// the hash, the size and the number of signers are known.
type SnapshotInfo struct {
	Index     Index
	StateHash Hash
	Time      Millis // of the entry
	Created   Millis // of the file; 0 where it is not known
	Elements  uint64
	Bytes     int64
	Signer    string // the node that wrote it
	Signers   int    // how many nodes' signatures it carries
	Path      string
	Err       error // why the snapshot cannot be used; nil if nothing is wrong
}
