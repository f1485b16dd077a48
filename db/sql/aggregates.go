package sql

import (
	"errors"
	"fmt"
	"math/big"
	"slices"

	"juno"

	lite "modernc.org/sqlite/lib"
)

// aggregates returns the aggregates that replace SQLite's own, which would add up in floating
// point, and those that this build of SQLite lacks.
func aggregates() []aggregateInfo {
	sum := func(show func(*adder, *result) error) func() aggregate {
		return func() aggregate { return &adder{show: show} }
	}
	rank := func() aggregate { return &ranked{} }
	return []aggregateInfo{
		{"sum", 1, sum((*adder).sum)},
		{"total", 1, sum((*adder).total)},
		{"avg", 1, sum((*adder).mean)},
		{"median", 1, rank},
		{"percentile", 2, rank},
	}
}

// adder adds up integers, amounts, or floating-point numbers, but never the last two together.
type adder struct {
	show   func(*adder, *result) error
	count  int64 // of values that are not NULL
	exacts int64 // of those that came as amounts
	floats int64
	exact  total
	float  float64
	carry  float64 // Kahan's compensation
}

func (s *adder) step(a *arguments) error    { return s.add(a, 1) }
func (s *adder) inverse(a *arguments) error { return s.add(a, -1) }

// add takes a value in (sign 1) or out again (sign -1).
func (s *adder) add(a *arguments, sign int64) error {
	switch a.storage(0) {
	case lite.SQLITE_NULL:
		return nil
	case lite.SQLITE_INTEGER:
		s.count += sign
		n := a.integer(0)
		if sign < 0 && n == -n && n != 0 {
			return s.exact.addAmount(integerAmount(n).Neg())
		}
		return s.exact.addDecimal(decimal{sign * n, 0})
	case lite.SQLITE_FLOAT:
		s.count += sign
		s.floats += sign
		s.addFloat(float64(sign) * a.real(0))
	case lite.SQLITE_TEXT:
		s.count += sign
		s.exacts += sign
		if err := s.addText(a.text(0), sign); err != nil {
			return err
		}
	default:
		return errors.New("a blob is not an amount")
	}
	if s.floats > 0 && s.exacts > 0 {
		return errFloat
	}
	return nil
}

func (s *adder) addText(text string, sign int64) error {
	if d, ok := parseDecimal(text); ok {
		d.mantissa *= sign
		return s.exact.addDecimal(d)
	}
	x, err := parseExact(text)
	if err != nil {
		return err
	}
	if sign < 0 {
		x = x.Neg()
	}
	return s.exact.addAmount(x)
}

func (s *adder) addFloat(x float64) {
	y := x - s.carry
	t := s.float + y
	s.carry = (t - s.float) - y
	s.float = t
}

func (s *adder) value(o *result) error { return s.show(s, o) }

// floating shows a result that has floating-point numbers in it.
func (s *adder) floating(o *result, divisor float64) error {
	whole, err := s.exact.amount()
	if err != nil {
		return err
	}
	x, _ := whole.Rat().Float64()
	o.real((x + s.float) / divisor)
	return nil
}

// sum is NULL without values, an integer for integers, and an amount for amounts.
func (s *adder) sum(o *result) error {
	switch {
	case s.count == 0:
		o.null()
		return nil
	case s.floats > 0:
		return s.floating(o, 1)
	case s.exacts == 0:
		if s.exact.used || s.exact.scale != 0 {
			return s.integerSum(o)
		}
		o.integer(s.exact.mantissa)
		return nil
	}
	return s.total(o)
}

// integerSum shows a sum of integers that left 64 bits on the way.
func (s *adder) integerSum(o *result) error {
	whole, err := s.exact.amount()
	if err != nil {
		return err
	}
	r := whole.Rat()
	if !r.Num().IsInt64() {
		return errOverflow
	}
	o.integer(r.Num().Int64())
	return nil
}

// total is an amount, 0 without values.
func (s *adder) total(o *result) error {
	if s.floats > 0 {
		return s.floating(o, 1)
	}
	if !s.exact.used {
		o.amount(s.exact.decimal.amount())
		return nil
	}
	whole, err := s.exact.amount()
	if err != nil {
		return err
	}
	o.amount(whole)
	return nil
}

// mean is an amount, NULL without values.
func (s *adder) mean(o *result) error {
	if s.count == 0 {
		o.null()
		return nil
	}
	if s.floats > 0 {
		return s.floating(o, float64(s.count))
	}
	whole, err := s.exact.amount()
	if err != nil {
		return err
	}
	mean, err := whole.Quo(juno.NewAmount(s.count))
	if err != nil {
		return err
	}
	o.amount(mean)
	return nil
}

// rankedMax bounds the values that a median or a percentile keeps in memory.
const rankedMax = 2 << 20

// ranked keeps all values of median(x) or percentile(x, p), p from 0 to 100.
type ranked struct {
	exact []juno.Amount
	float []float64
	rank  *big.Rat // p/100, 1/2 for the median
}

func (r *ranked) step(a *arguments) error {
	if err := r.setRank(a); err != nil {
		return err
	}
	if a.storage(0) == lite.SQLITE_FLOAT {
		r.float = append(r.float, a.real(0))
	} else {
		x, err := a.numeric(0)
		if err != nil || x.null {
			return err
		}
		r.exact = append(r.exact, x.amount())
	}
	switch {
	case len(r.float) > 0 && len(r.exact) > 0:
		return errFloat
	case len(r.float)+len(r.exact) > rankedMax:
		return fmt.Errorf("more than %d values", rankedMax)
	}
	return nil
}

func (r *ranked) setRank(a *arguments) error {
	if r.rank != nil {
		return nil
	}
	r.rank = big.NewRat(1, 2)
	if a.count < 2 {
		return nil
	}
	p, err := a.numeric(1)
	if err != nil {
		return err
	}
	r.rank.Mul(p.amount().Rat(), big.NewRat(1, 100))
	if r.rank.Sign() < 0 || r.rank.Cmp(big.NewRat(1, 1)) > 0 {
		return errors.New("the rank goes from 0 to 100")
	}
	return nil
}

// inverse takes the oldest value out: windows lose rows in the order they got them.
func (r *ranked) inverse(a *arguments) error {
	switch {
	case a.isNull(0):
	case a.storage(0) == lite.SQLITE_FLOAT && len(r.float) > 0:
		r.float = r.float[1:]
	case len(r.exact) > 0:
		r.exact = r.exact[1:]
	}
	return nil
}

// value interpolates between the two values around the rank.
func (r *ranked) value(o *result) error {
	n := int64(max(len(r.exact), len(r.float)))
	if n == 0 {
		o.null()
		return nil
	}
	place := new(big.Rat).Mul(r.rank, big.NewRat(n-1, 1))
	low := new(big.Int).Quo(place.Num(), place.Denom())
	part := place.Sub(place, new(big.Rat).SetInt(low))
	i := int(low.Int64())
	j := min(i+1, int(n)-1)
	if r.float != nil && r.exact == nil {
		sorted := slices.Sorted(slices.Values(r.float))
		x, _ := part.Float64()
		o.real(sorted[i] + x*(sorted[j]-sorted[i]))
		return nil
	}
	sorted := slices.SortedFunc(slices.Values(r.exact), juno.Amount.Cmp)
	step := new(big.Rat).Sub(sorted[j].Rat(), sorted[i].Rat())
	step.Mul(step, part)
	y, err := juno.AmountFromRat(step.Add(step, sorted[i].Rat()))
	if err == nil {
		o.amount(y)
	}
	return err
}
