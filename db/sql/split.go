package sql

import "juno"

// Split cuts a text at the semicolons that are neither in a string nor in a comment. Statements
// that hold nothing but space and comments are left out, except that an open /* at the end is
// returned as an incomplete statement: there is more to come.
func Split(text string) []juno.Statement {
	var all []juno.Statement
	l := lexer{text: text}
	first, last := -1, -1
	for {
		t := l.next()
		switch {
		case t.kind == tokenEnd:
			switch {
			case first >= 0 && l.openComment:
				last = len(text)
				fallthrough
			case first >= 0:
				all = append(all, juno.Statement{Text: text[first:last], Offset: first})
			case l.openComment:
				all = append(all, openComment(text))
			}
			return all
		case t.kind == tokenSymbol && text[t.start] == ';':
			if first >= 0 {
				s := juno.Statement{Text: text[first:last], Offset: first, Complete: true}
				all = append(all, s)
			}
			first = -1
		default:
			if first < 0 {
				first = t.start
			}
			last = t.end
		}
	}
}

// openComment returns the comment at the end of a text as a statement of its own.
func openComment(text string) juno.Statement {
	l := lexer{text: text}
	start := 0
	for {
		for l.pos < len(text) && isSpace(text[l.pos]) {
			l.pos++
		}
		start = l.pos
		if t := l.next(); t.kind == tokenEnd {
			return juno.Statement{Text: text[start:], Offset: start}
		}
	}
}
