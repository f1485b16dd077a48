package wal

import (
	"slices"
	"sort"

	"juno"
)

// checkpoint is a place in a segment where reading may begin: an entry in the long form.
type checkpoint struct {
	index  juno.Index
	offset int64
	before juno.Hash // chain hash at index-1
}

// run is a stretch of entries in a segment without a truncate between them.
type run struct {
	first, last juno.Index
	start, end  int64 // offsets of the first entry, and behind the last
	// checkpoints is append-only; the first is at first. Empty in a run known from a summary.
	checkpoints []checkpoint
}

// mark is where a history record stands.
type mark struct {
	index  juno.Index
	offset int64
}

const (
	stateKinds   = int(juno.RecordHistoryMin - juno.RecordKindMin)
	historyKinds = int(juno.RecordKindMax-juno.RecordHistoryMin) + 1
)

// segmentIndex is the index of a segment while it is written or scanned, and after it was read
// from a sealed one. A copy of the struct is a snapshot: what its slices hold does not change.
type segmentIndex struct {
	closed  []run // runs that a truncate ended
	open    run   // the newest run; open.first is 0 if there is none
	states  [stateKinds]int64
	history [historyKinds][]mark
}

// due reports whether the entry that will stand at offset must be a checkpoint.
func (x *segmentIndex) due(index juno.Index, offset int64) bool {
	if x.open.first == 0 {
		return true
	}
	last := &x.open.checkpoints[len(x.open.checkpoints)-1]
	return index-last.index >= checkpointEntries || offset-last.offset >= checkpointBytes
}

// entry notes the entry at [offset, end), and a checkpoint if due said so.
func (x *segmentIndex) entry(due bool, index juno.Index, offset, end int64, before juno.Hash) {
	if x.open.first == 0 {
		x.open = run{first: index, start: offset}
	}
	if due {
		c := checkpoint{index: index, offset: offset, before: before}
		x.open.checkpoints = append(x.open.checkpoints, c)
	}
	x.open.last, x.open.end = index, end
}

// truncate ends the run: the next entry begins a new one.
func (x *segmentIndex) truncate() {
	if x.open.first != 0 {
		x.closed = append(x.closed, x.open)
		x.open = run{}
	}
}

// record notes a state or history record.
func (x *segmentIndex) record(kind juno.RecordKind, index juno.Index, offset int64) {
	if kind.History() {
		at := &x.history[kind-juno.RecordHistoryMin]
		*at = append(*at, mark{index, offset})
		return
	}
	x.states[kind-juno.RecordKindMin] = offset
}

// runs returns all runs, in the order in which they were written.
func (x *segmentIndex) runs() []run {
	if x.open.first == 0 {
		return slices.Clip(x.closed)
	}
	return append(slices.Clip(x.closed), x.open)
}

// at returns run i.
func (x *segmentIndex) at(i int) *run {
	if i < len(x.closed) {
		return &x.closed[i]
	}
	return &x.open
}

// liveRun returns the run that holds the entry at index, which is below the tip, or false if the
// segment does not hold it: among runs that overlap, the newest is the one that counts.
func (x *segmentIndex) liveRun(index juno.Index) (*run, bool) {
	for i := len(x.closed); i >= 0; i-- {
		r := x.at(i)
		if r.first != 0 && r.first <= index && index <= r.last {
			return r, true
		}
	}
	return nil, false
}

// find returns the number of the checkpoint that index is read from.
func (r *run) find(index juno.Index) int {
	return sort.Search(len(r.checkpoints), func(i int) bool {
		return r.checkpoints[i].index > index
	}) - 1
}

// blockEnd returns the offset up to which to read what begins at checkpoint i.
func (r *run) blockEnd(i int) int64 {
	if i+1 < len(r.checkpoints) {
		return r.checkpoints[i+1].offset
	}
	return r.end
}

// summary is what Open needs to know of a sealed segment.
type summary struct {
	indexOffset int64
	tip         juno.Pos
	runs        []run // without checkpoints
	states      [stateKinds]int64
	history     [historyKinds]historyRange
}

// historyRange says which records of a kind a segment holds.
type historyRange struct {
	present     bool
	first, last juno.Index
}

// summarize returns the summary of a segment whose index will stand at indexOffset.
func (x *segmentIndex) summarize(indexOffset int64, tip juno.Pos) *summary {
	s := &summary{indexOffset: indexOffset, tip: tip, states: x.states}
	for _, r := range x.runs() {
		r.checkpoints = nil
		s.runs = append(s.runs, r)
	}
	for k, marks := range x.history {
		if len(marks) > 0 {
			s.history[k] = historyRange{true, marks[0].index, marks[len(marks)-1].index}
		}
	}
	return s
}
