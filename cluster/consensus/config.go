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
