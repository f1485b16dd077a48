package db

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"

	"juno"
)

// The cache is a ring of records without pointers, so that a million accounts take little more
// than their bytes and cost the garbage collector nothing. A record begins at a multiple of 16:
//
//	offset size field
//	     0    4 hash of the key, or 0 for a record that is dead
//	     4    4 index of the entry that gave the value, modulo 2^32
//	     8    2 length of the key
//	    10    2 length of the value
//	    12    2 length of the whole record / 16
//	    14    1 bit 0: used since the ring came by; bit 1: badger may not have the value yet
//	    16      key, value, room for a longer value
const (
	recordHeadBytes = 16
	recordUnitBytes = 16
	// recordRoomBytes is what a value may grow by without moving: a balance does, slowly.
	recordRoomBytes = 3
	cacheRecordMax  = 1024 // longer ones lie aside
	cacheBytesMin   = 64 << 10

	recordUsed  = 1
	recordDirty = 2

	// A bucket finds the records whose hashes begin alike. It is half full on average, so that
	// few records find theirs full.
	bucketWays    = 8
	bucketBytes   = bucketWays * (2 + 4)
	ringPerBucket = bucketWays / 2 * 3 * recordUnitBytes // a record of usual length takes 3 units

	// turnsMax bounds the records that are given another turn to make room for one.
	turnsMax = 4
	// asideMax is how many elements lie aside before those that badger has are dropped: elements
	// that are too long, and those that found no room among others not projected yet.
	asideMax = 4096
)

// cache holds the newest values of elements: those that badger does not have yet, which it never
// drops, and others as far as there is room. Only the applying goroutine uses it.
type cache struct {
	seed    maphash.Seed
	ring    []byte
	oldest  int // offset of the oldest record
	next    int // offset of the next record
	free    int // bytes from next to oldest
	buckets []bucket

	spared []asideKey // records that get another turn; empty between calls

	aside      map[string]asideValue
	asideLimit int
	// projected is the index up to which badger has everything.
	projected juno.Index
}

// bucket holds, for up to bucketWays records, 16 bits of the hash, and the place in the ring in
// units, plus 1; 0 is free.
type bucket struct {
	tags [bucketWays]uint16
	at   [bucketWays]uint32
}

type asideValue struct {
	value []byte
	index juno.Index
}

// asideKey is a record outside of the ring.
type asideKey struct{ key, value []byte }

// newCache returns a cache of about that many bytes.
func newCache(size int) *cache {
	buckets := max(size, cacheBytesMin) / (ringPerBucket + bucketBytes)
	ring := buckets * ringPerBucket
	return &cache{
		seed: maphash.MakeSeed(), ring: make([]byte, ring), free: ring,
		buckets: make([]bucket, buckets), aside: make(map[string]asideValue), asideLimit: asideMax,
	}
}

// hash returns the hash of a key that its record holds, never 0, and its bucket.
func (c *cache) hash(key []byte) (uint32, *bucket) {
	h := maphash.Bytes(c.seed, key)
	return uint32(h) | 1, &c.buckets[(h>>32)*uint64(len(c.buckets))>>32]
}

// find returns the offset of a key's record and its way in the bucket, or -1.
func (c *cache) find(key []byte, hash uint32, b *bucket) (offset, way int) {
	tag := uint16(hash >> 16)
	for i := range b.at {
		if b.tags[i] != tag || b.at[i] == 0 {
			continue
		}
		at := int(b.at[i]-1) * recordUnitBytes
		r := c.ring[at:]
		if binary.LittleEndian.Uint32(r) == hash && bytes.Equal(recordKey(r), key) {
			return at, i
		}
	}
	return -1, -1
}

func recordKey(r []byte) []byte {
	return r[recordHeadBytes : recordHeadBytes+int(binary.LittleEndian.Uint16(r[8:]))]
}

func recordValue(r []byte) []byte {
	start := recordHeadBytes + int(binary.LittleEndian.Uint16(r[8:]))
	return r[start : start+int(binary.LittleEndian.Uint16(r[10:]))]
}

func recordBytes(r []byte) int { return recordUnitBytes * int(binary.LittleEndian.Uint16(r[12:])) }

// get appends the value of an element to b, and reports whether the cache has it.
func (c *cache) get(b, key []byte) ([]byte, bool) {
	hash, bucket := c.hash(key)
	if at, _ := c.find(key, hash, bucket); at >= 0 {
		r := c.ring[at:]
		r[14] |= recordUsed
		return append(b, recordValue(r)...), true
	}
	if len(c.aside) > 0 {
		if a, ok := c.aside[string(key)]; ok {
			return append(b, a.value...), true
		}
	}
	return b, false
}

// put notes the value that the entry at index gave to an element. It copies both. Index 0 is for
// values that were read from the store.
func (c *cache) put(key, value []byte, index juno.Index) {
	c.insert(key, value, index)
	for i := 0; i < len(c.spared); i++ {
		s := c.spared[i]
		c.insert(s.key, s.value, 0)
	}
	clear(c.spared)
	c.spared = c.spared[:0]
}

func (c *cache) insert(key, value []byte, index juno.Index) {
	hash, b := c.hash(key)
	at, way := c.find(key, hash, b)
	if at >= 0 {
		if r := c.ring[at:]; recordHeadBytes+len(key)+len(value) <= recordBytes(r) {
			c.set(r, value, index)
			return
		}
		c.kill(at, b, way)
	}
	if at = c.take(len(key) + len(value)); at >= 0 {
		if way = c.way(b); way >= 0 {
			r := c.ring[at:]
			binary.LittleEndian.PutUint32(r, hash)
			binary.LittleEndian.PutUint16(r[8:], uint16(len(key)))
			copy(r[recordHeadBytes:], key)
			c.set(r, value, index)
			b.tags[way], b.at[way] = uint16(hash>>16), uint32(at/recordUnitBytes+1)
			if len(c.aside) > 0 {
				delete(c.aside, string(key))
			}
			return
		}
		// The space stays a dead record.
	}
	if len(c.aside) >= c.asideLimit {
		c.shrink()
	}
	c.aside[string(key)] = asideValue{bytes.Clone(value), index}
}

// set writes the value of a record that has room for it.
func (c *cache) set(r, value []byte, index juno.Index) {
	binary.LittleEndian.PutUint32(r[4:], uint32(index))
	binary.LittleEndian.PutUint16(r[10:], uint16(len(value)))
	copy(recordValue(r), value)
	if r[14] &^= recordDirty; index > c.projected {
		r[14] |= recordDirty
	}
}

// dirty reports whether badger does not have the value of a record yet. The distance between an
// index and what is projected is far below 2^31, so the lower half of an index is enough.
func (c *cache) dirty(r []byte) bool {
	if r[14]&recordDirty != 0 && int32(binary.LittleEndian.Uint32(r[4:])-uint32(c.projected)) <= 0 {
		r[14] &^= recordDirty
	}
	return r[14]&recordDirty != 0
}

// way returns a free place in a bucket, after dropping a record that badger has if need be, or -1.
func (c *cache) way(b *bucket) int {
	for i := range b.at {
		if b.at[i] == 0 {
			return i
		}
	}
	for i := range b.at {
		if at := int(b.at[i]-1) * recordUnitBytes; !c.dirty(c.ring[at:]) {
			c.kill(at, b, i)
			return i
		}
	}
	return -1
}

// kill drops a record; its space comes back when it is the oldest.
func (c *cache) kill(at int, b *bucket, way int) {
	binary.LittleEndian.PutUint32(c.ring[at:], 0)
	b.at[way] = 0
}

// take returns the offset of a new dead record with room for that many bytes of key and value, or
// -1 if there is none.
func (c *cache) take(size int) int {
	size = (recordHeadBytes + size + recordRoomBytes + recordUnitBytes - 1) &^ (recordUnitBytes - 1)
	if size > cacheRecordMax {
		return -1
	}
	if end := len(c.ring) - c.next; end < size && !c.skip(end) {
		return -1
	}
	if !c.makeRoom(size) {
		return -1
	}
	at := c.next
	c.claim(size)
	return at
}

// skip makes the rest of the ring a dead record: records do not go around its end.
func (c *cache) skip(end int) bool {
	if end == 0 {
		c.next = 0
		return true
	}
	if !c.makeRoom(end) {
		return false
	}
	c.claim(end)
	return true
}

// claim makes the next bytes, which are free, a dead record.
func (c *cache) claim(size int) {
	r := c.ring[c.next:]
	clear(r[:recordHeadBytes])
	binary.LittleEndian.PutUint16(r[12:], uint16(size/recordUnitBytes))
	c.free -= size
	if c.next += size; c.next == len(c.ring) {
		c.next = 0
	}
}

// makeRoom drops the oldest records until that many bytes are free at next. Records that were used
// lately are spared, up to turnsMax of them: put gives them another turn. It reports false where
// badger does not have the oldest record yet.
func (c *cache) makeRoom(size int) bool {
	for c.free < size {
		r := c.ring[c.oldest:]
		length := recordBytes(r)
		if binary.LittleEndian.Uint32(r) != 0 {
			if c.dirty(r) {
				return false
			}
			if r[14]&recordUsed != 0 && len(c.spared) < turnsMax {
				c.spared = append(c.spared, asideKey{
					bytes.Clone(recordKey(r)),
					bytes.Clone(recordValue(r)),
				})
			}
			hash, b := c.hash(recordKey(r))
			at, way := c.find(recordKey(r), hash, b)
			c.kill(at, b, way)
		}
		c.free += length
		if c.oldest += length; c.oldest == len(c.ring) {
			c.oldest = 0
		}
	}
	return true
}

// shrink drops what lies aside and badger has.
func (c *cache) shrink() {
	for key, a := range c.aside {
		if a.index <= c.projected {
			delete(c.aside, key)
		}
	}
	c.asideLimit = max(asideMax, 2*len(c.aside))
}
