package sql

import (
	"fmt"
	"strings"

	"juno"
)

// Limits of a statement's shape. They bound the recursion of the parser and of everything that
// walks the tree; SQLite's own limits are set a little above (see open.go).
const (
	statementBytesMax = 1 << 20
	nestingMax        = 300 // calls of the parser inside each other; a bracket takes two
	exprDepthMax      = 200
	withTermsMax      = 100
)

// parser reads one SELECT statement. It knows the grammar of SQLite's SELECT and AS OF besides.
// What it does not know it refuses: nothing reaches SQLite that it has not understood, because
// only what is understood can be kept exact.
type parser struct {
	text   string
	toks   []token
	pos    int
	depth  int
	params []*expr
}

// parseError carries a QueryError out of the recursion.
type parseError struct{ err *juno.QueryError }

func fail(offset int, hint, format string, args ...any) {
	panic(parseError{&juno.QueryError{
		Message: fmt.Sprintf(format, args...), Offset: offset, Hint: hint,
	}})
}

// catch turns fail into an error.
func catch(err *error) {
	switch p := recover().(type) {
	case nil:
	case parseError:
		*err = p.err
	default:
		panic(p)
	}
}

// parseStatement parses a whole text.
func parseStatement(text string) (s *statement, err error) {
	defer catch(&err)
	if len(text) > statementBytesMax {
		fail(-1, "", "statement of %d bytes, at most %d", len(text), statementBytesMax)
	}
	if i := strings.IndexByte(text, 0); i >= 0 {
		fail(i, "", "zero byte in the statement")
	}
	p := &parser{text: text}
	l := lexer{text: text}
	for {
		t := l.next()
		if t.kind == tokenBad {
			p.failBad(t)
		}
		p.toks = append(p.toks, t)
		if t.kind == tokenEnd {
			break
		}
	}
	if l.openComment {
		fail(len(text), "close it with */", "comment without end")
	}
	return p.statement(), nil
}

func (p *parser) failBad(t token) {
	s := p.text[t.start:t.end]
	switch s[0] {
	case '\'', '"', '`', '[':
		fail(t.start, "close it with the same quote", "quoted text without end")
	case 'x', 'X':
		fail(t.start, "", "malformed blob literal")
	case ':', '@', '$':
		fail(t.start, "a parameter is ?, ?1 or :name; x::type is CAST(x AS type)",
			"%q without a name", s)
	}
	if isDigit(s[0]) || s[0] == '.' {
		fail(t.start, "", "malformed number %.40q", s)
	}
	fail(t.start, "", "unexpected character %q", s)
}

func (p *parser) peek() token { return p.toks[p.pos] }

func (p *parser) peekAt(n int) token { return p.toks[min(p.pos+n, len(p.toks)-1)] }

func (p *parser) take() token {
	t := p.toks[p.pos]
	if t.kind != tokenEnd {
		p.pos++
	}
	return t
}

func (p *parser) str(t token) string { return p.text[t.start:t.end] }

// prevEnd is where the last taken token ends.
func (p *parser) prevEnd() int { return p.toks[p.pos-1].end }

// isWord reports whether the token n places ahead is the keyword w, given in upper case.
func (p *parser) isWord(n int, w string) bool {
	t := p.peekAt(n)
	return t.kind == tokenWord && t.end-t.start == len(w) && strings.EqualFold(p.str(t), w)
}

func (p *parser) isSymbol(n int, s string) bool {
	t := p.peekAt(n)
	return t.kind == tokenSymbol && p.str(t) == s
}

// word takes the keyword w if it is next.
func (p *parser) word(w string) bool {
	if p.isWord(0, w) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) symbol(s string) bool {
	if p.isSymbol(0, s) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) wantWord(w string) {
	if !p.word(w) {
		if next := strings.ToUpper(p.str(p.peek())); w == "SELECT" && writes[next] {
			fail(p.peek().start, writeHint, "SQL here only reads: %s is refused", next)
		}
		p.failHere(w)
	}
}

func (p *parser) wantSymbol(s string) {
	if !p.symbol(s) {
		p.failHere(s)
	}
}

// failHere complains about the next token where want was expected.
func (p *parser) failHere(want string) {
	t := p.peek()
	if t.kind == tokenEnd {
		fail(t.start, "", "the statement ends where %s is expected", want)
	}
	fail(t.start, "", "syntax error near %.60q: expected %s", p.str(t), want)
}

// enter counts nesting; the caller defers leave.
func (p *parser) enter() {
	if p.depth++; p.depth > nestingMax {
		fail(p.peek().start, "", "nested more than %d deep", nestingMax)
	}
}

func (p *parser) leave() { p.depth-- }

// reserved words cannot be names without quotes. CHECK is missing: the verify functions have a
// column of that name, and it means nothing in a SELECT.
var reserved = wordSet(`ADD ALL ALTER AND AS AUTOINCREMENT BETWEEN CASE COLLATE COMMIT
	CONSTRAINT CREATE DEFAULT DEFERRABLE DELETE DISTINCT DROP ELSE ESCAPE EXCEPT EXISTS FOREIGN
	FROM GROUP HAVING IN INDEX INSERT INTERSECT INTO IS ISNULL JOIN LIMIT NOT NOTNULL NOTHING NULL
	ON OR ORDER PRIMARY REFERENCES RETURNING SELECT SET TABLE THEN TO TRANSACTION UNION UNIQUE
	UPDATE USING VALUES WHEN WHERE`)

// continues are words that go on with the clause where an alias without AS could stand.
var continues = wordSet(`CROSS FULL INNER LEFT NATURAL OUTER RIGHT LIKE GLOB REGEXP MATCH WINDOW
	INDEXED OFFSET`)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

func (p *parser) nameOf(t token) name {
	n := name{text: unquote(p.str(t)), start: t.start, end: t.end}
	n.bare = t.kind == tokenWord
	return n
}

// isName reports whether the token n places ahead can be a name.
func (p *parser) isName(n int) bool {
	t := p.peekAt(n)
	return t.kind == tokenQuoted ||
		t.kind == tokenWord && !reserved[strings.ToUpper(p.str(t))]
}

func (p *parser) wantName(what string) name {
	if !p.isName(0) {
		p.failHere(what)
	}
	return p.nameOf(p.take())
}

// optionalAlias reads [AS] alias.
func (p *parser) optionalAlias() *name {
	if p.word("AS") {
		if p.peek().kind == tokenString {
			n := p.nameOf(p.take())
			return &n
		}
		n := p.wantName("a name")
		return &n
	}
	t := p.peek()
	if t.kind == tokenString || t.kind == tokenQuoted ||
		p.isName(0) && !continues[strings.ToUpper(p.str(t))] {
		n := p.nameOf(p.take())
		return &n
	}
	return nil
}

// writes are the first words of statements that would change something.
var writes = wordSet(`INSERT UPDATE DELETE REPLACE CREATE DROP ALTER ATTACH DETACH VACUUM REINDEX
	ANALYZE BEGIN COMMIT END ROLLBACK SAVEPOINT RELEASE TRUNCATE MERGE GRANT REVOKE COPY LOAD CALL`)

const writeHint = "the ledger changes only through signed commands, such as " +
	"CreateAccount A or transfer(A->B, 1%1)"

// statement reads the whole statement.
func (p *parser) statement() *statement {
	s := &statement{text: p.text}
	first := p.peek()
	word := strings.ToUpper(p.str(first))
	switch {
	case first.kind == tokenEnd:
		fail(0, "", "empty statement")
	case first.kind == tokenWord && writes[word]:
		fail(first.start, writeHint, "SQL here only reads: %s is refused", word)
	case first.kind == tokenWord && word == "PRAGMA":
		fail(first.start, "SELECT * FROM columns lists every table and column",
			"PRAGMA is refused")
	}
	if p.word("EXPLAIN") {
		if !p.word("QUERY") {
			fail(p.peek().start, "", "write EXPLAIN QUERY PLAN SELECT …")
		}
		p.wantWord("PLAN")
		s.explain = true
	}
	if !p.isWord(0, "SELECT") && !p.isWord(0, "WITH") && !p.isWord(0, "VALUES") {
		if s.explain {
			p.failHere("SELECT")
		}
		fail(first.start, "a statement begins with SELECT, WITH, VALUES or EXPLAIN QUERY PLAN",
			"syntax error near %.60q", p.str(first))
	}
	s.sel = p.selectStmt()
	s.params = p.params
	if p.isSymbol(0, ";") {
		semicolon := p.take()
		if p.peek().kind != tokenEnd {
			fail(semicolon.start, "", "one statement at a time")
		}
	}
	if t := p.peek(); t.kind != tokenEnd {
		if p.isWord(0, "INTO") || p.isWord(0, "RETURNING") {
			fail(t.start, writeHint, "SQL here only reads")
		}
		fail(t.start, "", "syntax error near %.60q", p.str(t))
	}
	return s
}
