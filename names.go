package juno

import (
	"fmt"
	"unicode/utf8"
)

// NameBytesMax bounds every name that a person chose: accounts, clients, keys.
const NameBytesMax = 256

// CheckName reports whether s can be a name: 1 to NameBytesMax bytes of UTF-8 without control
// characters, so that a name fits one line of every table and sends nothing to a terminal.
// Names are compared byte by byte; nothing is folded or normalized.
func CheckName(s string) error {
	if s == "" || len(s) > NameBytesMax {
		return fmt.Errorf("name %.80q: %d bytes, want 1 to %d", s, len(s), NameBytesMax)
	}
	return checkLine(s)
}

// checkLine refuses text that is not UTF-8 or has control characters: C0, DEL and C1. They are
// listed here and not looked up, because Unicode tables change from one Go release to the next.
func checkLine(s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("name %.80q: not UTF-8", s)
	}
	for _, r := range s {
		if r < 0x20 || (0x7f <= r && r < 0xa0) {
			return fmt.Errorf("name %.80q: has control character %U", s, r)
		}
	}
	return nil
}
