package juno

import (
	"fmt"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// Ratio prints the prototype's form, always with a denominator: "12%1", "25%2", "-10%1".
func (a Amount) Ratio() string {
	if a.big != nil {
		return a.big.Num().String() + "%" + a.big.Denom().String()
	}
	b := append(strconv.AppendInt(make([]byte, 0, 24), a.num, 10), '%')
	return string(strconv.AppendInt(b, a.denominator(), 10))
}

// String prints the one canonical form: the shortest decimal where it is finite and has at most
// 38 places ("3", "12.5"), otherwise the ratio ("1%3").
func (a Amount) String() string {
	if a.big == nil {
		if a.denominator() == 1 {
			return strconv.FormatInt(a.num, 10)
		}
		if s, ok := a.smallDecimal(); ok {
			return s
		}
	}
	r := a.view()
	places, finite := decimalPlaces(r.Denom())
	if !finite {
		return a.Ratio()
	}
	return r.FloatString(places)
}

// smallDecimal prints an amount whose decimal digits fit an int64 together.
func (a Amount) smallDecimal() (string, bool) {
	den := uint64(a.denominator())
	twos, fives := bits.TrailingZeros64(den), 0
	den >>= twos
	for ; den%5 == 0; den /= 5 {
		fives++
	}
	places := max(twos, fives)
	if den != 1 || places > MinorScaleMax {
		return "", false
	}
	digits, ok := mul64(max(a.num, -a.num), powersOfTen[places]/a.denominator())
	if !ok {
		return "", false
	}
	b := make([]byte, 0, 24)
	if a.num < 0 {
		b = append(b, '-')
	}
	b = append(strconv.AppendInt(b, digits/powersOfTen[places], 10), '.')
	fraction := strconv.FormatInt(digits%powersOfTen[places], 10)
	for range places - len(fraction) {
		b = append(b, '0')
	}
	return string(append(b, fraction...)), true
}

// decimalPlaces returns how many digits 1/den needs after the point, if that is a finite number
// of at most decimalPlacesMax. Those are the denominators 2^i * 5^j.
func decimalPlaces(den *big.Int) (int, bool) {
	d := new(big.Int).Set(den)
	count := func(p int64) int {
		n, q, r := 0, new(big.Int), new(big.Int)
		for n <= decimalPlacesMax {
			if q.QuoRem(d, big.NewInt(p), r); r.Sign() != 0 {
				break
			}
			d, q = q, d
			n++
		}
		return n
	}
	places := max(count(2), count(5))
	return places, d.IsInt64() && d.Int64() == 1 && places <= decimalPlacesMax
}

// ParseAmount reads "3", "-3", "12.50", "1%3" and "-10%1". It accepts more spellings than String
// prints ("12.50", "2%4", "+3", "007"), because people write them; signed bytes hold the spelling
// as it came. Digits are ASCII; there are no spaces, exponents or separators. The error wraps
// ErrDivideByZero or ErrAmountRange where it is one of them.
func ParseAmount(s string) (Amount, error) {
	body, negative := strings.CutPrefix(s, "-")
	if !negative {
		body = strings.TrimPrefix(s, "+")
	}
	whole, rest, kind := body, "", byte(0)
	if i := strings.IndexAny(body, ".%"); i >= 0 {
		whole, rest, kind = body[:i], body[i+1:], body[i]
	}
	if !allDigits(whole) || (kind != 0 && !allDigits(rest)) {
		return Amount{}, fmt.Errorf("amount %.80q: want digits, as in 3, 12.50, 1%%3 or -10%%1", s)
	}
	if len(whole) > amountDigitsMax || len(rest) > amountDigitsMax {
		return Amount{}, fmt.Errorf("amount %.40q…: %w", s, ErrAmountRange)
	}
	a, err := parseParts(whole, rest, kind)
	if err != nil {
		return Amount{}, fmt.Errorf("amount %.40q: %w", s, err)
	}
	if negative {
		a = a.Neg()
	}
	return a, nil
}

// parseParts reads whole.rest, whole%rest, or whole where kind is 0. All are digits.
func parseParts(whole, rest string, kind byte) (Amount, error) {
	den := "1"
	switch kind {
	case '%':
		den = rest
	case '.':
		whole += rest
		den += strings.Repeat("0", len(rest))
	}
	if len(whole) <= MinorScaleMax && len(den) <= MinorScaleMax+1 {
		num, err1 := strconv.ParseInt(whole, 10, 64)
		d, err2 := strconv.ParseInt(den, 10, 64)
		if err1 == nil && err2 == nil {
			return NewRatio(num, d)
		}
	}
	num, ok1 := new(big.Int).SetString(whole, 10)
	d, ok2 := new(big.Int).SetString(den, 10)
	if !ok1 || !ok2 {
		panic(fmt.Sprintf("amount: %q and %q were all digits", whole, den))
	}
	if d.Sign() == 0 {
		return Amount{}, ErrDivideByZero
	}
	return fromRat(new(big.Rat).SetFrac(num, d))
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
