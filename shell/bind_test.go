package shell

import (
	"bytes"
	"strings"
	"testing"

	"juno"
)

// TestBind: what \bind and --arg understand, and that nothing of a line with a mistake is bound.
func TestBind(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"alice", "'alice'"},
		{"alice 12 NULL 007", "'alice', '12', 'NULL', '007'"},
		{"who=alice", ":who 'alice'"},
		{"'a=b' \"it's\" 'it''s' ''", "'a=b', 'it's', 'it's', ''"},
		{"who='Alice B' at:index=1,200", ":who 'Alice B', :at index 1200"},
		{"who=a=b", ":who 'a=b'"},
		{"who=", ":who ''"},
		{"https://x?y=1", "'https://x?y=1'"},
		{"'; DROP TABLE accounts; --'", "'; DROP TABLE accounts; --'"},
		{"a;", "'a'"},
		{"'a;' ;", "'a;'"},
		{":int=-5 :amount=1%3 :amount=12.50", "integer -5, amount 1%3, amount 12.5"},
		{":bool=true :boolean=false :real=0.5", "boolean 1, boolean 0, real 0.5"},
		{":bytes=00FF :null= :integer=7", "bytes x'00ff', any NULL, integer 7"},
		{":time=2026-03-31T23:59:59.000Z", "time 1775001599000"},
		{"2=b 1=a", "'a', 'b'"},
		{"2:int=3 1=a", "'a', integer 3"},
		{"2=b", "error: position 1 has no value, and position 2 has"},
		{"0=a", "error: 0: want a position from 1 to 1000"},
		{"1001=a", "error: 1001: want a position from 1 to 1000"},
		{"01=a", "error: 01: want a position from 1 to 1000"},
		{"1a=a", "error: parameter name \"1a\": want letters, digits and _, no digit first"},
		{"ä=a", "error: parameter name \"ä\": want letters, digits and _, no digit first"},
		{"n:number=1", "error: n:number: no kind number; there are amount, bool, boolean, bytes, " +
			"index, int, integer, null, real, text or time"},
		{"n:int=1.5", "error: n:int: 1.5: want a whole number of at most 64 bits"},
		{"n:int=", "error: n:int: : want a whole number of at most 64 bits"},
		{"n:amount=1e3", "error: n:amount: amount \"1e3\": want digits, " +
			"as in 3, 12.50, 1%3 or -10%1"},
		{"n:real=x", "error: n:real: x: want a number"},
		{"n:real=inf", "error: n:real: argument 1: +Inf is not a finite number"},
		{"n:bytes=0", "error: n:bytes: 0: want hexadecimal digits"},
		{"n:bool=1", "error: n:bool: 1: want true or false"},
		{"n:index=0", "error: n:index: 0: want a whole number from 1"},
		{"n:null=x", "error: n:null: null has no value, x"},
		{"n:time=2026-03-31", "error: n:time: time \"2026-03-31\": want milliseconds in UTC, " +
			"as in 2026-03-31T23:59:59.000Z"},
		{"'open", "error: the quote in 'open is not closed"},
		{"'a'b", "error: 'a'b: a blank belongs behind the quote"},
	} {
		s := &session{bindings: newBindings()}
		got := ""
		if err := s.bind(t.Context(), []string{c.line}); err != nil {
			got = "error: " + err.Error()
			if len(s.bindings.positions)+len(s.bindings.named) > 0 {
				t.Errorf("%s: a part of it is bound", c.line)
			}
		} else {
			names := []string{"who", "at"}
			got = strings.TrimPrefix(showArgs(s.bindings.forParameters(names,
				len(s.bindings.positions))), " <- ")
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.line, got, c.want)
		}
	}
}

// TestBindings: values stay, one after the other, until they are forgotten.
func TestBindings(t *testing.T) {
	s := &session{bindings: newBindings()}
	for _, step := range []struct{ line, want string }{
		{"a b", "'a', 'b'"},
		{"who=x", "'a', 'b', :who 'x'"},
		{"c", "'c', :who 'x'"},
		{"2=d who=y", "'c', 'd', :who 'y'"},
		{"1:int=5", "integer 5, 'd', :who 'y'"},
		{"", ""},
	} {
		if err := s.bind(t.Context(), []string{step.line}); err != nil {
			t.Fatal(err)
		}
		args := s.bindings.forParameters([]string{"who", "other"}, 1)
		if got := strings.TrimPrefix(showArgs(args), " <- "); got != step.want {
			t.Errorf("after %q: %s, want %s", step.line, got, step.want)
		}
	}
}

// TestArgs runs texts with --arg: every statement takes what it names, and what none takes is told.
func TestArgs(t *testing.T) {
	run := func(args []string, commands ...string) (code int, out, errs string) {
		var stdout, stderr bytes.Buffer
		code = Run(t.Context(), Options{
			Ledger: newFakeLedger(), Commands: commands, Args: args, Format: "csv",
			Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Getenv: noEnv,
			Now: tickingClock(),
		})
		return code, strings.ReplaceAll(stdout.String(), "\n", "|"), stderr.String()
	}
	for _, c := range []struct {
		args, commands []string
		code           int
		out, errs      string
	}{
		{
			[]string{"who=' OR 1=1 --", "at:index=7"},
			[]string{"SELECT :who", "SELECT :at", "SELECT 1"},
			ExitFine, "you asked|SELECT :who <- :who '' OR 1=1 --'|you asked|" +
				"SELECT :at <- :at index 7|you asked|SELECT 1|", "",
		},
		{
			[]string{"1=a", "2:int=3"}, []string{"SELECT ?"},
			ExitFine, "you asked|\"SELECT ? <- 'a', integer 3\"|", "",
		},
		{
			[]string{"who=a", "spare=b"}, []string{`\bind spare=c`, "SELECT :who"},
			ExitFine, "you asked|SELECT :who <- :who 'a'|", "",
		},
		{
			[]string{"hwo=a"}, []string{"SELECT :who"},
			ExitFine, "you asked|SELECT :who|", "--arg hwo: no statement had a parameter :hwo\n",
		},
		{[]string{"who"}, nil, ExitUsage, "", "juno: --arg who: want name=value"},
		{[]string{"=x"}, nil, ExitUsage, "", "juno: --arg =x: want name=value"},
		{[]string{":int=1"}, nil, ExitUsage, "", "juno: --arg :int=1: want a name or a number"},
		{[]string{"n:int=x"}, nil, ExitUsage, "", "juno: --arg n:int: x: want a whole number"},
		{[]string{"2=x"}, nil, ExitUsage, "", "juno: position 1 has no value"},
	} {
		code, out, errs := run(c.args, c.commands...)
		if code != c.code || out != c.out || !strings.HasPrefix(errs, c.errs) ||
			(c.errs == "") != (errs == "") {
			t.Errorf("%v %v: code %d, %s, %q", c.args, c.commands, code, out, errs)
		}
	}
}

// TestWatchBound: \watch asks with what is bound.
func TestWatchBound(t *testing.T) {
	s := &session{ledger: newFakeLedger(), bindings: newBindings()}
	if err := s.bind(t.Context(), []string{"who=a"}); err != nil {
		t.Fatal(err)
	}
	if got := s.arguments("SELECT :who, :other"); len(got) != 1 ||
		got[0].Value.Kind != juno.Text {
		t.Errorf("got %v", got)
	}
}
