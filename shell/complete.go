package shell

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"juno"
)

// Limits of completion.
const (
	// completeTimeMax is how long a key may wait for the names of accounts.
	completeTimeMax = 300 * time.Millisecond
	// choicesMax is how many choices are shown; more help nobody.
	choicesMax = 200
)

// completion is what the word before the cursor can become.
type completion struct {
	start   int      // where the word begins, in bytes
	choices []string // whole words, spelled as they should be, sorted
	common  string   // what all choices begin with; the choice and what follows it if there is one
}

// choose keeps the candidates that begin with word, in any case of letters. A candidate may end in
// a blank or a bracket that is to follow it.
func choose(start int, word string, candidates []string) completion {
	c := completion{start: start}
	for _, candidate := range candidates {
		if hasPrefixFold(candidate, word) {
			c.choices = append(c.choices, candidate)
		}
	}
	slices.Sort(c.choices)
	c.choices = slices.Compact(c.choices)
	if len(c.choices) == 0 {
		return c
	}
	c.common = c.choices[0]
	for _, choice := range c.choices[1:] {
		c.common = commonFold(c.common, choice)
	}
	return c
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// commonFold returns what a and b both begin with, as a spells it.
func commonFold(a, b string) string {
	for i, r := range a {
		if i >= len(b) {
			return a[:i]
		}
		other, _ := utf8.DecodeRuneInString(b[i:])
		if unicode.ToLower(r) != unicode.ToLower(other) {
			return a[:i]
		}
	}
	return a
}

// list prints the choices in columns that fit the width.
func (c completion) list(width int) string {
	shown := c.choices[:min(len(c.choices), choicesMax)]
	widest := 0
	for _, s := range shown {
		widest = max(widest, textWidth(clean(s)))
	}
	perLine := max(1, (width-1)/(widest+2))
	lines := (len(shown) + perLine - 1) / perLine
	var b strings.Builder
	for row := range lines {
		for i := row; i < len(shown); i += lines {
			text := cut(clean(strings.TrimSuffix(shown[i], " ")), width-1)
			if i+lines < len(shown) {
				text = pad(text, textWidth(text), widest+2)
			}
			b.WriteString(text)
		}
		b.WriteByte('\n')
	}
	if more := len(c.choices) - len(shown); more > 0 {
		b.WriteString("… and " + count(more, "more", "more") + "\n")
	}
	return b.String()
}

// verbs begin a command of the prototype; keywords begin SQL or stand in it.
var (
	verbs = []string{
		"AdjustAccount ", "CreateAccount ", "ObserveAccount ", "ObserveAccounts", "transfer(",
		"batch test:", "many test:",
	}
	openers  = strings.Fields("EXPLAIN SELECT VALUES WITH")
	keywords = strings.Fields(`
		ALL AND AS ASC BETWEEN BY CASE CAST COLLATE CROSS DESC DISTINCT ELSE END ESCAPE EXCEPT
		EXISTS FILTER FOLLOWING FROM GLOB GROUP HAVING IN INNER INTERSECT IS JOIN LEFT LIKE LIMIT
		MATERIALIZED NATURAL NOT NULL NULLS OF OFFSET ON OR ORDER OUTER OVER PARTITION PRECEDING
		RANGE RECURSIVE REGEXP ROWS SELECT THEN TIMESTAMP UNBOUNDED UNION USING VALUES WHEN WHERE
		WINDOW WITH`)
)

// completer knows what can be written where.
type completer struct {
	ledger Ledger
	ctx    context.Context
}

// complete looks at the text before the cursor. earlier is what was entered on lines before, of a
// statement that is not finished.
func (c *completer) complete(earlier, text string) completion {
	switch {
	case strings.HasPrefix(text, `\`):
		return c.backslash(text)
	case earlier == "" && !strings.ContainsAny(text, " \n(;:"):
		return choose(0, text, append(inCaseOf(text, openers), verbs...))
	case earlier == "" && isVerb(text):
		return c.command(text)
	}
	return c.sql(earlier+"\n"+text, len(earlier)+1)
}

// inCaseOf spells keywords as the word that is being typed: small letters stay small.
func inCaseOf(word string, keywords []string) []string {
	lower := word != "" && strings.ToLower(word) == word
	out := make([]string, 0, len(keywords))
	for _, k := range keywords {
		if lower {
			k = strings.ToLower(k)
		}
		out = append(out, k+" ")
	}
	return out
}

func isVerb(text string) bool {
	for _, v := range verbs {
		if hasPrefixFold(text, strings.TrimRight(v, " ")) {
			return true
		}
	}
	return strings.Contains(text, "##CODE")
}

// command completes the accounts in a command.
func (c *completer) command(text string) completion {
	start := strings.LastIndexAny(text, " (\"") + 1
	if i := strings.LastIndex(text, "->"); i >= 0 {
		start = max(start, i+2)
	}
	if strings.ContainsAny(text, ",:") || hasPrefixFold(text, "CreateAccount") {
		return completion{} // an amount, a count, or a name that is to be new
	}
	return c.accounts(start, text[start:], "")
}

// accounts completes the name of an account and puts after behind it.
func (c *completer) accounts(start int, word, after string) completion {
	ctx, cancel := context.WithTimeout(c.ctx, completeTimeMax)
	defer cancel()
	names, err := c.ledger.Accounts(ctx, word, choicesMax+1)
	if err != nil {
		return completion{}
	}
	for i := range names {
		names[i] += after
	}
	return choose(start, word, names)
}

// sql completes inside a statement; only the part of text from skip on is in the editor.
func (c *completer) sql(text string, skip int) completion {
	if start, open := openQuote(text); open {
		if start < skip {
			return completion{}
		}
		return c.accounts(start-skip, text[start:], "'")
	}
	start := len(text)
	for start > skip && isNameByte(text[start-1]) {
		start--
	}
	word := text[start:]
	before := strings.Fields(strings.ToUpper(text[:start]))
	last := ""
	if len(before) > 0 {
		last = before[len(before)-1]
	}
	schema := c.ledger.Schema()
	switch last {
	case "FROM", "JOIN":
		return choose(start-skip, word, tableNames(schema))
	case "AS":
		return choose(start-skip, word, inCaseOf(word, []string{"OF"}))
	}
	candidates := append(inCaseOf(word, keywords), columnNames(schema, text)...)
	if word != "" {
		candidates = append(candidates, tableNames(schema)...)
	}
	for _, f := range schema.Functions {
		candidates = append(candidates, f.Name+"(")
	}
	return choose(start-skip, word, candidates)
}

func isNameByte(b byte) bool {
	return b == '_' || b >= 0x80 || (b >= '0' && b <= '9') || (b|0x20 >= 'a' && b|0x20 <= 'z')
}

// openQuote reports whether the text ends inside '…', and where that begins.
func openQuote(text string) (start int, open bool) {
	for i := range len(text) {
		if text[i] == '\'' {
			open = !open
			start = i + 1
		}
	}
	return start, open
}

func tableNames(schema juno.Schema) []string {
	var names []string
	for _, t := range schema.Tables {
		names = append(names, t.Name)
	}
	return names
}

// columnNames returns the columns of the tables that the text names, or of all tables.
func columnNames(schema juno.Schema, text string) []string {
	words := strings.FieldsFunc(text, func(r rune) bool { return r > 0x7f || !isNameByte(byte(r)) })
	var all, named []string
	for _, t := range schema.Tables {
		in := func(word string) bool { return strings.EqualFold(word, t.Name) }
		inText := slices.ContainsFunc(words, in)
		for _, column := range t.Columns {
			all = append(all, column.Name)
			if inText {
				named = append(named, column.Name)
			}
		}
	}
	if len(named) > 0 {
		return named
	}
	return all
}

// backslash completes a backslash command or its argument.
func (c *completer) backslash(text string) completion {
	name, _, hasArgument := strings.Cut(text[1:], " ")
	if !hasArgument {
		var names []string
		for _, b := range backslashes {
			names = append(names, `\`+b.name+" ")
		}
		return choose(0, text, names)
	}
	start := strings.LastIndexByte(text, ' ') + 1
	word := text[start:]
	b := findBackslash(name)
	if b == nil {
		return completion{}
	}
	switch b.argument {
	case argumentTable:
		return choose(start, word, tableNames(c.ledger.Schema()))
	case argumentAccount:
		return c.accounts(start, word, "")
	case argumentFile:
		return choose(start, word, fileNames(word))
	case argumentWord:
		return choose(start, word, b.words)
	}
	return completion{}
}

// fileNames returns the files that begin with a word; a directory ends in a slash.
func fileNames(word string) []string {
	dir, prefix := filepath.Split(word)
	entries, err := os.ReadDir(filepath.Join(".", dir))
	if filepath.IsAbs(dir) {
		entries, err = os.ReadDir(dir)
	}
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") && !strings.HasPrefix(prefix, ".") {
			continue
		}
		if e.IsDir() {
			name += "/"
		}
		names = append(names, dir+name)
	}
	return names
}
