package state

import (
	"strings"

	"juno"
)

// codeMark stands between the data of a command and its program: "data##CODEprogram".
const codeMark = "##CODE"

// blanks are what may stand between words; a command is one line.
const blanks = " \t\r\n"

// adminVerbs are the first words of commands in juno.LanguageAdmin.
var adminVerbs = [...]string{
	verbCreateAccount, verbCreateCurrency, verbAdjust, verbObserve,
	verbObserveAll, verbInputQuery,
}

const (
	verbCreateAccount  = "CreateAccount"
	verbCreateCurrency = "CreateCurrency"
	verbAdjust         = "AdjustAccount"
	verbObserve        = "ObserveAccount"
	verbObserveAll     = "ObserveAccounts"
	verbInputQuery     = "CommandInputQuery"
	verbTransfer       = "transfer("
)

// Detect returns the language that a text is written in. It looks at the text alone, so that
// whoever writes a command and all who execute it agree.
func Detect(text string) juno.Language {
	trimmed := strings.TrimLeft(text, blanks)
	if strings.HasPrefix(trimmed, verbTransfer) {
		return juno.LanguageHoplite
	}
	if word := firstWord(trimmed); isAdminVerb(word) {
		return juno.LanguageAdmin
	}
	if strings.Contains(trimmed, codeMark) || hasPrimitive(trimmed) {
		return juno.LanguageHoplite
	}
	return juno.LanguageHopper
}

func isAdminVerb(word string) bool {
	for _, v := range adminVerbs {
		if v == word {
			return true
		}
	}
	return false
}

// firstWord returns what stands before the first blank.
func firstWord(s string) string {
	if i := strings.IndexAny(s, blanks); i >= 0 {
		return s[:i]
	}
	return s
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
			rest := strings.TrimLeft(s[i+1:], blanks)
			if strings.HasPrefix(rest, "#") {
				return true
			}
		}
	}
	return false
}
