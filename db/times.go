package db

import (
	"fmt"
	"sort"
	"sync"

	"juno"
)

const (
	// timeBlock is how many times of entries are one record. Times of neighbours are nearly equal,
	// so a block takes little more than one byte per entry, and a look-up decodes one block.
	timeBlock = 256
	// LogBehind is how many entries before its last one a state may read from the log when it is
	// opened, besides those that it lacks: the times of a block that is not full.
	LogBehind = timeBlock - 1
	// timeBlocksKept bounds the decoded blocks in memory, to 8 MiB.
	timeBlocksKept = 4096
)

// times knows when each entry was committed. The log knows it too, but there an entry must be
// read to learn it, and lists of accounts ask for two per row.
//
// A block is the time of its first entry (uvarint) and, for each further one, the milliseconds
// since the one before (uvarint). Entries before the base of the ledger have time 0.
type times struct {
	store *store

	mu     sync.RWMutex
	tail   []juno.Millis            // the block that is not full yet
	number uint64                   // of that block
	kept   map[uint64][]juno.Millis // decoded full blocks
}

func newTimes(s *store) *times {
	return &times{store: s, kept: make(map[uint64][]juno.Millis)}
}

// add appends the times of the entries from first on and returns the blocks that they fill.
func (t *times) add(first juno.Index, all []juno.Millis) []record {
	t.mu.Lock()
	defer t.mu.Unlock()
	var full []record
	for i, v := range all {
		index := first + juno.Index(i)
		if len(t.tail) == 0 {
			t.number = uint64(index) / timeBlock
			// The block may begin before the base: those entries have no time here.
			t.tail = make([]juno.Millis, uint64(index)%timeBlock, timeBlock)
		}
		if t.tail = append(t.tail, v); len(t.tail) == timeBlock {
			full = append(full, record{
				appendTimeKey(nil, t.number), appendTimes(nil, t.tail),
				version(index),
			})
			t.keep(t.number, t.tail)
			t.tail = nil
		}
	}
	return full
}

// keep notes a decoded block; another one goes if there are too many.
func (t *times) keep(number uint64, block []juno.Millis) {
	if len(t.kept) >= timeBlocksKept {
		for other := range t.kept {
			delete(t.kept, other)
			break
		}
	}
	t.kept[number] = block
}

// at returns the time of an entry that is projected.
func (t *times) at(index juno.Index) (juno.Millis, error) {
	block, err := t.block(uint64(index) / timeBlock)
	if err != nil {
		return 0, err
	}
	if i := int(uint64(index) % timeBlock); i < len(block) {
		return block[i], nil
	}
	return 0, damaged(t.store.dir, fmt.Errorf("no time of entry %d", index))
}

// block returns the times of a block; the last one may be short. Nobody changes the result.
func (t *times) block(number uint64) ([]juno.Millis, error) {
	t.mu.RLock()
	block, ok := t.kept[number]
	if !ok && len(t.tail) > 0 && number == t.number {
		block, ok = t.tail, true
	}
	t.mu.RUnlock()
	if ok {
		return block, nil
	}
	last := juno.Index((number+1)*timeBlock - 1)
	value, _, err := t.store.get(appendTimeKey(nil, number), version(last))
	if err != nil || value == nil {
		return nil, err
	}
	if block, err = parseTimes(value); err != nil {
		return nil, damaged(t.store.dir, fmt.Errorf("times of block %d: %w", number, err))
	}
	t.mu.Lock()
	t.keep(number, block)
	t.mu.Unlock()
	return block, nil
}

// find returns the last entry in [lo, hi) with a time at or before v, or lo-1 if there is none.
// Times never decrease along the log.
func (t *times) find(v juno.Millis, lo, hi juno.Index) (juno.Index, error) {
	var failed error
	n := sort.Search(int(hi-lo), func(i int) bool {
		at, err := t.at(lo + juno.Index(i))
		if err != nil {
			failed = err
		}
		return err != nil || at > v
	})
	return lo + juno.Index(n) - 1, failed
}

func appendTimes(b []byte, block []juno.Millis) []byte {
	before := juno.Millis(0)
	for _, v := range block {
		b = juno.AppendUvarint(b, uint64(v-before))
		before = v
	}
	return b
}

func parseTimes(b []byte) ([]juno.Millis, error) {
	d := juno.NewDecoder(b)
	block := make([]juno.Millis, timeBlock)
	at := juno.Millis(0)
	for i := range block {
		at += juno.Millis(d.Uvarint())
		block[i] = at
	}
	return block, d.Done()
}
