package wal

import (
	"bytes"
	"fmt"
)

// sectorBytes is the least that a disk writes as a whole or not at all.
const sectorBytes = 512

// tail is the end of the last segment: what follows the last good batch.
type tail struct {
	b       []byte // the whole segment
	seed    seed
	start   int64       // where the last good batch ends
	batches int         // good batches before
	cause   *parseError // what was found at start or behind it; nil if the rest is empty
	// up to where DURABLE says that this segment is durable; 0 if it does not say
	durable int64
}

// damage decides whether the tail is what a crash leaves of batches that were not synced. It
// returns "" if so, and otherwise the evidence that it is damage, see the package doc.
func (t *tail) damage() string {
	switch {
	case t.batches == 0:
		return "the first batch is synced before its segment is"
	case t.durable > t.start:
		return fmt.Sprintf("%s says that the segment was durable up to byte %d",
			markerName, t.durable)
	}
	if at, durable := t.laterHeader(); durable > t.start {
		return fmt.Sprintf("the batch at byte %d was begun when byte %d was durable", at, durable)
	}
	if t.cause != nil && t.b[t.start] != markIndex && !t.looksTorn() {
		return "the batch was written to its end, and changed later"
	}
	return ""
}

// laterHeader searches for batch headers behind the tail's first batch, and returns the furthest
// durable offset that one of them knows of, and where that header stands.
func (t *tail) laterHeader() (at, durable int64) {
	from := t.start + 1
	if h, err := parseBatchHeader(t.b[t.start:], t.seed, t.start); err == nil {
		// Bytes of clients, which could look like a header to whoever knew the salt.
		from = t.start + batchHeaderBytes + int64(h.bodyBytes) + trailerBytes
	}
	for from < int64(len(t.b)) {
		i := bytes.IndexByte(t.b[from:], markBatch)
		if i < 0 {
			break
		}
		from += int64(i)
		h, err := parseBatchHeader(t.b[from:], t.seed, from)
		if err == nil && h.durable > durable {
			at, durable = from, h.durable
		}
		from++
	}
	return at, durable
}

// looksTorn reports whether something of the tail's first batch can be missing, rather than
// changed: a sector of it is empty where it is bad, or its end is.
func (t *tail) looksTorn() bool {
	h, err := parseBatchHeader(t.b[t.start:], t.seed, t.start)
	if err != nil {
		// Torn inside the header: what follows it, the type of a record, is missing too.
		end := t.start + batchHeaderBytes
		return end >= int64(len(t.b)) || t.b[end] == 0 || t.emptySector(t.start, end)
	}
	end := t.start + batchHeaderBytes + int64(h.bodyBytes) + trailerBytes
	return end > int64(len(t.b)) || t.b[end-1] == 0 || t.emptySector(t.cause.offset, end)
}

// emptySector reports whether one of the sectors that overlap [from, to) holds nothing but zeros
// between the start of the tail and to.
func (t *tail) emptySector(from, to int64) bool {
	for sector := from / sectorBytes * sectorBytes; sector < to; sector += sectorBytes {
		part := t.b[max(sector, t.start):min(sector+sectorBytes, to)]
		if len(bytes.TrimLeft(part, "\x00")) == 0 {
			return true
		}
	}
	return false
}
