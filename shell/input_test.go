package shell

import (
	"fmt"
	"strings"
	"testing"
)

// units describes what an assembler makes of lines.
func units(a *assembler, lines ...string) string {
	var all []string
	show := func(units []unit, err error) {
		for _, u := range units {
			kind := []string{"sql", "command", "backslash", "bulk"}[u.kind]
			text := strings.ReplaceAll(u.text, "\n", "⏎")
			all = append(all, fmt.Sprintf("%s@%d %s", kind, u.line, text))
		}
		if err != nil {
			all = append(all, "error "+err.Error())
		}
	}
	for _, line := range lines {
		show(a.add(line))
	}
	show(a.end())
	return strings.Join(all, "\n")
}

// TestAssembler: what a text of several lines, after the arrow, becomes.
func TestAssembler(t *testing.T) {
	for _, c := range []struct{ name, lines, want string }{
		{"byte order mark, CRLF", "\ufeffSELECT 1;\r|SELECT 2\r", "sql@1 SELECT 1|sql@2 SELECT 2"},
		{
			"everything on a line", `SELECT 1; SELECT 2; \timing on|SELECT 3;CreateAccount a`,
			"sql@1 SELECT 1|sql@1 SELECT 2|backslash@1 timing on|" +
				"sql@2 SELECT 3|command@2 CreateAccount a",
		},
		{
			"lines of statements", `|SELECT|  ';|\q'|; SELECT 2;`,
			`sql@2 SELECT⏎  ';⏎\q'|sql@5 SELECT 2`,
		},
		{"comments", "-- a;|/* b;|c */|;;|SELECT 1 -- d;|;", "sql@5 SELECT 1"},
		{"comment over lines", "/* a|b */|CreateAccount a", "command@3 CreateAccount a"},
		{
			"comment before", "/* a */ CreateAccount a|/* b|c */ SELECT 2",
			"command@1 CreateAccount a|sql@3 SELECT 2",
		},
		{"comments of programs", ";|;; a|  ; SELECT 1;|(f)", "sql@3 SELECT 1|command@4 (f)"},
		{"open comment at the end", "/* b", "sql@1 /* b"},
		{"blanks before", "   CreateAccount a  |\t\\d", `command@1 CreateAccount a|backslash@2 d`},
		{
			"semicolons of habit", "CreateAccount a ;|transfer(a->b, 1);",
			"command@1 CreateAccount a|command@2 transfer(a->b, 1)",
		},
		{
			"program", "(let ((a 1))|  (f a))|SELECT 1",
			"command@1 (let ((a 1))⏎  (f a))|sql@3 SELECT 1",
		},
		{"program that stays open", "(let|(f", "command@1 (let⏎(f"},
		{
			"data with a semicolon", "a;b##CODEtransfer(a->b, 1)",
			"command@1 a;b##CODEtransfer(a->b, 1)",
		},
		{
			"command in a string", "SELECT 'CreateAccount a'|, '##CODE';",
			"sql@1 SELECT 'CreateAccount a'⏎, '##CODE'",
		},
		{
			"mistake ends with its line", "select_ 1|SELECT 1;",
			`error select_ begins neither a ledger command nor SQL (\? shows what can be typed)|` +
				"sql@2 SELECT 1",
		},
		{
			"bulk", "batch test:12|many test:3 transfer(a->b, 1)",
			"bulk@1 batch test:12|bulk@2 many test:3 transfer(a->b, 1)",
		},
		{
			"bulk of nothing", "many test:0",
			"error many test:0: want a number of commands from 1 to 10000000, as in many test:8000",
		},
	} {
		a := &assembler{reader: newFakeLedger()}
		got := units(a, strings.Split(c.lines, "|")...)
		if want := strings.ReplaceAll(c.want, "|", "\n"); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", c.name, got, want)
		}
	}
}

func TestAssemblerBounds(t *testing.T) {
	a := &assembler{reader: newFakeLedger()}
	line := strings.Repeat("x", 60<<10)
	_, err := a.add("SELECT '")
	for n := 0; err == nil && n < 100; n++ {
		_, err = a.add(line)
	}
	if err == nil || !strings.Contains(err.Error(), "longer than 1048576 bytes") {
		t.Errorf("error %v of a statement without an end", err)
	}
	if a.open() {
		t.Error("the statement is kept after the error")
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", statementBytesMax+1)
	for _, c := range []struct{ name, text, want string }{
		{"last line without an end", "a\nb", "a|b|EOF"},
		{"empty lines", "\n\na\n", "||a|EOF"},
		{"no UTF-8", "a\n\xff\n", "a|the text is not UTF-8: \"\\xff\\n\""},
		{"too long", long, "a line is longer than 1048576 bytes"},
	} {
		l := newLines(strings.NewReader(c.text))
		var got []string
		for {
			line, err := l.next()
			if err != nil {
				got = append(got, err.Error())
				break
			}
			got = append(got, line)
		}
		if got := strings.Join(got, "|"); got != c.want {
			t.Errorf("%s: %.200s, want %s", c.name, got, c.want)
		}
	}
}

// FuzzAssembler: a text of any kind is cut up without a panic, and no unit begins or ends in
// blanks.
func FuzzAssembler(f *testing.F) {
	f.Add("SELECT 1; \\d\nCreateAccount a;\nbatch test:3\n(let\n")
	f.Add("/* ;\n*/ SELECT ';\n'")
	f.Fuzz(func(t *testing.T, text string) {
		for _, escapes := range []bool{false, true} {
			a := &assembler{reader: newFakeLedger(), escapes: escapes}
			var all []unit
			for _, line := range strings.Split(text, "\n") {
				us, _ := a.add(line)
				all = append(all, us...)
			}
			us, _ := a.end()
			for _, u := range append(all, us...) {
				if u.kind == unitCommand && u.text != strings.Trim(u.text, " \t\n") {
					t.Fatalf("unit %q of %q", u.text, text)
				}
				if u.line < 1 || u.line > a.line {
					t.Fatalf("unit %q of %q in line %d of %d", u.text, text, u.line, a.line)
				}
			}
			if a.open() {
				t.Fatalf("%q is open after its end: %q", text, a.pending)
			}
		}
	})
}
