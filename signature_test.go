package juno

import (
	"bytes"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/hdevalence/ed25519consensus"
	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
	"pgregory.net/rapid"
)

// Test vectors 1 to 3 of RFC 8032 §7.1: seed, public key, message, signature.
var rfc8032 = [][4]string{
	{
		"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
		"",
		"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155" +
			"5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
	},
	{
		"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
		"72",
		"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
			"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
	},
	{
		"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
		"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
		"af82",
		"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac" +
			"18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
	},
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatalf("test data: %v", err)
	}
	return b
}

func TestRFC8032(t *testing.T) {
	for i, v := range rfc8032 {
		k := NewPrivateKey([SeedBytes]byte(unhex(t, v[0])))
		message := unhex(t, v[2])
		if got, want := k.Public().String(), v[1]; got != want {
			t.Errorf("vector %d: public key %s, want %s", i+1, got, want)
		}
		s := k.Sign(message)
		if got, want := hex.EncodeToString(s[:]), v[3]; got != want {
			t.Errorf("vector %d: signature %s, want %s", i+1, got, want)
		}
		if !VerifySignature(k.Public(), message, s) {
			t.Errorf("vector %d: its signature is refused", i+1)
		}
		if err := k.Public().Check(); err != nil {
			t.Errorf("vector %d: %v", i+1, err)
		}
	}
}

func TestPrivateKeyPrintsNoSecret(t *testing.T) {
	k := NewPrivateKey([SeedBytes]byte(bytes.Repeat([]byte{0x5a}, SeedBytes)))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b"} {
		for _, value := range []any{
			k, &k, []PrivateKey{k}, struct{ K PrivateKey }{k}, struct{ k PrivateKey }{k},
		} {
			printed := fmt.Sprintf(verb, value)
			for _, secret := range []string{"5a5a", "5A5A", "90 90", "ZZ", "132 132", "1011010 "} {
				if strings.Contains(printed, secret) {
					t.Errorf("%s of %T prints the seed: %.60s", verb, value, printed)
				}
			}
		}
	}
	if got, want := (PrivateKey{}).String(), "no private key"; got != want {
		t.Errorf("the zero key prints %q, want %q", got, want)
	}
}

// encodeY returns the 32 bytes of a y coordinate, reduced or not, and the sign of x.
func encodeY(y *big.Int, sign byte) (b [32]byte) {
	y.FillBytes(b[:])
	slices.Reverse(b[:])
	b[31] |= sign << 7
	return b
}

// smallOrderEncodings returns all 14 encodings of the 8 points of small order that ZIP-215
// accepts: the 8 canonical ones first.
func smallOrderEncodings() [][32]byte {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	// A point of order 8: L times a random point, until its double is not of order 2 or 1.
	eighth := new(big.Int)
	for i := byte(0); eighth.Sign() == 0; i++ {
		var q, double curve.EdwardsPoint
		compressed := curve.CompressedEdwardsY(sha512.Sum512_256([]byte{i}))
		if _, err := q.SetCompressedY(&compressed); err != nil {
			continue
		}
		q.Mul(&q, scalar.BASEPOINT_ORDER)
		double.Add(&q, &q)
		if double.Add(&double, &double); double.IsIdentity() {
			continue
		}
		compressed.SetEdwardsPoint(&q)
		compressed[31] &= 0x7f
		slices.Reverse(compressed[:])
		eighth.SetBytes(compressed[:])
	}
	one, minus := big.NewInt(1), new(big.Int).Sub(p, big.NewInt(1))
	other := new(big.Int).Sub(p, eighth)
	above := new(big.Int).Add(p, one)
	return [][32]byte{
		encodeY(one, 0), encodeY(minus, 0), encodeY(new(big.Int), 0), encodeY(new(big.Int), 1),
		encodeY(eighth, 0), encodeY(eighth, 1), encodeY(other, 0), encodeY(other, 1),
		// A sign for x = 0, and y written as y+p.
		encodeY(one, 1), encodeY(minus, 1), encodeY(p, 0), encodeY(p, 1),
		encodeY(above, 0), encodeY(above, 1),
	}
}

// verdict is what a vector must be judged; unknown where only agreement is tested.
type verdict int

const (
	valid verdict = iota
	invalid
	unknown
)

type edgeCase struct {
	name string
	signedMessage
	want verdict
}

// edgeCases returns the vectors of ZIP-215's corner cases.
func edgeCases(t testing.TB) []edgeCase {
	message := []byte("Zcash")
	var all []edgeCase
	add := func(want verdict, a, r [32]byte, s []byte, m []byte, name string, args ...any) {
		var sig Signature
		copy(sig[:32], r[:])
		copy(sig[32:], s)
		all = append(all, edgeCase{fmt.Sprintf(name, args...), signedMessage{a, m, sig}, want})
	}
	small := smallOrderEncodings()
	for i, a := range small {
		for j, r := range small {
			add(valid, a, r, make([]byte, 32), message, "small order A%d R%d", i, j)
			add(invalid, a, r, encode(t, scalar.One()), message, "small order A%d R%d, S=1", i, j)
			order := unhex(t, "edd3f55c1a631258d69cf7a2def9de14"+"00000000000000000000000000000010")
			add(invalid, a, r, order, message, "small order A%d R%d, S=L", i, j)
		}
	}
	honest := testKey(1)
	sig := honest.Sign(message)
	for j, r := range small {
		add(invalid, honest.Public(), r, sig[32:], message, "honest A, small order R%d", j)
		add(invalid, r, [32]byte(sig[:32]), sig[32:], message, "small order A%d, honest R, S", j)
	}
	for i := range small[:8] {
		for j := range small[:8] {
			a, r, s := mixedOrder(t, small[i], small[j], message)
			add(valid, a, r, s, message, "mixed order A+T%d R+T%d", i, j)
			add(invalid, a, r, s, []byte("Zcasj"), "mixed order A+T%d R+T%d, wrong message", i, j)
		}
	}
	for _, k := range []int64{1, 2, 7, 8, 15} {
		s := leInt(new(big.Int).Add(beInt(sig[32:]), new(big.Int).Mul(big.NewInt(k), order())))
		add(invalid, honest.Public(), [32]byte(sig[:32]), s, message, "S+%dL", k)
	}
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	for y := int64(0); y < 19; y++ {
		for sign := range byte(2) {
			odd := encodeY(new(big.Int).Add(p, big.NewInt(y)), sign)
			add(unknown, odd, odd, make([]byte, 32), message, "A=R=p+%d, sign %d", y, sign)
			add(invalid, honest.Public(), odd, sig[32:], message, "R=p+%d, sign %d", y, sign)
			add(unknown, odd, [32]byte(sig[:32]), sig[32:], message, "A=p+%d, sign %d", y, sign)
		}
	}
	all = append(all, edgeCase{"honest", signedMessage{honest.Public(), message, sig}, valid})
	return all
}

func order() *big.Int {
	l := new(big.Int).Lsh(big.NewInt(1), 252)
	more, _ := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
	return l.Add(l, more)
}

func beInt(little []byte) *big.Int {
	b := bytes.Clone(little)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

func leInt(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

func encode(t testing.TB, s *scalar.Scalar) []byte {
	t.Helper()
	b, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// mixedOrder signs with a key and a commitment that each have a part of small order.
func mixedOrder(
	t testing.TB, torsionA, torsionR [32]byte, message []byte,
) (a, r [32]byte, s []byte) {
	t.Helper()
	point := func(torsion [32]byte, secret *scalar.Scalar) [32]byte {
		var p, q curve.EdwardsPoint
		compressed := curve.CompressedEdwardsY(torsion)
		if _, err := q.SetCompressedY(&compressed); err != nil {
			t.Fatalf("point of small order %x: %v", torsion, err)
		}
		p.MulBasepoint(curve.ED25519_BASEPOINT_TABLE, secret)
		return [32]byte(*compressed.SetEdwardsPoint(p.Add(&p, &q)))
	}
	secretA, secretR := scalar.NewFromUint64(123456789), scalar.NewFromUint64(987654321)
	a, r = point(torsionA, secretA), point(torsionR, secretR)
	digest := sha512.Sum512(slices.Concat(r[:], a[:], message))
	k, err := scalar.NewFromBytesModOrderWide(digest[:])
	if err != nil {
		t.Fatal(err)
	}
	k.Mul(k, secretA)
	return a, r, encode(t, k.Add(k, secretR))
}

// TestEdgeCases is the differential test: this package single, alone in a batch, and in one big
// batch; the library's own batch; and the reference implementation of ZIP-215.
func TestEdgeCases(t *testing.T) {
	all := edgeCases(t)
	if len(all) < 196*3 {
		t.Fatalf("%d vectors, want the 196 of ZIP-215 and more", len(all))
	}
	big := NewBatchVerifier(len(all))
	alone := NewBatchVerifier(1)
	theirs := voi.NewBatchVerifier()
	for _, c := range all {
		reference := ed25519consensus.Verify(c.public[:], c.message, c.signature[:])
		if c.want != unknown && reference != (c.want == valid) {
			t.Errorf("%s: the reference says %t", c.name, reference)
		}
		if got := VerifySignature(c.public, c.message, c.signature); got != reference {
			t.Errorf("%s: single %t, reference %t", c.name, got, reference)
		}
		alone.Add(c.public, c.message, c.signature)
		if got := alone.Verify(); len(got) != 1 || got[0] != reference {
			t.Errorf("%s: batch of one %t, reference %t", c.name, got, reference)
		}
		// Five of the same are enough for the equation to be used.
		for range batchSingleMax + 1 {
			alone.Add(c.public, c.message, c.signature)
		}
		for _, got := range alone.Verify() {
			if got != reference {
				t.Errorf("%s: batch of five %t, reference %t", c.name, got, reference)
			}
		}
		big.Add(c.public, c.message, c.signature)
		theirs.AddWithOptions(c.public[:], c.message, c.signature[:], zip215)
	}
	_, library := theirs.Verify(nil)
	for i, got := range big.Verify() {
		c := all[i]
		if want := VerifySignature(c.public, c.message, c.signature); got != want ||
			library[i] != want {
			t.Errorf("%s: in a big batch %t, library %t, single %t", c.name, got, library[i], want)
		}
	}
}

// TestBatchOfValidEdgeCases holds the whole equation at once, terms of small order included.
func TestBatchOfValidEdgeCases(t *testing.T) {
	var all []edgeCase
	for _, c := range edgeCases(t) {
		if c.want == valid {
			all = append(all, c)
		}
	}
	v := NewBatchVerifier(0)
	for _, c := range all {
		v.Add(c.public, c.message, c.signature)
	}
	v.deriveFactors()
	items := make([]int, len(all))
	for i := range items {
		items[i] = i
	}
	if sum := v.equation.sum(v.items, items); !sum.IsSmallOrder() {
		t.Errorf("the equation of %d valid signatures does not hold", len(all))
	}
	last := len(all) - 1 // the honest one
	v.items[last].k.Add(&v.items[last].k, scalar.One())
	if sum := v.equation.sum(v.items, items); sum.IsSmallOrder() {
		t.Error("the equation holds although a signature is wrong")
	}
}

// TestBatchAnswers mixes good and bad signatures of few and many signers, in batches of all
// sizes, and wants VerifySignature's answers.
func TestBatchAnswers(t *testing.T) {
	pool := signedMessages(64, 7)
	edge := edgeCases(t)
	v := NewBatchVerifier(0) // kept, so that its cache of keys is tested too
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "n")
		bad := rapid.IntRange(0, 3).Draw(t, "bad")
		var all []signedMessage
		for range n {
			m := rapid.SampledFrom(pool).Draw(t, "honest")
			switch rapid.IntRange(0, 9).Draw(t, "kind") {
			case 0:
				m = rapid.SampledFrom(edge).Draw(t, "edge").signedMessage
			case 1, 2, 3:
				if bad > 0 {
					bit := rapid.IntRange(0, 8*SignatureBytes-1).Draw(t, "bit")
					m.signature[bit/8] ^= 1 << (bit % 8)
				}
			}
			all = append(all, m)
			v.Add(m.public, m.message, m.signature)
		}
		got := v.Verify()
		if len(got) != n {
			t.Fatalf("%d answers, want %d", len(got), n)
		}
		for i, m := range all {
			if want := VerifySignature(m.public, m.message, m.signature); got[i] != want {
				t.Fatalf("signature %d of %d: batch %t, single %t", i, n, got[i], want)
			}
		}
	})
}

// TestBatchFindsBad halves large batches, beyond what the budget allows too.
func TestBatchFindsBad(t *testing.T) {
	const n = 300
	all := signedMessages(n, 5)
	v := NewBatchVerifier(n)
	for _, bad := range [][2]int{{0, 0}, {0, 1}, {299, 1}, {150, 1}, {10, 7}, {0, 60}, {0, n}} {
		var want []bool
		for i, m := range all {
			ok := i < bad[0] || i >= bad[0]+bad[1]
			if !ok {
				m.message = []byte("not what was signed")
			}
			v.Add(m.public, m.message, m.signature)
			want = append(want, ok)
		}
		if got := v.Verify(); !slices.Equal(got, want) {
			t.Errorf("bad signatures [%d,%d): wrong answers", bad[0], bad[0]+bad[1])
		}
	}
}

// TestBatchBeyondOneEquation crosses batchPointsMax.
func TestBatchBeyondOneEquation(t *testing.T) {
	if testing.Short() {
		t.Skip("signs thousands of messages")
	}
	one := signedMessages(8, 3)
	v := NewBatchVerifier(0)
	for i := range batchPointsMax + 3 {
		m := one[i%8]
		if i == batchPointsMax+1 {
			m.signature[40] ^= 1
		}
		v.Add(m.public, m.message, m.signature)
	}
	for i, ok := range v.Verify() {
		if ok == (i == batchPointsMax+1) {
			t.Errorf("signature %d: %t", i, ok)
		}
	}
}

// TestBatchFactorsDependOnEverything changes one thing at a time and wants every z_i to change.
func TestBatchFactorsDependOnEverything(t *testing.T) {
	all := signedMessages(6, 2)
	factors := func(change func([]signedMessage)) (z [6][32]byte) {
		changed := slices.Clone(all)
		change(changed)
		v := NewBatchVerifier(6)
		for _, m := range changed {
			v.Add(m.public, m.message, m.signature)
		}
		v.deriveFactors()
		for i := range z {
			copy(z[i][:], encode(t, &v.items[i].z))
		}
		return z
	}
	before := factors(func([]signedMessage) {})
	if again := factors(func([]signedMessage) {}); again != before {
		t.Error("the same batch gave two sets of factors")
	}
	for name, change := range map[string]func([]signedMessage){
		"public key":   func(m []signedMessage) { m[5].public = testKey(9).Public() },
		"message":      func(m []signedMessage) { m[5].message = []byte("x") },
		"R":            func(m []signedMessage) { m[5].signature[0] ^= 1 },
		"S":            func(m []signedMessage) { m[5].signature[32] ^= 1 },
		"order":        func(m []signedMessage) { m[4], m[5] = m[5], m[4] },
		"first of all": func(m []signedMessage) { m[0].signature[63] ^= 1 },
	} {
		after := factors(change)
		for i := range after {
			if after[i] == before[i] {
				t.Errorf("another %s leaves factor %d as it was", name, i)
			}
		}
	}
	for i, z := range before {
		if !bytes.Equal(z[16:], make([]byte, 16)) || bytes.Equal(z[:16], make([]byte, 16)) {
			t.Errorf("factor %d is %x, want 128 bits", i, z)
		}
	}
}

func TestKeyCacheIsBounded(t *testing.T) {
	c := newKeyCache()
	first := testKey(0).Public()
	kept := c.get(first)
	for i := range 5 * batchKeysMax {
		var p PublicKey
		binary.BigEndian.PutUint64(p[:], uint64(i))
		c.get(p)
		if n := len(c.recent) + len(c.older); n > 2*batchKeysMax {
			t.Fatalf("%d keys are kept, at most %d", n, 2*batchKeysMax)
		}
		if i%(batchKeysMax/2) == 0 && c.get(first) != kept {
			t.Fatal("a key that is used all the time was dropped")
		}
	}
}

func TestPublicKeyCheck(t *testing.T) {
	for i, a := range smallOrderEncodings() {
		if err := PublicKey(a).Check(); err == nil {
			t.Errorf("key of small order %d (%x) passes", i, a)
		}
	}
	noPoint := PublicKey{2} // y = 2 is not on the curve
	if err := noPoint.Check(); err == nil || !strings.Contains(err.Error(), "not a point") {
		t.Errorf("y=2: error %v, want that it is no point", err)
	}
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	found := false
	for y := int64(2); y < 19; y++ {
		err := PublicKey(encodeY(new(big.Int).Add(p, big.NewInt(y)), 0)).Check()
		if err == nil {
			t.Errorf("y=p+%d passes", y)
		}
		found = found || strings.Contains(err.Error(), "canonical")
	}
	if !found {
		t.Error("no non-canonical encoding of a good point was tried")
	}
	for i := range 100 {
		if err := testKey(i).Public().Check(); err != nil {
			t.Error(err)
		}
	}
}
