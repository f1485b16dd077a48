package sql

import (
	"strconv"
	"strings"
)

// How tightly operators bind, as in SQLite's grammar.
const (
	bindOr = iota + 1
	bindAnd
	bindNot
	bindEqual   // = == <> != IS IN LIKE GLOB MATCH REGEXP BETWEEN ISNULL NOTNULL
	bindCompare // < <= > >=
	bindEscape
	bindBits // & | << >>
	bindAdd
	bindMultiply
	bindConcat // || -> ->>
	bindCollate
	bindUnary
)

var symbolBinds = map[string]int{
	"=": bindEqual, "==": bindEqual, "<>": bindEqual, "!=": bindEqual,
	"<": bindCompare, "<=": bindCompare, ">": bindCompare, ">=": bindCompare,
	"&": bindBits, "|": bindBits, "<<": bindBits, ">>": bindBits,
	"+": bindAdd, "-": bindAdd, "*": bindMultiply, "/": bindMultiply, "%": bindMultiply,
	"||": bindConcat, "->": bindConcat, "->>": bindConcat,
}

func (p *parser) expr() *expr { return p.binary(bindOr) }

// exprList reads expressions separated by commas.
func (p *parser) exprList() []*expr {
	list := []*expr{p.expr()}
	for p.symbol(",") {
		list = append(list, p.expr())
	}
	return list
}

// binary reads operators that bind at least as tightly as least.
func (p *parser) binary(least int) *expr {
	p.enter()
	defer p.leave()
	left := p.unary()
	for {
		next := p.infix(left, least)
		if next == nil {
			return left
		}
		left = next
	}
}

// infix reads one operator and its right side, or returns nil if none comes next.
func (p *parser) infix(left *expr, least int) *expr {
	t := p.peek()
	if t.kind == tokenSymbol {
		bind := symbolBinds[p.str(t)]
		if bind == 0 || bind < least {
			return nil
		}
		p.pos++
		return p.node(&expr{
			op: opBinary, text: p.str(t), operator: t,
			args: []*expr{left, p.binary(bind + 1)},
		}, left.start)
	}
	if t.kind != tokenWord {
		return nil
	}
	switch w := strings.ToUpper(p.str(t)); w {
	case "OR", "AND":
		bind := bindOr
		if w == "AND" {
			bind = bindAnd
		}
		if bind < least {
			return nil
		}
		p.pos++
		return p.node(&expr{
			op: opBinary, text: w, operator: t,
			args: []*expr{left, p.binary(bind + 1)},
		}, left.start)
	case "COLLATE":
		if bindCollate < least {
			return nil
		}
		p.pos++
		collation := p.wantName("a collation")
		return p.node(&expr{
			op: opCollate, text: strings.ToUpper(collation.text),
			args: []*expr{left},
		}, left.start)
	}
	if bindEqual < least {
		return nil
	}
	return p.predicate(left)
}

// node sets the place of e: from start to the last token taken. It bounds the depth of the tree,
// which a long chain of operators makes without any nesting in the text.
func (p *parser) node(e *expr, start int) *expr {
	e.start, e.end = start, p.prevEnd()
	for _, a := range e.args {
		e.depth = max(e.depth, a.depth)
	}
	if e.depth++; e.depth > exprDepthMax {
		fail(start, "x IN (a, b, …) replaces a chain of OR", "expression more than %d deep",
			exprDepthMax)
	}
	return e
}

// predicate reads IS, IN, LIKE, BETWEEN and their kin, or returns nil.
func (p *parser) predicate(left *expr) *expr {
	switch {
	case p.word("ISNULL"), p.word("NOTNULL"):
		return p.node(&expr{op: opIsNull, args: []*expr{left}}, left.start)
	case p.isWord(0, "NOT") && p.isWord(1, "NULL"):
		p.pos += 2
		return p.node(&expr{op: opIsNull, args: []*expr{left}}, left.start)
	case p.isWord(0, "IS"):
		return p.is(left)
	}
	ahead := 0
	if p.isWord(0, "NOT") {
		ahead = 1
	}
	for _, w := range []string{"LIKE", "GLOB", "REGEXP", "MATCH"} {
		if p.isWord(ahead, w) {
			p.pos += ahead + 1
			return p.like(left, w)
		}
	}
	switch {
	case p.isWord(ahead, "BETWEEN"):
		p.pos += ahead + 1
		low := p.binary(bindNot)
		p.wantWord("AND")
		high := p.binary(bindEqual + 1)
		return p.node(&expr{op: opBetween, args: []*expr{left, low, high}}, left.start)
	case p.isWord(ahead, "IN"):
		p.pos += ahead + 1
		return p.in(left)
	}
	return nil
}

// is reads IS [NOT] [DISTINCT FROM].
func (p *parser) is(left *expr) *expr {
	operator := p.take()
	p.word("NOT")
	if p.word("DISTINCT") {
		p.wantWord("FROM")
	}
	right := p.binary(bindEqual + 1)
	e := &expr{op: opBinary, text: "IS", operator: operator, args: []*expr{left, right}}
	if right.op == opNull {
		e.op, e.args = opIsNull, e.args[:1]
	}
	return p.node(e, left.start)
}

func (p *parser) like(left *expr, word string) *expr {
	e := &expr{op: opLike, text: word, args: []*expr{left, p.binary(bindEqual + 1)}}
	if p.word("ESCAPE") {
		e.args = append(e.args, p.binary(bindEscape+1))
	}
	return p.node(e, left.start)
}

func (p *parser) in(left *expr) *expr {
	e := &expr{op: opIn, args: []*expr{left}}
	if !p.isSymbol(0, "(") {
		fail(p.peek().start, "x IN (SELECT … FROM …)",
			"IN wants a list or a SELECT in brackets")
	}
	p.pos++
	switch {
	case p.isWord(0, "SELECT") || p.isWord(0, "VALUES") || p.isWord(0, "WITH"):
		e.sel = p.selectStmt()
	case !p.isSymbol(0, ")"):
		e.args = append(e.args, p.exprList()...)
	}
	p.wantSymbol(")")
	return p.node(e, left.start)
}

// unary reads prefix operators and what they stand before.
func (p *parser) unary() *expr {
	p.enter()
	defer p.leave()
	t := p.peek()
	switch {
	case t.kind == tokenSymbol && strings.Contains("+-~", p.str(t)):
		p.pos++
		operand := p.binary(bindUnary)
		return p.node(&expr{
			op: opUnary, text: p.str(t), operator: t,
			args: []*expr{operand},
		}, t.start)
	case p.word("NOT"):
		operand := p.binary(bindNot)
		return p.node(&expr{
			op: opUnary, text: "NOT", operator: t,
			args: []*expr{operand},
		}, t.start)
	}
	return p.primary()
}

// primary reads a value: literal, column, call, bracket, CASE, CAST, subquery.
func (p *parser) primary() *expr {
	t := p.peek()
	switch t.kind {
	case tokenInteger, tokenDecimal:
		p.pos++
		return p.number(t)
	case tokenString:
		p.pos++
		return p.node(&expr{op: opString, text: unquote(p.str(t))}, t.start)
	case tokenBlob:
		p.pos++
		return p.node(&expr{op: opBlob}, t.start)
	case tokenParam:
		p.pos++
		e := p.node(&expr{op: opParam, text: p.str(t)}, t.start)
		p.params = append(p.params, e)
		return e
	case tokenSymbol:
		if p.symbol("(") {
			return p.bracket(t.start)
		}
		p.failHere("a value")
	case tokenWord:
		if e := p.keyword(); e != nil {
			return e
		}
	}
	if !p.isName(0) && !p.isCallWord() {
		p.failHere("a value")
	}
	if p.isSymbol(1, "(") {
		return p.call()
	}
	return p.column()
}

// isCallWord reports whether a word that cannot be a name stands before a bracket as a function.
func (p *parser) isCallWord() bool { return p.isWord(0, "ADD") && p.isSymbol(1, "(") }

func (p *parser) number(t token) *expr {
	text := strings.ReplaceAll(p.str(t), "_", "")
	e := &expr{op: opInteger, text: text}
	switch {
	case t.kind == tokenDecimal:
		e.op = opDecimal
	case len(text) > 2 && (text[1] == 'x' || text[1] == 'X'):
		if _, err := strconv.ParseUint(text[2:], 16, 64); err != nil {
			fail(t.start, "", "hexadecimal literal beyond 64 bits")
		}
	default:
		if _, err := strconv.ParseInt(text, 10, 64); err != nil {
			e.op = opDecimal
		}
	}
	return p.node(e, t.start)
}

// bracket reads what follows an opening bracket: a subquery, a value or a row of values.
func (p *parser) bracket(start int) *expr {
	if p.isWord(0, "SELECT") || p.isWord(0, "VALUES") || p.isWord(0, "WITH") {
		e := &expr{op: opSelect, sel: p.selectStmt()}
		p.wantSymbol(")")
		return p.node(e, start)
	}
	e := &expr{op: opParen, args: p.exprList()}
	if len(e.args) > 1 {
		e.op = opRow
	}
	p.wantSymbol(")")
	return p.node(e, start)
}

// keyword reads the values that begin with a keyword, or returns nil.
func (p *parser) keyword() *expr {
	t := p.peek()
	switch w := strings.ToUpper(p.str(t)); w {
	case "NULL":
		p.pos++
		return p.node(&expr{op: opNull}, t.start)
	case "TRUE", "FALSE", "CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME":
		if p.isSymbol(1, ".") || p.isSymbol(1, "(") {
			return nil
		}
		p.pos++
		return p.node(&expr{op: opWordValue, text: w}, t.start)
	case "EXISTS":
		p.pos++
		p.wantSymbol("(")
		e := &expr{op: opExists, sel: p.selectStmt()}
		p.wantSymbol(")")
		return p.node(e, t.start)
	case "CASE":
		return p.caseExpr()
	case "CAST":
		if p.isSymbol(1, "(") {
			return p.cast()
		}
	case "RAISE":
		fail(t.start, "", "RAISE belongs into triggers")
	}
	return nil
}

func (p *parser) caseExpr() *expr {
	start := p.take().start
	e := &expr{op: opCase}
	if !p.isWord(0, "WHEN") {
		e.base = p.expr()
		e.args = append(e.args, e.base)
	}
	for p.word("WHEN") {
		when := p.expr()
		p.wantWord("THEN")
		then := p.expr()
		e.whens, e.thens = append(e.whens, when), append(e.thens, then)
		e.args = append(e.args, when, then)
	}
	if len(e.whens) == 0 {
		p.failHere("WHEN")
	}
	if p.word("ELSE") {
		e.other = p.expr()
		e.args = append(e.args, e.other)
	}
	p.wantWord("END")
	return p.node(e, start)
}

func (p *parser) cast() *expr {
	start := p.take().start
	p.wantSymbol("(")
	e := &expr{op: opCast, args: []*expr{p.expr()}}
	p.wantWord("AS")
	first := p.peek().start
	for p.peek().kind == tokenWord || p.peek().kind == tokenQuoted {
		p.pos++
	}
	if p.symbol("(") {
		for p.peek().kind == tokenInteger || p.isSymbol(0, ",") || p.isSymbol(0, "-") {
			p.pos++
		}
		p.wantSymbol(")")
	}
	e.text = strings.ToUpper(p.text[first:max(first, p.prevEnd())])
	p.wantSymbol(")")
	return p.node(e, start)
}

// column reads [[schema.]table.]column.
func (p *parser) column() *expr {
	first := p.nameOf(p.take())
	e := &expr{op: opName, names: []name{first}}
	for len(e.names) < 3 && p.isSymbol(0, ".") {
		p.pos++
		e.names = append(e.names, p.wantName("a column"))
	}
	return p.node(e, first.start)
}

// call reads name( [DISTINCT] args [ORDER BY …] ) [FILTER (WHERE …)] [OVER …].
func (p *parser) call() *expr {
	c := &call{name: p.nameOf(p.take())}
	e := &expr{op: opCall, call: c}
	p.wantSymbol("(")
	switch {
	case p.symbol("*"):
		c.star = true
	case !p.isSymbol(0, ")"):
		if p.word("DISTINCT") {
			c.distinct = true
		} else {
			p.word("ALL")
		}
		e.args = p.exprList()
		c.order = p.optionalOrder()
	}
	p.wantSymbol(")")
	if p.isWord(0, "WITHIN") && p.isWord(1, "GROUP") {
		fail(p.peek().start, "percentile(x, 95)", "WITHIN GROUP is not supported")
	}
	if p.isWord(0, "FILTER") && p.isSymbol(1, "(") {
		p.pos += 2
		p.wantWord("WHERE")
		c.filter = p.expr()
		p.wantSymbol(")")
	}
	if p.isWord(0, "OVER") && (p.isSymbol(1, "(") || p.isName(1)) {
		p.pos++
		if p.isSymbol(0, "(") {
			c.over = p.window()
		} else {
			base := p.nameOf(p.take())
			c.over = &window{base: &base}
		}
	}
	return p.node(e, c.name.start)
}

// window reads ( [base] [PARTITION BY …] [ORDER BY …] [frame] ).
func (p *parser) window() *window {
	p.wantSymbol("(")
	w := &window{}
	starts := p.isWord(0, "PARTITION") || p.isWord(0, "ROWS") || p.isWord(0, "RANGE") ||
		p.isWord(0, "GROUPS")
	if p.isName(0) && !starts {
		base := p.nameOf(p.take())
		w.base = &base
	}
	if p.word("PARTITION") {
		p.wantWord("BY")
		w.partition = p.exprList()
	}
	w.order = p.optionalOrder()
	if p.isWord(0, "ROWS") || p.isWord(0, "RANGE") || p.isWord(0, "GROUPS") {
		p.frame(w)
	}
	p.wantSymbol(")")
	return w
}

func (p *parser) frame(w *window) {
	w.isRange = p.isWord(0, "RANGE")
	p.pos++
	if p.word("BETWEEN") {
		p.frameBound(w)
		p.wantWord("AND")
	}
	p.frameBound(w)
	if p.word("EXCLUDE") {
		switch {
		case p.word("NO"):
			p.wantWord("OTHERS")
		case p.word("CURRENT"):
			p.wantWord("ROW")
		case p.word("GROUP"), p.word("TIES"):
		default:
			p.failHere("NO OTHERS, CURRENT ROW, GROUP or TIES")
		}
	}
}

func (p *parser) frameBound(w *window) {
	switch {
	case p.word("CURRENT"):
		p.wantWord("ROW")
		return
	case p.word("UNBOUNDED"):
	default:
		w.frame = append(w.frame, p.expr())
	}
	if !p.word("PRECEDING") {
		p.wantWord("FOLLOWING")
	}
}
