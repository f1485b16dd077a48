package shell

import (
	"bytes"
	"strings"
	"testing"
)

// TestEcho: the movement back is exact on every terminal.
func TestEcho(t *testing.T) {
	const toEdge = "\x1b[A\r\x1b[20C"
	for _, c := range []struct {
		name, line string
		pos        int
		tail, want string
	}{
		{"at the end", "abc", 3, "", ""},
		{"two back", "abc", 1, "\b\b", "\r\x1b[3C"},
		{"wide", "a山b", 1, "\b\b", "\r\x1b[3C"},
		{
			"over the edge", strings.Repeat("x", 20), 10,
			"\b\b\b" + toEdge + strings.Repeat("\b", 7), "\x1b[1A\r\x1b[12C",
		},
		{"to the left edge", strings.Repeat("x", 40), 18, strings.Repeat("\b", 22), "\x1b[1A\r"},
		{"end at the edge", strings.Repeat("x", 18), 17, " \b\b", " \x1b[1A\r\x1b[19C"},
		{"tab", "\tb", 1, "\b", "\r\x1b[6C"},
	} {
		var b bytes.Buffer
		e := &echo{w: &b, width: func() int { return 20 }}
		e.setPrompt("\x1b[1m> \x1b[0m")
		e.painted([]rune(c.line), c.pos)
		text := "> " + c.line
		if _, err := e.Write([]byte(text + c.tail)); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimPrefix(b.String(), text); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
