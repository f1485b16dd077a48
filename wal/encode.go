package wal

import (
	"encoding/binary"
	"fmt"
	"math"

	"juno"
)

// encoder turns batches into bytes. It is what a segment is at its end: the tip, the index so
// far, and the offset of the next batch.
type encoder struct {
	seed  seed
	end   int64 // offset in the file where the next batch begins
	tip   juno.Pos
	index segmentIndex

	term juno.Term   // of the entry before, in this batch
	time juno.Millis // the same
	any  bool        // there is an entry before in this batch
	head [16]byte    // scratch for the fixed part of a body
}

// batch appends the bytes of a batch to buf, which stands at e.end, and moves e behind it. cut is
// the position to cut back to, or the tip. The caller has checked the batch.
func (e *encoder) batch(buf []byte, b *Batch, cut juno.Pos, durable int64) []byte {
	base := e.end - int64(len(buf))
	from := len(buf)
	buf = append(buf, make([]byte, batchHeaderBytes)...)
	if cut != e.tip {
		body := juno.AppendPos(make([]byte, 0, truncateBodyBytes), cut)
		buf = appendRecord(buf, e.seed, base, typeTruncate, body, nil)
		e.tip = cut
		e.index.truncate()
	}
	e.any = false
	for i := range b.Entries {
		buf = e.entry(buf, &b.Entries[i], base)
	}
	for _, r := range b.Records {
		e.index.record(r.Kind, r.Index, base+int64(len(buf)))
		head := binary.AppendUvarint(e.head[:0], uint64(r.Index))
		buf = appendRecord(buf, e.seed, base, byte(r.Kind), head, r.Bytes)
	}
	bodyBytes := len(buf) - from - batchHeaderBytes
	putBatchHeader(buf[from:], e.seed, e.end, batchHeader{bodyBytes: bodyBytes, durable: durable})
	buf = appendTrailer(buf, e.seed, base, e.tip.Hash)
	e.end = base + int64(len(buf))
	return buf
}

func (e *encoder) entry(buf []byte, entry *juno.Entry, base int64) []byte {
	offset := base + int64(len(buf))
	due := e.index.due(entry.Index, offset)
	if due || e.long(entry.Term, entry.Time) {
		head := juno.AppendU64(e.head[:0], uint64(entry.Term))
		head = juno.AppendU64(head, uint64(entry.Time))
		buf = appendRecord(buf, e.seed, base, typeLong|byte(entry.Type), head, entry.Payload)
	} else {
		head := binary.AppendUvarint(e.head[:0], uint64(entry.Time-e.time))
		buf = appendRecord(buf, e.seed, base, typeShort|byte(entry.Type), head, entry.Payload)
	}
	e.index.entry(due, entry.Index, offset, base+int64(len(buf)), e.tip.Hash)
	e.tip = juno.Pos{Index: entry.Index, Hash: entry.ChainHash(e.tip.Hash)}
	e.term, e.time, e.any = entry.Term, entry.Time, true
	return buf
}

// long reports whether an entry needs the long form because of the entry before it.
func (e *encoder) long(term juno.Term, time juno.Millis) bool {
	return !e.any || term != e.term || time < e.time
}

// checkBatch says why a batch cannot follow tip, before anything is encoded, or how many bytes it
// takes at most. newest holds the index of the newest history record of each kind, and is moved.
func checkBatch(b *Batch, tip juno.Pos, newest *[historyKinds]juno.Index) (int64, error) {
	next, bodyBytes := tip.Index+1, recordBytesAtMost(truncateBodyBytes)
	if b.Truncate {
		next = b.TruncateTo + 1
	}
	for i := range b.Entries {
		e := &b.Entries[i]
		if err := checkEntry(e, next); err != nil {
			return 0, err
		}
		bodyBytes += recordBytesAtMost(len(e.Payload))
		next++
	}
	for _, r := range b.Records {
		if err := checkRecord(r, newest); err != nil {
			return 0, err
		}
		bodyBytes += recordBytesAtMost(len(r.Bytes))
	}
	if bodyBytes > BatchBytesMax {
		return 0, fmt.Errorf("%w: about %d bytes, at most %d", ErrBatch, bodyBytes, BatchBytesMax)
	}
	if b.Tip != (juno.Pos{}) && b.Tip.Index != next-1 {
		return 0, fmt.Errorf("%w: ends at entry %d, the caller says %d",
			ErrBatch, next-1, b.Tip.Index)
	}
	return int64(batchHeaderBytes + bodyBytes + trailerBytes), nil
}

func checkEntry(e *juno.Entry, next juno.Index) error {
	switch {
	case e.Index != next:
		return fmt.Errorf("%w: entry %d where entry %d is next", ErrBatch, e.Index, next)
	case !e.Type.Valid() || byte(e.Type)&^typeEntryMask != 0:
		return fmt.Errorf("%w: entry %d has type %d", ErrBatch, e.Index, e.Type)
	case e.Time < 0:
		return fmt.Errorf("%w: entry %d has time %d", ErrBatch, e.Index, e.Time)
	case len(e.Payload) > juno.EntryPayloadBytesMax:
		return fmt.Errorf("%w: entry %d has a payload of %d bytes, at most %d",
			ErrBatch, e.Index, len(e.Payload), juno.EntryPayloadBytesMax)
	}
	return nil
}

func checkRecord(r juno.Record, newest *[historyKinds]juno.Index) error {
	switch {
	case !r.Kind.Valid():
		return fmt.Errorf("%w: record of unknown kind %v", ErrBatch, r.Kind)
	case len(r.Bytes) > RecordBytesMax:
		return fmt.Errorf("%w: %v record of %d bytes, at most %d",
			ErrBatch, r.Kind, len(r.Bytes), RecordBytesMax)
	case !r.Kind.History():
		return nil
	}
	at := &newest[r.Kind-juno.RecordHistoryMin]
	if r.Index < *at {
		return fmt.Errorf("%w: %v record about %d behind one about %d",
			ErrBatch, r.Kind, r.Index, *at)
	}
	*at = r.Index
	return nil
}

// recordBytesAtMost bounds what a record takes in a batch, whatever its form.
func recordBytesAtMost(payloadBytes int) int {
	const framing = 1 + 5 + 16 + checksumBytes
	return payloadBytes + framing
}

// Offsets are stored in four bytes: a segment and one more batch must stay below that.
const _ = uint(math.MaxUint32 - segmentFileBytesMax)
