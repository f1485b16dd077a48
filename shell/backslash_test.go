package shell

import (
	"strings"
	"testing"
)

func TestSplitArguments(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"d accounts", "d|accounts"},
		{"  d\taccounts ; ", "d|accounts"},
		{`i 'a file.sql'`, "i|a file.sql"},
		{`i "it's"`, "i|it's"},
		{`o ''`, "o|"},
		{`i 'a`, "the quote in 'a is not closed"},
	} {
		args, err := splitArguments(c.text)
		got := strings.Join(args, "|")
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}
