package shell

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"juno"
)

// statementBytesMax bounds what is collected until a statement is complete; the SQL engine takes
// no longer one.
const statementBytesMax = 1 << 20

// unitKind says what a unit is.
type unitKind uint8

const (
	unitSQL unitKind = iota
	unitCommand
	unitBackslash
	unitBulk
)

// unit is one thing to do.
type unit struct {
	kind unitKind
	text string // SQL without its semicolon; a command; a backslash command without its backslash
	line int    // of the input where text begins, from 1
	// bulk is set for `batch test:N` and `many test:N`.
	bulk bulk
}

// assembler makes units of lines. It tells the three languages apart by their text alone:
// a backslash begins a shell command, the reader of the ledger's languages recognizes a ledger
// command, and what is left is SQL, which goes on to its semicolon over as many lines as it takes.
type assembler struct {
	reader Text
	// escapes lets a backslash at the beginning of a line through even where SQL is unfinished:
	// a person who forgot the semicolon must get out. In a file it belongs to the SQL.
	escapes bool

	line    int    // how many lines were added
	pending string // what is not complete yet
	begins  int    // line where pending begins
	program bool   // pending is a ledger command
}

// open says whether more lines are needed.
func (a *assembler) open() bool { return a.pending != "" }

// clear forgets what is not complete.
func (a *assembler) clear() { a.pending, a.program = "", false }

// add takes one line, without its end, and returns what is complete now.
func (a *assembler) add(line string) ([]unit, error) {
	a.line++
	line = strings.TrimSuffix(line, "\r")
	if a.line == 1 {
		line = strings.TrimPrefix(line, "\ufeff") // some editors put a byte order mark first
	}
	if a.pending == "" {
		a.begins = a.line
		return a.take(line, true)
	}
	if a.escapes && !a.program && strings.HasPrefix(line, `\`) {
		return []unit{{kind: unitBackslash, text: strings.TrimSpace(line[1:]), line: a.line}}, nil
	}
	if a.program {
		return a.goOn(line)
	}
	if len(a.pending)+len(line) >= statementBytesMax {
		a.clear()
		return nil, fmt.Errorf("statement from line %d is longer than %d bytes",
			a.begins, statementBytesMax)
	}
	text := a.pending + "\n" + line
	// Without one of these nothing can have become complete, and to look at a text of n lines
	// after each of them would take n² steps.
	if !strings.Contains(line, ";") && !strings.Contains(line, "*/") {
		a.pending = text
		return nil, nil
	}
	a.clear()
	return a.take(text, true)
}

// end returns what is left when the input is over: the last statement needs no semicolon.
func (a *assembler) end() ([]unit, error) {
	if a.pending == "" {
		return nil, nil
	}
	text, program := a.pending, a.program
	a.clear()
	if program { // the ledger says what is missing
		return []unit{{kind: unitCommand, text: withoutHabit(text), line: a.begins}}, nil
	}
	return a.take(text, false)
}

// take cuts a text that begins at line a.begins into units. more says that lines may follow.
func (a *assembler) take(text string, more bool) ([]unit, error) {
	var units []unit
	for {
		rest := strings.TrimLeft(text, " \t\n")
		a.begins += strings.Count(text[:len(text)-len(rest)], "\n")
		if text = rest; text == "" {
			return units, nil
		}
		some, n, err := a.first(text, more)
		units = append(units, some...)
		if err != nil || n == 0 {
			return units, err
		}
		a.begins += strings.Count(text[:n], "\n")
		text = text[n:]
	}
}

// first returns the first units of a text that does not begin with a blank, and how many bytes
// they take; 0 if the rest became a.pending.
func (a *assembler) first(text string, more bool) ([]unit, int, error) {
	line, _, _ := strings.Cut(text, "\n")
	u := unit{line: a.begins}
	switch {
	case text[0] == ';':
		return nil, len(line) - len(afterSemicolons(line)), nil
	case strings.HasPrefix(text, `\`):
		u.kind, u.text = unitBackslash, strings.TrimSpace(line[1:])
	case isBulk(line):
		b, err := parseBulk(strings.TrimSpace(line))
		if err != nil {
			return nil, 0, err
		}
		u.kind, u.text, u.bulk = unitBulk, line, b
	case a.reader.Detect(line).Command:
		return a.command(line, more)
	case !beginsSQL(text):
		return nil, 0, neither(line)
	default:
		return a.statements(text, more)
	}
	return []unit{u}, len(line), nil
}

// afterSemicolons returns the SQL behind semicolons that end nothing. Anything else behind them is
// a comment of a program, which needs no place in the ledger.
func afterSemicolons(line string) string {
	rest := strings.TrimLeft(line, "; \t")
	if rest == "" || !beginsSQL(rest) {
		return ""
	}
	return rest
}

// statements takes the statements of SQL that a text begins with, up to something that is none.
func (a *assembler) statements(text string, more bool) (units []unit, n int, err error) {
	counted, line := 0, a.begins
	for _, s := range a.reader.Split(text) {
		if s.Offset > 0 && (!beginsSQL(s.Text) || a.reader.Detect(s.Text).Command) {
			return units, s.Offset, nil
		}
		line += strings.Count(text[counted:s.Offset], "\n")
		counted = s.Offset
		if more && !s.Complete {
			a.pending, a.begins = text[s.Offset:], line
			return units, 0, nil
		}
		units = append(units, unit{kind: unitSQL, text: s.Text, line: line})
	}
	return units, len(text), nil
}

// command takes the ledger command in a line. If it is a program with an open bracket, it waits in
// a.pending for the lines that belong to it.
func (a *assembler) command(line string, more bool) ([]unit, int, error) {
	if more && a.reader.Detect(line).Open {
		a.pending, a.program = line, true
		return nil, 0, nil
	}
	body := withoutHabit(line)
	if i := strings.IndexByte(body, ';'); i >= 0 && !strings.ContainsAny(body, "(#") {
		return nil, 0, fmt.Errorf("%q holds a semicolon; write one command per line", clip(body))
	}
	return []unit{{kind: unitCommand, text: body, line: a.begins}}, len(line), nil
}

// goOn adds a line to the program in a.pending, all of whose lines left a bracket open.
func (a *assembler) goOn(line string) ([]unit, error) {
	text := a.pending + "\n" + line
	if len(text) > juno.CommandTextBytesMax {
		a.clear()
		return nil, fmt.Errorf("program from line %d is longer than %d bytes",
			a.begins, juno.CommandTextBytesMax)
	}
	if a.reader.Detect(text).Open {
		a.pending = text
		return nil, nil
	}
	a.clear()
	return []unit{{kind: unitCommand, text: withoutHabit(text), line: a.begins}}, nil
}

// withoutHabit drops the semicolon at the end of a command: people type it after an hour of SQL,
// and no name was meant to end in one.
func withoutHabit(text string) string {
	text = strings.TrimSuffix(strings.TrimRight(text, " \t\n"), ";")
	return strings.TrimRight(text, " \t\n")
}

// beginnings are the words that a statement of SQL can begin with, those too that the ledger
// refuses, so that such a statement is refused as a whole.
var beginnings = strings.Fields(`
	ALTER ANALYZE ATTACH BEGIN COMMIT CREATE DELETE DETACH DROP END EXPLAIN INSERT MERGE PRAGMA
	REINDEX RELEASE REPLACE ROLLBACK SAVEPOINT SELECT SET TRUNCATE UPDATE VACUUM VALUES WITH`)

// beginsSQL says whether a text is the beginning of SQL. One that is not ends with its line:
// whoever mistyped a verb must not have to find out about semicolons first.
func beginsSQL(text string) bool {
	if strings.HasPrefix(text, "--") || strings.HasPrefix(text, "/*") {
		return true
	}
	end := 0
	for end < len(text) && isNameByte(text[end]) {
		end++
	}
	word := text[:end]
	is := func(beginning string) bool { return strings.EqualFold(beginning, word) }
	return slices.ContainsFunc(beginnings, is)
}

// neither refuses a line that is no language at all.
func neither(line string) error {
	word, _, _ := strings.Cut(line, " ")
	hint := `\? shows what can be typed`
	for _, v := range verbs {
		v = strings.TrimSpace(v)
		if (len(word) > 1 && hasPrefixFold(v, word)) || hasPrefixFold(line, v) {
			hint = "it is spelled " + v
			break
		}
	}
	return &failedStatement{line, &juno.QueryError{
		Message: clip(word) + " begins neither a ledger command nor SQL", Hint: hint,
	}}
}

// clip shortens a text for a message.
func clip(s string) string { return cut(clean(s), 60) }

// bulk is `batch test:N` or `many test:N`: the prototype's test of speed.
type bulk struct {
	batch bool
	count int
	text  string // of the command that is sent count times
}

const (
	// bulkCommandsMax bounds N; ten million transfers take minutes.
	bulkCommandsMax = 10_000_000
	// bulkText is what the prototype sends.
	bulkText = "transfer(Acct1->Acct2, 1%1)"
)

func isBulk(line string) bool {
	return hasPrefixFold(line, "batch test:") || hasPrefixFold(line, "many test:")
}

// parseBulk reads `batch test:8000`, and as an extension `batch test:8000 COMMAND`.
func parseBulk(line string) (bulk, error) {
	kind, rest, _ := strings.Cut(line, ":")
	number, text, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > bulkCommandsMax {
		return bulk{}, fmt.Errorf("%s:%s: want a number of commands from 1 to %d, as in %s:8000",
			kind, clip(number), bulkCommandsMax, kind)
	}
	b := bulk{batch: hasPrefixFold(kind, "batch"), count: n, text: strings.TrimSpace(text)}
	if b.text == "" {
		b.text = bulkText
	}
	return b, nil
}

// lines reads lines of a file or a pipe.
type lines struct {
	r *bufio.Reader
}

func newLines(r io.Reader) *lines { return &lines{bufio.NewReaderSize(r, 64<<10)} }

// next returns the next line without its end, or io.EOF. A line that is too long or no UTF-8 is
// an error: whatever it is, it is no text for a ledger.
func (l *lines) next() (string, error) {
	var long []byte
	for {
		part, err := l.r.ReadSlice('\n')
		long = append(long, part...)
		switch {
		case len(long) > statementBytesMax:
			return "", fmt.Errorf("a line is longer than %d bytes", statementBytesMax)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (len(long) == 0 || !errors.Is(err, io.EOF)):
			return "", err
		case !utf8.Valid(long):
			return "", fmt.Errorf("the text is not UTF-8: %.40q", long)
		}
		return strings.TrimSuffix(string(long), "\n"), nil
	}
}
