package audit

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"slices"

	"juno/db/state"
)

// Memory is a state in memory, on top of another one or of nothing. It is made for millions of
// elements: some forty bytes each above their keys and values, and nothing that the garbage
// collector must follow.
//
// Elements are records in blocks of memory: length of the key (2), length of the value (2), room
// for the value (2), key, value. A reference to a record is its block and its offset there, plus 1.
type Memory struct {
	below  state.View // nil: nothing
	seed   maphash.Seed
	blocks [][]byte // the last one is being filled
	table  []uint64 // open addressing: references; 0 is free. A power of two
	count  int
	order  []uint64 // references, sorted by key, of all but the newest elements
	fresh  []uint64 // references of the newest elements
}

const (
	memoryBlockBytes = 1 << 20
	memoryBlockBits  = 21 // of a reference, for the offset plus 1
	memoryHeadBytes  = 6
	// memoryRoomBytes is what a value may grow by in its place.
	memoryRoomBytes = 4
	memoryTableMin  = 1 << 10
	// memoryBlocksSmall is how many blocks are smaller than memoryBlockBytes, each half as long as
	// the next one.
	memoryBlocksSmall = 5
	memoryValueMax    = 1<<16 - 1 - memoryRoomBytes
)

// NewMemory returns an empty state.
func NewMemory() *Memory {
	return &Memory{seed: maphash.MakeSeed(), table: make([]uint64, memoryTableMin)}
}

// record returns the bytes of a record from its head on.
func (m *Memory) record(ref uint64) []byte {
	return m.blocks[ref>>memoryBlockBits][ref&(1<<memoryBlockBits-1)-1:]
}

func keyOf(r []byte) []byte {
	n := int(binary.LittleEndian.Uint16(r))
	return r[memoryHeadBytes : memoryHeadBytes+n : memoryHeadBytes+n]
}

func valueOf(r []byte) []byte {
	start := memoryHeadBytes + int(binary.LittleEndian.Uint16(r))
	end := start + int(binary.LittleEndian.Uint16(r[2:]))
	return r[start:end:end]
}

// slot returns the place of a key in the table: of its reference, or the free one where it would
// be.
func (m *Memory) slot(key []byte) uint64 {
	mask := uint64(len(m.table) - 1)
	for i := maphash.Bytes(m.seed, key) & mask; ; i = (i + 1) & mask {
		if ref := m.table[i]; ref == 0 || bytes.Equal(keyOf(m.record(ref)), key) {
			return i
		}
	}
}

// Put notes the value of an element. It copies both. Bytes that Get returned for the key may
// change. It panics for a key or value of more than 65,000 bytes: no element is that long.
func (m *Memory) Put(key, value []byte) {
	if len(key) > memoryValueMax || len(value) > memoryValueMax {
		panic(fmt.Sprintf("element of %d and %d bytes, at most %d", len(key), len(value),
			memoryValueMax))
	}
	i := m.slot(key)
	if ref := m.table[i]; ref != 0 {
		r := m.record(ref)
		if len(value) <= int(binary.LittleEndian.Uint16(r[4:])) {
			binary.LittleEndian.PutUint16(r[2:], uint16(len(value)))
			copy(valueOf(r), value)
			return
		}
		m.replace(ref, m.add(key, value))
		return
	}
	ref := m.add(key, value)
	m.table[i] = ref
	m.fresh = append(m.fresh, ref)
	if m.count++; 4*m.count > 3*len(m.table) {
		m.grow()
	}
}

// replace puts a record in the place of one that is too short for its new value.
func (m *Memory) replace(old, ref uint64) {
	m.table[m.slot(keyOf(m.record(ref)))] = ref
	if i := slices.Index(m.fresh, old); i >= 0 {
		m.fresh[i] = ref
		return
	}
	if i, found := m.search(keyOf(m.record(ref))); found {
		m.order[i] = ref
	}
}

// add writes a record.
func (m *Memory) add(key, value []byte) uint64 {
	size := memoryHeadBytes + len(key) + len(value) + memoryRoomBytes
	n := len(m.blocks) - 1
	if n < 0 || cap(m.blocks[n])-len(m.blocks[n]) < size {
		// The first blocks are smaller: many states are.
		room := memoryBlockBytes >> max(0, memoryBlocksSmall-len(m.blocks))
		m.blocks = append(m.blocks, make([]byte, 0, max(room, size)))
		n++
	}
	start := len(m.blocks[n])
	b := m.blocks[n][:start+size]
	r := b[start:]
	binary.LittleEndian.PutUint16(r, uint16(len(key)))
	binary.LittleEndian.PutUint16(r[2:], uint16(len(value)))
	binary.LittleEndian.PutUint16(r[4:], uint16(len(value)+memoryRoomBytes))
	copy(r[memoryHeadBytes+copy(r[memoryHeadBytes:], key):], value)
	m.blocks[n] = b
	return uint64(n)<<memoryBlockBits | uint64(start+1)
}

// grow doubles the table.
func (m *Memory) grow() {
	old := m.table
	m.table = make([]uint64, 2*len(old))
	mask := uint64(len(m.table) - 1)
	for _, ref := range old {
		if ref == 0 {
			continue
		}
		i := maphash.Bytes(m.seed, keyOf(m.record(ref))) & mask
		for m.table[i] != 0 {
			i = (i + 1) & mask
		}
		m.table[i] = ref
	}
}

// Get returns the value of an element, nil if there is none. It may change with the next Put.
func (m *Memory) Get(key []byte) ([]byte, error) {
	if ref := m.table[m.slot(key)]; ref != 0 {
		return valueOf(m.record(ref)), nil
	}
	if m.below == nil {
		return nil, nil
	}
	return m.below.Get(key)
}

// sort brings the newest elements into the order of all.
func (m *Memory) sort() {
	if len(m.fresh) == 0 {
		return
	}
	byKey := func(a, b uint64) int {
		return bytes.Compare(keyOf(m.record(a)), keyOf(m.record(b)))
	}
	slices.SortFunc(m.fresh, byKey)
	all := make([]uint64, 0, len(m.order)+len(m.fresh))
	old, fresh := m.order, m.fresh
	for len(old) > 0 && len(fresh) > 0 {
		if byKey(old[0], fresh[0]) < 0 {
			all, old = append(all, old[0]), old[1:]
		} else {
			all, fresh = append(all, fresh[0]), fresh[1:]
		}
	}
	m.order, m.fresh = append(append(all, old...), fresh...), nil
}

// search returns the place of the first element in order that is not below key.
func (m *Memory) search(key []byte) (int, bool) {
	return slices.BinarySearchFunc(m.order, key, func(ref uint64, key []byte) int {
		return bytes.Compare(keyOf(m.record(ref)), key)
	})
}

// Scan calls yield for every element whose key begins with prefix, in order.
func (m *Memory) Scan(prefix []byte, yield func(key, value []byte) bool) error {
	m.sort()
	at, _ := m.search(prefix)
	own := m.order[at:]
	stopped := false
	// give yields our elements below a key, or all that are left, and reports whether to go on.
	give := func(below []byte) bool {
		for len(own) > 0 && !stopped {
			key := keyOf(m.record(own[0]))
			if !bytes.HasPrefix(key, prefix) || below != nil && bytes.Compare(key, below) >= 0 {
				break
			}
			stopped = !yield(key, valueOf(m.record(own[0])))
			own = own[1:]
		}
		return !stopped
	}
	if m.below != nil {
		err := m.below.Scan(prefix, func(key, value []byte) bool {
			if !give(key) {
				return false
			}
			if len(own) > 0 && bytes.Equal(keyOf(m.record(own[0])), key) {
				value, own = valueOf(m.record(own[0])), own[1:]
			}
			stopped = !yield(key, value)
			return !stopped
		})
		if err != nil {
			return err
		}
	}
	give(nil)
	return nil
}
