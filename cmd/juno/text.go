package main

import (
	"strings"

	"juno"
	"juno/db/sql"
	"juno/db/state"
	"juno/shell"
)

// languages implements shell.Text over the readers that the ledger has.
type languages struct{}

// sqlWords begin SQL statements, those that are refused too: the engine says why better than a
// ledger that takes them for a program.
var sqlWords = map[string]bool{
	"select": true, "with": true, "values": true, "explain": true,
	"pragma": true, "insert": true, "update": true, "delete": true, "replace": true,
	"create": true, "drop": true, "alter": true, "attach": true, "detach": true, "begin": true,
	"commit": true, "end": true, "rollback": true, "savepoint": true, "release": true,
	"vacuum": true, "analyze": true, "reindex": true,
}

// Detect implements shell.Text.
func (languages) Detect(text string) shell.Detection {
	word := text
	if i := strings.IndexFunc(text, notLetter); i >= 0 {
		word = text[:i]
	}
	if sqlWords[strings.ToLower(word)] || strings.HasPrefix(text, "--") ||
		strings.HasPrefix(text, "/*") {
		return shell.Detection{}
	}
	language := state.Detect(text)
	program := language == juno.LanguageHopper
	if program && !strings.HasPrefix(text, "(") && !strings.HasPrefix(text, ";") {
		return shell.Detection{}
	}
	return shell.Detection{Command: true, Language: language, Open: openBrackets(text) > 0}
}

func notLetter(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }

// openBrackets counts brackets that are not closed, of a program; other commands are one line.
func openBrackets(text string) int {
	if _, program, ok := strings.Cut(text, "##CODE"); ok {
		text = program
	}
	if !strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "(") {
		return 0
	}
	open, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && c == '(':
			open++
		case !quoted && c == ')':
			open--
		}
	}
	return open
}

// Split implements shell.Text.
func (languages) Split(text string) []juno.Statement { return sql.Split(text) }

// Parameters implements shell.Text.
func (languages) Parameters(text string) (names []string, positions int) {
	names, positions, err := sql.Parameters(text)
	if err != nil {
		return nil, 0 // the engine says what is wrong
	}
	return names, positions
}

// Schema implements shell.Text.
func (languages) Schema() juno.Schema {
	return juno.Schema{Tables: sql.Tables(), Functions: sql.FunctionUsages()}
}
