package shell

import (
	"testing"
	"time"
)

func TestColorWanted(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want bool
	}{
		{map[string]string{"TERM": "xterm"}, true},
		{map[string]string{"TERM": "xterm", "NO_COLOR": ""}, true},
		{map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false},
		{map[string]string{"TERM": "dumb"}, false},
		{nil, false},
	} {
		if got := colorWanted(func(k string) string { return c.env[k] }); got != c.want {
			t.Errorf("%v: %v, want %v", c.env, got, c.want)
		}
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{grouped(0), "0"},
		{grouped(999), "999"},
		{grouped(1000), "1,000"},
		{grouped(-1234567), "-1,234,567"},
		{count(1, "row", "rows"), "1 row"},
		{count(0, "row", "rows"), "0 rows"},
		{took(1234 * time.Microsecond), "1.2 ms"},
		{took(999 * time.Millisecond), "999 ms"},
		{took(1500 * time.Millisecond), "1.5 s"},
		{took(200 * time.Second), "3m20s"},
		{floatText(1), "1.0"},
		{floatText(0), "0.0"},
		{floatText(1e20), "1e+20"},
		{floatText(-1e-9), "-1e-09"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
