package shell

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"juno"
)

func TestSnippet(t *testing.T) {
	long := "SELECT " + strings.Repeat("aaaa, ", 30) + "wrong, " + strings.Repeat("bbbb, ", 30)
	for _, c := range []struct {
		name, text, at string
		first          int
		want           string
	}{
		{"one line", "SELECT wrong FROM t", "wrong", 0, "  SELECT wrong FROM t\n         ^\n"},
		{"second line", "SELECT 1,\n  wrong\nFROM t", "wrong", 0, "  2:   wrong\n       ^\n"},
		{"line of a file", "SELECT wrong", "wrong", 7, "  7: SELECT wrong\n            ^\n"},
		{
			"wide characters", "SELECT '山田', wrong", "wrong", 0,
			"  SELECT '山田', wrong\n                 ^\n",
		},
		{
			"control characters", "SELECT '\x1b\t', wrong", "wrong", 0,
			"  SELECT '␛␉', wrong\n               ^\n",
		},
		{
			"long line", long, "wrong", 0,
			"  … aaaa, aaaa, aaaa, aaaa, aaaa, aaaa, aaaa, aaaa, wrong, bbbb, bbbb,…\n" +
				"                                                    ^\n",
		},
	} {
		got := snippet(c.text, strings.Index(c.text, c.at), 73, c.first)
		if got != c.want {
			t.Errorf("%s:\n%swant:\n%s", c.name, got, c.want)
		}
	}
	for _, offset := range []int{-1, 1000} {
		if got := snippet("SELECT 1", offset, 80, 0); got != "" {
			t.Errorf("offset %d: %q, want nothing", offset, got)
		}
	}
	if got, want := snippet("SELECT", 6, 80, 0), "  SELECT\n        ^\n"; got != want {
		t.Errorf("at the end: %q, want %q", got, want)
	}
}

// TestSnippetFits: no line of a snippet is wider than the screen.
func TestSnippetFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := anyText().Draw(t, "before") + strings.Repeat(anyText().Draw(t, "middle"), 9)
		offset := rapid.IntRange(0, len(text)).Draw(t, "offset")
		width := rapid.IntRange(30, 200).Draw(t, "width")
		for _, line := range strings.Split(snippet(text, offset, width, 0), "\n") {
			if got := textWidth(line); got > width {
				t.Fatalf("%d columns, want at most %d: %q", got, width, line)
			}
		}
	})
}

func TestExitCode(t *testing.T) {
	done, cancel := context.WithCancelCause(t.Context())
	cancel(errInterrupted)
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want int
	}{
		{t.Context(), nil, ExitFine},
		{t.Context(), errFailed, ExitFailed},
		{t.Context(), fmt.Errorf("x: %w", juno.ErrUnknown), ExitUnknown},
		{done, fmt.Errorf("x: %w", juno.ErrUnknown), ExitUnknown},
		{done, errors.New("x"), ExitInterrupted},
		{t.Context(), errInterrupted, ExitInterrupted},
	} {
		if got := exitCode(c.ctx, c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}
