package sql

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"juno"
)

// decimalDigitsMax is how many digits of a decimal always fit an int64.
const decimalDigitsMax = 18

var powersOfTen = func() (p [decimalDigitsMax + 1]int64) {
	p[0] = 1
	for i := range decimalDigitsMax {
		p[i+1] = 10 * p[i]
	}
	return p
}()

// decimal is mantissa × 10^-scale, the shape of nearly all amounts of money. It is what makes
// adding up and comparing a million of them cheap.
type decimal struct {
	mantissa int64
	scale    int
}

// parseDecimal reads "-12.50" where it fits a decimal; everything else is left to parseExact.
func parseDecimal(s string) (d decimal, ok bool) {
	digits := s
	if len(s) > 0 && s[0] == '-' {
		digits = s[1:]
	}
	if len(digits) == 0 || len(digits) > decimalDigitsMax {
		return decimal{}, false
	}
	point := -1
	for i := range len(digits) {
		c := digits[i]
		switch {
		case isDigit(c):
			d.mantissa = 10*d.mantissa + int64(c-'0')
		case c == '.' && point < 0 && i > 0 && i < len(digits)-1:
			point = i
		default:
			return decimal{}, false
		}
	}
	if point >= 0 {
		d.scale = len(digits) - point - 1
	}
	if len(digits) != len(s) {
		d.mantissa = -d.mantissa
	}
	return d, true
}

// amount returns the decimal as an amount.
func (d decimal) amount() juno.Amount {
	if d.scale == 0 {
		return juno.NewAmount(d.mantissa)
	}
	a, err := juno.NewRatio(d.mantissa, powersOfTen[d.scale])
	if err != nil {
		panic(err) // a power of ten is never zero
	}
	return a
}

// rescale returns the mantissa at a finer scale, and false where it does not fit.
func (d decimal) rescale(scale int) (int64, bool) {
	steps := scale - d.scale
	if steps == 0 {
		return d.mantissa, true
	}
	if steps > decimalDigitsMax {
		return 0, d.mantissa == 0
	}
	return mul64(d.mantissa, powersOfTen[steps])
}

// mul64 multiplies; ok is false on overflow.
func mul64(a, b int64) (product int64, ok bool) {
	negative := (a < 0) != (b < 0)
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	if hi != 0 || lo > 1<<63 || lo == 1<<63 && !negative {
		return 0, false
	}
	if negative {
		return -int64(lo), true
	}
	return int64(lo), true
}

func magnitude(a int64) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}

// add64 adds; ok is false on overflow.
func add64(a, b int64) (sum int64, ok bool) {
	sum = a + b
	return sum, (sum > a) == (b > 0) || b == 0
}

// parseExact reads an amount.
func parseExact(s string) (juno.Amount, error) {
	if d, ok := parseDecimal(s); ok {
		return d.amount(), nil
	}
	if s == "" {
		return juno.Amount{}, fmt.Errorf("empty text is not an amount")
	}
	return juno.ParseAmount(s)
}

// appendAmount appends the canonical text of a, as juno.Amount.String prints it.
func appendAmount(b []byte, a juno.Amount) []byte {
	num, den, ok := a.Fraction()
	if !ok {
		return append(b, a.String()...)
	}
	if den == 1 {
		return strconv.AppendInt(b, num, 10)
	}
	// A denominator of twos and fives divides a power of ten: that is a finite decimal.
	for scale := 1; scale <= decimalDigitsMax; scale++ {
		if powersOfTen[scale]%den != 0 {
			continue
		}
		mantissa, ok := mul64(num, powersOfTen[scale]/den)
		if !ok {
			break
		}
		return appendDecimal(b, mantissa, scale)
	}
	return append(b, a.String()...)
}

// appendDecimal appends mantissa × 10^-scale with all its places, scale > 0.
func appendDecimal(b []byte, mantissa int64, scale int) []byte {
	if mantissa < 0 {
		b = append(b, '-')
	}
	unit := uint64(powersOfTen[scale])
	whole, places := magnitude(mantissa)/unit, magnitude(mantissa)%unit
	b = strconv.AppendUint(b, whole, 10)
	b = append(b, '.')
	start := len(b)
	// The one put in front keeps the leading zeros of the places.
	b = strconv.AppendUint(b, unit+places, 10)
	return append(b[:start], b[start+1:]...)
}

// compareExact orders texts as amounts. Texts that are no amounts come after all that are, in
// byte order, so that the order is total whatever a user compares with.
func compareExact(a, b string) int {
	if a == b {
		return 0
	}
	x, okX := parseDecimal(a)
	y, okY := parseDecimal(b)
	if okX && okY {
		if x.scale < y.scale {
			if m, ok := x.rescale(y.scale); ok {
				return compareInts(m, y.mantissa)
			}
		} else if m, ok := y.rescale(x.scale); ok {
			return compareInts(x.mantissa, m)
		}
	}
	amountA, errA := parseExact(a)
	amountB, errB := parseExact(b)
	switch {
	case errA == nil && errB == nil:
		return amountA.Cmp(amountB)
	case errA == nil:
		return -1
	case errB == nil:
		return 1
	}
	return strings.Compare(a, b)
}

func compareInts(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// total adds up amounts. As long as they are decimals that fit, it stays in one int64.
type total struct {
	decimal
	rest juno.Amount // what no longer fitted
	used bool        // rest is not zero
}

// addDecimal adds a decimal.
func (t *total) addDecimal(d decimal) error {
	scale := max(t.scale, d.scale)
	sum, ok := t.rescale(scale)
	if ok {
		var part int64
		if part, ok = d.rescale(scale); ok {
			sum, ok = add64(sum, part)
		}
	}
	if ok {
		t.decimal = decimal{sum, scale}
		return nil
	}
	if err := t.flush(); err != nil {
		return err
	}
	return t.addAmount(d.amount())
}

// addAmount adds any amount.
func (t *total) addAmount(a juno.Amount) error {
	sum, err := t.rest.Add(a)
	if err != nil {
		return err
	}
	t.rest, t.used = sum, true
	return nil
}

// flush moves the decimal into the rest.
func (t *total) flush() error {
	if t.mantissa == 0 {
		t.decimal = decimal{}
		return nil
	}
	if t.mantissa == -1<<63 { // the one value that has no negative, which NewRatio needs
		half := decimal{t.mantissa / 2, t.scale}.amount()
		t.decimal = decimal{}
		if err := t.addAmount(half); err != nil {
			return err
		}
		return t.addAmount(half)
	}
	d := t.decimal
	t.decimal = decimal{}
	return t.addAmount(d.amount())
}

// amount returns the sum.
func (t *total) amount() (juno.Amount, error) {
	if err := t.flush(); err != nil {
		return juno.Amount{}, err
	}
	return t.rest, nil
}
