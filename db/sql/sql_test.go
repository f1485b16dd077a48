package sql

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"juno"
)

// TestSQL runs the files of testdata/sql, which show what users see. Commands:
//
//	ledger            lines "A B 12.50 [USD]", one transfer each; "hold N" prunes what is before N
//	query             a statement, or several; the answer follows, one line per row
//	plan              EXPLAIN QUERY PLAN of a statement
//	columns           names and kinds of a statement's columns
//
// Lines before a statement that begin with "arg" are its arguments: arg NAME KIND VALUE, with - for
// no name and %q for a value that is no word. With "query pick" each of several statements gets
// those that it names.
//
// A refused statement is shown with its place and its hint. To rewrite: go test -rewrite, and read
// the diff.
func TestSQL(t *testing.T) {
	datadriven.Walk(t, "testdata/sql", func(t *testing.T, path string) {
		l := newLedger()
		e := l.engine(t, Options{})
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "ledger":
				return fill(l, d.Input)
			case "query":
				return queries(e, "", d.Input, d.HasArg("pick"))
			case "plan":
				return queries(e, "EXPLAIN QUERY PLAN ", d.Input, false)
			case "columns":
				return columnsOf(t, e, d.Input)
			}
			t.Fatalf("%s: unknown command %q", d.Pos, d.Cmd)
			return ""
		})
	})
}

func fill(l *ledger, input string) string {
	for line := range strings.Lines(input) {
		var n int
		if _, err := fmt.Sscanf(line, "hold %d", &n); err == nil {
			l.low = juno.Index(n)
			continue
		}
		l.transfer(strings.Split(strings.TrimSpace(line), ";")...)
	}
	return fmt.Sprintf("%d entries\n", len(l.log))
}

func queries(e *Engine, before, text string, pick bool) string {
	var b strings.Builder
	all, text := cutArgs(text)
	for _, s := range Split(before + text) {
		args := all
		if names, _, err := Parameters(s.Text); pick && err == nil {
			args = slices.DeleteFunc(slices.Clone(all), func(a juno.Arg) bool {
				return !slices.Contains(names, a.Name)
			})
		}
		got, err := ask(e, s.Text, args...)
		b.WriteString(got)
		if err != nil {
			b.WriteString(describe(s.Text, err))
		} else if got == "" {
			b.WriteString("no rows\n")
		}
	}
	return b.String()
}

// cutArgs reads the arguments before a statement.
func cutArgs(text string) (args []juno.Arg, rest string) {
	for strings.HasPrefix(text, "arg ") {
		line, rest, _ := strings.Cut(text, "\n")
		fields := strings.SplitN(line, " ", 4)
		kind, err := juno.ParseValueKind(fields[2])
		if err != nil {
			panic(err)
		}
		value := fields[3]
		if s, err := strconv.Unquote(value); err == nil {
			value = s
		}
		args = append(args, juno.Named(strings.Trim(fields[1], "-"), valueOf(kind, value)))
		text = rest
	}
	return args, text
}

// valueOf reads a value of a kind.
func valueOf(kind juno.ValueKind, text string) juno.Value {
	v := juno.Value{Kind: kind}
	var err error
	switch kind {
	case juno.Text, juno.Exact:
		v.Text = text
	case juno.Blob:
		v.Blob = []byte(text)
	case juno.Float:
		v.Float, err = strconv.ParseFloat(text, 64)
	case juno.Instant:
		var m juno.Millis
		m, err = juno.ParseMillis(text)
		v.Integer = int64(m)
	case juno.Null:
	default:
		v.Integer, err = strconv.ParseInt(text, 10, 64)
	}
	if err != nil {
		panic(err)
	}
	return v
}

// describe shows an error as a shell would: with a caret under the place.
func describe(text string, err error) string {
	var q *juno.QueryError
	if !errors.As(err, &q) {
		return fmt.Sprintf("error: %v\n", err)
	}
	var b strings.Builder
	if q.Offset >= 0 {
		start := strings.LastIndexByte(text[:q.Offset], '\n') + 1
		line, _, _ := strings.Cut(text[start:], "\n")
		fmt.Fprintf(&b, "  %s\n  %s^\n", line, strings.Repeat(" ", q.Offset-start))
	}
	fmt.Fprintf(&b, "error: %s\n", q.Message)
	if q.Hint != "" {
		fmt.Fprintf(&b, "hint: %s\n", q.Hint)
	}
	return b.String()
}

func columnsOf(t *testing.T, e *Engine, text string) string {
	args, text := cutArgs(text)
	rows, err := e.Query(t.Context(), juno.Query{Text: text, Args: args})
	if err != nil {
		return describe(text, err)
	}
	defer rows.Close()
	var b strings.Builder
	for _, c := range rows.Columns() {
		fmt.Fprintf(&b, "%s: %s\n", c.Name, c.Kind)
	}
	return b.String()
}

// TestNoFloat runs every statement of testdata/sql/exact: it is refused, or no cell of its answer
// is floating point, except where the statement asks for it by name.
func TestNoFloat(t *testing.T) {
	l := newLedger()
	e := l.engine(t, Options{})
	answered, refused := 0, 0
	datadriven.RunTest(t, "testdata/sql/exact", func(t *testing.T, d *datadriven.TestData) string {
		if d.Cmd == "ledger" {
			fill(l, d.Input)
		}
		if d.Cmd != "query" || d.HasArg("inexact") {
			return d.Expected
		}
		for _, s := range Split(d.Input) {
			rows, err := e.Query(t.Context(), juno.Query{Text: s.Text})
			if err != nil {
				refused++
				continue
			}
			for {
				row, ok := rows.Next()
				if !ok {
					break
				}
				for i, v := range row {
					if v.Kind == juno.Float {
						t.Errorf("%s\ncolumn %d is floating point: %v", s.Text, i+1, v.Float)
					}
				}
			}
			answered++
			if err := rows.Close(); err != nil {
				t.Error(err)
			}
		}
		return d.Expected
	})
	if answered < 80 || refused < 70 {
		t.Errorf("%d answered and %d refused: the file has lost statements", answered, refused)
	}
}
