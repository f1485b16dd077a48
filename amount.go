package juno

import (
	"errors"
	"math"
	"math/big"
	"math/bits"
)

// Limits of an Amount.
const (
	// AmountBitsMax bounds numerator and denominator, each. Without a bound a few squarings
	// make numbers of megabits; 512 bits hold any sum of money that is meant.
	AmountBitsMax = 512
	// MinorScaleMax is the finest scale a currency can fix: 10^18 is the largest power of ten in
	// an int64.
	MinorScaleMax = 18
	// amountDigitsMax is the length of the longest numerator: 2^512 has 155 digits.
	amountDigitsMax = 155
	// decimalPlacesMax is the longest fraction that is printed as a decimal rather than as n%d.
	decimalPlacesMax = 38
)

// ErrAmountRange is returned when a result would need more than AmountBitsMax bits.
var ErrAmountRange = errors.New("amount out of range: more than 512 bits")

// ErrDivideByZero is returned for a quotient or a literal with denominator zero.
var ErrDivideByZero = errors.New("amount: division by zero")

// Amount is an exact rational number in lowest terms. The zero value is 0. Amounts are values:
// no method changes its receiver. Compare with Equal or Cmp, never with ==.
//
// Numbers that fit int64/int64 cost no allocation, nor does arithmetic on them as long as the
// result and the products on the way to it fit too; larger ones are held as a big.Rat.
type Amount struct {
	num int64    // never MinInt64, so that it has an absolute value
	den int64    // > 0; 0 stands for 1 in the zero value
	big *big.Rat // set only where num/den does not fit; then num and den are 0
}

// NewAmount returns n as an amount.
func NewAmount(n int64) Amount {
	if n == math.MinInt64 {
		return Amount{big: new(big.Rat).SetInt64(n)}
	}
	return Amount{num: n, den: 1}
}

// NewRatio returns num/den in lowest terms, or ErrDivideByZero.
func NewRatio(num, den int64) (Amount, error) {
	if den == 0 {
		return Amount{}, ErrDivideByZero
	}
	if num == math.MinInt64 || den == math.MinInt64 {
		return fromRat(new(big.Rat).SetFrac(big.NewInt(num), big.NewInt(den)))
	}
	return lowestTerms(num, den), nil
}

// AmountFromRat returns r as an amount, or ErrAmountRange. It keeps no reference to r.
func AmountFromRat(r *big.Rat) (Amount, error) {
	if tooLarge(r) {
		return Amount{}, ErrAmountRange
	}
	return fromRat(new(big.Rat).Set(r))
}

func tooLarge(r *big.Rat) bool {
	return r.Num().BitLen() > AmountBitsMax || r.Denom().BitLen() > AmountBitsMax
}

// fromRat takes r over.
func fromRat(r *big.Rat) (Amount, error) {
	if tooLarge(r) {
		return Amount{}, ErrAmountRange
	}
	num, den := r.Num(), r.Denom()
	if num.IsInt64() && den.IsInt64() && num.Int64() != math.MinInt64 {
		return Amount{num: num.Int64(), den: den.Int64()}, nil
	}
	return Amount{big: r}, nil
}

// lowestTerms wants den not to be 0 and neither to be MinInt64, so that both have an absolute
// value.
func lowestTerms(num, den int64) Amount {
	if den < 0 {
		num, den = -num, -den
	}
	if den == 1 {
		return Amount{num: num, den: 1}
	}
	divisor := int64(gcd(uint64(max(num, -num)), uint64(den)))
	return Amount{num: num / divisor, den: den / divisor}
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// denominator undoes the convention that lets the zero value be 0.
func (a Amount) denominator() int64 {
	if a.den == 0 {
		return 1
	}
	return a.den
}

// Rat returns the amount as a new big.Rat that the caller may change.
func (a Amount) Rat() *big.Rat {
	if a.big != nil {
		return new(big.Rat).Set(a.big)
	}
	return big.NewRat(a.num, a.denominator())
}

// view is Rat without the copy, for reading only.
func (a Amount) view() *big.Rat {
	if a.big != nil {
		return a.big
	}
	return big.NewRat(a.num, a.denominator())
}

// Sign returns -1, 0 or +1.
func (a Amount) Sign() int {
	switch {
	case a.big != nil:
		return a.big.Sign()
	case a.num < 0:
		return -1
	case a.num > 0:
		return 1
	}
	return 0
}

// IsInt reports whether the amount is a whole number.
func (a Amount) IsInt() bool {
	if a.big != nil {
		return a.big.IsInt()
	}
	return a.denominator() == 1
}

// Equal reports whether both are the same number.
func (a Amount) Equal(b Amount) bool {
	if a.big == nil && b.big == nil {
		return a.num == b.num && a.denominator() == b.denominator() // both in lowest terms
	}
	return a.big != nil && b.big != nil && a.big.Cmp(b.big) == 0 // a number has one form only
}

// Cmp returns -1, 0 or +1 for a < b, a == b, a > b.
func (a Amount) Cmp(b Amount) int {
	if a.big != nil || b.big != nil {
		return a.view().Cmp(b.view())
	}
	// Cross-multiply in 128 bits: exact, and no allocation.
	ah, al := mul128(a.num, b.denominator())
	bh, bl := mul128(b.num, a.denominator())
	switch {
	case ah < bh || (ah == bh && al < bl):
		return -1
	case ah > bh || al > bl:
		return 1
	}
	return 0
}

// mul128 returns the signed 128-bit product, high and low word in two's complement. b > 0, and a
// is not MinInt64.
func mul128(a, b int64) (hi int64, lo uint64) {
	h, l := bits.Mul64(uint64(max(a, -a)), uint64(b))
	if a < 0 {
		var borrow uint64
		l, borrow = bits.Sub64(0, l, 0)
		h, _ = bits.Sub64(0, h, borrow)
	}
	return int64(h), l
}

// Neg returns -a.
func (a Amount) Neg() Amount {
	if a.big == nil {
		return Amount{num: -a.num, den: a.denominator()} // num is never MinInt64
	}
	n, err := fromRat(new(big.Rat).Neg(a.big))
	if err != nil {
		panic("amount: -" + a.big.String() + " is longer than " + a.big.String())
	}
	return n
}

// Abs returns a without its sign.
func (a Amount) Abs() Amount {
	if a.Sign() < 0 {
		return a.Neg()
	}
	return a
}

// Add returns a+b, or ErrAmountRange.
func (a Amount) Add(b Amount) (Amount, error) {
	if a.big == nil && b.big == nil {
		if sum, ok := addSmall(a, b); ok {
			return sum, nil
		}
	}
	return fromRat(new(big.Rat).Add(a.view(), b.view()))
}

// Sub returns a-b, or ErrAmountRange.
func (a Amount) Sub(b Amount) (Amount, error) { return a.Add(b.Neg()) }

// Mul returns a*b, or ErrAmountRange.
func (a Amount) Mul(b Amount) (Amount, error) {
	if a.big == nil && b.big == nil {
		num, ok1 := mul64(a.num, b.num)
		den, ok2 := mul64(a.denominator(), b.denominator())
		if ok1 && ok2 {
			return lowestTerms(num, den), nil
		}
	}
	return fromRat(new(big.Rat).Mul(a.view(), b.view()))
}

// Quo returns a/b, ErrDivideByZero or ErrAmountRange.
func (a Amount) Quo(b Amount) (Amount, error) {
	if b.Sign() == 0 {
		return Amount{}, ErrDivideByZero
	}
	if a.big == nil && b.big == nil {
		num, ok1 := mul64(a.num, b.denominator())
		den, ok2 := mul64(a.denominator(), b.num)
		if ok1 && ok2 {
			return lowestTerms(num, den), nil
		}
	}
	return fromRat(new(big.Rat).Quo(a.view(), b.view()))
}

// addSmall adds two amounts that are not big, if the way there fits 64 bits.
func addSmall(a, b Amount) (Amount, bool) {
	x, y, den := a.num, b.num, a.denominator()
	if other := b.denominator(); other != den {
		var ok1, ok2, ok3 bool
		x, ok1 = mul64(x, other)
		y, ok2 = mul64(y, den)
		den, ok3 = mul64(den, other)
		if !ok1 || !ok2 || !ok3 {
			return Amount{}, false
		}
	}
	sum := x + y
	if (x > 0 && y > 0 && sum < 0) || (x < 0 && y < 0 && (sum >= 0 || sum == math.MinInt64)) {
		return Amount{}, false
	}
	return lowestTerms(sum, den), true
}

// mul64 returns a*b, and whether it fits 64 bits and is not MinInt64. Neither factor may be
// MinInt64.
func mul64(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(uint64(max(a, -a)), uint64(max(b, -b)))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	if (a < 0) != (b < 0) {
		return -int64(lo), true
	}
	return int64(lo), true
}

// powersOfTen are those that fit an int64.
var powersOfTen = [MinorScaleMax + 1]int64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
	1e18,
}

// Minor returns the amount in units of 10^-scale, and whether it is a whole number of them that
// fits an int64. scale is 0 to MinorScaleMax.
func (a Amount) Minor(scale uint8) (int64, bool) {
	if scale > MinorScaleMax {
		return 0, false
	}
	unit := powersOfTen[scale]
	if a.big == nil {
		// In lowest terms, so only a divisor of the unit can leave a whole number.
		if den := a.denominator(); unit%den == 0 {
			if m, ok := mul64(a.num, unit/den); ok {
				return m, true
			}
		}
	}
	m := new(big.Rat).Mul(a.view(), new(big.Rat).SetInt64(unit))
	if !m.IsInt() || !m.Num().IsInt64() {
		return 0, false
	}
	return m.Num().Int64(), true
}

// HasScale reports whether the amount is a whole number of units of 10^-scale, of any size.
func (a Amount) HasScale(scale uint8) bool {
	if a.IsInt() {
		return true
	}
	if a.big == nil && scale <= MinorScaleMax {
		return powersOfTen[scale]%a.den == 0
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	return unit.Rem(unit, a.view().Denom()).Sign() == 0
}

// Fraction returns numerator and denominator (> 0, in lowest terms) where both fit 64 bits; ok is
// false for larger amounts. It is the cheap way to print and to add up many amounts.
func (a Amount) Fraction() (num, den int64, ok bool) {
	return a.num, a.denominator(), a.big == nil
}
