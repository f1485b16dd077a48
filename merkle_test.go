package juno

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
)

// slowRoot is RFC 6962 §2.1, word by word.
func slowRoot(d [][]byte) Hash {
	if len(d) == 0 {
		return sha256.Sum256(nil)
	}
	if len(d) == 1 {
		return sha256.Sum256(append([]byte{0}, d[0]...))
	}
	k := 1
	for k*2 < len(d) {
		k *= 2
	}
	left, right := slowRoot(d[:k]), slowRoot(d[k:])
	return sha256.Sum256(slices.Concat([]byte{1}, left[:], right[:]))
}

// slowPath is RFC 6962 §2.1.1, word by word.
func slowPath(m int, d [][]byte) []Hash {
	if len(d) == 1 {
		return nil
	}
	k := 1
	for k*2 < len(d) {
		k *= 2
	}
	if m < k {
		return append(slowPath(m, d[:k]), slowRoot(d[k:]))
	}
	return append(slowPath(m-k, d[k:]), slowRoot(d[:k]))
}

func merkleSample(n int) (data [][]byte, leaves []Hash) {
	for i := range n {
		data = append(data, []byte(fmt.Sprintf("leaf %d", i)))
		leaves = append(leaves, MerkleLeaf(data[i]))
	}
	return data, leaves
}

func TestMerkle(t *testing.T) {
	for n := range 71 {
		data, leaves := merkleSample(n)
		root := MerkleRoot(slices.Clone(leaves))
		if want := slowRoot(data); root != want {
			t.Fatalf("root of %d leaves %s, want %s", n, root, want)
		}
		for i := range n {
			path := MerklePath(slices.Clone(leaves), i)
			if want := slowPath(i, data); !slices.Equal(path, want) {
				t.Fatalf("path of leaf %d of %d: %d hashes, want %d", i, n, len(path), len(want))
			}
			if !CheckMerklePath(leaves[i], i, n, path, root) {
				t.Fatalf("path of leaf %d of %d is refused", i, n)
			}
			corruptPaths(t, leaves[i], i, n, path, root)
		}
	}
}

// corruptPaths wants every other path, place, leaf and root to be refused. Not every other
// number of leaves: trees of two sizes can agree on a path, which is why a BatchHead signs the
// number beside the root.
func corruptPaths(t *testing.T, leaf Hash, i, n int, path []Hash, root Hash) {
	t.Helper()
	refused := func(what string, leaf Hash, i, n int, path []Hash, root Hash) {
		t.Helper()
		if CheckMerklePath(leaf, i, n, path, root) {
			t.Fatalf("leaf %d of %d: %s is accepted", i, n, what)
		}
	}
	refused("another leaf", Hash{1}, i, n, path, root)
	refused("another root", leaf, i, n, path, Hash{1})
	refused("a longer path", leaf, i, n, append(slices.Clone(path), Hash{}), root)
	refused("index -1", leaf, -1, n, path, root)
	refused("index n", leaf, n, n, path, root)
	if other := i ^ 1; other < n {
		refused("the sibling's index", leaf, other, n, path, root)
	}
	for j := range path {
		bad := slices.Clone(path)
		bad[j][31] ^= 1
		refused("a changed path", leaf, i, n, bad, root)
		refused("a shorter path", leaf, i, n, path[:j], root)
	}
}

func TestMerkleLeafOfAnyLength(t *testing.T) {
	const short = merkleLeafBytes
	for _, n := range []int{0, 1, 254, short - 1, short, short + 1, 9999} {
		data := make([]byte, n)
		if got, want := MerkleLeaf(data), Hash(sha256.Sum256(make([]byte, n+1))); got != want {
			t.Errorf("leaf of %d bytes: %s, want %s", n, got, want)
		}
	}
	allocated := testing.AllocsPerRun(10, func() { MerkleLeaf(make([]byte, 100)) })
	if allocated > 0 {
		t.Errorf("a short leaf costs %.0f allocations", allocated)
	}
}
