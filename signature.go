package juno

import (
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
	"golang.org/x/crypto/ed25519"
)

// This file alone knows the signature libraries. Keys and signatures are made by
// golang.org/x/crypto/ed25519. Verification is by ZIP-215 (https://zips.z.cash/zip-0215), single
// and batch alike, so that no two nodes can ever disagree about a signature: A and R may be any
// encoding that decodes to a point of the curve, S must be below the order L of the base point,
// and 8·S·B = 8·R + 8·k·A must hold with k = SHA-512(R | A | message). The Verify of
// golang.org/x/crypto must not be used: it refuses some signatures that a batch accepts.

// PrivateKey signs. It prints as its public key, never as itself. The zero PrivateKey is none:
// using it panics.
type PrivateKey struct {
	// A function, because fmt cannot look into one: where a PrivateKey is an unexported field it
	// calls no methods, and would print what it finds.
	reveal func() ed25519.PrivateKey
}

// NewPrivateKey returns the key of a 32-byte seed, which the caller draws from a good source.
func NewPrivateKey(seed [SeedBytes]byte) PrivateKey {
	key := ed25519.NewKeyFromSeed(seed[:])
	return PrivateKey{func() ed25519.PrivateKey { return key }}
}

// Seed returns the secret that the key is made from.
func (k PrivateKey) Seed() (seed [SeedBytes]byte) {
	copy(seed[:], k.reveal().Seed())
	return seed
}

// Public returns the public half.
func (k PrivateKey) Public() (p PublicKey) {
	copy(p[:], k.reveal()[SeedBytes:])
	return p
}

// String returns the public half, so that a log line never holds a secret.
func (k PrivateKey) String() string {
	if k.reveal == nil {
		return "no private key"
	}
	return "private key of " + k.Public().ID().String()
}

// Format prints String for every verb: %x and %d of a key would be the secret otherwise.
func (k PrivateKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// Sign signs message as it is, in about 27 µs. Everything of Juno's goes through
// AppendSigningBytes first, so that a signature says what kind of thing it signs, and in which
// cluster.
func (k PrivateKey) Sign(message []byte) (s Signature) {
	copy(s[:], ed25519.Sign(k.reveal(), message))
	return s
}

// Errors of PublicKey.Check.
var (
	errNoPoint    = errors.New("not a point of the curve")
	errWeakKey    = errors.New("a point of small order: anyone could sign for it")
	errOtherBytes = errors.New("not the canonical encoding of its point")
)

// Check reports whether a public key is one that an honest key generator can have made: the
// canonical encoding of a point of the curve that is not of small order. Under a key of small
// order there are signatures that are valid for every message, so whoever registers one could
// deny everything that was signed with it. About 10 µs.
func (p PublicKey) Check() error {
	var point curve.EdwardsPoint
	compressed := curve.CompressedEdwardsY(p)
	_, err := point.SetCompressedY(&compressed)
	switch {
	case err != nil:
		err = errNoPoint
	case point.IsSmallOrder():
		err = errWeakKey
	case !compressed.IsCanonicalVartime():
		err = errOtherBytes
	default:
		return nil
	}
	return fmt.Errorf("public key %s: %w", p, err)
}

var zip215 = &voi.Options{Verify: voi.VerifyOptionsZIP_215}

// VerifySignature checks one signature by ZIP-215, in about 40 µs.
func VerifySignature(public PublicKey, message []byte, s Signature) bool {
	return voi.VerifyWithOptions(public[:], message, s[:], zip215)
}

// Limits of a BatchVerifier.
const (
	// batchKeysMax bounds the keys that are kept decompressed from one batch to the next, twice:
	// see keyCache. One takes about 1.5 KiB.
	batchKeysMax = 1024
	// batchPointsMax is how many signatures are checked in one equation. Beyond it the price per
	// signature falls no further, because the library's widest window is 8 bits.
	batchPointsMax = 4096
	// batchSingleMax is the size up to which signatures are checked one by one: the equation of
	// four costs as much as four signatures.
	batchSingleMax = 4
	// batchTermsFactor bounds the halving of a batch by the work that it takes, in terms of the
	// equation per signature. Two find one bad signature among thousands, or a dozen among a
	// thousand; a batch of nothing but bad ones costs half as much again as one by one.
	batchTermsFactor = 2
)

// BatchVerifier checks many signatures at a lower price each: about 8 µs in a batch of 1024 with
// few signers. Its answers are exactly those of VerifySignature. It is not safe for concurrent
// use. Kept from batch to batch, it remembers the keys it has seen.
//
// With random z_i of 128 bits it checks one equation instead of n,
//
//	8·( Σ z_i·R_i + Σ_A (Σ_{i of A} z_i·k_i)·A - (Σ z_i·s_i)·B ) = 0,
//
// where the inner sum runs over the signatures of one key A: so a key costs one term however
// often it signs. If one signature is wrong, the equation holds for at most one in 2^128 of all
// z (Bernstein et al., "High-speed high-security signatures", §5; with the cofactor 8 on both
// sides there is no term of small order left that could cancel by chance).
//
// The z_i are not drawn but derived: SHA-512 over k_i's digest and S_i of the whole batch, and
// the digest holds R_i, A_i and the message. Whoever makes the signatures must know all of them
// before he knows any z_i, and every change of any of them changes every z_i, so all he can do
// is try 2^128 batches. A node's answer is a function of its input that way, and needs no
// entropy.
//
// Where the equation fails, the batch is halved until the bad signatures are found: the sum over
// the right half is the whole sum less that over the left one, so a level costs half a batch.
// After too many halves, as an attacker would want, the rest is checked one by one.
type BatchVerifier struct {
	keys       keyCache
	items      []batchItem
	transcript hash.Hash // over all items, for the z_i
	hram       hash.Hash // for k_i
	equation   equation
	scratch    struct { // what would escape to the heap once per signature
		point  curve.CompressedEdwardsY
		bytes  [SignatureBytes]byte
		public PublicKey
		digest [sha512.Size]byte
	}
}

// batchItem is one signature, decoded.
type batchItem struct {
	key     *batchKey
	r       curve.EdwardsPoint
	s, k, z scalar.Scalar
	decoded bool // A and R are points and S is below L
}

// NewBatchVerifier returns an empty batch with room for n signatures; it grows beyond that.
func NewBatchVerifier(n int) *BatchVerifier {
	return &BatchVerifier{
		keys:       newKeyCache(),
		items:      make([]batchItem, 0, max(0, n)),
		transcript: sha512.New(),
		hram:       sha512.New(),
	}
}

// Add puts a signature into the batch. The message is hashed at once and not kept.
func (v *BatchVerifier) Add(public PublicKey, message []byte, s Signature) {
	v.items = append(v.items, batchItem{key: v.keys.get(public)})
	item := &v.items[len(v.items)-1]

	t := &v.scratch
	t.bytes, t.public = s, public
	copy(t.point[:], s[:32])
	v.hram.Reset()
	_, _ = v.hram.Write(t.bytes[:32]) // a hash never fails to write
	_, _ = v.hram.Write(t.public[:])
	_, _ = v.hram.Write(message)
	v.hram.Sum(t.digest[:0])
	_, _ = v.transcript.Write(t.digest[:])
	_, _ = v.transcript.Write(t.bytes[32:])

	_, errR := item.r.SetCompressedY(&t.point)
	_, errS := item.s.SetCanonicalBytes(t.bytes[32:])
	_, errK := item.k.SetBytesModOrderWide(t.digest[:])
	item.decoded = item.key.valid && errR == nil && errS == nil && errK == nil
}

// Verify reports for every signature, in the order of Add, whether it is valid, and empties the
// batch. Its answers are those of VerifySignature.
func (v *BatchVerifier) Verify() []bool {
	if len(v.items) == 0 {
		return nil
	}
	v.deriveFactors()
	answers := make([]bool, len(v.items))
	todo := make([]int, 0, min(len(v.items), batchPointsMax)) // indices of decoded items
	for i := range v.items {
		if v.items[i].decoded {
			todo = append(todo, i)
		}
		if len(todo) == batchPointsMax || (i == len(v.items)-1 && len(todo) > 0) {
			v.judgeAll(todo, answers)
			todo = todo[:0]
		}
	}
	clear(v.items) // lets go of the keys
	v.items = v.items[:0]
	v.transcript.Reset()
	return answers
}

// deriveFactors sets every z_i to 128 bits of SHA-512(SHA-512(transcript) | number), four per
// hash.
func (v *BatchVerifier) deriveFactors() {
	var seed [sha512.Size + 8]byte
	v.transcript.Sum(seed[:0])
	var block [sha512.Size]byte
	for i := range v.items {
		if i%4 == 0 {
			binary.BigEndian.PutUint64(seed[sha512.Size:], uint64(i/4))
			block = sha512.Sum512(seed[:])
		}
		var wide [scalar.ScalarSize]byte
		copy(wide[:16], block[16*(i%4):])
		if _, err := v.items[i].z.SetBits(wide[:]); err != nil {
			panic(fmt.Sprintf("batch: 128 bits are no scalar: %v", err))
		}
	}
}

// judgeAll fills in the answers of the given items.
func (v *BatchVerifier) judgeAll(items []int, answers []bool) {
	if len(items) <= batchSingleMax {
		v.judgeEach(items, answers)
		return
	}
	budget := batchTermsFactor * len(items)
	sum := v.equation.sum(v.items, items)
	v.judge(items, &sum, answers, &budget)
}

// judge fills in the answers of the given items, whose equation has that sum.
func (v *BatchVerifier) judge(
	items []int, sum *curve.EdwardsPoint, answers []bool, budget *int,
) {
	if sum.IsSmallOrder() {
		for _, i := range items {
			answers[i] = true
		}
		return
	}
	if len(items) <= batchSingleMax || *budget < 0 {
		v.judgeEach(items, answers)
		return
	}
	left, right := items[:len(items)/2], items[len(items)/2:]
	leftSum := v.equation.sum(v.items, left)
	*budget -= len(left) + len(v.equation.keyPoints)
	var rightSum curve.EdwardsPoint
	rightSum.Sub(sum, &leftSum)
	v.judge(left, &leftSum, answers, budget)
	v.judge(right, &rightSum, answers, budget)
}

// judgeEach checks items one by one.
func (v *BatchVerifier) judgeEach(items []int, answers []bool) {
	for _, i := range items {
		b := &v.items[i]
		var difference curve.EdwardsPoint
		difference.ExpandedTripleScalarMulBasepointVartime(&b.k, &b.key.negative, &b.s, &b.r)
		answers[i] = difference.IsSmallOrder()
	}
}

// equation holds the terms of a sum, and keeps their memory from batch to batch.
type equation struct {
	scalars, keyScalars []*scalar.Scalar
	points              []*curve.EdwardsPoint
	keyPoints           []*curve.ExpandedEdwardsPoint
	keys                []*batchKey
	base                scalar.Scalar
}

// sum returns Σ z_i·(R_i + k_i·A_i - s_i·B) over the given items, each key one term.
func (e *equation) sum(all []batchItem, items []int) (sum curve.EdwardsPoint) {
	e.scalars, e.points, e.keys = e.scalars[:0], e.points[:0], e.keys[:0]
	e.base.Zero()
	var product scalar.Scalar
	for _, i := range items {
		item := &all[i]
		if !item.key.counted {
			item.key.counted = true
			item.key.factor.Zero()
			e.keys = append(e.keys, item.key)
		}
		e.base.Sub(&e.base, product.Mul(&item.z, &item.s))
		// The point of the key is -A, so z·k is subtracted.
		item.key.factor.Sub(&item.key.factor, product.Mul(&item.z, &item.k))
		e.scalars = append(e.scalars, &item.z)
		e.points = append(e.points, &item.r)
	}
	e.keyScalars, e.keyPoints = e.keyScalars[:0], e.keyPoints[:0]
	for _, k := range e.keys {
		k.counted = false
		e.keyScalars = append(e.keyScalars, &k.factor)
		e.keyPoints = append(e.keyPoints, &k.negative)
	}
	e.scalars = append(e.scalars, &e.base)
	e.points = append(e.points, curve.ED25519_BASEPOINT_POINT)
	// The library chooses Straus below 190 terms, where the tables of the keys help, and
	// Pippenger above.
	sum.ExpandedMultiscalarMulVartime(e.keyScalars, e.keyPoints, e.scalars, e.points)
	// The cache decides how long a key lives.
	clear(e.keys)
	clear(e.keyPoints)
	return sum
}

// batchKey is a public key, decompressed.
type batchKey struct {
	negative curve.ExpandedEdwardsPoint // -A and a table of its multiples
	valid    bool                       // the key is a point
	counted  bool                       // factor belongs to the sum that is being built
	factor   scalar.Scalar
}

// keyCache keeps the keys of the last batches: at least the batchKeysMax last seen ones, at most
// twice that. Two generations do it without a list to keep in order.
type keyCache struct{ recent, older map[PublicKey]*batchKey }

func newKeyCache() keyCache {
	return keyCache{recent: make(map[PublicKey]*batchKey), older: make(map[PublicKey]*batchKey)}
}

func (c *keyCache) get(public PublicKey) *batchKey {
	k := c.recent[public]
	if k != nil {
		return k
	}
	if k = c.older[public]; k == nil {
		k = newBatchKey(public)
	}
	if len(c.recent) >= batchKeysMax {
		c.recent, c.older = c.older, c.recent
		clear(c.recent)
	}
	c.recent[public] = k
	return k
}

func newBatchKey(public PublicKey) *batchKey {
	var point curve.EdwardsPoint
	compressed := curve.CompressedEdwardsY(public)
	if _, err := point.SetCompressedY(&compressed); err != nil {
		return &batchKey{}
	}
	k := &batchKey{valid: true}
	k.negative.SetEdwardsPoint(point.Neg(&point))
	return k
}
