package consensus

import (
	"fmt"

	"juno"
)

// Config is the host's configuration of a node. Durations are in ticks, which the host makes every
// 10 ms; a test may shrink every number.
type Config struct {
	ID      juno.NodeID
	Cluster juno.ClusterID
	Limits  Limits
	// Observe makes the node follow and never vote, whatever the membership says. A voter whose
	// disk was lost does not know what it has promised: it must run as an observer until a new
	// membership gives it another key (docs/SPECIFICATION.md §3.4).
	Observe bool
}

// Limits are the constants of the protocol. The zero value is invalid; start from DefaultLimits.
type Limits struct {
	// InFlightMax is M of rule N1: the number of batches that are proposed and not committed. More
	// batches hide the round trips, fewer make the batches bigger under load.
	InFlightMax int
	// WindowEntriesMax and WindowBytesMax are W of rule N1: how far the log may run ahead of
	// the commit index. They bound the memory of every node.
	WindowEntriesMax int
	WindowBytesMax   int
	// BatchEntriesMax and BatchBytesMax bound one append. A client batch that is bigger than
	// BatchBytesMax by itself still goes as one, see groupBytesMax.
	BatchEntriesMax int
	BatchBytesMax   int
	// BatchTarget is how many waiting entries make a leader propose while a batch is in flight.
	BatchTarget int
	// CacheEntriesMax is how many committed entries stay in memory for followers that are a little
	// behind; older ones are read through Log.
	CacheEntriesMax int

	HeartbeatTicks uint64 // Thb: interval of the leader's empty appends and of repeated votes
	ElectionTicks  uint64 // Te: timeout of a silent leader, doubled by every failed term
	BackoffMax     int    // how often Te doubles
	ForwardTicks   uint64 // Tfwd: age at which a waiting request is forwarded to the leader
	ComplainTicks  uint64 // Tcomplain: age at which a waiting request causes a term change
	SyncTicks      uint64 // F15: least distance of two sync requests to the same peer

	RingVotes int // F11: votes kept per voter and term
	RingTerms int // terms kept per voter
	BufferMax int // appends that wait for their predecessors
	// SyncBytesMax bounds the entries of one SyncReply.
	SyncBytesMax int
	// ClockAheadMax is how far an entry's time may be ahead of the node's clock; a later entry
	// waits.
	ClockAheadMax juno.Millis

	// RotateEvery makes a leader resign after that many committed entries (E7); 0 means never.
	RotateEvery uint64
	// Revolution allows administrators to depose a leader (E6).
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

// Check returns an error for the first limit that is out of range.
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

// Validator decides whether an entry may follow the log before it: rule C1. It is a fold over the
// log prefix with undo, so that all correct nodes decide alike about the same entry, however far
// each has executed.
//
// The core calls it in log order from one goroutine. It must be deterministic.
type Validator interface {
	// Append validates e, the entry right after all that were appended before, and folds it in.
	// After an error nothing is folded in. It validates payloads: signatures, request ids, expiry,
	// authorisation, mode, and that a batch head is followed by exactly its commands. The core
	// validates chain, term, time and the order of entry types.
	Append(e *juno.Entry) error
	// TruncateTo undoes every entry above index, which is never below the commit index.
	TruncateTo(index juno.Index)
}

// Pool holds the entries that wait for a place in the log. The core removes entries while it leads.
// Calls come from the core's goroutine only.
type Pool interface {
	// Next removes and returns the oldest waiting entries, at most entriesMax and bytesMax (of
	// payload), fewer if no more wait. Only Type and Payload are set. A batch head comes with all
	// its commands behind it or not at all. If the first batch is bigger than the limits it is
	// returned alone, because otherwise it could never be proposed.
	Next(entriesMax, bytesMax int) []juno.Entry
	// Len returns how many entries wait.
	Len() int
	// Requeue puts entries that lost their place back to the front, in their order. They were in
	// the log of a leader that was replaced before they committed.
	Requeue(entries []juno.Entry)
	// Reject returns entries that the Validator refused: one entry, or a batch head with its
	// commands. They are dropped unless the host keeps them.
	Reject(entries []juno.Entry, reason error)
	// OldestTicks returns the age of the oldest admitted request that is neither committed nor
	// refused, whether or not it was taken or forwarded; false if there is none.
	OldestTicks() (ticks uint64, ok bool)
}

// Log reads entries that earlier Readies made durable and that the core no longer keeps in memory.
// The core asks only for indices at or below the last one reported by Persisted. Answers must be
// what was appended: they are inputs like any other, and a Log that cannot read must stop the
// process.
type Log interface {
	// First returns the lowest index that can be read; 1 unless the log begins at a snapshot.
	First() juno.Index
	// HashAt returns the chain hash at index, for any index from First()-1 on.
	HashAt(index juno.Index) (juno.Hash, bool)
	// Entries returns the entries [lo, hi), cut short once they take more than bytesMax of
	// payload, but never to none.
	Entries(lo, hi juno.Index, bytesMax int) []juno.Entry
	// Certificate returns the commit certificate with the lowest position at or above index that
	// was ever in a juno.RecordProof or juno.RecordEpoch, or false.
	Certificate(index juno.Index) (*juno.QuorumCertificate, bool)
}

// Rand is the source of randomness of a node: for jitter, and for the choice of a peer to ask. It
// need not be secret.
type Rand interface {
	// Uint64 returns the next number.
	Uint64() uint64
}
