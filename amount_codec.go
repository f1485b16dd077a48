package juno

import (
	"encoding/binary"
	"math/big"
	"math/bits"
)

// Canonical bytes of an Amount:
//
//	size  field
//	1     bit 7: negative; bits 0-6: n, length of the numerator in bytes, 0 to 64
//	1     d, length of the denominator in bytes, 0 to 64; 0 stands for denominator 1
//	n     numerator, big-endian, no leading zero
//	d     denominator, big-endian, no leading zero, > 1, coprime to the numerator
//
// Zero is the two bytes 00 00. Every number has exactly one encoding.
const (
	amountPartBytesMax = AmountBitsMax / 8
	amountNegative     = 0x80
)

// AppendAmount appends the canonical bytes of a to b.
func AppendAmount(b []byte, a Amount) []byte {
	if a.big == nil {
		return appendSmallAmount(b, a.num, a.denominator())
	}
	num, den := a.big.Num().Bytes(), a.big.Denom().Bytes()
	if a.big.IsInt() {
		den = nil
	}
	head := byte(len(num))
	if a.big.Sign() < 0 {
		head |= amountNegative
	}
	b = append(b, head, byte(len(den)))
	b = append(b, num...)
	return append(b, den...)
}

func appendSmallAmount(b []byte, num, den int64) []byte {
	u, d := uint64(max(num, -num)), uint64(den)
	if d == 1 {
		d = 0
	}
	head := byte(bytesOf(u))
	if num < 0 {
		head |= amountNegative
	}
	b = append(b, head, byte(bytesOf(d)))
	return appendShort(appendShort(b, u), d)
}

// bytesOf returns how many bytes u has without leading zeros.
func bytesOf(u uint64) int { return (bits.Len64(u) + 7) / 8 }

// appendShort appends u, big-endian, without leading zeros.
func appendShort(b []byte, u uint64) []byte {
	var all [8]byte
	binary.BigEndian.PutUint64(all[:], u)
	return append(b, all[8-bytesOf(u):]...)
}

// Amount reads what AppendAmount wrote.
func (d *Decoder) Amount() Amount {
	head, denBytes := d.U8(), int(d.U8())
	numBytes, negative := int(head&^amountNegative), head&amountNegative != 0
	if numBytes > amountPartBytesMax || denBytes > amountPartBytesMax {
		d.fail("amount of %d/%d bytes, at most %d each", numBytes, denBytes, amountPartBytesMax)
	}
	num, den := d.Fixed(numBytes), d.Fixed(denBytes)
	if d.err == nil && (leadingZero(num) || leadingZero(den) ||
		(numBytes == 0 && (denBytes != 0 || negative))) {
		d.fail("amount is not in its canonical form")
	}
	if d.err != nil {
		return Amount{}
	}
	var a Amount
	var ok bool
	if numBytes < 8 && denBytes < 8 {
		a, ok = smallAmount(num, den, negative)
	} else {
		a, ok = largeAmount(num, den, negative)
	}
	if !ok {
		d.fail("amount is not in lowest terms")
	}
	return a
}

// smallAmount reads parts of at most seven bytes, and reports whether they are in lowest terms.
func smallAmount(num, den []byte, negative bool) (Amount, bool) {
	u, d := short(num), uint64(1)
	if len(den) > 0 {
		if d = short(den); d == 1 || gcd(u, d) != 1 {
			return Amount{}, false
		}
	}
	n := int64(u)
	if negative {
		n = -n
	}
	return Amount{num: n, den: int64(d)}, true
}

func short(b []byte) (u uint64) {
	for _, c := range b {
		u = u<<8 | uint64(c)
	}
	return u
}

func largeAmount(num, den []byte, negative bool) (Amount, bool) {
	n, d, one := new(big.Int).SetBytes(num), big.NewInt(1), big.NewInt(1)
	if len(den) > 0 {
		d.SetBytes(den)
		if d.Cmp(one) == 0 || new(big.Int).GCD(nil, nil, n, d).Cmp(one) != 0 {
			return Amount{}, false
		}
	}
	if negative {
		n.Neg(n)
	}
	a, err := fromRat(new(big.Rat).SetFrac(n, d))
	return a, err == nil
}

func leadingZero(b []byte) bool { return len(b) > 0 && b[0] == 0 }
