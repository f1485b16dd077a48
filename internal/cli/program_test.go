package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
)

var errUnknown = errors.New("outcome unknown")

// testProgram has one verb of each shape. What an action is called with, it prints.
func testProgram() *Program {
	act := func(name string, set *flag.FlagSet) Action {
		n := set.Int("n", 1, "a `number`")
		open := set.Bool("open", false, "not closed")
		return func(_ context.Context, c Console, words []string) error {
			fmt.Fprintln(c.Out, name, *n, *open, words)
			return nil
		}
	}
	fails := func(err error) func(*flag.FlagSet) Action {
		return NoFlags(func(context.Context, Console, []string) error { return err })
	}
	return &Program{
		Name: "prog", About: "A program.", Unknown: []error{errUnknown},
		Verbs: []Verb{
			{
				Name: "one", Args: "DIR [FILE]", Summary: "do one thing", Help: "  prog one d\n",
				Setup: func(set *flag.FlagSet) Action { return act("one", set) },
			},
			{Name: "many", Summary: "do many things", Help: "  prog many a\n", Verbs: []Verb{
				{
					Name: "a", Args: "X", Summary: "do a", Help: "  prog many a x\n",
					Setup: func(set *flag.FlagSet) Action { return act("a", set) },
				},
				{
					Name: "b", Summary: "do b", Help: "  prog many b\n",
					Setup: NoFlags(func(_ context.Context, c Console, words []string) error {
						fmt.Fprintln(c.Out, "b", words)
						return nil
					}),
				},
			}},
			{Name: "fail", Setup: fails(fmt.Errorf("write: %w", errors.New("disk is full")))},
			{Name: "wrong", Setup: fails(Usagef("--n %d: want more", 3))},
			{Name: "unknown", Setup: fails(fmt.Errorf("submit: %w", errUnknown))},
			{Name: "stop", Setup: fails(context.Canceled)},
			{Name: "said", Setup: fails(ExitVerify)},
			{Name: "version", Setup: fails(nil)},
		},
	}
}

func TestRun(t *testing.T) {
	for _, test := range []struct {
		args     string
		code     ExitCode
		out, err string
	}{
		{"one d", ExitOK, "one 1 false [d]\n", ""},
		{"one --n 2 d --open f", ExitOK, "one 2 true [d f]\n", ""},
		{"one d -", ExitOK, "one 1 false [d -]\n", ""},
		{"many a x", ExitOK, "a 1 false [x]\n", ""},
		{"many --n 7 --open a x", ExitOK, "a 7 true [x]\n", ""},
		{"many a --n 7 x", ExitOK, "a 7 false [x]\n", ""},
		{"many a a", ExitOK, "a 1 false [a]\n", ""},
		{"many b", ExitOK, "b []\n", ""},
		{"--version", ExitOK, "", ""},
		{"one", ExitUsage, "", "prog one: want DIR [FILE], got none\nsee: prog help one\n"},
		{
			"one a b c", ExitUsage, "",
			"prog one: want DIR [FILE], got \"a\" \"b\" \"c\"\nsee: prog help one\n",
		},
		{
			"many b x", ExitUsage, "",
			"prog many b: want no words, got \"x\"\nsee: prog help many b\n",
		},
		{"many", ExitUsage, "", "prog many: want an action: a, b\nsee: prog help many\n"},
		{
			"many c", ExitUsage, "",
			"prog many: no action \"c\"; there are a, b\nsee: prog help many\n",
		},
		{"nothing", ExitUsage, "", "prog: no verb \"nothing\"\nsee: prog help\n"},
		{
			"one d --m", ExitUsage, "",
			"prog one: flag provided but not defined: -m\nsee: prog help one\n",
		},
		{
			"many --m a", ExitUsage, "",
			"prog many: flag provided but not defined: -m\nsee: prog help many\n",
		},
		{
			"help one more", ExitUsage, "",
			"prog: no verb \"more\" behind prog one\nsee: prog help\n",
		},
		{"fail", ExitFailed, "", "prog fail: write: disk is full\n"},
		{"wrong", ExitUsage, "", "prog wrong: --n 3: want more\nsee: prog help wrong\n"},
		{"unknown", ExitUnknown, "", "prog unknown: submit: outcome unknown\n"},
		{"stop", ExitInterrupted, "", "prog stop: context canceled\n"},
		{"said", ExitVerify, "", ""},
	} {
		var out, errs bytes.Buffer
		c := Console{In: strings.NewReader(""), Out: &out, Err: &errs}
		code := testProgram().Run(t.Context(), c, strings.Fields(test.args))
		if code != test.code || out.String() != test.out || errs.String() != test.err {
			t.Errorf("prog %s: code %d, printed %q and %q, want %d, %q and %q", test.args, code,
				out.String(), errs.String(), test.code, test.out, test.err)
		}
	}
}

func TestHelp(t *testing.T) {
	one := "prog one: do one thing\n\n  prog one [flags] DIR [FILE]\n\nExample:\n  prog one d\n\n" +
		"Flags:\n  --n number\n        a number (default 1)\n  --open\n        not closed\n"
	many := "prog many: do many things\n\n  prog many a X   do a\n  prog many b     do b\n\n" +
		"Example:\n  prog many a\n\nprog help many ACTION shows the flags of an action.\n"
	b := "prog many b: do b\n\n  prog many b\n\nExample:\n  prog many b\n"
	for args, want := range map[string]string{
		"help one": one, "one -h": one, "one d --help": one,
		"help many": many, "many -h": many, "help many b": b, "many b --help": b,
	} {
		var out, errs bytes.Buffer
		c := Console{In: strings.NewReader(""), Out: &out, Err: &errs}
		if code := testProgram().Run(t.Context(), c, strings.Fields(args)); code != ExitOK {
			t.Errorf("prog %s: exit code %d", args, code)
		}
		if out.String() != want || errs.Len() > 0 {
			t.Errorf("prog %s printed\n%s%s\nwant\n%s", args, out.String(), errs.String(), want)
		}
	}
}

// TestListOfVerbs: no words at all is a mistake, help is not.
func TestListOfVerbs(t *testing.T) {
	for _, test := range []struct {
		args []string
		code ExitCode
	}{{nil, ExitUsage}, {[]string{"help"}, ExitOK}, {[]string{"--help"}, ExitOK}} {
		var out, errs bytes.Buffer
		c := Console{In: strings.NewReader(""), Out: &out, Err: &errs}
		if code := testProgram().Run(t.Context(), c, test.args); code != test.code {
			t.Errorf("%q: exit code %d, want %d", test.args, code, test.code)
		}
		text := out.String() + errs.String()
		if !strings.Contains(text, "  prog one        do one") {
			t.Errorf("%q printed %q", test.args, text)
		}
		if test.code == ExitUsage && out.Len() > 0 {
			t.Errorf("%q printed to standard output: %q", test.args, out.String())
		}
	}
}

// TestCallReturnsTheError: a verb of a verb is judged by its caller.
func TestCallReturnsTheError(t *testing.T) {
	var out bytes.Buffer
	err := testProgram().Call(t.Context(), Console{Out: &out, Err: &out}, "said")
	if !errors.Is(err, ExitVerify) || out.Len() > 0 {
		t.Errorf("got %v and %q, want exit code 3 and nothing printed", err, out.String())
	}
}
