package db

import (
	"encoding/binary"

	"juno"
	"juno/db/state"
)

// The key spaces of the store, by first byte. Those of elements are the lower-case letters of
// state.Kind, so that elements lie in the order of their own keys, all in one stretch.
const (
	spaceBucket   = 'B' // B | balance key | 0 | bucket (4): later changes of a busy balance
	spaceLanes    = 'L' // L: the set hash, at sync points
	spaceIdentity = 'M' // M: what ledger this is
	spaceReach    = 'N' // N: position up to which a batch is about to be written
	spaceRequest  = 'Q' // Q | client | 0 | request / anchorRequests (8): entry of the first of them
	spaceResult   = 'R' // R | index (8): a result that is more than OK
	spacePoint    = 'S' // S: the newest sync point that is on the disk
	spaceTime     = 'T' // T | index / timeBlock (8): times of entries

	spaceElements    = 'a' // first byte of the first element
	spaceElementsEnd = 'z' // behind the first byte of the last one
)

var (
	keyLanes    = []byte{spaceLanes}
	keyIdentity = []byte{spaceIdentity}
	keyReach    = []byte{spaceReach}
	keyPoint    = []byte{spacePoint}
)

// Badger cannot read version 0 back, and the state before the first entry needs a version too:
// so what an entry changed has the version index+1.

// version returns the badger version of what the entry at index changed.
func version(index juno.Index) uint64 { return uint64(index) + 1 }

// indexOf undoes version.
func indexOf(version uint64) juno.Index { return juno.Index(version - 1) }

func appendResultKey(b []byte, index juno.Index) []byte {
	return juno.AppendU64(append(b, spaceResult), uint64(index))
}

func appendTimeKey(b []byte, block uint64) []byte {
	return juno.AppendU64(append(b, spaceTime), block)
}

func appendRequestPrefix(b []byte, client string) []byte {
	return append(append(append(b, spaceRequest), client...), 0)
}

func appendRequestKey(b []byte, client string, anchor uint64) []byte {
	return juno.AppendU64(appendRequestPrefix(b, client), anchor)
}

// bucketChanges is how many changes of one balance share a key. Badger keeps all versions of a
// key in one table and writes that whole table again when it compacts it: without a bound, an
// account that is part of every transfer would make each compaction cost its whole history.
const bucketChanges = 1024

// bucketOf returns the bucket of the change with that number, from 1.
func bucketOf(change uint64) uint64 { return (change - 1) / bucketChanges }

// opensBucket reports whether a change is stored under the balance's own key. That key has all
// changes of bucket 0 and the first one of every other bucket, so that one read of it tells which
// bucket to look into.
func opensBucket(change uint64) bool {
	return bucketOf(change) == 0 || (change-1)%bucketChanges == 0
}

// bucketKeyBytes is what a bucket's key has beside the balance's own.
const bucketKeyBytes = 1 + 1 + 4

func appendBucketKey(b, balanceKey []byte, bucket uint64) []byte {
	b = append(append(append(b, spaceBucket), balanceKey...), 0)
	return binary.BigEndian.AppendUint32(b, uint32(bucket))
}

// changesOf returns the change counter at the end of a balance without decoding the amount, and
// 0 for bytes that are no balance.
func changesOf(value []byte) uint64 {
	if len(value) < 2 {
		return 0
	}
	const negative = 0x80 // of juno.AppendAmount
	head := 2 + int(value[0]&^negative) + int(value[1])
	if head >= len(value) {
		return 0
	}
	changes, n := binary.Uvarint(value[head:])
	if n <= 0 {
		return 0
	}
	return changes
}

// isBalance reports whether key is that of a balance.
func isBalance(key []byte) bool { return state.KindOf(key) == state.KindBalance }
