package shell

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"

	"juno"
)

// nullText is how NULL is shown to people. A text that happens to read so is shown in quotes, so
// that the two can be told apart without colour.
const nullText = "NULL"

// cellText returns a value for the eyes: harmless on a terminal, on one line.
func cellText(v juno.Value) string {
	switch v.Kind {
	case juno.Null:
		return nullText
	case juno.Text:
		if v.Text == nullText {
			return "'" + nullText + "'"
		}
		return clean(v.Text)
	case juno.Blob:
		return "x'" + hex.EncodeToString(v.Blob) + "'"
	}
	return clean(PlainText(v))
}

// PlainText returns a value for programs: nothing is changed, a blob is hexadecimal, NULL is empty.
func PlainText(v juno.Value) string {
	switch v.Kind {
	case juno.Integer:
		return strconv.FormatInt(v.Integer, 10)
	case juno.Float:
		return floatText(v.Float)
	case juno.Blob:
		return hex.EncodeToString(v.Blob)
	case juno.Text, juno.Exact:
		return v.Text
	}
	return ""
}

// Between these bounds a float is shown without an exponent.
const (
	floatPlainMin = 1e-5
	floatPlainMax = 1e15
)

// floatText prints the shortest text that reads back as the same number, always with a point or
// an exponent, so that it is not taken for one of the exact numbers.
func floatText(f float64) string {
	if a := math.Abs(f); a != 0 && (a < floatPlainMin || a >= floatPlainMax) {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if strings.ContainsAny(s, ".NI") { // NaN, +Inf
		return s
	}
	return s + ".0"
}

// numeric says whether values of a kind are numbers, and stand to the right.
func numeric(k juno.ValueKind) bool {
	k = k.Cells()
	return k == juno.Integer || k == juno.Exact || k == juno.Float
}

// integer, text and exact make the cells of what the shell itself puts into a table.
func integerValue[N ~int | ~int64 | ~uint64](n N) juno.Value {
	return juno.Value{Kind: juno.Integer, Integer: int64(n)}
}

func textValue(s string) juno.Value { return juno.Value{Kind: juno.Text, Text: s} }

func exactValue(a juno.Amount) juno.Value {
	return juno.Value{Kind: juno.Exact, Text: a.String()}
}

// textOrNull is NULL for an empty text.
func textOrNull(s string) juno.Value {
	if s == "" {
		return juno.Value{}
	}
	return textValue(s)
}

// indexOrNull is NULL for the index that means "none".
func indexOrNull(i juno.Index) juno.Value {
	if i == 0 {
		return juno.Value{}
	}
	return integerValue(i)
}
