package juno

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// ValueKind says what a value is: a cell of an answer, a column of one, an argument of a query.
type ValueKind uint8

// The kinds. Amounts are a kind of their own, so that whoever prints them can align them as
// numbers and still never turn them into floating point. Cells have the kinds up to Blob; a column
// or an argument can say more, see ValueKind.Cells. The numbers are part of the protocol.
const (
	Null ValueKind = iota // of a column: any kind, or not known
	Integer
	Text
	Exact // an exact amount, in its canonical text: "12.5" or "1%3"
	Float // only from SQL functions that are inexact by name, such as percentile
	Blob
	Boolean  // 0 or 1; cells are Integer
	LogIndex // an index of the log; cells are Integer
	Instant  // a time; cells are Text, as Millis.String prints it
)

var valueKindNames = [...]string{
	"any", "integer", "text", "amount", "real", "bytes", "boolean", "index", "time",
}

// Valid reports whether this program knows the kind.
func (k ValueKind) Valid() bool { return int(k) < len(valueKindNames) }

// String returns "integer", "text", "amount", "real", "bytes", "boolean", "index", "time", or "any"
// for Null.
func (k ValueKind) String() string {
	if k.Valid() {
		return valueKindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// ParseValueKind reads what ValueKind.String prints.
func ParseValueKind(s string) (ValueKind, error) {
	for k, name := range valueKindNames {
		if s == name {
			return ValueKind(k), nil
		}
	}
	return Null, fmt.Errorf("kind %.40q: want one of %q", s, valueKindNames)
}

// Cells returns the kind that the cells of a column of kind k have, where they are not NULL. It is
// Null for a column of any kind.
func (k ValueKind) Cells() ValueKind {
	switch k {
	case Boolean, LogIndex:
		return Integer
	case Instant:
		return Text
	}
	return k
}

// Value is one cell of an answer, or the value of an argument. The zero Value is SQL NULL.
type Value struct {
	Kind    ValueKind
	Integer int64 // Integer, Boolean (0 or 1), LogIndex and Instant (milliseconds since 1970)
	Float   float64
	Text    string // Text and Exact
	Blob    []byte
}

// IntegerValue returns an integer.
func IntegerValue(n int64) Value { return Value{Kind: Integer, Integer: n} }

// TextValue returns a text.
func TextValue(s string) Value { return Value{Kind: Text, Text: s} }

// AmountValue returns an exact amount.
func AmountValue(a Amount) Value { return Value{Kind: Exact, Text: a.String()} }

// FloatValue returns a floating-point number: the only way to one.
func FloatValue(x float64) Value { return Value{Kind: Float, Float: x} }

// BytesValue returns bytes, which it does not copy.
func BytesValue(b []byte) Value { return Value{Kind: Blob, Blob: b} }

// BooleanValue returns true or false, as an argument.
func BooleanValue(b bool) Value {
	v := Value{Kind: Boolean}
	if b {
		v.Integer = 1
	}
	return v
}

// IndexValue returns an index of the log, as an argument.
func IndexValue(i Index) Value { return Value{Kind: LogIndex, Integer: int64(i)} }

// TimeValue returns a time, as an argument.
func TimeValue(m Millis) Value { return Value{Kind: Instant, Integer: int64(m)} }

// checkArg reports whether a value can be bound.
func (v *Value) checkArg() error {
	switch v.Kind {
	case Null, Integer, Blob:
		return nil
	case Text:
		if !utf8.ValidString(v.Text) {
			return errors.New("the text is not UTF-8: give bytes")
		}
		if strings.IndexByte(v.Text, 0) >= 0 {
			return errors.New("the text has a zero byte: give bytes")
		}
		return nil
	case Exact:
		a, err := ParseAmount(v.Text)
		if err == nil && a.String() != v.Text {
			err = fmt.Errorf("amount %.80q: want its canonical text, %s", v.Text, a)
		}
		return err
	case Float: // SQLite makes NULL of what is no number
		if math.IsNaN(v.Float) || math.IsInf(v.Float, 0) {
			return fmt.Errorf("%v is not a finite number", v.Float)
		}
		return nil
	case Boolean:
		if v.Integer != 0 && v.Integer != 1 {
			return fmt.Errorf("a boolean is 0 or 1, not %d", v.Integer)
		}
		return nil
	case LogIndex:
		if v.Integer < 0 {
			return fmt.Errorf("index %d is not in [0, 2^63)", uint64(v.Integer))
		}
		return nil
	case Instant:
		if m, err := ParseMillis(Millis(v.Integer).String()); err != nil || int64(m) != v.Integer {
			return fmt.Errorf("time %d is not in the years 0 to 9999", v.Integer)
		}
		return nil
	}
	return fmt.Errorf("unknown %s", v.Kind)
}
