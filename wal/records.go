package wal

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"sort"

	"juno"
)

// Newest returns the newest record of a kind of state that was appended, durable or not, and
// whether there is one. It costs no reading. The bytes are shared and must not be changed.
func (l *Log) Newest(k juno.RecordKind) (juno.Record, bool) {
	if !k.Valid() || k.History() {
		return juno.Record{}, false
	}
	v := l.view.Load()
	return v.states[k-juno.RecordKindMin], v.hasState[k-juno.RecordKindMin]
}

// Find returns the first record of a kind of history that speaks about i or an index above, or
// ErrNoRecord. For proofs that is the one that covers entry i. It costs one pread in a segment
// whose index is in memory, one more for a segment whose is not.
func (l *Log) Find(k juno.RecordKind, i juno.Index) (juno.Record, error) {
	for r, err := range l.Records(k, i, 0) {
		return r, err
	}
	return juno.Record{}, fmt.Errorf("%w: %v at %d or above", ErrNoRecord, k, i)
}

// Records returns the records of a kind of history that speak about [lo, hi), ascending, those
// with the same index in the order in which they were appended; hi 0 is no end. After an error,
// which is the last pair, there are no more. It sees the log as it is at the call.
func (l *Log) Records(k juno.RecordKind, lo, hi juno.Index) iter.Seq2[juno.Record, error] {
	v := l.view.Load()
	return func(yield func(juno.Record, error) bool) {
		if !k.Valid() || !k.History() {
			yield(juno.Record{}, fmt.Errorf("%w: %v is no kind of history", ErrNoRecord, k))
			return
		}
		more := func(r juno.Record) bool { return (hi == 0 || r.Index < hi) && yield(r, nil) }
		for _, s := range v.segments {
			if s.summary != nil && s != v.last() {
				if h := s.summary.history[k-juno.RecordHistoryMin]; !h.present || h.last < lo {
					continue
				}
			}
			if done, err := l.segmentRecords(v, s, k, lo, more); err != nil {
				yield(juno.Record{}, err)
				return
			} else if done {
				return
			}
		}
	}
}

// segmentRecords visits the records of a segment that speak about lo or above, until visit
// returns false.
func (l *Log) segmentRecords(
	v *view, s *segment, k juno.RecordKind, lo juno.Index, visit func(juno.Record) bool,
) (done bool, err error) {
	h, err := l.acquire(s)
	if err != nil {
		return false, err
	}
	defer l.files.release(h)
	index, end := &v.index, v.end
	if s != v.last() {
		if index, err = h.indexOf(s); err != nil {
			return false, err
		}
		end = s.summary.indexOffset
	}
	marks := index.history[k-juno.RecordHistoryMin]
	n := sort.Search(len(marks), func(n int) bool { return marks[n].index >= lo })
	for _, m := range marks[n:] {
		r, err := s.readRecord(h, k, m.offset, end)
		if err != nil {
			return false, err
		}
		if r.Index != m.index {
			return false, s.corrupt(m.offset,
				fmt.Errorf("%v record about %d, the index says %d", k, r.Index, m.index))
		}
		if !visit(r) {
			return true, nil
		}
	}
	return false, nil
}

// recordReadBytes is what is read of a record whose length is not known yet: most are shorter.
const recordReadBytes = 2 << 10

// readRecord reads the record at offset. Batches of the segment end at end.
func (s *segment) readRecord(h *handle, k juno.RecordKind, offset, end int64) (juno.Record, error) {
	b, err := readRange(h.file, offset, min(offset+recordReadBytes, end))
	if err != nil {
		return juno.Record{}, err
	}
	kind, body, n, err := parseRecord(b, s.seed, offset)
	if n > len(b) && int64(n) <= end-offset {
		if b, err = readRange(h.file, offset, offset+int64(n)); err != nil {
			return juno.Record{}, err
		}
		kind, body, _, err = parseRecord(b, s.seed, offset)
	}
	if err == nil && kind != byte(k) {
		err = fmt.Errorf("record of type %#02x, the index says %v", kind, k)
	}
	var r juno.Record
	if err == nil {
		r, err = parseNote(k, body)
	}
	if err != nil {
		return juno.Record{}, s.corrupt(offset, err)
	}
	return r, nil
}

// noteStates keeps the newest state records of a batch.
func (v *view) noteStates(records []juno.Record) {
	for _, r := range records {
		if !r.Kind.History() {
			r.Bytes = bytes.Clone(r.Bytes)
			v.states[r.Kind-juno.RecordKindMin], v.hasState[r.Kind-juno.RecordKindMin] = r, true
		}
	}
}

// stateRecords returns the newest state record of each kind.
func (v *view) stateRecords() []juno.Record {
	var records []juno.Record
	for k, has := range v.hasState {
		if has {
			records = append(records, v.states[k])
		}
	}
	return slices.Clip(records)
}
