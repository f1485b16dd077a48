package consensus

import (
	"fmt"

	"juno"
)

// Config is what the host decides about a node. Durations are in ticks, which the host makes
// every 10 ms; a test may shrink every number.
type Config struct {
	ID      juno.NodeID
	Cluster juno.ClusterID
	Limits  Limits
	// Observe makes the node follow and never vote, whatever the membership says. A voter whose
	// disk was lost has forgotten what it promised: it must run so until a new membership gives
	// it another key (docs/SPECIFICATION.md §3.4).
	Observe bool
}

// Limits are the constants of the protocol. The zero value is invalid; start from DefaultLimits.
type Limits struct {
	// InFlightMax is M of rule N1: batches that were proposed and are not committed yet.
	// More of them hide the round trips, fewer make the batches bigger under load.
	InFlightMax int
	// WindowEntriesMax and WindowBytesMax are W of rule N1: how far the log may run ahead of
	// the commit index. They bound the memory of every node.
	WindowEntriesMax int
	WindowBytesMax   int
	// BatchEntriesMax and BatchBytesMax bound one AppendEntries; a client batch that is bigger
	// than BatchBytesMax by itself still goes as one, see groupBytesMax.
	BatchEntriesMax int
	BatchBytesMax   int
	// BatchTarget is how many waiting entries make a leader propose although something is in
	// flight already.
	BatchTarget int
	// CacheEntriesMax is how many committed entries stay in memory for followers that are a
	// little behind; older ones are read through Log.
	CacheEntriesMax int

	HeartbeatTicks uint64 // Thb: leader's empty AppendEntries, everybody's repeated votes
	ElectionTicks  uint64 // Te: patience with a silent leader, doubled by every failed term
	BackoffMax     int    // how often Te doubles
	ForwardTicks   uint64 // Tfwd: age at which a waiting request is handed to the leader
	ComplainTicks  uint64 // Tcomplain: age at which it makes us wish for another leader
	SyncTicks      uint64 // F15: least distance of two requests to the same peer

	RingVotes int // F11: votes kept per voter and term
	RingTerms int // terms kept per voter
	BufferMax int // AppendEntries that wait for what lies before them
	// SyncBytesMax is how much one SyncReply may carry.
	SyncBytesMax int
	// ClockAheadMax is how far an entry's time may be ahead of our clock before we let it wait.
	ClockAheadMax juno.Millis

	// RotateEvery makes a leader resign after so many committed entries (E7); 0 never.
	RotateEvery uint64
	// Revolution lets administrators ask for another leader (E6).
	Revolution bool
}

// DefaultLimits returns the numbers of docs/SPECIFICATION.md §3, for ticks of 10 ms.
func DefaultLimits() Limits {
	return Limits{
		InFlightMax:      4,
		WindowEntriesMax: 65_536,
		WindowBytesMax:   64 << 20,
		BatchEntriesMax:  4096,
		BatchBytesMax:    1 << 20,
		BatchTarget:      1024,
		CacheEntriesMax:  16_384,
		HeartbeatTicks:   5,
		ElectionTicks:    100,
		BackoffMax:       6,
		ForwardTicks:     50,
		ComplainTicks:    500,
		SyncTicks:        3,
		RingVotes:        64,
		RingTerms:        4,
		BufferMax:        32,
		SyncBytesMax:     4 << 20,
		ClockAheadMax:    10_000,
	}
}

// groupBytesMax bounds a client batch with its head, which is never split (docs/SPECIFICATION.md
// §3.2).
const groupBytesMax = 4 << 20

// Check reports the first limit that makes no sense.
func (l *Limits) Check() error {
	counts := []struct {
		name string
		n    int
	}{
		{"InFlightMax", l.InFlightMax},
		{"WindowEntriesMax", l.WindowEntriesMax},
		{"WindowBytesMax", l.WindowBytesMax},
		{"BatchEntriesMax", l.BatchEntriesMax},
		{"BatchBytesMax", l.BatchBytesMax},
		{"BatchTarget", l.BatchTarget},
		{"RingClaims", l.RingVotes},
		{"RingTerms", l.RingTerms},
		{"BufferMax", l.BufferMax},
		{"SyncBytesMax", l.SyncBytesMax},
		{"HeartbeatTicks", int(l.HeartbeatTicks)},
		{"ElectionTicks", int(l.ElectionTicks)},
		{"ForwardTicks", int(l.ForwardTicks)},
		{"ComplainTicks", int(l.ComplainTicks)},
		{"SyncTicks", int(l.SyncTicks)},
	}
	for _, c := range counts {
		if c.n < 1 {
			return fmt.Errorf("limits: %s is %d, want at least 1", c.name, c.n)
		}
	}
	if l.CacheEntriesMax < 0 || l.BackoffMax < 0 || l.BackoffMax > 30 || l.ClockAheadMax < 0 {
		return fmt.Errorf("limits: CacheEntriesMax %d, BackoffMax %d or ClockAheadMax %d is "+
			"negative or too large", l.CacheEntriesMax, l.BackoffMax, l.ClockAheadMax)
	}
	return nil
}

// Validator judges entries by the log before them: rule C1. It is a fold over the log prefix with
// undo, so that all correct nodes judge the same entry alike, however far each has executed.
//
// The core calls it in log order from one goroutine. It must be deterministic.
type Validator interface {
	// Append judges e, the entry right after all that were appended before, and folds it in.
	// After an error nothing is folded in. It judges payloads: signatures, request ids, expiry,
	// authorisation, mode, that a batch head is followed by exactly its commands. Chain, term,
	// time and what stands where are the core's own business.
	Append(e *juno.Entry) error
	// TruncateTo undoes every entry above index, which is never below the commit index.
	TruncateTo(index juno.Index)
}

// Pool holds what clients want to have in the log. The core takes from it while it leads.
// Calls come from the core's goroutine only.
type Pool interface {
	// Next removes and returns the oldest waiting entries, at most entriesMax and bytesMax
	// (of payload), fewer if no more wait. Only Type and Payload are set. A batch head comes
	// with all its commands behind it or not at all; if the very first one is bigger than the
	// limits it is returned alone, because it could never go otherwise.
	Next(entriesMax, bytesMax int) []juno.Entry
	// Len returns how many entries wait.
	Len() int
	// Requeue puts entries that lost their place back to the front, in their order. They were
	// in the log of a leader that was replaced before they committed.
	Requeue(entries []juno.Entry)
	// Reject gives back entries that the Validator refused: one entry, or a batch head with its
	// commands. They are gone unless the host keeps them.
	Reject(entries []juno.Entry, reason error)
	// OldestTicks returns how many ticks ago the oldest request was admitted that is neither
	// committed nor refused yet, also if it was taken or forwarded; false if there is none.
	OldestTicks() (ticks uint64, ok bool)
}

// Log reads what earlier Readies made durable and the core keeps no longer in memory. The core
// asks only for indices at or below the last one reported by Persisted. Answers must be what was
// appended: they are inputs like any other, and a Log that cannot read must stop the process.
type Log interface {
	// First returns the lowest index that can be read; 1 unless the log begins at a snapshot.
	First() juno.Index
	// HashAt returns the chain hash at index, for any index from First()-1 on.
	HashAt(index juno.Index) (juno.Hash, bool)
	// Entries returns the entries [lo, hi), cut short once they take more than bytesMax of
	// payload, but never to none.
	Entries(lo, hi juno.Index, bytesMax int) []juno.Entry
	// Certificate returns the commit certificate with the lowest position at or above index
	// that was ever in a RecordCommit or juno.RecordEpoch, or false.
	Certificate(index juno.Index) (*juno.QuorumCertificate, bool)
}

// Rand is the entropy of a node: for jitter and for choosing whom to ask. It need not be secret.
type Rand interface {
	// Uint64 returns the next number.
	Uint64() uint64
}
