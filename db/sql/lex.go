package sql

import "strings"

// tokenKind says what a token is; the lexer follows SQLite's own tokenizer, so that both always
// agree where a string or a comment ends.
type tokenKind uint8

const (
	tokenEnd     tokenKind = iota // end of the text
	tokenWord                     // a bare word: keyword or name
	tokenQuoted                   // "name", [name] or `name`
	tokenString                   // 'text'
	tokenBlob                     // x'00ff'
	tokenInteger                  // 12, 0xff
	tokenDecimal                  // 12.5, 1e3
	tokenSymbol                   // an operator or a bracket
	tokenParam                    // ?, ?1, $1, :name, @name, $name
	tokenBad                      // a character that starts nothing, or an open string
)

// token is one word of a statement: text[start:end].
type token struct {
	kind       tokenKind
	start, end int
}

// lexer cuts a text into tokens and skips white space and comments.
type lexer struct {
	text string
	pos  int
	// openComment is set once a /* … was seen without its */.
	openComment bool
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHexDigit(c byte) bool {
	return isDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')
}

func isWordStart(c byte) bool {
	return c == '_' || c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
}

func isWordByte(c byte) bool { return isWordStart(c) || isDigit(c) || c == '$' }

// at returns the byte n places ahead, 0 past the end.
func (l *lexer) at(n int) byte {
	if l.pos+n < len(l.text) {
		return l.text[l.pos+n]
	}
	return 0
}

// skipSpace moves past white space and comments.
func (l *lexer) skipSpace() {
	for l.pos < len(l.text) {
		switch {
		case isSpace(l.at(0)):
			l.pos++
		case l.at(0) == '-' && l.at(1) == '-':
			if i := strings.IndexByte(l.text[l.pos:], '\n'); i >= 0 {
				l.pos += i + 1
			} else {
				l.pos = len(l.text)
			}
		case l.at(0) == '/' && l.at(1) == '*':
			if i := strings.Index(l.text[l.pos+2:], "*/"); i >= 0 {
				l.pos += i + 4
			} else {
				l.pos, l.openComment = len(l.text), true
			}
		default:
			return
		}
	}
}

// next returns the next token.
func (l *lexer) next() token {
	l.skipSpace()
	start := l.pos
	if start >= len(l.text) {
		return token{tokenEnd, len(l.text), len(l.text)}
	}
	kind := l.scan()
	return token{kind, start, l.pos}
}

// scan moves past one token and returns its kind.
func (l *lexer) scan() tokenKind {
	c := l.at(0)
	switch {
	case c == '\'':
		return l.quoted('\'', tokenString)
	case c == '"' || c == '`':
		return l.quoted(c, tokenQuoted)
	case c == '[':
		if i := strings.IndexByte(l.text[l.pos:], ']'); i >= 0 {
			l.pos += i + 1
			return tokenQuoted
		}
		l.pos = len(l.text)
		return tokenBad
	case (c == 'x' || c == 'X') && l.at(1) == '\'':
		return l.blob()
	case isWordStart(c):
		for isWordByte(l.at(0)) {
			l.pos++
		}
		return tokenWord
	case isDigit(c) || (c == '.' && isDigit(l.at(1))):
		return l.number()
	case c == '?':
		for l.pos++; isDigit(l.at(0)); {
			l.pos++
		}
		return tokenParam
	case (c == ':' || c == '@' || c == '$') && isWordByte(l.at(1)):
		for l.pos++; isWordByte(l.at(0)); {
			l.pos++
		}
		return tokenParam
	}
	return l.symbol()
}

// quoted moves past a quoted token; the quote doubled stands for itself.
func (l *lexer) quoted(quote byte, kind tokenKind) tokenKind {
	for l.pos++; l.pos < len(l.text); l.pos++ {
		if l.text[l.pos] != quote {
			continue
		}
		if l.at(1) != quote {
			l.pos++
			return kind
		}
		l.pos++
	}
	return tokenBad
}

func (l *lexer) blob() tokenKind {
	l.pos += 2
	digits := 0
	for isHexDigit(l.at(0)) {
		l.pos++
		digits++
	}
	if l.at(0) != '\'' || digits%2 != 0 {
		for l.pos < len(l.text) && l.at(0) != '\'' {
			l.pos++
		}
		l.pos = min(l.pos+1, len(l.text))
		return tokenBad
	}
	l.pos++
	return tokenBlob
}

// digits moves past digits and the separators between them.
func (l *lexer) digits(is func(byte) bool) {
	for is(l.at(0)) || (l.at(0) == '_' && is(l.at(1))) {
		l.pos++
	}
}

func (l *lexer) number() tokenKind {
	kind := tokenInteger
	if l.at(0) == '0' && (l.at(1) == 'x' || l.at(1) == 'X') && isHexDigit(l.at(2)) {
		l.pos += 2
		l.digits(isHexDigit)
		return l.numberEnd(kind)
	}
	l.digits(isDigit)
	if l.at(0) == '.' {
		kind = tokenDecimal
		l.pos++
		l.digits(isDigit)
	}
	if c := l.at(0); c == 'e' || c == 'E' {
		sign := 1
		if l.at(1) == '+' || l.at(1) == '-' {
			sign = 2
		}
		if isDigit(l.at(sign)) {
			kind = tokenDecimal
			l.pos += sign
			l.digits(isDigit)
		}
	}
	return l.numberEnd(kind)
}

// numberEnd refuses a number that runs into a word, such as 12abc.
func (l *lexer) numberEnd(kind tokenKind) tokenKind {
	for isWordByte(l.at(0)) {
		l.pos++
		kind = tokenBad
	}
	return kind
}

// symbols of more than one byte, the longer ones first.
var symbols = []string{"->>", "->", "||", "<<", ">>", "<=", ">=", "<>", "==", "!="}

func (l *lexer) symbol() tokenKind {
	for _, s := range symbols {
		if strings.HasPrefix(l.text[l.pos:], s) {
			l.pos += len(s)
			return tokenSymbol
		}
	}
	c := l.at(0)
	l.pos++
	if strings.IndexByte("()*,+-/%;.<>=&|~", c) < 0 {
		return tokenBad
	}
	return tokenSymbol
}

// unquote returns the name or text that a token stands for.
func unquote(s string) string {
	if len(s) < 2 {
		return s
	}
	switch quote := s[0]; quote {
	case '[':
		return s[1 : len(s)-1]
	case '\'', '"', '`':
		q := string(quote)
		return strings.ReplaceAll(s[1:len(s)-1], q+q, q)
	}
	return s
}
