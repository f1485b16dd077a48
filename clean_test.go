package juno

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		"transfer(a->b, 12.5)":   "transfer(a->b, 12.5)",
		"zoë 日本":                 "zoë 日本",
		"\x1b[31mproven\x1b[0m":  `\x1b[31mproven\x1b[0m`,
		"one\ntwo\tthree\r":      `one\ntwo\tthree\x0d`,
		"\x9b31m":                `\x9b31m`,
		"\u009b31m":              `\x9b31m`,
		"a\u202eb":               `a\u202eb`,
		"a\u200b\ufeffb":         `a\u200b\ufeffb`,
		"tag\U000e0041":          `tag\U000e0041`,
		"\xff\xfe":               `\xff\xfe`,
		"\u2028line\u2029":       `\u2028line\u2029`,
		"soft\u00adhyphen\u061c": `soft\xadhyphen\u061c`,
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCleanIsSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		got := Clean(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, hidden) {
			t.Errorf("Clean(%q) = %q is not safe", s, got)
		}
		if again := Clean(got); again != got {
			t.Errorf("Clean(%q) = %q, cleaned again %q", s, got, again)
		}
	})
}
