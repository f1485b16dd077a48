package juno

import "crypto/sha256"

// merkleLeafBytes is how long a leaf can be and still be hashed without an allocation.
const merkleLeafBytes = 511

// MerkleLeaf returns SHA-256(0x00 | data), RFC 6962 §2.1.
func MerkleLeaf(data []byte) Hash {
	var short [1 + merkleLeafBytes]byte // on the stack: this runs once per command
	b := short[:1]
	if len(data) > merkleLeafBytes {
		b = make([]byte, 1, 1+len(data))
	}
	return sha256.Sum256(append(b, data...))
}

// merkleNode returns SHA-256(0x01 | left | right), RFC 6962 §2.1.
func merkleNode(left, right *Hash) Hash {
	var b [1 + 2*HashBytes]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[1+HashBytes:], right[:])
	return sha256.Sum256(b[:])
}

// MerkleRoot returns the root over leaves, which it overwrites. Of no leaves it is the hash of
// nothing, RFC 6962 §2.1.
//
// Folding level by level, an odd node going up as it is, gives the same tree as the RFC's
// recursive split at the largest power of two.
func MerkleRoot(leaves []Hash) Hash {
	if len(leaves) == 0 {
		return sha256.Sum256(nil)
	}
	for n := len(leaves); n > 1; n = (n + 1) / 2 {
		foldLevel(leaves[:n])
	}
	return leaves[0]
}

// foldLevel writes the parents of level to its front.
func foldLevel(level []Hash) {
	for i := 0; i < len(level); i += 2 {
		if i+1 < len(level) {
			level[i/2] = merkleNode(&level[i], &level[i+1])
		} else {
			level[i/2] = level[i]
		}
	}
}

// MerklePath returns the audit path of leaf i, from the bottom up (RFC 6962 §2.1.1): at most
// log2(n) hashes, rounded up. It overwrites leaves. It panics unless 0 <= i < len(leaves).
func MerklePath(leaves []Hash, i int) []Hash {
	_ = leaves[i]
	var path []Hash
	for n := len(leaves); n > 1; n = (n + 1) / 2 {
		if sibling := i ^ 1; sibling < n {
			path = append(path, leaves[sibling])
		}
		foldLevel(leaves[:n])
		i /= 2
	}
	return path
}

// CheckMerklePath reports whether path leads from leaf i of n leaves to root (RFC 9162 §2.1.3.2).
// It takes log2(n) hashes, whatever the length of path.
func CheckMerklePath(leaf Hash, i, n int, path []Hash, root Hash) bool {
	h, ok := climb(leaf, i, n, path)
	return ok && h == root
}

// climb returns the root that path leads to from leaf i of n, if it has the right length.
func climb(h Hash, i, n int, path []Hash) (Hash, bool) {
	if i < 0 || i >= n {
		return Hash{}, false
	}
	for ; n > 1; n = n/2 + n%2 {
		if sibling := i ^ 1; sibling < n {
			if len(path) == 0 {
				return Hash{}, false
			}
			if i&1 == 0 {
				h = merkleNode(&h, &path[0])
			} else {
				h = merkleNode(&path[0], &h)
			}
			path = path[1:]
		}
		i /= 2
	}
	return h, len(path) == 0
}

// merklePaths hands out the audit path of every leaf, in one pass over the tree, and returns the
// root. It overwrites leaves.
func merklePaths(leaves []Hash, give func(i int, path []Hash)) Hash {
	paths := make([][]Hash, len(leaves))
	at := 0 // how many levels are folded
	for n := len(leaves); n > 1; n = (n + 1) / 2 {
		for i := range paths {
			if sibling := i>>at ^ 1; sibling < n {
				paths[i] = append(paths[i], leaves[sibling])
			}
		}
		foldLevel(leaves[:n])
		at++
	}
	for i := range paths {
		give(i, paths[i])
	}
	return leaves[0]
}
