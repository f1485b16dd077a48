package sql

import (
	"strings"
)

// expr gives e its kind and makes it exact.
func (w *rewriter) expr(e *expr, sc *scope) kind {
	w.step(e.start)
	e.kind = w.kindOf(e, sc)
	return e.kind
}

func (w *rewriter) kindOf(e *expr, sc *scope) kind {
	switch e.op {
	case opNull:
		return kind{class: classNull}
	case opInteger:
		return kindInteger
	case opDecimal:
		a, err := decimalLiteral(e.text)
		if err != nil {
			fail(e.start, "", "number %.40s: %v", e.text, err)
		}
		// As text it stays what was written; SQLite would make a binary fraction of it.
		w.replace(e.start, e.end, "'"+a.String()+"'")
		return kindExact
	case opString:
		return kindText
	case opBlob:
		return kind{class: classBlob}
	case opWordValue:
		if e.text == "TRUE" || e.text == "FALSE" {
			return kindBoolean
		}
		return kindText
	case opName:
		return w.name(e, sc)
	case opParen:
		return w.expr(e.args[0], sc)
	case opRow:
		fail(e.start, "compare the values one by one", "a row of values is not supported here")
	case opUnary:
		return w.unary(e, sc)
	case opBinary:
		return w.binary(e, sc)
	case opSelect:
		return w.scalar(e, sc)
	case opExists:
		w.selectStmt(e.sel, sc, sc.ctes)
		return kindBoolean
	case opCall:
		return w.call(e, sc)
	case opParam:
		return w.param(e)
	}
	return w.special(e, sc)
}

// special walks the expressions with a syntax of their own.
func (w *rewriter) special(e *expr, sc *scope) kind {
	switch e.op {
	case opIsNull:
		w.expr(e.args[0], sc)
		return kindBoolean
	case opLike:
		if e.text == "MATCH" {
			fail(e.start, "LIKE, GLOB or REGEXP", "MATCH is not supported")
		}
		for _, a := range e.args {
			w.expr(a, sc)
		}
		return kindBoolean
	case opBetween:
		for _, a := range e.args {
			w.expr(a, sc)
		}
		w.compare(e.args...)
		return kindBoolean
	case opIn:
		return w.in(e, sc)
	case opCase:
		return w.caseExpr(e, sc)
	case opCast:
		return w.cast(e, sc)
	case opCollate:
		return w.collate(e, sc)
	}
	panic("sql: expression without a rule")
}

// name resolves a column.
func (w *rewriter) name(e *expr, sc *scope) kind {
	last := e.names[len(e.names)-1]
	if last.bare && strings.EqualFold(last.text, "check") {
		w.replace(last.start, last.end, `"check"`)
	}
	for s := sc; s != nil; s = s.outer {
		if c := w.lookup(e, s); c != nil {
			if c.hidden && strings.EqualFold(c.name, asOfColumn) {
				w.asOfUses++
			}
			return c.kind
		}
	}
	w.failName(e, sc)
	return kind{}
}

// lookup finds a column in one scope.
func (w *rewriter) lookup(e *expr, s *scope) *column {
	name := e.names[len(e.names)-1].text
	if len(e.names) == 3 && !strings.EqualFold(e.names[0].text, "main") {
		return nil
	}
	for i := range s.items {
		item := &s.items[i]
		if len(e.names) > 1 && !strings.EqualFold(item.name, e.names[len(e.names)-2].text) {
			continue
		}
		for j := range item.columns {
			c := &item.columns[j]
			if strings.EqualFold(c.name, name) && (!c.joined || len(e.names) > 1) {
				return c
			}
		}
	}
	if len(e.names) > 1 {
		return nil
	}
	for i := range s.aliases {
		if strings.EqualFold(s.aliases[i].name, name) {
			c := s.aliases[i]
			return &c
		}
	}
	return nil
}

// failName complains about a column that is nowhere, with the nearest one that is.
func (w *rewriter) failName(e *expr, sc *scope) {
	last := e.names[len(e.names)-1]
	if len(e.names) > 1 {
		qualifier := e.names[len(e.names)-2]
		var names []string
		known := false
		for s := sc; s != nil; s = s.outer {
			for _, item := range s.items {
				names = append(names, item.name)
				known = known || strings.EqualFold(item.name, qualifier.text)
			}
		}
		if !known {
			fail(qualifier.start, nearest(qualifier.text, names), "no such table here: %.80s",
				qualifier.text)
		}
	}
	var names []string
	for s := sc; s != nil; s = s.outer {
		for _, item := range s.items {
			for _, c := range item.columns {
				names = append(names, c.name)
			}
		}
		for _, c := range s.aliases {
			names = append(names, c.name)
		}
	}
	hint := nearest(last.text, names)
	if !last.bare && hint == "" {
		hint = "text stands in 'single quotes'"
	}
	fail(e.start, hint, "no such column: %.80s", last.text)
}

// scalar walks a subquery that stands for one value.
func (w *rewriter) scalar(e *expr, sc *scope) kind {
	columns := w.selectStmt(e.sel, sc, sc.ctes)
	if len(columns) != 1 {
		fail(e.start, "", "a SELECT used as a value has one column, not %d", len(columns))
	}
	return columns[0].kind.derived()
}

// condition walks an expression that is asked for its truth.
func (w *rewriter) condition(e *expr, sc *scope) {
	if k := w.expr(e, sc); k.money {
		fail(e.start, w.source(e)+" <> 0", "an amount is not a condition")
	}
}

func (w *rewriter) unary(e *expr, sc *scope) kind {
	a := e.args[0]
	if e.text == "NOT" {
		w.condition(a, sc)
		return kindBoolean
	}
	k := w.expr(a, sc).derived()
	switch e.text {
	case "+":
		return k
	case "~":
		if k.money {
			fail(e.start, "", "~ works on the bits of an integer, not on an amount")
		}
		return kindInteger
	}
	if k.class == classReal || k.class == classNull || a.op == opInteger {
		return k
	}
	w.refuseArithmetic(e, a)
	w.replace(e.operator.start, e.operator.end, "neg(")
	w.wrap(e, "", ")")
	return number(k)
}

// number returns the kind that arithmetic on k alone gives: text must hold an amount.
func number(k kind) kind {
	switch k.class {
	case classText, classExact:
		return kindExact
	case classAny:
		return kind{class: classAny, money: true}
	}
	return kind{class: k.class, money: k.money}
}

// refuseArithmetic refuses operands that are no numbers.
func (w *rewriter) refuseArithmetic(e, operand *expr) {
	switch operand.kind.class {
	case classInstant:
		fail(operand.start, "unixepoch(x) and julianday(x) make numbers of times",
			"cannot calculate with a time")
	case classBlob:
		fail(operand.start, "", "cannot calculate with a blob")
	case classText:
		if plain := operand.unparen(); plain.op == opString {
			if _, err := parseExact(plain.text); err != nil {
				fail(operand.start, "", "'%.40s' is not an amount", plain.text)
			}
		}
	}
}

// arithmetic names the function behind an operator; ADD alone is a keyword of SQLite.
var arithmetic = map[string]string{"+": `"add"`, "-": "sub", "*": "mul", "/": "div", "%": "mod"}

func (w *rewriter) binary(e *expr, sc *scope) kind {
	a, b := e.args[0], e.args[1]
	switch e.text {
	case "AND", "OR":
		w.condition(a, sc)
		w.condition(b, sc)
		return kindBoolean
	}
	if _, equal := comparisons[e.text]; equal {
		return w.comparison(e, sc)
	}
	ka, kb := w.expr(a, sc), w.expr(b, sc)
	switch e.text {
	case "||":
		return kind{class: classText, money: ka.money || kb.money}
	case "->", "->>":
		return kind{class: classAny, money: ka.money}
	case "&", "|", "<<", ">>":
		if ka.money || kb.money {
			fail(e.operator.start, "", "%s works on the bits of integers, not on amounts", e.text)
		}
		return kindInteger
	}
	return w.calculate(e)
}

// calculate rewrites + - * / % unless floating point was asked for by name.
func (w *rewriter) calculate(e *expr) kind {
	a, b := e.args[0], e.args[1]
	ka, kb := a.kind, b.kind
	if ka.class == classReal || kb.class == classReal {
		if ka.money || kb.money {
			fail(e.operator.start, "exact(x) makes an amount of a floating-point number, "+
				"approx(x) goes the other way",
				"%s of an amount and a floating-point number", e.text)
		}
		return kindReal
	}
	if ka.class == classNull && kb.class == classNull {
		return ka
	}
	w.refuseArithmetic(e, a)
	w.refuseArithmetic(e, b)
	name := arithmetic[e.text]
	if integers := isInteger(ka) && isInteger(kb); integers && (e.text == "/" || e.text == "%") {
		if b.op == opInteger && atoi(b.text) > 0 {
			return kindInteger // neither leaves the integers nor divides by zero
		}
		if e.text == "/" {
			name = "quo"
		}
	}
	w.wrap(e, name+"(", ")")
	w.replace(e.operator.start, e.operator.end, ",")
	return sumKind(ka, kb)
}

func isInteger(k kind) bool { return k.class == classInteger || k.class == classNull }

// sumKind is the kind of an exact function of two numbers.
func sumKind(a, b kind) kind {
	a, b = number(a), number(b)
	switch {
	case a.class == classExact || b.class == classExact:
		return kindExact
	case isInteger(a) && isInteger(b):
		return kindInteger
	}
	return kind{class: classAny, money: true}
}

func (w *rewriter) caseExpr(e *expr, sc *scope) kind {
	if e.base != nil {
		operands := append([]*expr{e.base}, e.whens...)
		for _, o := range operands {
			w.expr(o, sc)
		}
		w.compare(operands...)
	} else {
		for _, c := range e.whens {
			w.condition(c, sc)
		}
	}
	var parts []part
	for _, t := range e.thens {
		parts = append(parts, part{t, w.expr(t, sc), t.start})
	}
	if e.other != nil {
		parts = append(parts, part{e.other, w.expr(e.other, sc), e.other.start})
	}
	return w.merge(parts).derived()
}

func (w *rewriter) cast(e *expr, sc *scope) kind {
	a := e.args[0]
	class, numeric := typeClass(e.text)
	if class == classReal && isNumberLiteral(a) {
		return kindReal
	}
	k := w.expr(a, sc)
	switch {
	case class == classInteger && k.money:
		w.wrap(a, "to_integer(", ")")
	case class == classReal && k.money:
		fail(e.start, "approx("+w.source(a)+")",
			"CAST AS %s would make floating point of an amount", e.text)
	case numeric && isInteger(k):
		return kindInteger
	}
	return k.of(class)
}

// isNumberLiteral reports whether e is a number as written, with or without a sign.
func isNumberLiteral(e *expr) bool {
	e = e.unparen()
	if e.op == opUnary && (e.text == "-" || e.text == "+") {
		e = e.args[0].unparen()
	}
	return e.op == opDecimal || e.op == opInteger
}

var collations = wordSet("BINARY NOCASE RTRIM EXACT")

func (w *rewriter) collate(e *expr, sc *scope) kind {
	k := w.expr(e.args[0], sc).derived()
	switch {
	case !collations[e.text]:
		fail(e.start, "BINARY, NOCASE, RTRIM or EXACT", "no such collation: %.40s", e.text)
	case k.class == classExact && e.text != "EXACT":
		return kind{class: classText, money: true}
	}
	return k
}
