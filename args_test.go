package juno

import (
	"errors"
	"math"
	"strings"
	"testing"
)

// TestCheckArgs: what can be bound, and what is refused by which words.
func TestCheckArgs(t *testing.T) {
	many := make([]Value, ArgsMax+1)
	half := strings.Repeat("x", ArgsBytesMax/2)
	for _, c := range []struct {
		name string
		args []Arg
		want string // a part of the error; empty: none
	}{
		{"none", nil, ""},
		{"all kinds", Args(Value{}, IntegerValue(math.MinInt64), TextValue("'; --"),
			AmountValue(NewAmount(3)), FloatValue(0.5), BytesValue([]byte{0, 255}),
			BooleanValue(true), IndexValue(4), TimeValue(-62167219200000)), ""},
		{"as many as may be", Args(many[:ArgsMax]...), ""},
		{"too many", Args(many...), "1001 arguments, at most 1000"},
		{"as long as may be", Args(TextValue(half), BytesValue([]byte(half))), ""},
		{"too long", Args(TextValue(half), TextValue(half), Value{}), "more than 65536 bytes"},
		{"names count", []Arg{Named("a", TextValue(half+half))}, "more than 65536 bytes"},
		{"names", []Arg{Named("a", Value{}), Named("_B9", Value{})}, ""},
		{"twice", []Arg{Named("a", Value{}), Named("a", Value{})}, "argument a is given twice"},
		{"both ways", []Arg{Named("a", Value{}), {}}, "argument 2 has no name"},
		{"both ways about", []Arg{{}, Named("a", Value{})}, "argument 2 is called a"},
		{"sign", []Arg{Named(":a", Value{})}, `parameter name ":a"`},
		{"digit first", []Arg{Named("1", Value{})}, "no digit first"},
		{"letters of others", []Arg{Named("ä", Value{})}, "want letters"},
		{"long name", []Arg{Named(strings.Repeat("a", 65), Value{})}, "65 bytes, want 1 to 64"},
		{"no UTF-8", Args(TextValue("a\xff")), "argument 1: the text is not UTF-8"},
		{"zero byte", []Arg{Named("a", TextValue("x\x00y"))}, "argument a: the text has a zero"},
		{"spelling", Args(Value{Kind: Exact, Text: "12.50"}), "canonical text, 12.5"},
		{"no amount", Args(Value{Kind: Exact, Text: "1e3"}), "want digits"},
		{"no number", Args(FloatValue(math.NaN())), "not a finite number"},
		{"infinite", Args(FloatValue(math.Inf(-1))), "not a finite number"},
		{"no boolean", Args(Value{Kind: Boolean, Integer: 2}), "a boolean is 0 or 1"},
		{"no index", Args(IndexValue(1 << 63)), "index 9223372036854775808 is not in"},
		{"no time", Args(TimeValue(253402300800000)), "not in the years 0 to 9999"},
		{"no time at all", Args(TimeValue(math.MaxInt64)), "not in the years 0 to 9999"},
		{"no kind", Args(Value{Kind: Instant + 1}), "unknown kind(9)"},
	} {
		err := CheckArgs(c.args)
		var refused *QueryError
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (!errors.As(err, &refused) || refused.Offset != -1 ||
			!strings.Contains(refused.Message, c.want)):
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// TestValueKind: names and kinds agree, and cells have the kinds that cells can have.
func TestValueKind(t *testing.T) {
	for k := Null; k.Valid(); k++ {
		got, err := ParseValueKind(k.String())
		if err != nil || got != k {
			t.Errorf("%s is read as %s, %v", k, got, err)
		}
		if c := k.Cells(); c > Blob || c.Cells() != c {
			t.Errorf("cells of a column of %s are %s", k, c)
		}
	}
	if _, err := ParseValueKind("Integer"); err == nil {
		t.Error("a kind in another spelling is taken")
	}
	if (Instant + 1).Valid() {
		t.Error("there are more kinds than known here")
	}
}
