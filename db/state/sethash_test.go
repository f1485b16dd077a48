package state

import (
	"crypto/aes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"juno"
)

func TestSetHashGolden(t *testing.T) {
	var h SetHash
	if got, want := h.Hash().String(),
		"53ee373f187f97421c8d69b74fa7c2605cf9f894b9071e82d678527bee182c7c"; got != want {
		t.Errorf("hash of the empty set %s, want %s", got, want)
	}
	h.Add([]byte("b"), []byte("1"))
	h.Add([]byte("c"), []byte("22"))
	if got, want := h.Hash().String(),
		"001abb84e0cf08f48e1758ac90cf71ae4f52c863733974cb1e7638288c2b4945"; got != want {
		t.Errorf("hash of two elements %s, want %s", got, want)
	}
}

// TestSetHashAgainstLanes adds up lane by lane, with AES block by block.
func TestSetHashAgainstLanes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h SetHash
		var lanes [1024]uint16
		for i := range rapid.IntRange(0, 8).Draw(t, "elements") {
			key := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "key")
			value := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "value")
			b := append([]byte("juno1/element"), byte(len(key)>>8), byte(len(key)))
			digest := sha256.Sum256(append(append(b, key...), value...))
			block, err := aes.NewCipher(digest[:])
			if err != nil {
				t.Fatal(err)
			}
			sign := uint16(1)
			if i%3 == 2 {
				sign = ^uint16(0)
				h.Remove(key, value)
			} else {
				h.Add(key, value)
			}
			var counter, stream [16]byte
			for n := range 128 {
				binary.BigEndian.PutUint64(counter[8:], uint64(n))
				block.Encrypt(stream[:], counter[:])
				for j := range 8 {
					lanes[8*n+j] += sign * binary.LittleEndian.Uint16(stream[2*j:])
				}
			}
		}
		var want []byte
		for _, lane := range lanes {
			want = binary.LittleEndian.AppendUint16(want, lane)
		}
		if got := h.AppendBytes(nil); !slices.Equal(got, want) {
			t.Fatalf("lanes %x…, want %x…", got[:32], want[:32])
		}
		digest := juno.Hash(sha256.Sum256(append([]byte("juno1/state"), want...)))
		if got, want := h.Hash(), digest; got != want {
			t.Fatalf("hash %s, want %s", got, want)
		}
	})
}

func TestSetHashOfSets(t *testing.T) {
	elements := make([]Element, 50)
	var whole SetHash
	for i := range elements {
		elements[i] = Element{fmt.Appendf(nil, "key%d", i), fmt.Appendf(nil, "value%d", i)}
		whole.Add(elements[i].Key, elements[i].Value)
	}
	rapid.Check(t, func(t *rapid.T) {
		var h SetHash
		extra := rapid.IntRange(0, 50).Draw(t, "extra")
		h.Remove([]byte("extra"), fmt.Appendf(nil, "%d", extra)) // before it is there
		for _, e := range rapid.Permutation(elements).Draw(t, "order") {
			h.Add(e.Key, e.Value)
		}
		if h.Equal(&whole) {
			t.Fatal("a set hash without an element equals one with it")
		}
		h.Add([]byte("extra"), fmt.Appendf(nil, "%d", extra))
		if !h.Equal(&whole) || h.Hash() != whole.Hash() {
			t.Fatal("the order of adding and removing shows")
		}
		back, err := ParseSetHash(h.AppendBytes(nil))
		if err != nil || !back.Equal(&whole) {
			t.Fatalf("read back: %v", err)
		}
	})
}

func TestSetHashKeyAndValueAreApart(t *testing.T) {
	var a, b SetHash
	a.Add([]byte("ab"), []byte("c"))
	b.Add([]byte("a"), []byte("bc"))
	if a.Equal(&b) {
		t.Error("ab=c and a=bc have the same hash")
	}
}

func TestParseSetHashRefusesOtherLengths(t *testing.T) {
	for _, n := range []int{0, SetHashBytes - 1, SetHashBytes + 1} {
		if _, err := ParseSetHash(make([]byte, n)); !errors.Is(err, juno.ErrMalformed) {
			t.Errorf("%d bytes: %v, want %v", n, err, juno.ErrMalformed)
		}
	}
}
