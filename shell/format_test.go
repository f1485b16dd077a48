package shell

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"juno"
	"pgregory.net/rapid"
)

// printed prints rows in a format, as Run does.
func printed(t rapid.TB, f Format, l look, columns []juno.Column, rows ...[]juno.Value) string {
	t.Helper()
	if l.now == nil {
		l.now = tickingClock()
	}
	var b bytes.Buffer
	p := newPrinter(f, &b, l)
	if err := p.begin(columns); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if err := p.row(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTextWidth(t *testing.T) {
	for _, c := range []struct {
		text string
		want int
	}{
		{"", 0},
		{"abc", 3},
		{"é", 1},
		{"e\u0301", 1},
		{"山田", 4},
		{"ｆｕｌｌ", 8},
		{"한국", 4},
		{"\u1112\u1161\u11ab", 2},
		{"🚀", 2},
		{"☂", 1},
		{"…", 1},
		{"a\u200db", 2},
	} {
		if got := textWidth(c.text); got != c.want {
			t.Errorf("textWidth(%+q) = %d, want %d", c.text, got, c.want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"abcdef", 6, "abcdef"},
		{"abcdef", 5, "abcd…"},
		{"abcdef", 1, "…"},
		{"abcdef", 0, ""},
		{"abcdef", -3, ""},
		{"山田太郎", 8, "山田太郎"},
		{"山田太郎", 7, "山田太…"},
		{"山田太郎", 6, "山田…"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
	} {
		if got := cut(c.text, c.width); got != c.want {
			t.Errorf("cut(%q, %d) = %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

// anyText draws texts with what hurts in them.
func anyText() *rapid.Generator[string] {
	pieces := rapid.SampledFrom([]string{
		"a", "Z9", " ", "山", "é", "e\u0301", "🚀", "\x1b", "\x1b[31m", "\n", "\r", "\r\n", "\t",
		"\x00", "\x7f", "\u009b", "\u202e", "\u2066", "\u2028", "\xff", "\xe5\xb1", "\"", "'", ",",
		"|", "\\",
		"=", "<b>", "NULL", "\U000e0001", "\ue00a", "\u00ad", "%s", "`", "{", "]",
	})
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(pieces, 0, 12).Draw(t, "pieces"), "")
	})
}

// anyValue draws values of all kinds.
func anyValue() *rapid.Generator[juno.Value] {
	return rapid.Custom(func(t *rapid.T) juno.Value {
		switch rapid.SampledFrom([]juno.ValueKind{
			juno.Null, juno.Integer, juno.Text, juno.Exact, juno.Float, juno.Blob,
		}).Draw(t, "kind") {
		case juno.Integer:
			return integerValue(rapid.Int64().Draw(t, "integer"))
		case juno.Text:
			return textValue(anyText().Draw(t, "text"))
		case juno.Exact:
			return juno.Value{Kind: juno.Exact, Text: rapid.SampledFrom([]string{
				"0", "1%3", "-12.5", strings.Repeat("9", 100),
			}).Draw(t, "exact")}
		case juno.Float:
			return juno.Value{Kind: juno.Float, Float: rapid.Float64().Draw(t, "float")}
		case juno.Blob:
			return juno.Value{Kind: juno.Blob, Blob: rapid.SliceOf(rapid.Byte()).Draw(t, "blob")}
		}
		return juno.Value{}
	})
}

// anyAnswer draws a small answer.
func anyAnswer(t *rapid.T) (columns []juno.Column, rows [][]juno.Value) {
	n := rapid.IntRange(1, 6).Draw(t, "columns")
	for range n {
		columns = append(columns, juno.Column{Name: anyText().Draw(t, "name")})
	}
	return columns, rapid.SliceOfN(rapid.SliceOfN(anyValue(), n, n), 0, 5).Draw(t, "rows")
}

// TestTerminalIsSafe: no format lets through to a terminal what a terminal would act upon.
func TestTerminalIsSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns, rows := anyAnswer(t)
		for _, f := range Formats {
			out := printed(t, f, look{terminal: true, width: 60}, columns, rows...)
			if i := firstUnsafe(out, true); i >= 0 {
				t.Fatalf("%s prints %+q", f, out[i:])
			}
			if !utf8.ValidString(out) {
				t.Fatalf("%s prints bytes that are no UTF-8: %q", f, out)
			}
		}
	})
}

// TestTableFits: a table is as wide as the screen at most, unless a number is wider.
func TestTableFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns, rows := anyAnswer(t)
		for _, r := range rows {
			for i := range r {
				if numeric(r[i].Kind) {
					r[i] = integerValue(r[i].Integer % 1000)
				}
			}
		}
		width := rapid.IntRange(20, 120).Draw(t, "width")
		out := printed(t, FormatTable, look{terminal: true, width: width}, columns, rows...)
		if strings.HasPrefix(out, "-[ row") || len(rows) == 0 {
			return // it could not fit
		}
		for _, line := range strings.Split(out, "\n") {
			if got := textWidth(line); got > width {
				t.Fatalf("%d columns, want at most %d: %q in\n%s", got, width, line, out)
			}
		}
	})
}

// TestNumbersAreWhole: cutting a number would make it another one.
func TestNumbersAreWhole(t *testing.T) {
	number := strings.Repeat("1234567890", 5)
	columns := []juno.Column{{Name: "amount"}, {Name: "memo"}}
	row := []juno.Value{{Kind: juno.Exact, Text: number}, textValue(strings.Repeat("memo ", 20))}
	out := printed(t, FormatTable, look{width: 40, terminal: true}, columns, row)
	if !strings.Contains(out, number) {
		t.Errorf("the number is cut:\n%s", out)
	}
}

// TestCSVIsReadBack reads what is printed with the standard library's reader.
func TestCSVIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns, rows := anyAnswer(t)
		out := printed(t, FormatCSV, look{}, columns, rows...)
		r := csv.NewReader(strings.NewReader(out))
		r.FieldsPerRecord = len(columns)
		records, err := r.ReadAll()
		if err != nil {
			t.Fatalf("%v\n%q", err, out)
		}
		// That reader skips a record that is one empty field, and reads CRLF in a field as LF.
		var want [][]string
		header := make([]juno.Value, len(columns))
		for i, c := range columns {
			header[i] = textValue(c.Name)
		}
		for _, row := range append([][]juno.Value{header}, rows...) {
			if len(row) == 1 && row[0].Kind == juno.Null {
				continue
			}
			var fields []string
			for _, v := range row {
				fields = append(fields, strings.ReplaceAll(PlainText(v), "\r\n", "\n"))
			}
			want = append(want, fields)
		}
		if got, want := len(records), len(want); got != want {
			t.Fatalf("%d records, want %d:\n%q", got, want, out)
		}
		for i := range want {
			for j := range want[i] {
				if records[i][j] != want[i][j] {
					t.Fatalf("record %d field %d is %q, want %q", i, j, records[i][j], want[i][j])
				}
			}
		}
	})
}

// TestJSONIsReadBack reads what is printed with the standard library's reader.
func TestJSONIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns, rows := anyAnswer(t)
		out := printed(t, FormatJSON, look{}, columns, rows...)
		var objects []map[string]any
		d := json.NewDecoder(strings.NewReader(out))
		d.UseNumber()
		if err := d.Decode(&objects); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if got, want := len(objects), len(rows); got != want {
			t.Fatalf("%d objects, want %d", got, want)
		}
		for i, row := range rows {
			if got, want := len(objects[i]), len(row); got != want {
				t.Fatalf("%d keys, want %d: %s", got, want, out)
			}
			want := strings.ToValidUTF8(PlainText(row[0]), "\ufffd")
			switch v := objects[i][string([]rune(columns[0].Name))].(type) {
			case nil:
				if row[0].Kind != juno.Null {
					t.Fatalf("null, want %q", want)
				}
			case json.Number:
				if v.String() != want {
					t.Fatalf("number %s, want %s", v, want)
				}
			case string:
				// ToValidUTF8 makes one mark of several bad bytes, JSON one of each.
				squeeze := strings.NewReplacer("\ufffd", "")
				if squeeze.Replace(v) != squeeze.Replace(want) {
					t.Fatalf("string %q, want %q", v, want)
				}
			}
		}
	})
}

// TestHugeValue prints a value of a megabyte between small ones; no line is filled up to it.
func TestHugeValue(t *testing.T) {
	huge := strings.Repeat("x", 1<<20)
	columns := []juno.Column{{Name: "memo"}, {Name: "n"}}
	rows := [][]juno.Value{{textValue(huge), integerValue(1)}}
	for range 50 {
		rows = append(rows, []juno.Value{textValue("small"), integerValue(2)})
	}
	for _, f := range Formats {
		out := printed(t, f, look{}, columns, rows...)
		if got, want := len(out), len(huge)+(64<<10); got > want {
			t.Errorf("%s: %d bytes, want at most %d", f, got, want)
		}
		if !strings.Contains(out, huge) {
			t.Errorf("%s: the value is cut where there is no screen", f)
		}
	}
}

// TestWidthsAreOfTheFirstRows: later rows that are wider stick out, and are whole.
func TestWidthsAreOfTheFirstRows(t *testing.T) {
	columns := []juno.Column{{Name: "n"}, {Name: "t"}}
	var rows [][]juno.Value
	for range sampleRowsMax {
		rows = append(rows, []juno.Value{integerValue(1), textValue("a")})
	}
	rows = append(rows, []juno.Value{integerValue(123456), textValue("bcd")})
	out := printed(t, FormatTable, look{width: 80, now: func() time.Time { return time.Time{} }},
		columns, rows...)
	if want := "\n 1 | a\n 123456 | …\n"; !strings.HasSuffix(out, want) {
		t.Errorf("the end is %q, want %q", out[len(out)-30:], want)
	}
}

func BenchmarkPrint(b *testing.B) {
	for _, f := range Formats {
		b.Run(string(f), func(b *testing.B) {
			p := newPrinter(f, io.Discard, look{width: 80, now: time.Now})
			if err := p.begin([]juno.Column{
				{Name: "log_index"}, {Name: "source"}, {Name: "target"}, {Name: "amount"},
			}); err != nil {
				b.Fatal(err)
			}
			row := []juno.Value{
				integerValue(4711), textValue("Acct1"), textValue("Acct2"),
				{Kind: juno.Exact, Text: "12.5"},
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := p.row(row); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
