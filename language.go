package juno

import (
	"slices"
	"strings"
)

// CodeMark stands between the data of a command and its program: "data##CODEprogram".
const CodeMark = "##CODE"

// Blanks are the characters that may stand between words; a command is one line.
const Blanks = " \t\r\n"

// The words that commands begin with. VerbTransfer includes the parenthesis.
const (
	VerbCreateAccount  = "CreateAccount"
	VerbCreateCurrency = "CreateCurrency"
	VerbAdjust         = "AdjustAccount"
	VerbObserve        = "ObserveAccount"
	VerbObserveAll     = "ObserveAccounts"
	VerbInputQuery     = "CommandInputQuery"
	VerbTransfer       = "transfer("
)

// adminVerbs are the first words of commands in LanguageAdmin.
var adminVerbs = []string{
	VerbCreateAccount, VerbCreateCurrency, VerbAdjust, VerbObserve, VerbObserveAll,
	VerbInputQuery,
}

// DetectLanguage returns the language that a text is written in. It looks at the text alone, so
// that the writer of a command and all who execute it agree.
func DetectLanguage(text string) Language {
	trimmed := strings.TrimLeft(text, Blanks)
	if strings.HasPrefix(trimmed, VerbTransfer) {
		return LanguageHoplite
	}
	word := trimmed
	if i := strings.IndexAny(word, Blanks); i >= 0 {
		word = word[:i]
	}
	if slices.Contains(adminVerbs, word) {
		return LanguageAdmin
	}
	if strings.Contains(trimmed, CodeMark) || hasPrimitive(trimmed) {
		return LanguageHoplite
	}
	return LanguageHopper
}

// hasPrimitive reports whether a list anywhere in a program begins with an atom that begins with
// '#', which is how Hoplite calls what is built in. Strings and comments do not count.
func hasPrimitive(s string) bool {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		case ';':
			for i < len(s) && s[i] != '\n' {
				i++
			}
		case '(':
			rest := strings.TrimLeft(s[i+1:], Blanks)
			if strings.HasPrefix(rest, "#") {
				return true
			}
		}
	}
	return false
}
