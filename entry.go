package juno

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// EntryType says what the payload of an entry is.
type EntryType uint8

// The types of entries (docs/SPECIFICATION.md §3.2). The numbers are part of the format.
const (
	EntryTermStart EntryType = 1 // a leader opened its term; payload: hash of its election proof
	EntryCommand   EntryType = 2 // a client's command: Command
	EntryBatchHead EntryType = 3 // signature over the commands right behind it: BatchHead
	EntryConfig    EntryType = 4 // a new membership; the last entry of its epoch
	EntryKeyOp     EntryType = 5 // a client key is registered, rotated or revoked: KeyOp
	EntryMode      EntryType = 6 // the cluster is halted or resumed
	EntryNoop      EntryType = 7 // nothing; moves the commit index
)

var entryTypeNames = [...]string{
	EntryTermStart: "term-start", EntryCommand: "command",
	EntryBatchHead: "batch", EntryConfig: "config", EntryKeyOp: "key", EntryMode: "mode",
	EntryNoop: "noop",
}

// Valid reports whether this program knows the type.
func (t EntryType) Valid() bool { return t >= EntryTermStart && t <= EntryNoop }

// String returns the name that the log table shows.
func (t EntryType) String() string {
	if t.Valid() {
		return entryTypeNames[t]
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

// EntryPayloadBytesMax bounds one entry: the largest program is 256 KiB, the largest membership far
// smaller; twice that leaves room for framing.
const EntryPayloadBytesMax = 512 << 10

// Entry is one step of the log. It never changes once it is committed.
type Entry struct {
	Index   Index
	Term    Term
	Time    Millis // the leader's clock; never decreases along the log
	Type    EntryType
	Payload []byte // shared, never changed
}

// Chained is an entry together with the chain hash at it.
type Chained struct {
	Entry
	Hash Hash
}

// Pos returns the position of the entry.
func (c *Chained) Pos() Pos { return Pos{Index: c.Index, Hash: c.Hash} }

// EntryHeader is an entry as the chain sees it, 49 bytes: enough to roll the hash past the entry
// without its payload.
type EntryHeader struct {
	Term        Term
	Time        Millis
	Type        EntryType
	PayloadHash Hash
}

// chainTag separates chain hashes from every other hash.
const chainTag = "juno1/entry"

const chainInputBytes = len(chainTag) + HashBytes + 8 + 8 + 8 + 1 + HashBytes

// Header returns the entry without its payload.
func (e *Entry) Header() EntryHeader {
	return EntryHeader{
		Term: e.Term, Time: e.Time, Type: e.Type, PayloadHash: sha256.Sum256(e.Payload),
	}
}

// ChainHash returns h_i = SHA-256("juno1/entry" | h_{i-1} | index | term | time | type |
// SHA-256(payload)), numbers as eight bytes big-endian, the type as one (docs/SPECIFICATION.md
// §3.2). h_0 is the ClusterID.
func (e *Entry) ChainHash(prev Hash) Hash { return e.Header().Chain(prev, e.Index) }

// Chain returns the chain hash at index, given the one before it.
func (l EntryHeader) Chain(prev Hash, index Index) Hash {
	var b [chainInputBytes]byte // on the stack: this runs once per entry everywhere
	n := copy(b[:], chainTag)
	n += copy(b[n:], prev[:])
	binary.BigEndian.PutUint64(b[n:], uint64(index))
	binary.BigEndian.PutUint64(b[n+8:], uint64(l.Term))
	binary.BigEndian.PutUint64(b[n+16:], uint64(l.Time))
	b[n+24] = byte(l.Type)
	copy(b[n+25:], l.PayloadHash[:])
	return sha256.Sum256(b[:])
}

// entryHeaderBytes is what an encoded entry takes without its payload and the payload's length.
const entryHeaderBytes = 8 + 8 + 8 + 1

// EntryBytesMin is how long the canonical bytes of an entry are at least: those without payload.
const EntryBytesMin = entryHeaderBytes + 1

// AppendEntry appends the canonical bytes of e: index, term, time (eight bytes each, big-endian),
// type (one), payload (length-prefixed).
func AppendEntry(b []byte, e *Entry) []byte {
	b = AppendU64(b, uint64(e.Index))
	b = AppendU64(b, uint64(e.Term))
	b = AppendU64(b, uint64(e.Time))
	b = append(b, byte(e.Type))
	return AppendBytes(b, e.Payload)
}

// EntryBytes returns the length of the canonical bytes of e, or up to four bytes more.
func EntryBytes(e *Entry) int { return entryHeaderBytes + binary.MaxVarintLen32 + len(e.Payload) }

// Entry reads what AppendEntry wrote. The payload aliases the input.
func (d *Decoder) Entry() (e Entry) {
	e.Index, e.Term, e.Time = Index(d.U64()), Term(d.U64()), Millis(d.U64())
	e.Type = EntryType(d.U8())
	if d.err == nil && (!e.Type.Valid() || e.Index == 0 || e.Time < 0) {
		d.fail("entry %d with type %d and time %d", e.Index, e.Type, e.Time)
	}
	e.Payload = d.Bytes(EntryPayloadBytesMax)
	return e
}

// AppendEntryHeader appends the canonical bytes of l, 49 bytes.
func AppendEntryHeader(b []byte, l EntryHeader) []byte {
	b = AppendU64(b, uint64(l.Term))
	b = AppendU64(b, uint64(l.Time))
	b = append(b, byte(l.Type))
	return append(b, l.PayloadHash[:]...)
}

// EntryHeader reads what AppendEntryHeader wrote.
func (d *Decoder) EntryHeader() EntryHeader {
	l := EntryHeader{Term: Term(d.U64()), Time: Millis(d.U64()), Type: EntryType(d.U8())}
	l.PayloadHash = d.Hash()
	if d.err == nil && (!l.Type.Valid() || l.Time < 0) {
		d.fail("link with type %d and time %d", l.Type, l.Time)
	}
	return l
}
