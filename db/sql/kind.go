package sql

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"juno"
)

// class is what an expression's values are, as far as the text tells.
type class uint8

const (
	classAny     class = iota // anything: JSON, or a mixture
	classNull                 // NULL and nothing else
	classInteger              // INTEGER or NULL
	classReal                 // floating point, from a function that is inexact by its name
	classText                 // TEXT or NULL
	classBlob                 // BLOB or NULL
	classExact                // an amount: canonical TEXT or NULL, never anything else
	classInstant              // a time: canonical TEXT or NULL
)

var classNames = [...]string{
	"value", "NULL", "integer", "floating-point number", "text", "blob",
	"amount", "time",
}

func (c class) String() string { return classNames[c] }

// kind is a class and what must be remembered beside it.
type kind struct {
	class class
	// money says that an amount may be in there in another guise, such as a part of a text.
	// Nothing that would read it as a number lets it through.
	money bool
	// base says that the expression is a column of one of our tables, and so carries that
	// column's collation and affinity in SQLite.
	base bool
	// as is what an integer stands for: Boolean or LogIndex; Null: it is a number.
	as juno.ValueKind
}

var (
	kindInteger = kind{class: classInteger}
	kindBoolean = kind{class: classInteger, as: juno.Boolean}
	kindIndex   = kind{class: classInteger, as: juno.LogIndex}
	kindText    = kind{class: classText}
	kindExact   = kind{class: classExact, money: true}
	kindInstant = kind{class: classInstant}
	kindReal    = kind{class: classReal}
)

// of returns the kind of a derived value.
func (k kind) of(c class) kind {
	if c == classInteger || c == classReal || c == classInstant || c == classNull {
		return kind{class: c}
	}
	return kind{class: c, money: k.money || c == classExact}
}

// derived returns the kind without the mark of a column.
func (k kind) derived() kind {
	k.base = false
	return k
}

// mixed reports whether values may be amounts and something else besides.
func (k kind) mixed() bool { return k.class == classAny && k.money }

// valueKind translates a class for the columns of an answer.
func (k kind) valueKind() juno.ValueKind {
	switch k.class {
	case classInteger:
		if k.as != juno.Null {
			return k.as
		}
		return juno.Integer
	case classReal:
		return juno.Float
	case classText:
		return juno.Text
	case classInstant:
		return juno.Instant
	case classBlob:
		return juno.Blob
	case classExact:
		return juno.Exact
	}
	return juno.Null
}

// literalExponentMax bounds the exponent of a literal: 10^155 is beyond an amount already.
const literalExponentMax = 155

// decimalLiteral returns the amount that a numeric literal writes: 12, .5, 12.50, 1e3.
func decimalLiteral(text string) (juno.Amount, error) {
	digits, exponent := strings.ToLower(text), 0
	if i := strings.IndexByte(digits, 'e'); i >= 0 {
		n, err := strconv.Atoi(digits[i+1:])
		if err != nil || n > literalExponentMax || n < -literalExponentMax {
			return juno.Amount{}, juno.ErrAmountRange
		}
		digits, exponent = digits[:i], n
	}
	whole, places, _ := strings.Cut(digits, ".")
	if len(whole)+len(places) > literalExponentMax {
		return juno.Amount{}, juno.ErrAmountRange
	}
	r, ok := new(big.Rat).SetString(fmt.Sprintf("%s.%se%d", "0"+whole, places+"0", exponent))
	if !ok {
		return juno.Amount{}, fmt.Errorf("malformed number %.40q", text)
	}
	return juno.AmountFromRat(r)
}

// typeClass returns the class that CAST(x AS type) gives, by SQLite's rules of affinity.
// numeric is true for types whose result depends on the value.
func typeClass(t string) (c class, numeric bool) {
	has := func(parts ...string) bool {
		for _, s := range parts {
			if strings.Contains(t, s) {
				return true
			}
		}
		return false
	}
	switch {
	case has("INT"):
		return classInteger, false
	case has("CHAR", "CLOB", "TEXT"):
		return classText, false
	case t == "" || has("BLOB"):
		return classBlob, false
	case has("REAL", "FLOA", "DOUB"):
		return classReal, false
	}
	return classReal, true
}
