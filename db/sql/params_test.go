package sql

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"juno"
)

// hostileTexts are values that would change a statement if they ever became a part of it.
var hostileTexts = []string{
	"", "'", "''", "' OR '1'='1", "'; DROP TABLE accounts; --", "A' --", "\\'", "\"", "`", "[", "]",
	"/*", "*/", "-- ", ";", "?", "?1", ":x", "$1", "@x", "x'00'", "NULL", "TRUE", "1e999", "1%0",
	"' AS OF 1", "A' UNION SELECT balance FROM accounts --", "\U0010ffff", "\u202e", "\n", "%", "_",
	"%s%d",
}

// TestHostileValues: a value comes back as it was given, finds only what is called like it, and is
// in no text that SQLite gets.
func TestHostileValues(t *testing.T) {
	l := newLedger()
	l.transfer("bank A 100")
	e := l.engine(t, Options{})
	for _, s := range hostileTexts {
		for _, text := range []string{
			"SELECT %s AS x, (SELECT count(*) FROM accounts WHERE name = %s) AS n",
			"SELECT max(column1) AS x, 0 AS n FROM (VALUES (%s)) WHERE column1 IN ('A', %s)",
			"WITH t(x) AS (SELECT %s) SELECT x, 0 AS n FROM t WHERE x || '' = %s",
		} {
			got, err := ask(e, fmt.Sprintf(text, ":x", "@x"), juno.Named("x", juno.TextValue(s)))
			if want := s + "|0\n"; err != nil || got != want {
				t.Errorf("%s with %q: got %q, %v", text, s, got, err)
			}
		}
	}
	if got, err := ask(e, "SELECT name FROM accounts WHERE name = ? OR name = ?",
		juno.Args(juno.TextValue("A"), juno.TextValue("' OR 1=1 --"))...); got != "A\n" {
		t.Errorf("got %q, %v", got, err)
	}
	if n := len(e.plans.byKey); n != 4 {
		t.Errorf("%d plans of 4 statements are kept", n)
	}
}

// bound is an argument and how its value is written in SQL.
type bound struct {
	value   juno.Value
	literal string
}

func drawBound(t *rapid.T) bound {
	quoted := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	switch juno.ValueKind(rapid.IntRange(0, int(juno.Instant)).Draw(t, "kind")) {
	case juno.Integer:
		n := int64(rapid.IntRange(-3, 6).Draw(t, "integer"))
		return bound{juno.IntegerValue(n), fmt.Sprintf("(%d)", n)}
	case juno.Text:
		s := rapid.OneOf(rapid.SampledFrom(hostileTexts), rapid.SampledFrom([]string{
			"A", "B", "bank", "12.5", "100", "1%3", "2026-01-01 00:00:01", "2026-01-01",
		})).Draw(t, "text")
		return bound{juno.TextValue(s), quoted(s)}
	case juno.Exact:
		a, err := juno.NewRatio(rapid.Int64Range(-200, 200).Draw(t, "numerator"),
			rapid.SampledFrom([]int64{1, 2, 3, 100}).Draw(t, "denominator"))
		if err != nil {
			t.Fatal(err)
		}
		return bound{juno.AmountValue(a), "exact('" + a.Ratio() + "')"}
	case juno.Float:
		x := rapid.SampledFrom([]float64{-1, 0, 0.5, 12.5, 1000}).Draw(t, "real")
		return bound{juno.FloatValue(x), fmt.Sprintf("approx('%v')", x)}
	case juno.Blob:
		b := rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "bytes")
		return bound{juno.BytesValue(b), fmt.Sprintf("x'%x'", b)}
	case juno.Boolean:
		b := rapid.Bool().Draw(t, "boolean")
		return bound{juno.BooleanValue(b), fmt.Sprintf("(1 = %d)", juno.BooleanValue(b).Integer)}
	case juno.LogIndex:
		n := rapid.IntRange(0, 6).Draw(t, "index")
		return bound{juno.IndexValue(juno.Index(n)), fmt.Sprint(n)}
	case juno.Instant:
		m := firstMillis + juno.Millis(rapid.IntRange(-1, 5).Draw(t, "second"))*stepMillis
		return bound{juno.TimeValue(m), "instant('" + m.String() + "')"}
	}
	return bound{juno.Value{}, "NULL"}
}

// boundStatements have a value at %[1]s and another at %[2]s.
var boundStatements = []string{
	"SELECT %[1]s AS x, typeof(%[1]s) AS t, %[1]s IS NULL AS n, quote(%[2]s) AS q",
	"SELECT coalesce(%[1]s, 'none') AS x, CASE %[1]s WHEN %[2]s THEN 1 ELSE 0 END AS c",
	"SELECT %[1]s || %[2]s AS x, length(%[1]s) AS l, json_array(%[1]s) AS j",
	"SELECT %[1]s + %[2]s AS x", "SELECT %[1]s - 1 AS x", "SELECT 7 / %[1]s AS x",
	"SELECT %[1]s * %[2]s AS x", "SELECT - %[1]s AS x", "SELECT abs(%[1]s) AS x",
	"SELECT %[1]s = %[2]s AS x", "SELECT %[1]s < %[2]s AS x", "SELECT %[1]s IS %[2]s AS x",
	"SELECT max(%[1]s, %[2]s) AS x", "SELECT CAST(%[1]s AS TEXT) AS x",
	"SELECT round(%[1]s, 1) AS x, sum(amount) + %[2]s AS s FROM transfers",
	"SELECT log_index FROM transfers WHERE amount = %[1]s",
	"SELECT log_index FROM transfers WHERE amount BETWEEN %[1]s AND %[2]s",
	"SELECT log_index FROM transfers WHERE amount IN (%[1]s, %[2]s, 12.5)",
	"SELECT log_index FROM transfers WHERE %[1]s > amount AND log_index <> %[2]s",
	"SELECT log_index FROM log WHERE committed_at >= %[1]s",
	"SELECT log_index FROM log WHERE committed_at IN (%[1]s, %[2]s)",
	"SELECT log_index FROM log WHERE log_index > %[1]s AND log_index <= %[2]s",
	"SELECT name FROM accounts WHERE name = %[1]s OR currency = %[2]s ORDER BY name",
	"SELECT name FROM accounts WHERE (name, version) = (%[1]s, %[2]s)",
	"SELECT name FROM accounts WHERE name >= %[1]s AND name < %[2]s ORDER BY name",
	"SELECT name FROM accounts WHERE name LIKE %[1]s ORDER BY name",
	"SELECT name, balance FROM accounts AS OF %[1]s WHERE name <> %[2]s ORDER BY name",
	"SELECT name, balance FROM accounts AS OF TIMESTAMP %[1]s ORDER BY name",
	"SELECT name FROM accounts WHERE as_of = %[1]s ORDER BY name",
	"SELECT balance(%[1]s) AS x, balance('A', %[2]s) AS y",
	"SELECT instant(%[1]s) AS x, index_at(%[2]s) AS y",
	"SELECT name FROM accounts ORDER BY name LIMIT %[1]s",
	"SELECT value FROM generate_series(%[1]s, %[2]s)",
	"SELECT name FROM accounts WHERE %[1]s ORDER BY name",
	"SELECT sum(op) OVER (ORDER BY log_index ROWS %[1]s PRECEDING) AS s FROM transfers",
	"WITH t(x) AS (VALUES (%[1]s), (%[2]s)) SELECT x, count(*) AS n FROM t GROUP BY x",
}

// TestBound: a value that is bound gives the same answer, of the same kinds, as the same value
// written into the text, or both are refused. What is told apart on purpose is in toldApart.
func TestBound(t *testing.T) {
	l := newLedger()
	l.transfer("bank A 100")
	l.transfer("A B 12.50", "B C 1%3")
	l.transfer("A B 0.25")
	l.transfer("bank D 7 EUR")
	e := l.engine(t, Options{RowsMax: 100})
	both := 0
	rapid.Check(t, func(t *rapid.T) {
		statement := rapid.SampledFrom(boundStatements).Draw(t, "statement")
		x, y := drawBound(t), drawBound(t)
		args, first, second := juno.Args(x.value, y.value), "?1", "$2"
		switch rapid.IntRange(0, 2).Draw(t, "style") {
		case 1:
			args[0].Name, args[1].Name, first, second = "a", "b", ":a", "@b"
		case 2:
			args[0].Name, args[1].Name, first, second = "b", "a", "$b", ":a"
		}
		if !strings.Contains(statement, "%[2]s") {
			args = args[:1]
			statement += "%[2]s"
			second, y.literal = "", ""
		}
		written := fmt.Sprintf(statement, x.literal, y.literal)
		text := fmt.Sprintf(statement, first, second)
		want, wantKinds, wantErr := askKinds(e, written)
		got, gotKinds, err := askKinds(e, text, args...)
		if got != want || (err == nil) != (wantErr == nil) {
			if toldApart(statement, x.value, y.value) {
				return
			}
			t.Fatalf("%s\n%q, %v\n%s with %v\n%q, %v", written, want, wantErr, text, args, got, err)
		}
		if err == nil {
			both++
		}
		for i := range gotKinds {
			k := wantKinds[i]
			if gotKinds[i] != k && gotKinds[i].Cells() != k { // 3 does not say it is an index
				t.Fatalf("%s: column %d is %s, with %v %s", written, i, k, args, gotKinds[i])
			}
		}
	})
	if both < 20 {
		t.Errorf("only %d statements were answered", both)
	}
}

// toldApart reports whether an argument may give another answer than a literal. Unlike a literal it
// has a kind: a time stands behind AS OF without TIMESTAMP; an index or a boolean is no time; LIMIT
// and frames take no text or real that only happens to be an integer; and a text beside an amount
// in one column stays a text.
func toldApart(statement string, values ...juno.Value) bool {
	if strings.Contains(statement, "LIMIT") || strings.Contains(statement, "ROWS") {
		k := values[0].Kind.Cells()
		return k != juno.Integer
	}
	time, number, text, amount := false, false, false, false
	for _, v := range values {
		switch v.Kind {
		case juno.Instant:
			time = true
		case juno.LogIndex, juno.Boolean:
			number = true
		case juno.Text:
			text = true
		case juno.Exact:
			amount = true
		}
	}
	if text && amount {
		return strings.Contains(statement, "max(") || strings.Contains(statement, "VALUES")
	}
	return number && (time || strings.Contains(statement, "TIMESTAMP") ||
		strings.Contains(statement, "committed_at") || strings.Contains(statement, "instant(")) ||
		time && strings.Contains(statement, "AS OF")
}

// askKinds returns an answer and the kinds of its columns, as they are known before the rows.
func askKinds(e *Engine, text string, args ...juno.Arg) (string, []juno.ValueKind, error) {
	got, err := ask(e, text, args...)
	if err != nil {
		return "", nil, err
	}
	p, err := e.plan(text, shapeOf(args))
	if err != nil {
		return "", nil, err
	}
	var kinds []juno.ValueKind
	for _, c := range p.columns {
		kinds = append(kinds, c.kind.valueKind())
	}
	return got, kinds, nil
}

// TestKinds: every cell of every answer in testdata has the kind that its column promised.
func TestKinds(t *testing.T) {
	l := newLedger()
	l.transfer("bank A 100", "A B 12.50")
	l.transfer("B C 1%3")
	e := l.engine(t, Options{RowsMax: 1000})
	cells, unknown := 0, 0
	for _, text := range seeds(t) {
		rows, err := e.Query(t.Context(), juno.Query{Text: text})
		if err != nil {
			continue
		}
		columns := rows.Columns()
		for row, ok := rows.Next(); ok; row, ok = rows.Next() {
			for i, v := range row {
				cells++
				k := columns[i].Kind.Cells()
				truth := columns[i].Kind != juno.Boolean || uint64(v.Integer) <= 1
				switch {
				case !truth:
					t.Errorf("%s\ncolumn %s has a truth of %d", text, columns[i].Name, v.Integer)
				case k == juno.Null:
					unknown++
				case v.Kind == juno.Null, v.Kind == k:
				case k == juno.Float && v.Kind == juno.Integer:
				default:
					t.Errorf("%s\ncolumn %s of %s has a cell of %s", text, columns[i].Name,
						columns[i].Kind, v.Kind)
				}
			}
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
	if cells < 500 || unknown > cells/4 {
		t.Errorf("%d cells, %d in columns of no kind", cells, unknown)
	}
}

// TestPlansOfKinds: statements of one text and different kinds, values and names at a time do not
// meet each other's plans or values.
func TestPlansOfKinds(t *testing.T) {
	l := newLedger()
	l.transfer("bank A 100")
	e := l.engine(t, Options{})
	values := []struct {
		value juno.Value
		want  string
	}{
		{juno.IntegerValue(7), "14|integer\n"}, {juno.IntegerValue(8), "16|integer\n"},
		{juno.TextValue("7"), "=14|text\n"}, {juno.AmountValue(juno.NewAmount(7)), "=14|text\n"},
		{juno.FloatValue(7), "~14|real\n"}, {juno.BooleanValue(true), "2|integer\n"},
		{juno.Value{}, "NULL|null\n"},
	}
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for i := range 100 {
				v := values[(i*worker+i)%len(values)]
				got, err := ask(e, "SELECT ? + ?, typeof(?)",
					juno.Args(v.value, v.value, v.value)...)
				if err != nil || got != v.want {
					t.Errorf("%v: got %q, %v", v.value, got, err)
				}
			}
		})
	}
	wait.Wait()
	if n := len(e.plans.byKey); n != 6 {
		t.Errorf("%d plans of 6 kinds", n)
	}
	if _, err := ask(e, "SELECT ? + ?, typeof(?)"); err == nil {
		t.Error("a statement without its arguments is answered")
	}
	long := juno.Named(strings.Repeat("n", juno.ArgNameBytesMax), juno.Value{})
	for i := range 2 * plansMax {
		if _, err := ask(e, fmt.Sprintf("SELECT :%s + %d", long.Name, i), long); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(e.plans.byKey); n > plansMax {
		t.Errorf("%d plans are kept, at most %d", n, plansMax)
	}
}

// TestMostArguments: as many and as long ones as there may be, each of them used in every way that
// has a slot of its own.
func TestMostArguments(t *testing.T) {
	l := newLedger()
	l.transfer("bank A 100")
	e := l.engine(t, Options{})
	values := make([]juno.Value, juno.ArgsMax)
	list := make([]string, juno.ArgsMax)
	for i := range values {
		values[i] = juno.TextValue(fmt.Sprintf("%064d", i))
		list[i] = fmt.Sprintf("?%d", i+1)
	}
	all := strings.Join(list, ", ")
	got, err := ask(e, "SELECT count(*), max("+list[998]+", "+list[7]+") FROM transfers WHERE "+
		"amount IN ("+all+")", juno.Args(values...)...)
	if want := fmt.Sprintf("1|%064d\n", 998); err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for i := range values {
		values[i] = juno.TextValue("2026-01-01")
	}
	got, err = ask(e, "SELECT count(*) FROM log WHERE committed_at IN ("+all+") OR kind IN ("+all+
		")", juno.Args(values...)...)
	if err != nil || got != "1\n" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := ask(e, "SELECT ?", juno.Args(juno.BytesValue(make([]byte,
		juno.ArgsBytesMax+1)))...); err == nil {
		t.Error("more bytes than there may be are taken")
	}
}

// TestParameters shows what a caller relies on that knows more values than a statement wants.
func TestParameters(t *testing.T) {
	for _, c := range []struct {
		text      string
		names     string
		positions int
		refused   bool
	}{
		{"SELECT 1", "", 0, false},
		{"SELECT ?, ':a', \":b\", [?], `?` -- ?\n /* :c */ + ?", "", 2, false},
		{"SELECT ?3, $1", "", 3, false},
		{"SELECT :a, @b, $a", "a b", 0, false},
		{"SELECT ?1001", "", 0, true},
		{"SELECT :é", "", 0, true},
		{"SELECT ':a", "", 0, false},
	} {
		names, positions, err := Parameters(c.text)
		if strings.Join(names, " ") != c.names || positions != c.positions ||
			(err != nil) != c.refused {
			t.Errorf("%s: %v, %d, %v", c.text, names, positions, err)
		}
	}
}
