package state

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"juno"
)

// SetHashBytes is the length of a SetHash: 1024 lanes of 16 bits.
const SetHashBytes = 2048

const (
	setHashWords = SetHashBytes / 8
	laneTops     = 0x8000_8000_8000_8000 // the top bit of each of the four lanes of a word
)

// Tags of the hashes here.
const (
	elementTag = "juno1/element"
	stateTag   = "juno1/state"
)

// counterZero is where the key stream of every element begins.
var counterZero = make([]byte, aes.BlockSize)

// SetHash is a hash of a set of elements that can be brought up to date: an element more or less
// costs about a microsecond, whatever the size of the set. It is LtHash with 1024 lanes of 16 bits
// (Bellare and Micciancio 1997; Lewi et al., "Securing Update Propagation with Homomorphic
// Hashing", IACR 2019/227): every element is stretched to 2048 bytes, and those are added up lane
// by lane. It depends only on which elements are in the set, not on the order or the batches in
// which they came. The zero SetHash is of the empty set.
//
// Removing an element that is not in the set gives a SetHash of no set; nothing can notice.
type SetHash struct {
	lanes  [setHashWords]uint64 // word i holds lanes 4i to 4i+3, the first one lowest
	stream [SetHashBytes]byte   // the last element, stretched; here so that it is allocated once
}

// Add puts an element into the set.
func (h *SetHash) Add(key, value []byte) {
	stretch(&h.stream, key, value)
	for i := range h.lanes {
		a, b := h.lanes[i], binary.LittleEndian.Uint64(h.stream[8*i:])
		// Add without a carry from lane to lane: the top bits are added apart.
		h.lanes[i] = ((a &^ laneTops) + (b &^ laneTops)) ^ ((a ^ b) & laneTops)
	}
}

// Remove takes an element out of the set.
func (h *SetHash) Remove(key, value []byte) {
	stretch(&h.stream, key, value)
	for i := range h.lanes {
		a, b := h.lanes[i], binary.LittleEndian.Uint64(h.stream[8*i:])
		h.lanes[i] = ((a | laneTops) - (b &^ laneTops)) ^ ((a ^ ^b) & laneTops)
	}
}

// stretch fills out with what an element adds to the lanes: the key stream of AES-256 in counter
// mode from counter 0, under the key SHA-256("juno1/element" | length of key (2) | key | value).
// AES is there because machines have it in hardware; all that is asked of it is to be random.
func stretch(out *[SetHashBytes]byte, key, value []byte) {
	var space [256]byte
	b := append(space[:0], elementTag...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(key)))
	b = append(append(b, key...), value...)
	digest := sha256.Sum256(b)
	block, err := aes.NewCipher(digest[:])
	if err != nil {
		panic(fmt.Sprintf("AES refuses a key of %d bytes: %v", len(digest), err))
	}
	clear(out[:])
	cipher.NewCTR(block, counterZero).XORKeyStream(out[:], out[:])
}

// Hash returns the state hash: SHA-256("juno1/state" | lanes).
func (h *SetHash) Hash() juno.Hash {
	b := append(make([]byte, 0, len(stateTag)+SetHashBytes), stateTag...)
	return sha256.Sum256(h.AppendBytes(b))
}

// Equal reports whether both are of the same set.
func (h *SetHash) Equal(o *SetHash) bool { return h.lanes == o.lanes }

// AppendBytes appends the lanes, 2048 bytes, each lane little-endian.
func (h *SetHash) AppendBytes(b []byte) []byte {
	for _, w := range h.lanes {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

// ParseSetHash reads what AppendBytes wrote.
func ParseSetHash(b []byte) (*SetHash, error) {
	if len(b) != SetHashBytes {
		return nil, fmt.Errorf("%w: set hash of %d bytes, want %d",
			juno.ErrMalformed, len(b), SetHashBytes)
	}
	h := &SetHash{}
	for i := range h.lanes {
		h.lanes[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return h, nil
}
