package sim

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"juno"
	"juno/db/state"
)

// elements is a state.View over a map, with its keys in order.
type elements struct {
	values map[string][]byte
	keys   []string
}

func newElements(all []state.Element) *elements {
	e := &elements{values: make(map[string][]byte, len(all))}
	for i := range all {
		e.put(all[i].Key, all[i].Value)
	}
	return e
}

func (e *elements) clone() *elements {
	return &elements{values: maps.Clone(e.values), keys: slices.Clone(e.keys)}
}

// Get implements state.View. Values are replaced, never overwritten.
func (e *elements) Get(key []byte) ([]byte, error) { return e.values[string(key)], nil }

// Scan implements state.View.
func (e *elements) Scan(prefix []byte, yield func(key, value []byte) bool) error {
	from, _ := slices.BinarySearch(e.keys, string(prefix))
	for _, key := range e.keys[from:] {
		if !strings.HasPrefix(key, string(prefix)) || !yield([]byte(key), e.values[key]) {
			break
		}
	}
	return nil
}

func (e *elements) put(key, value []byte) {
	if _, known := e.values[string(key)]; !known {
		at, _ := slices.BinarySearch(e.keys, string(key))
		e.keys = slices.Insert(e.keys, at, string(key))
	}
	e.values[string(key)] = bytes.Clone(value)
}

// snapshot is a state that a node keeps on its disk.
type snapshot struct {
	pos     juno.Pos
	root    juno.Hash
	view    *elements
	results map[juno.Index]juno.Result
}

// app executes final entries: the state machine of package db/state over a map.
type app struct {
	machine *state.Machine
	view    *elements
	hash    state.SetHash
	changes state.Changes
	fx      state.Effects
	index   juno.Index
	// results are those of commands. They are durable at once: package db has its own tests.
	results map[juno.Index]juno.Result
}

// newApp starts from a snapshot.
func newApp(from *snapshot, results map[juno.Index]juno.Result) *app {
	a := &app{
		machine: state.NewMachine(), view: from.view.clone(), index: from.pos.Index,
		results: results,
	}
	for _, key := range a.view.keys {
		a.hash.Add([]byte(key), a.view.values[key])
	}
	return a
}

// apply executes the next entry.
func (a *app) apply(e *juno.Entry) juno.Result {
	result, err := a.machine.Apply(a.view, e, &a.fx)
	if err != nil {
		panic(fmt.Sprintf("apply entry %d: %v", e.Index, err))
	}
	a.changes.Fold(&a.fx)
	for i := range a.fx.Writes {
		a.view.put(a.fx.Writes[i].Key, a.fx.Writes[i].After)
	}
	a.index = e.Index
	if e.Type == juno.EntryCommand || e.Type == juno.EntryKeyOp {
		a.results[e.Index] = result
	}
	return result
}

// progress returns what the state says of itself.
func (a *app) progress() state.Progress {
	p, err := state.ParseProgress(a.view.values[string(state.ProgressKey())])
	if err != nil {
		panic(fmt.Sprintf("progress at entry %d: %v", a.index, err))
	}
	return p
}

// root returns the state hash.
func (a *app) root() juno.Hash {
	a.changes.Flush(&a.hash)
	return a.hash.Hash()
}

// snapshot copies the state.
func (a *app) snapshot(pos juno.Pos) *snapshot {
	return &snapshot{
		pos: pos, root: a.root(), view: a.view.clone(), results: maps.Clone(a.results),
	}
}

// rootOf computes the state hash of elements that another node sent.
func rootOf(view *elements) juno.Hash {
	var h state.SetHash
	for _, key := range view.keys {
		h.Add([]byte(key), view.values[key])
	}
	return h.Hash()
}
