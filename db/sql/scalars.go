package sql

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"

	"juno"

	lite "modernc.org/sqlite/lib"
)

// numeric is the value of a numeric argument: an integer, or an amount.
type numeric struct {
	null    bool
	integer bool
	n       int64
	a       juno.Amount
}

var errFloat = errors.New("a floating-point number where an exact one is wanted")

// named puts the function's name in front of an error.
func named(name string, err error) error {
	var q *juno.QueryError
	if errors.As(err, &q) || isContextError(err) {
		return err
	}
	hint := ""
	switch {
	case errors.Is(err, juno.ErrDivideByZero):
		err, hint = errors.New("division by zero"), "x / nullif(y, 0) is NULL there"

	case errors.Is(err, errFloat):
		hint = "approx(x) says that floating point is meant; from JSON, exact(x -> 'key') " +
			"reads a number as it is written"
	case errors.Is(err, errOverflow):
		hint = "exact(x) has no such bound"
	}
	if written := operatorOf[name]; written != "" {
		name = written
	}
	return &juno.QueryError{Message: fmt.Sprintf("%s: %v", name, err), Offset: -1, Hint: hint}
}

// operatorOf names what a user wrote where the rewriter put a function that is not for users.
var operatorOf = map[string]string{"quo": "/", "exact_real": "exact"}

var errOverflow = errors.New("integer overflow")

// numeric reads an argument as a number.
func (a *arguments) numeric(i int) (numeric, error) {
	switch a.storage(i) {
	case lite.SQLITE_NULL:
		return numeric{null: true}, nil
	case lite.SQLITE_INTEGER:
		return numeric{integer: true, n: a.integer(i)}, nil
	case lite.SQLITE_FLOAT:
		return numeric{}, errFloat
	case lite.SQLITE_BLOB:
		return numeric{}, errors.New("a blob is not an amount")
	}
	x, err := parseExact(a.text(i))
	return numeric{a: x}, err
}

// amount returns the number as an amount.
func (x numeric) amount() juno.Amount {
	if x.integer {
		return integerAmount(x.n)
	}
	return x.a
}

// integerAmount is NewAmount for all integers.
func integerAmount(n int64) juno.Amount {
	if n == math.MinInt64 {
		a, err := juno.AmountFromRat(new(big.Rat).SetInt64(n))
		if err != nil {
			panic(err) // 64 bits fit an amount
		}
		return a
	}
	return juno.NewAmount(n)
}

// pair reads two numbers; null is true if either is NULL.
func (a *arguments) pair() (x, y numeric, null bool, err error) {
	if x, err = a.numeric(0); err != nil {
		return
	}
	y, err = a.numeric(1)
	return x, y, x.null || y.null, err
}

// binaryFunc builds a function of two numbers: integers stay integers, all else is exact.
func binaryFunc(integers func(x, y int64) (int64, error),
	exact func(x, y juno.Amount) (juno.Amount, error),
) scalarFunc {
	return func(_ *conn, a *arguments, o *result) error {
		x, y, null, err := a.pair()
		switch {
		case err != nil:
			return err
		case null:
			o.null()
			return nil
		case integers != nil && x.integer && y.integer:
			n, err := integers(x.n, y.n)
			o.integer(n)
			return err
		}
		sum, err := exact(x.amount(), y.amount())
		if err == nil {
			o.amount(sum)
		}
		return err
	}
}

// unaryFunc builds a function of one number.
func unaryFunc(integers func(n int64) (int64, error),
	exact func(x juno.Amount) (juno.Amount, error), real func(x float64) float64,
) scalarFunc {
	return func(_ *conn, a *arguments, o *result) error {
		if real != nil && a.storage(0) == lite.SQLITE_FLOAT {
			o.real(real(a.real(0)))
			return nil
		}
		x, err := a.numeric(0)
		switch {
		case err != nil:
			return err
		case x.null:
			o.null()
			return nil
		case x.integer && integers != nil:
			n, err := integers(x.n)
			o.integer(n)
			return err
		}
		y, err := exact(x.amount())
		if err == nil {
			o.amount(y)
		}
		return err
	}
}

func checked(n int64, ok bool) (int64, error) {
	if !ok {
		return 0, errOverflow
	}
	return n, nil
}

func addIntegers(x, y int64) (int64, error) { return checked(add64(x, y)) }

func subIntegers(x, y int64) (int64, error) {
	return checked(x-y, (x-y < x) == (y > 0) || y == 0)
}

func mulIntegers(x, y int64) (int64, error) { return checked(mul64(x, y)) }

// quoIntegers is SQL's division of integers: towards zero.
func quoIntegers(x, y int64) (int64, error) {
	switch {
	case y == 0:
		return 0, juno.ErrDivideByZero
	case y == -1:
		return negInteger(x)
	}
	return x / y, nil
}

func modIntegers(x, y int64) (int64, error) {
	switch y {
	case 0:
		return 0, juno.ErrDivideByZero
	case -1:
		return 0, nil
	}
	return x % y, nil
}

func negInteger(n int64) (int64, error) { return checked(-n, n != math.MinInt64) }

func absInteger(n int64) (int64, error) {
	if n < 0 {
		return negInteger(n)
	}
	return n, nil
}

// modAmounts is the rest of a division towards zero.
func modAmounts(x, y juno.Amount) (juno.Amount, error) {
	q, err := x.Quo(y)
	if err != nil {
		return q, err
	}
	whole, err := roundTo(q, 0, towardsZero)
	if err != nil {
		return q, err
	}
	if whole, err = whole.Mul(y); err != nil {
		return q, err
	}
	return x.Sub(whole)
}

// rounding says which way a number goes that lies between two.
type rounding uint8

const (
	halfAway    rounding = iota // to the nearer one, half-way away from zero
	towardsZero                 // cut off
	downwards
	upwards
)

// placesMax bounds round(x, n).
const placesMax = 100

// roundTo rounds to a number of decimal places, which may be negative.
func roundTo(x juno.Amount, places int64, way rounding) (juno.Amount, error) {
	if places < -placesMax || places > placesMax {
		return x, fmt.Errorf("%d places, at most %d", places, placesMax)
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(max(places, -places)), nil)
	scale := new(big.Rat).SetInt(unit)
	if places < 0 {
		scale.Inv(scale)
	}
	scaled := new(big.Rat).Mul(x.Rat(), scale)
	whole, rest := new(big.Int).QuoRem(scaled.Num(), scaled.Denom(), new(big.Int))
	if up := roundsUp(rest, scaled.Denom(), way); up != 0 {
		whole.Add(whole, big.NewInt(up))
	}
	return juno.AmountFromRat(scaled.Quo(new(big.Rat).SetInt(whole), scale))
}

// roundsUp returns what to add to a quotient that was cut off, given the rest.
func roundsUp(rest, den *big.Int, way rounding) int64 {
	sign := int64(rest.Sign())
	switch {
	case sign == 0 || way == towardsZero:
		return 0
	case way == downwards:
		return min(sign, 0)
	case way == upwards:
		return max(sign, 0)
	}
	double := new(big.Int).Lsh(new(big.Int).Abs(rest), 1)
	if double.Cmp(den) >= 0 {
		return sign
	}
	return 0
}

// roundFunc is round(x [, places]).
func roundFunc(_ *conn, a *arguments, o *result) error {
	places := int64(0)
	if a.count > 1 {
		if a.isNull(1) {
			o.null()
			return nil
		}
		places = a.integer(1)
	}
	if a.storage(0) == lite.SQLITE_FLOAT {
		unit := math.Pow(10, float64(max(-placesMax, min(places, placesMax))))
		if x := a.real(0) * unit; !math.IsInf(x, 0) {
			o.real(math.Round(x) / unit)
			return nil
		}
		o.real(a.real(0))
		return nil
	}
	x, err := a.numeric(0)
	switch {
	case err != nil:
		return err
	case x.null:
		o.null()
		return nil
	case x.integer && places >= 0:
		o.integer(x.n)
		return nil
	}
	y, err := roundTo(x.amount(), places, halfAway)
	if err != nil {
		return err
	}
	if n, den, ok := y.Fraction(); x.integer && ok && den == 1 {
		o.integer(n)
		return nil
	} else if x.integer {
		return errOverflow
	}
	o.amount(y)
	return nil
}

func roundsFunc(way rounding, real func(float64) float64) scalarFunc {
	return unaryFunc(func(n int64) (int64, error) { return n, nil },
		func(x juno.Amount) (juno.Amount, error) { return roundTo(x, 0, way) }, real)
}

func signFunc(_ *conn, a *arguments, o *result) error {
	if a.storage(0) == lite.SQLITE_FLOAT {
		switch x := a.real(0); {
		case x > 0:
			o.integer(1)
		case x < 0:
			o.integer(-1)
		default:
			o.integer(0)
		}
		return nil
	}
	x, err := a.numeric(0)
	if err != nil {
		return err
	}
	if x.null {
		o.null()
		return nil
	}
	o.integer(int64(x.amount().Sign()))
	return nil
}

// exactFunc makes an amount of integers and of texts that hold one.
func exactFunc(_ *conn, a *arguments, o *result) error {
	if a.isNull(0) {
		o.null()
		return nil
	}
	x, err := a.numeric(0)
	if err == nil {
		o.amount(x.amount())
	}
	return err
}

// exactRealFunc makes an amount of a floating-point number: its shortest decimal.
func exactRealFunc(c *conn, a *arguments, o *result) error {
	if a.storage(0) != lite.SQLITE_FLOAT {
		return exactFunc(c, a, o)
	}
	x, err := decimalLiteral(strconv.FormatFloat(math.Abs(a.real(0)), 'e', -1, 64))
	if err != nil {
		return err
	}
	if a.real(0) < 0 {
		x = x.Neg()
	}
	o.amount(x)
	return nil
}

// approxFunc makes a floating-point number of an amount: the one way out of exactness.
func approxFunc(_ *conn, a *arguments, o *result) error {
	if a.storage(0) == lite.SQLITE_FLOAT {
		o.real(a.real(0))
		return nil
	}
	x, err := a.numeric(0)
	if err != nil {
		return err
	}
	if x.null {
		o.null()
		return nil
	}
	value, _ := x.amount().Rat().Float64()
	o.real(value)
	return nil
}

// toIntegerFunc cuts an amount to its integer part.
func toIntegerFunc(_ *conn, a *arguments, o *result) error {
	x, err := a.numeric(0)
	switch {
	case err != nil:
		return err
	case x.null:
		o.null()
		return nil
	case x.integer:
		o.integer(x.n)
		return nil
	}
	whole, err := roundTo(x.a, 0, towardsZero)
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

func absReal(x float64) float64 { return math.Abs(x) }

func ceilReal(x float64) float64 { return math.Ceil(x) }

func floorReal(x float64) float64 { return math.Floor(x) }

func truncReal(x float64) float64 { return math.Trunc(x) }
