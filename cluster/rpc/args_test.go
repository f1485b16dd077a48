package rpc

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"juno"
)

// TestArgs: whatever juno.CheckArgs refuses, and what would take memory first, is malformed.
func TestArgs(t *testing.T) {
	text := func(n int) juno.Value { return juno.TextValue(strings.Repeat("x", n)) }
	for _, c := range []struct {
		name string
		args []juno.Arg
		want string // a part of the error; empty: none
	}{
		{"all kinds", testArgs(), ""},
		{"as many as may be", make([]juno.Arg, juno.ArgsMax), ""},
		{"too many", make([]juno.Arg, juno.ArgsMax+1), "count 1001, at most 1000"},
		{"long", juno.Args(text(juno.ArgsBytesMax)), ""},
		{"too long", juno.Args(text(juno.ArgsBytesMax + 1)), "count 65537, at most 65536"},
		{"too long together", juno.Args(text(juno.ArgsBytesMax-1), text(2)), "count 2, at most 1"},
		{
			"too long with its name", []juno.Arg{juno.Named("ab", text(juno.ArgsBytesMax-1))},
			"count 65535, at most 65534",
		},
		{"twice", []juno.Arg{juno.Named("a", text(1)), juno.Named("a", text(1))}, "given twice"},
		{"both ways", []juno.Arg{juno.Named("a", text(1)), {}}, "by name or by position"},
		{"spelling", juno.Args(juno.Value{Kind: juno.Exact, Text: "+1"}), "canonical"},
		{"truth", juno.Args(juno.Value{Kind: juno.Boolean, Integer: 2}), "0 or 1"},
		{"index", juno.Args(juno.IndexValue(1 << 63)), "not in [0, 2^63)"},
		{"time", juno.Args(juno.TimeValue(1 << 60)), "years 0 to 9999"},
		{"kind", juno.Args(juno.Value{Kind: juno.Instant + 1}), "unknown kind of value 9"},
	} {
		q := &Query{Text: "SELECT 1", Args: c.args}
		frame := AppendRequest(nil, Header{Session: 1, Number: 1}, q)
		_, r, err := ParseRequest(frame)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want == "":
			if again := AppendRequest(nil, Header{Session: 1, Number: 1}, r); !bytes.Equal(again,
				frame) {
				t.Errorf("%s: is written again as %x", c.name, again)
			}
		case !errors.Is(err, juno.ErrMalformed) || !strings.Contains(err.Error(), c.want):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestArgsAllocation: a count alone, however large, takes no memory.
func TestArgsAllocation(t *testing.T) {
	frame := AppendRequest(nil, Header{Session: 1, Number: 1}, &Query{Text: "SELECT 1"})
	frame = juno.AppendUvarint(frame[:len(frame)-1], juno.ArgsMax) // and no argument follows
	_, _, err := ParseRequest(frame)
	if err == nil || !strings.Contains(err.Error(), "1000 arguments in 0 bytes") {
		t.Errorf("got %v", err)
	}
}

// TestQueryHash: every part of a question, and its form, makes it another question.
func TestQueryHash(t *testing.T) {
	base := Query{Text: "SELECT ?", At: 9, Args: juno.Args(juno.IntegerValue(1))}
	changed := func(f func(*Query)) juno.Hash {
		q := base
		f(&q)
		return q.Hash()
	}
	seen := map[juno.Hash]string{}
	for name, h := range map[string]juno.Hash{
		"base":   base.Hash(),
		"text":   changed(func(q *Query) { q.Text = "SELECT ?1" }),
		"rows":   changed(func(q *Query) { q.RowsMax = 1 }),
		"at":     changed(func(q *Query) { q.At = 8 }),
		"value":  changed(func(q *Query) { q.Args = juno.Args(juno.IntegerValue(2)) }),
		"kind":   changed(func(q *Query) { q.Args = juno.Args(juno.IndexValue(1)) }),
		"text 1": changed(func(q *Query) { q.Args = juno.Args(juno.TextValue("1")) }),
		"name":   changed(func(q *Query) { q.Args = []juno.Arg{juno.Named("a", q.Args[0].Value)} }),
		"none":   changed(func(q *Query) { q.Args = nil }),
		"more":   changed(func(q *Query) { q.Args = append(base.Args, juno.Arg{}) }),
		"plain":  changed(func(q *Query) { q.Args, q.Plain = nil, true }),
	} {
		if other, ok := seen[h]; ok {
			t.Errorf("%s and %s are one question", name, other)
		}
		seen[h] = name
	}
	if changed(func(q *Query) { q.EndOnly = true }) != base.Hash() {
		t.Error("to ask for the end alone is another question")
	}
}

// TestPlainColumns: an older program is told the kinds that it knows.
func TestPlainColumns(t *testing.T) {
	all := []juno.Column{
		{Name: "a", Kind: juno.Boolean}, {Name: "b", Kind: juno.LogIndex},
		{Name: "c", Kind: juno.Instant}, {Name: "d", Kind: juno.Exact}, {Name: "e"},
	}
	want := []juno.ValueKind{juno.Integer, juno.Integer, juno.Text, juno.Exact, juno.Null}
	for i, c := range (&Query{Plain: true}).columns(all) {
		if c.Name != all[i].Name || c.Kind != want[i] {
			t.Errorf("column %s is %s, want %s", all[i].Name, c.Kind, want[i])
		}
	}
	if got := (&Query{}).columns(all); got[2].Kind != juno.Instant || all[0].Kind != juno.Boolean {
		t.Errorf("got %v of %v", got, all)
	}
}
