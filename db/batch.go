package db

import (
	"juno"
	"juno/db/state"
)

const (
	// batchEntriesMin is from how many entries on a batch is handed to the projector while more
	// are being applied: enough that the store's price per batch disappears.
	batchEntriesMin = 2048
	// batchArenaBytes is what a batch of that size needs for a transfer per entry.
	batchArenaBytes = batchEntriesMin * 160
)

// batch is what a run of entries did: made by the applying goroutine, consumed by the projector.
type batch struct {
	first, last juno.Index
	time        juno.Millis // of the last entry
	quiet       bool        // the last entry is not inside a client's batch

	writes  []state.Write // of elements that are no session elements, in order
	indexes []juno.Index  // of the entry of each write
	others  []record      // results, request anchors
	times   []juno.Millis // one per entry

	touched  []*session      // while it is filled
	sessions []state.Element // touched ones, with their values at the end of the batch

	arena []byte // what the slices above point to
}

// entries returns how many entries are in the batch.
func (b *batch) entries() int { return len(b.times) }

// reset empties the batch and keeps its memory.
func (b *batch) reset() {
	clear(b.writes)
	clear(b.others)
	clear(b.touched)
	clear(b.sessions)
	*b = batch{
		writes: b.writes[:0], indexes: b.indexes[:0], others: b.others[:0], times: b.times[:0],
		touched: b.touched[:0], sessions: b.sessions[:0], arena: b.arena[:0],
	}
}

// keep copies p into the arena.
func (b *batch) keep(p []byte) []byte {
	if cap(b.arena)-len(b.arena) < len(p) {
		// What was handed out goes on pointing to the old arena.
		b.arena = make([]byte, 0, max(batchArenaBytes, len(p)))
	}
	start := len(b.arena)
	b.arena = append(b.arena, p...)
	return b.arena[start:len(b.arena):len(b.arena)]
}

// write notes a changed element.
func (b *batch) write(w *state.Write, index juno.Index) {
	kept := state.Write{Key: b.keep(w.Key), After: b.keep(w.After)}
	if w.Before != nil {
		kept.Before = b.keep(w.Before)
	}
	b.writes = append(b.writes, kept)
	b.indexes = append(b.indexes, index)
}

// accepted is the result that is not stored.
var accepted = juno.Result{Status: juno.StatusOK}

// entry ends the effects of an entry.
func (b *batch) entry(e *juno.Entry, r *juno.Result) {
	if len(b.times) == 0 {
		b.first = e.Index
	}
	b.last, b.time = e.Index, e.Time
	b.times = append(b.times, e.Time)
	if *r != accepted {
		key := appendResultKey(nil, e.Index)
		b.others = append(b.others, record{key, juno.AppendResult(nil, r), version(e.Index)})
	}
}

// session notes the value of a session element at the end of the batch.
func (b *batch) session(key string, value []byte) {
	b.sessions = append(b.sessions, state.Element{
		Key: b.keep([]byte(key)), Value: b.keep(value),
	})
}
