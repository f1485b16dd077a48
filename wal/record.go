package wal

import (
	"fmt"

	"juno"
)

// Kind says what a record is. The numbers are part of the format; the log knows them only by the
// two ranges, state and history.
type Kind uint8

// Kinds of state: the newest record of a kind replaces the older ones.
const (
	HardState   Kind = 0x10 // term, led term, muted term, mode, …: canonical bytes of the core
	Accepted    Kind = 0x11 // what was accepted in which term
	High        Kind = 0x12 // the highest prepared certificate
	LeaderClaim Kind = 0x13 // the leader's signature over the newest AppendEntries, to relay
)

// Kinds of history: every record is kept, and found by its index.
const (
	Proof      Kind = 0x20 // commit certificate; index: the entry that it commits
	Epoch      Kind = 0x21 // certificate that closed an epoch; index: the Config entry
	Checkpoint Kind = 0x22 // certificate of a snapshot; index: the snapshot's
	Evidence   Kind = 0x23 // two signed messages that contradict each other; index: the tip then
)

// HistoryKindMin is the first kind of history; KindMin and KindMax bound all kinds.
const (
	KindMin        Kind = 0x10
	HistoryKindMin Kind = 0x20
	KindMax        Kind = 0x3f
)

// Valid reports whether k is a kind of state or of history, named above or not.
func (k Kind) Valid() bool { return k >= KindMin && k <= KindMax }

// History reports whether every record of the kind is kept.
func (k Kind) History() bool { return k >= HistoryKindMin }

var kindNames = map[Kind]string{
	HardState: "hard-state", Accepted: "accepted", High: "high", LeaderClaim: "leader-claim",
	Proof: "proof", Epoch: "epoch", Checkpoint: "checkpoint", Evidence: "evidence",
}

// String returns the name that a dump shows.
func (k Kind) String() string {
	if name, ok := kindNames[k]; ok {
		return name
	}
	return fmt.Sprintf("kind(%#02x)", uint8(k))
}

// Record is something that consensus must not forget and the log does not understand.
type Record struct {
	Kind Kind
	// Index is what the record speaks about. Within a kind of history it must never decrease;
	// two records of a kind may have the same.
	Index juno.Index
	Bytes []byte // at most RecordBytesMax
}

// RecordBytesMax bounds the bytes of a record: the largest is a certificate of some hundred
// voters with its links. It also bounds what a damaged length can make a reader allocate.
const RecordBytesMax = 4 << 20

// BatchBytesMax bounds the encoded records of a batch. The leader's own batches are near 1 MiB;
// the rest is for catching up in large steps.
const BatchBytesMax = 64 << 20

// Batch is what one step of the core wants durable together.
type Batch struct {
	// Truncate cuts the log back to TruncateTo first: that entry is the last to stay.
	Truncate   bool
	TruncateTo juno.Index
	// Entries follow the tip, or TruncateTo, without a gap. The log does not keep the payloads.
	Entries []juno.Entry
	Records []Record
	// Tip, unless zero, is where the caller knows the chain to be after the batch. The batch is
	// refused with ErrBatch if the log comes to another result.
	Tip juno.Pos
}

// Chained is an entry together with the chain hash at it.
type Chained struct {
	juno.Entry
	Hash juno.Hash
}

// Pos returns the position of the entry.
func (c *Chained) Pos() juno.Pos { return juno.Pos{Index: c.Index, Hash: c.Hash} }
