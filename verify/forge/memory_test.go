package forge

import (
	"slices"
	"strings"

	"juno"
	"juno/db/state"
	"juno/snapshot"
)

// memory is a small state.
type memory map[string][]byte

// Get implements state.View.
func (m memory) Get(key []byte) ([]byte, error) { return m[string(key)], nil }

// Scan implements state.View.
func (m memory) Scan(prefix []byte, yield func(key, value []byte) bool) error {
	for _, k := range m.keys() {
		if strings.HasPrefix(k, string(prefix)) && !yield([]byte(k), m[k]) {
			break
		}
	}
	return nil
}

func (m memory) keys() []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// elements returns a copy of all elements, sorted.
func (m memory) elements() []snapshot.Element {
	all := make([]snapshot.Element, 0, len(m))
	for _, k := range m.keys() {
		all = append(all, snapshot.Element{Key: []byte(k), Value: slices.Clone(m[k])})
	}
	return all
}

func memoryOf(all []snapshot.Element) memory {
	m := make(memory, len(all))
	for _, e := range all {
		m[string(e.Key)] = e.Value
	}
	return m
}

// rootOf returns the state hash of elements.
func rootOf(all []snapshot.Element) juno.Hash {
	var h state.SetHash
	for _, e := range all {
		h.Add(e.Key, e.Value)
	}
	return h.Hash()
}
