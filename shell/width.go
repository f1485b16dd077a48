package shell

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// span is a range of characters, both ends included.
type span struct{ first, last rune }

// wide holds the characters that a terminal shows in two columns: East Asian Width W and F of
// Unicode 16 (UAX #11). Neighbouring blocks whose gaps are unassigned are joined.
var wide = []span{
	{0x1100, 0x115f},
	{0x231a, 0x231b},
	{0x2329, 0x232a},
	{0x23e9, 0x23ec},
	{0x23f0, 0x23f0},
	{0x23f3, 0x23f3},
	{0x25fd, 0x25fe},
	{0x2614, 0x2615},
	{0x2630, 0x2637},
	{0x2648, 0x2653},
	{0x267f, 0x267f},
	{0x268a, 0x268f},
	{0x2693, 0x2693},
	{0x26a1, 0x26a1},
	{0x26aa, 0x26ab},
	{0x26bd, 0x26be},
	{0x26c4, 0x26c5},
	{0x26ce, 0x26ce},
	{0x26d4, 0x26d4},
	{0x26ea, 0x26ea},
	{0x26f2, 0x26f3},
	{0x26f5, 0x26f5},
	{0x26fa, 0x26fa},
	{0x26fd, 0x26fd},
	{0x2705, 0x2705},
	{0x270a, 0x270b},
	{0x2728, 0x2728},
	{0x274c, 0x274c},
	{0x274e, 0x274e},
	{0x2753, 0x2755},
	{0x2757, 0x2757},
	{0x2795, 0x2797},
	{0x27b0, 0x27b0},
	{0x27bf, 0x27bf},
	{0x2b1b, 0x2b1c},
	{0x2b50, 0x2b50},
	{0x2b55, 0x2b55},
	{0x2e80, 0x303e},
	{0x3041, 0x4dff},
	{0x4e00, 0xa4cf},
	{0xa960, 0xa97f},
	{0xac00, 0xd7a3},
	{0xf900, 0xfaff},
	{0xfe10, 0xfe19},
	{0xfe30, 0xfe6f},
	{0xff01, 0xff60},
	{0xffe0, 0xffe6},
	{0x16fe0, 0x18dff},
	{0x1aff0, 0x1b2ff},
	{0x1d300, 0x1d376},
	{0x1f004, 0x1f004},
	{0x1f0cf, 0x1f0cf},
	{0x1f18e, 0x1f18e},
	{0x1f191, 0x1f19a},
	{0x1f200, 0x1f320},
	{0x1f32d, 0x1f335},
	{0x1f337, 0x1f37c},
	{0x1f37e, 0x1f393},
	{0x1f3a0, 0x1f3ca},
	{0x1f3cf, 0x1f3d3},
	{0x1f3e0, 0x1f3f0},
	{0x1f3f4, 0x1f3f4},
	{0x1f3f8, 0x1f43e},
	{0x1f440, 0x1f440},
	{0x1f442, 0x1f4fc},
	{0x1f4ff, 0x1f53d},
	{0x1f54b, 0x1f54e},
	{0x1f550, 0x1f567},
	{0x1f57a, 0x1f57a},
	{0x1f595, 0x1f596},
	{0x1f5a4, 0x1f5a4},
	{0x1f5fb, 0x1f64f},
	{0x1f680, 0x1f6c5},
	{0x1f6cc, 0x1f6cc},
	{0x1f6d0, 0x1f6d2},
	{0x1f6d5, 0x1f6d7},
	{0x1f6dc, 0x1f6df},
	{0x1f6eb, 0x1f6ec},
	{0x1f6f4, 0x1f6fc},
	{0x1f7e0, 0x1f7f0},
	{0x1f90c, 0x1f93a},
	{0x1f93c, 0x1f945},
	{0x1f947, 0x1f9ff},
	{0x1fa70, 0x1faff},
	{0x20000, 0x3fffd},
}

// runeWidth returns the columns that a terminal gives to a character: 0, 1 or 2.
func runeWidth(r rune) int {
	switch {
	case r < 0x300: // the common case; there is nothing wide or combining below
		return 1
	case r >= 0x1160 && r <= 0x11ff: // vowels and finals of Hangul join the syllable before
		return 0
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	_, found := slices.BinarySearchFunc(wide, r, func(s span, r rune) int {
		switch {
		case s.last < r:
			return -1
		case s.first > r:
			return 1
		}
		return 0
	})
	if found {
		return 2
	}
	return 1
}

// textWidth returns the columns that a text takes. The text holds no control characters.
func textWidth(s string) int {
	n := len(s)
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			n = i
			break
		}
	}
	if n == len(s) {
		return n // the common case: a byte is a column
	}
	for _, r := range s[n:] {
		n += runeWidth(r)
	}
	return n
}

// ellipsis stands for what was cut off; one column.
const ellipsis = "…"

// cut shortens a text to at most width columns, an ellipsis at its end included. Width 0 or less
// gives nothing.
func cut(s string, width int) string {
	if width <= 0 {
		return ""
	}
	if len(s) <= width {
		return s // a column needs at least a byte
	}
	n, keep := 0, 0
	for i, r := range s {
		w := runeWidth(r)
		if n+w > width {
			return s[:keep] + ellipsis
		}
		if n+w <= width-1 {
			keep = i + utf8.RuneLen(r)
		}
		n += w
	}
	return s
}

// pad fills a text that takes w columns up with blanks behind it.
func pad(s string, w, width int) string { return s + blanks(width-w) }

// manyBlanks is what blanks are cut from.
var manyBlanks = strings.Repeat(" ", 256)

// blanks returns n blanks, none if n is negative.
func blanks(n int) string {
	switch {
	case n <= 0:
		return ""
	case n <= len(manyBlanks):
		return manyBlanks[:n]
	}
	return strings.Repeat(" ", n)
}
