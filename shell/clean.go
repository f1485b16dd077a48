package shell

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes a text from the ledger harmless on a terminal: whoever names an account chooses its
// characters, and ESC ] 52 in a name must not write the reader's clipboard. Control characters
// become their pictures (ESC is ␛, line feed ␊), one column each; what turns the direction of
// writing, or is no character at all, becomes its number, <202e>, <xff>.
func clean(s string) string { return cleanBut(s, false) }

// cleanLines is clean for a text of several lines.
func cleanLines(s string) string { return cleanBut(s, true) }

func cleanBut(s string, lines bool) string {
	first := firstUnsafe(s, lines)
	if first < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	b.WriteString(s[:first])
	for i := first; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, "<x%02x>", s[i])
		case lines && r == '\n', !unsafe(r):
			b.WriteRune(r)
		case r < 0x20:
			b.WriteRune(0x2400 + r)
		case r == 0x7f:
			b.WriteRune('␡')
		default:
			fmt.Fprintf(&b, "<%x>", r)
		}
		i += size
	}
	return b.String()
}

// firstUnsafe returns where the first character stands that clean would change, or -1.
func firstUnsafe(s string, lines bool) int {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if (c < 0x20 && (!lines || c != '\n')) || c == 0x7f {
				return i
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if (r == utf8.RuneError && size == 1) || unsafe(r) {
			return i
		}
		i += size
	}
	return -1
}

// unsafe says whether a character does something to a terminal other than appear: C0 and C1
// controls, line separators, and the characters that hide text or turn its direction, with which
// one account can be made to look like another. The joiner and the variation selectors that
// belong to scripts and emoji pass.
func unsafe(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r < 0xa0:
		return true
	case r < 0x300:
		return r == 0xad // soft hyphen
	case r == 0x200c, r == 0x200d:
		return false
	}
	return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}
