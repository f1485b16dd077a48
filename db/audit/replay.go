package audit

import (
	"cmp"
	"fmt"
	"slices"

	"juno"
	"juno/db/state"
)

// CheckState is the name of the check of state hashes.
const CheckState = "state"

const (
	// chunksAhead bounds the entries that wait for the replay.
	chunksAhead = 4
	// changedElementsMax bounds the elements whose hashing is put off.
	changedElementsMax = 64 << 10
)

// kinds are the first bytes of all elements, in order.
const kinds = "abcegkmpw"

// replay executes the entries once more and keeps the books, in a goroutine of its own. If results
// are given it only keeps the books.
type replay struct {
	finding  juno.Finding
	execute  bool
	state    *Memory
	hash     state.SetHash
	changes  state.Changes
	machine  *state.Machine
	effects  state.Effects
	recorded []RecordedState // what is still to be met, in order
	books    *books          // nil if the balances are not asked for

	chunks chan chunk
	done   chan struct{}
	failed error
	broken bool
	ended  bool
}

// chunk is a run of entries, with the results of those that gave more than OK if they are known.
type chunk struct {
	entries []juno.Entry
	results map[juno.Index]juno.Result
}

func newReplay(view state.View, o *Options) (*replay, error) {
	r := &replay{
		finding: juno.Finding{Check: CheckState, From: max(o.From, o.StateAt.Index+1), OK: true},
		execute: o.Replay,
		chunks:  make(chan chunk, chunksAhead), done: make(chan struct{}),
	}
	if o.Balances != nil {
		r.books = newBooks(view, o)
	}
	if o.Replay {
		if err := r.begin(view, o); err != nil {
			return nil, err
		}
	}
	go r.run()
	return r, nil
}

// begin prepares the execution.
func (r *replay) begin(view state.View, o *Options) error {
	r.state, r.machine, r.recorded = NewMemory(), state.NewMachine(), slices.Clone(o.Recorded)
	r.state.below = view
	slices.SortFunc(r.recorded, func(a, b RecordedState) int {
		return cmp.Compare(a.Index, b.Index)
	})
	for _, kind := range []byte(kinds) {
		err := view.Scan([]byte{kind}, func(key, value []byte) bool {
			r.hash.Add(key, value)
			return true
		})
		if err != nil {
			return fmt.Errorf("audit: state at the start: %w", err)
		}
	}
	r.meet(o.StateAt.Index)
	return nil
}

// give hands a copy of entries to the goroutine.
func (r *replay) give(all []juno.Chained, results map[juno.Index]juno.Result) {
	size := 0
	for i := range all {
		size += len(all[i].Payload)
	}
	payloads := make([]byte, 0, size)
	c := chunk{make([]juno.Entry, len(all)), results}
	for i := range all {
		c.entries[i] = all[i].Entry
		start := len(payloads)
		payloads = append(payloads, all[i].Payload...)
		c.entries[i].Payload = payloads[start:len(payloads):len(payloads)]
	}
	r.chunks <- c
}

// stop waits until all entries are executed.
func (r *replay) stop() error {
	if !r.ended {
		r.ended = true
		close(r.chunks)
		<-r.done
	}
	return r.failed
}

func (r *replay) run() {
	defer close(r.done)
	for c := range r.chunks {
		for i := range c.entries {
			if r.broken || r.failed != nil {
				break
			}
			if r.execute {
				r.entry(&c.entries[i])
				continue
			}
			result, ok := c.results[c.entries[i].Index]
			if !ok {
				result = juno.Result{Status: juno.StatusOK}
			}
			r.failed = r.books.entry(&c.entries[i], &result)
		}
	}
	r.changes.Flush(&r.hash)
	if r.execute && r.finding.OK && r.finding.Items > 0 {
		r.finding.Detail = fmt.Sprintf("the state hash at the end is %s", r.hash.Hash())
	}
}

// entry executes one entry.
func (r *replay) entry(e *juno.Entry) {
	result, err := r.machine.Apply(r.state, e, &r.effects)
	if err != nil {
		r.broken = true
		keep(&r.finding, fault{e.Index, "an entry that can be executed", "an error", err.Error()})
		return
	}
	// Before Put: the values before the entry are in the memory that it writes to.
	r.changes.Fold(&r.effects)
	for i := range r.effects.Writes {
		w := &r.effects.Writes[i]
		r.state.Put(w.Key, w.After)
	}
	if r.changes.Len() >= changedElementsMax {
		r.changes.Flush(&r.hash)
	}
	if r.books != nil {
		r.failed = r.books.entry(e, &result)
	}
	r.finding.Items++
	r.meet(e.Index)
}

// meet compares the state with what was recorded of it.
func (r *replay) meet(index juno.Index) {
	for len(r.recorded) > 0 && r.recorded[0].Index <= index {
		want := r.recorded[0]
		r.recorded = r.recorded[1:]
		if want.Index != index {
			continue
		}
		r.changes.Flush(&r.hash)
		if got := r.hash.Hash(); got != want.Hash {
			keep(&r.finding, fault{
				index, want.Hash.String(), got.String(),
				"the entries give another state than the " + want.Where + " says",
			})
		}
	}
}
