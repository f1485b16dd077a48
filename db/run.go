package db

import (
	"errors"
	"fmt"

	"juno"
)

// A run is several changes of one balance in one record. An account that is part of every transfer
// changes a thousand times in a stretch that is projected at once; badger takes two microseconds
// for each record, and a run takes as long as one.
//
// The record lies under the key and at the version of the run's first change, so that a reader who
// asks for an index meets the newest change up to it, or the run that has it. Bytes:
//
//	size  field
//	1     runTag
//	then for each change, ascending:
//	      entries since the change before (uvarint); 0 for the first one
//	      value (length, bytes)
//
// A run has at least two changes; one change alone is stored as its value.
const (
	// runTag begins no balance: it would be minus nothing.
	runTag = 0x80
	// runChangesMax bounds what a reader decodes for one change, to about a microsecond.
	runChangesMax = 128
	// balanceBytesMax is the longest value of a balance: two heads, two numbers, the counter.
	balanceBytesMax = 2 + 2*64 + 10
)

// A run always fits a record.
const _ = uint(valueBytesMax - 1 - runChangesMax*(10+2+balanceBytesMax))

// holdsRun reports whether a record of the store is a run: of a balance, or in a bucket of one.
func holdsRun(key, value []byte) bool {
	return isRun(value) && (isBalance(key) || len(key) > 0 && key[0] == spaceBucket)
}

// isRun reports whether what is stored of a balance is a run.
func isRun(value []byte) bool { return len(value) > 0 && value[0] == runTag }

// appendRunChange appends one change to a run, which begins with runTag.
func appendRunChange(b []byte, gap juno.Index, value []byte) []byte {
	return juno.AppendBytes(juno.AppendUvarint(b, uint64(gap)), value)
}

// nextInRun reads one change. index is that of the change before, and of the record for the first.
func nextInRun(d *juno.Decoder, index juno.Index, first bool) (change, error) {
	gap, value := juno.Index(d.Uvarint()), d.Bytes(balanceBytesMax)
	if err := d.Err(); err != nil {
		return change{}, err
	}
	if first != (gap == 0) || index+gap < index || len(value) == 0 {
		return change{}, fmt.Errorf("a change %d entries after %d, of %d bytes", gap, index,
			len(value))
	}
	return change{index + gap, value}, nil
}

// parseRun appends the changes of a run that begins at the entry first, ascending. They share the
// run's bytes.
func parseRun(all []change, value []byte, first juno.Index) ([]change, error) {
	before := len(all)
	d := juno.NewDecoder(value)
	if tag := d.U8(); tag != runTag {
		return all, fmt.Errorf("run begins with %#x, want %#x", tag, runTag)
	}
	for at := first; d.Rest() > 0; {
		c, err := nextInRun(d, at, len(all) == before)
		if err != nil {
			return all[:before], err
		}
		all, at = append(all, c), c.index
	}
	if n := len(all) - before; n < 2 || n > runChangesMax {
		return all[:before], fmt.Errorf("run of %d changes, want 2 to %d", n, runChangesMax)
	}
	return all, nil
}

var errEmptyRun = errors.New("run without changes")

// latestInRun returns the newest change of a run that is not above at.
func latestInRun(value []byte, first, at juno.Index) (change, error) {
	d := juno.NewDecoder(value[1:])
	var latest change
	for index := first; d.Rest() > 0; {
		c, err := nextInRun(d, index, latest.value == nil)
		if err != nil {
			return c, err
		}
		if c.index > at {
			break
		}
		latest, index = c, c.index
	}
	if latest.value == nil {
		return latest, errEmptyRun
	}
	return latest, nil
}

// latest returns the newest change of a key up to the entry at index; its value is nil if there is
// none. It costs one look-up.
func (s *store) latest(key []byte, at juno.Index) (change, error) {
	value, found, err := s.get(key, version(at))
	if err != nil || value == nil {
		return change{}, err
	}
	return s.latestOf(key, change{indexOf(found), value}, at)
}

// latestOf returns the newest change up to the entry at index of what a record holds.
func (s *store) latestOf(key []byte, record change, at juno.Index) (change, error) {
	if !holdsRun(key, record.value) {
		return record, nil
	}
	c, err := latestInRun(record.value, record.index, at)
	return c, s.badRun(key, record, err)
}

// changesIn returns all changes that a record holds, ascending.
func (s *store) changesIn(key []byte, record change) ([]change, error) {
	if !holdsRun(key, record.value) {
		return []change{record}, nil
	}
	all, err := parseRun(nil, record.value, record.index)
	return all, s.badRun(key, record, err)
}

// badRun says where a run is damaged, if err is not nil.
func (s *store) badRun(key []byte, record change, err error) error {
	if err == nil {
		return nil
	}
	return damaged(s.dir, fmt.Errorf("changes of %.80q from entry %d: %w", key, record.index, err))
}

// openRun is a run that may go on while its stretch is gathered.
type openRun struct {
	record  int // its place in the records of the stretch
	changes int
	last    juno.Index
	bytes   []byte // from the second change on
}

// runs makes the records of the balances that changed in a stretch of entries. Its memory is used
// again for the next stretch, when the records of this one are written.
type runs struct {
	// plain is the newest entry whose changes are each stored alone. What a crash left in the
	// store above the sync point can hold runs with other ends than those that come now, and one
	// inside of another would hide what comes after it. So up to what the log held when the store
	// was opened, each change has a record of its own: whatever a run there says beyond its first
	// change, later records say too, and they come first.
	plain juno.Index

	open map[string]int // by key of the balance: its newest run
	all  []openRun
}

// reset forgets the stretch.
func (r *runs) reset() {
	clear(r.open)
	r.all = r.all[:0]
}

// add notes a change of a balance among the records of the stretch.
func (r *runs) add(records []record, key, value []byte, index juno.Index) []record {
	change := changesOf(value)
	// The first change of a later bucket lies alone under the balance's own key, between the runs
	// of two buckets.
	alone := index <= r.plain || opensBucket(change) && bucketOf(change) > 0
	if i, ok := r.open[string(key)]; ok && !alone && r.all[i].changes < runChangesMax {
		r.all[i].extend(&records[r.all[i].record], value, index)
		return records
	}
	records = append(records, elementRecord(key, value, index))
	if alone {
		delete(r.open, string(key))
		return records
	}
	if r.open == nil {
		r.open = make(map[string]int)
	}
	n := len(r.all)
	if n == cap(r.all) {
		r.all = append(r.all, openRun{})
	}
	r.all = r.all[:n+1]
	r.all[n] = openRun{record: len(records) - 1, changes: 1, last: index, bytes: r.all[n].bytes}
	r.open[string(key)] = n
	return records
}

// extend adds a change to the run that record holds.
func (o *openRun) extend(record *record, value []byte, index juno.Index) {
	if o.changes == 1 {
		o.bytes = appendRunChange(append(o.bytes[:0], runTag), 0, record.value)
	}
	o.bytes = appendRunChange(o.bytes, index-o.last, value)
	o.changes++
	o.last = index
	record.value = o.bytes
}
