package wal

import "juno"

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
	Records []juno.Record
	// Tip, unless zero, is where the caller knows the chain to be after the batch. The batch is
	// refused with ErrBatch if the log comes to another result.
	Tip juno.Pos
}
