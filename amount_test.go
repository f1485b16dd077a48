package juno

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// edgeInts are where 64-bit arithmetic goes wrong.
var edgeInts = []int64{
	0, 1, -1, 2, -2, 3, 5, 7, 10, 100, math.MaxInt64, math.MaxInt64 - 1,
	math.MinInt64, math.MinInt64 + 1, 1 << 31, -1 << 31, 1 << 32, 1 << 62, -1 << 62, 3037000499,
	3037000500, 1e18, -1e18,
}

// drawRat draws numbers of all sizes, the edges often, never beyond 512 bits.
func drawRat(t *rapid.T, name string) *big.Rat {
	part := func(name string) *big.Int {
		switch rapid.IntRange(0, 3).Draw(t, name+" size") {
		case 0:
			return big.NewInt(rapid.SampledFrom(edgeInts).Draw(t, name+" edge"))
		case 1:
			return big.NewInt(rapid.Int64().Draw(t, name))
		case 2:
			return big.NewInt(rapid.Int64Range(-1000, 1000).Draw(t, name))
		}
		n := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 9, 64).Draw(t, name+" bytes"))
		if rapid.Bool().Draw(t, name+" negative") {
			n.Neg(n)
		}
		return n
	}
	num, den := part(name+" numerator"), part(name+" denominator")
	if den.Sign() == 0 {
		den.SetInt64(1)
	}
	return new(big.Rat).SetFrac(num, den)
}

func mustAmount(t *rapid.T, r *big.Rat) Amount {
	a, err := AmountFromRat(r)
	if err != nil {
		t.Fatalf("%s: %v", r, err)
	}
	return a
}

// TestAmountOracle compares everything with big.Rat.
func TestAmountOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := drawRat(t, "x"), drawRat(t, "y")
		a, b := mustAmount(t, x), mustAmount(t, y)
		check := func(op string, got Amount, err error, want *big.Rat) {
			if tooLarge(want) {
				if !errors.Is(err, ErrAmountRange) {
					t.Fatalf("%s %s %s: error %v, want ErrAmountRange", x, op, y, err)
				}
				return
			}
			if err != nil || got.Rat().Cmp(want) != 0 {
				t.Fatalf("%s %s %s = %s, %v, want %s", x, op, y, got, err, want)
			}
			checkForm(t, got)
		}
		sum, err := a.Add(b)
		check("+", sum, err, new(big.Rat).Add(x, y))
		difference, err := a.Sub(b)
		check("-", difference, err, new(big.Rat).Sub(x, y))
		product, err := a.Mul(b)
		check("*", product, err, new(big.Rat).Mul(x, y))
		if quotient, err := a.Quo(b); y.Sign() == 0 {
			if !errors.Is(err, ErrDivideByZero) {
				t.Fatalf("%s / 0: error %v", x, err)
			}
		} else {
			check("/", quotient, err, new(big.Rat).Quo(x, y))
		}
		check("neg", a.Neg(), nil, new(big.Rat).Neg(x))
		check("abs", a.Abs(), nil, new(big.Rat).Abs(x))
		if got, want := a.Cmp(b), x.Cmp(y); got != want {
			t.Fatalf("cmp %s %s = %d, want %d", x, y, got, want)
		}
		if got, want := a.Equal(b), x.Cmp(y) == 0; got != want {
			t.Fatalf("%s equals %s: %t, want %t", x, y, got, want)
		}
		if got, want := a.Sign(), x.Sign(); got != want {
			t.Fatalf("sign of %s = %d, want %d", x, got, want)
		}
		if got, want := a.IsInt(), x.IsInt(); got != want {
			t.Fatalf("%s is whole: %t, want %t", x, got, want)
		}
		if a.Rat().Cmp(x) != 0 || b.Rat().Cmp(y) != 0 {
			t.Fatal("an operand was changed")
		}
		checkAmountText(t, a)
	})
}

// checkForm wants a number to be held in the one form that it has, so that Equal may compare
// fields, and that a copy of it cannot be changed through another.
func checkForm(t fatal, a Amount) {
	t.Helper()
	r := a.Rat()
	small := r.Num().IsInt64() && r.Denom().IsInt64() && r.Num().Int64() != math.MinInt64
	switch {
	case small != (a.big == nil):
		t.Fatalf("%s is held as %+v", r, a)
	case !small:
		if a.num != 0 || a.den != 0 {
			t.Fatalf("%s is held as %+v", r, a)
		}
	case a.num != r.Num().Int64() || a.denominator() != r.Denom().Int64():
		t.Fatalf("%s is held as %+v", r, a)
	}
	if num, den, ok := a.Fraction(); ok != small || ok && big.NewRat(num, den).Cmp(r) != 0 {
		t.Fatalf("fraction of %s is %d/%d, %t", r, num, den, ok)
	}
}

func TestNewAmountAndRatio(t *testing.T) {
	for _, n := range edgeInts {
		if a := NewAmount(n); a.Rat().Cmp(new(big.Rat).SetInt64(n)) != 0 ||
			a.Neg().Rat().Cmp(new(big.Rat).Neg(new(big.Rat).SetInt64(n))) != 0 {
			t.Errorf("NewAmount(%d) is %s, negated %s", n, a, a.Neg())
		}
		for _, d := range edgeInts {
			a, err := NewRatio(n, d)
			if d == 0 {
				if !errors.Is(err, ErrDivideByZero) {
					t.Errorf("%d/0: error %v", n, err)
				}
				continue
			}
			want := new(big.Rat).SetFrac(big.NewInt(n), big.NewInt(d))
			if err != nil || a.Rat().Cmp(want) != 0 {
				t.Errorf("%d/%d is %s, %v, want %s", n, d, a, err, want)
			}
		}
	}
}

// TestEdgePairs runs all operations on all pairs of edges: overflow in each place.
func TestEdgePairs(t *testing.T) {
	var all []Amount
	for _, n := range edgeInts {
		for _, d := range []int64{1, 3, 10, math.MaxInt64} {
			a, err := NewRatio(n, d)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, a)
		}
	}
	for _, a := range all {
		for _, b := range all {
			x, y := a.Rat(), b.Rat()
			sum, err1 := a.Add(b)
			product, err2 := a.Mul(b)
			if err1 != nil || err2 != nil || a.Cmp(b) != x.Cmp(y) ||
				sum.Rat().Cmp(new(big.Rat).Add(x, y)) != 0 ||
				product.Rat().Cmp(new(big.Rat).Mul(x, y)) != 0 {
				t.Fatalf("%s and %s: sum %s, product %s, cmp %d", x, y, sum, product, a.Cmp(b))
			}
			checkForm(t, sum)
			checkForm(t, product)
		}
	}
}

func TestAmountZeroValue(t *testing.T) {
	var zero Amount
	if got := zero.String() + zero.Ratio(); got != "00%1" {
		t.Errorf("the zero value prints %q", got)
	}
	one := NewAmount(1)
	sum, err := zero.Add(one)
	if err != nil || !sum.Equal(one) || zero.Cmp(NewAmount(0)) != 0 || !zero.Equal(NewAmount(0)) ||
		zero.Sign() != 0 || !zero.IsInt() || zero.Neg().Sign() != 0 {
		t.Errorf("the zero value is not 0: 0+1 = %s, %v", sum, err)
	}
	if got, want := fmt.Sprintf("%x", AppendAmount(nil, zero)), "0000"; got != want {
		t.Errorf("the zero value is encoded as %s, want %s", got, want)
	}
	if _, err := one.Quo(zero); !errors.Is(err, ErrDivideByZero) {
		t.Errorf("1/0: error %v", err)
	}
}

func TestAmountRange(t *testing.T) {
	limit := new(big.Int).Lsh(big.NewInt(1), AmountBitsMax)
	most := new(big.Rat).SetInt(new(big.Int).Sub(limit, big.NewInt(1)))
	a, err := AmountFromRat(most)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Add(NewAmount(1)); !errors.Is(err, ErrAmountRange) {
		t.Errorf("2^512: error %v", err)
	}
	if _, err := a.Neg().Sub(NewAmount(1)); !errors.Is(err, ErrAmountRange) {
		t.Errorf("-2^512: error %v", err)
	}
	least, err := NewAmount(1).Quo(a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := least.Quo(NewAmount(2)); !errors.Is(err, ErrAmountRange) {
		t.Errorf("1/2^513: error %v", err)
	}
	if back, err := least.Mul(a); err != nil || !back.Equal(NewAmount(1)) {
		t.Errorf("(1/x)*x = %s, %v", back, err)
	}
	if _, err := AmountFromRat(new(big.Rat).SetInt(limit)); !errors.Is(err, ErrAmountRange) {
		t.Errorf("2^512: error %v", err)
	}
	checkAmountText(t, a)
	checkAmountText(t, least.Neg())
}

func TestAmountText(t *testing.T) {
	for _, c := range []struct{ in, text, ratio string }{
		{"0", "0", "0%1"},
		{"-0", "0", "0%1"},
		{"0.00", "0", "0%1"},
		{"3", "3", "3%1"},
		{"+3", "3", "3%1"},
		{"-3", "-3", "-3%1"},
		{"12.50", "12.5", "25%2"},
		{"0.05", "0.05", "1%20"},
		{"-0.001", "-0.001", "-1%1000"},
		{"1%3", "1%3", "1%3"},
		{"2%6", "1%3", "1%3"},
		{"-10%1", "-10", "-10%1"},
		{"6%4", "1.5", "3%2"},
		{"1%1024", "0.0009765625", "1%1024"},
		{"007.70", "7.7", "77%10"},
		{"9223372036854775807", "9223372036854775807", "9223372036854775807%1"},
		{"-9223372036854775808", "-9223372036854775808", "-9223372036854775808%1"},
		{"9223372036854775807.5", "9223372036854775807.5", "18446744073709551615%2"},
		{
			"0." + strings.Repeat("0", 37) + "1", "0." + strings.Repeat("0", 37) + "1",
			"1%1" + strings.Repeat("0", 38),
		},
		{
			"0." + strings.Repeat("0", 38) + "1", "1%1" + strings.Repeat("0", 39),
			"1%1" + strings.Repeat("0", 39),
		},
	} {
		a := amount(t, c.in)
		if got := a.String(); got != c.text {
			t.Errorf("%s prints %q, want %q", c.in, got, c.text)
		}
		if got := a.Ratio(); got != c.ratio {
			t.Errorf("%s as a ratio prints %q, want %q", c.in, got, c.ratio)
		}
	}
	for _, s := range []string{
		"", "-", "+", "--1", "+-1", "-+1", " 1", "1 ", "1.", ".1", "1.2.3",
		"1%2%3", "1.5%2", "1%", "%1", "1%-2", "1e3", "0x1f", "1_000", "1,5", "½", "١", "NaN",
		"Inf", "1\x00", "\xff", "1/3",
	} {
		if a, err := ParseAmount(s); err == nil {
			t.Errorf("%q is read as %s", s, a)
		}
	}
	for s, want := range map[string]error{
		"1%0": ErrDivideByZero, "0%0": ErrDivideByZero,
		"-1%000": ErrDivideByZero, strings.Repeat("9", 156): ErrAmountRange,
		strings.Repeat("9", 155): ErrAmountRange,
	} {
		if _, err := ParseAmount(s); !errors.Is(err, want) {
			t.Errorf("%.20s: error %v, want %v", s, err, want)
		}
	}
}

func TestAmountMinor(t *testing.T) {
	for _, c := range []struct {
		in    string
		scale uint8
		minor int64
		ok    bool
	}{
		{"12.50", 2, 1250, true},
		{"12.50", 1, 125, true},
		{"12.50", 0, 0, false},
		{"1%3", 2, 0, false},
		{"-0.01", 2, -1, true},
		{"9223372036854775807", 0, math.MaxInt64, true},
		{"92233720368547758.07", 2, math.MaxInt64, true},
		{"-92233720368547758.08", 2, math.MinInt64, true},
		{"92233720368547758.08", 2, 0, false},
		{"-9223372036854775808", 0, math.MinInt64, true},
		{"1", 18, 1e18, true},
		{"10", 18, 0, false},
		{"1", 19, 0, false},
	} {
		minor, ok := amount(t, c.in).Minor(c.scale)
		if minor != c.minor || ok != c.ok {
			t.Errorf("%s in units of 10^-%d: %d, %t, want %d, %t",
				c.in, c.scale, minor, ok, c.minor, c.ok)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		r := drawRat(t, "r")
		a, scale := mustAmount(t, r), rapid.Byte().Draw(t, "scale")
		unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
		scaled := new(big.Rat).Mul(r, new(big.Rat).SetInt(unit))
		if got, want := a.HasScale(scale), scaled.IsInt(); got != want {
			t.Fatalf("%s has scale %d: %t, want %t", r, scale, got, want)
		}
		fits := scale <= MinorScaleMax && scaled.IsInt() && scaled.Num().IsInt64()
		if minor, ok := a.Minor(scale); ok != fits || ok && minor != scaled.Num().Int64() {
			t.Fatalf("%s in units of 10^-%d: %d, %t, want %s", r, scale, minor, ok, scaled)
		}
	})
}

func TestAmountFromRatKeepsNoReference(t *testing.T) {
	r := new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 100))
	a, err := AmountFromRat(r)
	if err != nil {
		t.Fatal(err)
	}
	before := a.String()
	r.Num().SetInt64(1)
	a.Rat().Num().SetInt64(2)
	if a.String() != before {
		t.Errorf("the amount changed from %s to %s", before, a)
	}
}

// TestAmountBytesRefused: a number has one encoding.
func TestAmountBytesRefused(t *testing.T) {
	long := strings.Repeat("01", amountPartBytesMax+1)
	for name, digits := range map[string]string{
		"2/4":                      "010102" + "04",
		"25/5":                     "010119" + "05",
		"large, not lowest terms":  "0901" + "020000000000000000" + "02",
		"3/1":                      "010103" + "01",
		"3/0":                      "010103" + "00",
		"large 3/1":                "0901" + "030000000000000001" + "01",
		"zero with a sign":         "8000",
		"zero with a denominator":  "000102",
		"leading zero":             "02000003",
		"leading zero below":       "010203" + "0002",
		"large with leading zero":  "0900" + "00" + "0300000000000001",
		"numerator too long":       "4100" + long,
		"denominator too long":     "0141" + "01" + long,
		"cut off":                  "0200" + "01",
		"one byte":                 "00",
		"sign of a length too far": "c100" + long,
	} {
		d := NewDecoder(unhex(t, digits))
		if a := d.Amount(); d.Done() == nil {
			t.Errorf("%s: read as %s", name, a)
		}
	}
}
