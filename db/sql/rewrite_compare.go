package sql

import "strings"

var comparisons = map[string]bool{
	"=": true, "==": true, "<>": true, "!=": true, "<": true,
	"<=": true, ">": true, ">=": true, "IS": true,
}

func (w *rewriter) comparison(e *expr, sc *scope) kind {
	a, b := e.args[0], e.args[1]
	if a.unparen().op == opRow || b.unparen().op == opRow {
		w.rowComparison(e, sc)
		return kindBoolean
	}
	if e.text == "IS" && b.unparen().op == opWordValue && !w.isTime(b) {
		w.condition(a, sc) // IS TRUE
		return kindBoolean
	}
	w.expr(a, sc)
	w.expr(b, sc)
	w.compare(a, b)
	return kindBoolean
}

func (w *rewriter) isTime(e *expr) bool {
	return strings.HasPrefix(e.unparen().text, "CURRENT_")
}

// compare makes a comparison of the first expression with each of the others exact: where one is
// an amount all become amounts, where one is a time all become times. SQLite takes collation and
// affinity from the first.
func (w *rewriter) compare(all ...*expr) {
	exact, instant, money, real := false, false, false, false
	numbers := false
	for _, e := range all {
		exact = exact || e.kind.class == classExact
		instant = instant || e.kind.class == classInstant
		money = money || e.kind.money
		real = real || e.kind.class == classReal
		numbers = numbers || e.kind.class == classInteger
	}
	switch {
	case exact && instant:
		fail(all[1].start, "", "cannot compare an amount with a time")
	case exact:
		for _, e := range all {
			w.coerceExact(e)
		}
		if !all[0].kind.base || all[0].kind.class != classExact {
			w.wrap(all[0], "(", ") COLLATE exact")
		}
	case money && (numbers || real):
		for _, e := range all {
			if e.kind.money {
				fail(e.start, "exact("+w.source(e)+")",
					"cannot compare a number with text that may hold an amount")
			}
		}
	case instant:
		for _, e := range all {
			w.coerceInstant(e)
		}
	}
}

// coerceExact makes an amount of an expression.
func (w *rewriter) coerceExact(e *expr) {
	plain := e.unparen()
	if c := e.kind.class; plain.op == opParam && (c == classInteger || c == classText) {
		w.convert(plain, toExact)
		return
	}
	switch e.kind.class {
	case classExact, classNull:
		return
	case classReal:
		fail(e.start, "exact("+w.source(e)+") makes an amount of it",
			"an amount meets a floating-point number")
	case classInstant, classBlob:
		fail(e.start, "", "an amount meets %s", article(e.kind.class))
	case classInteger:
		if plain.op == opInteger && !strings.ContainsAny(plain.text, "xX") {
			a, err := parseExact(plain.text)
			if err == nil {
				w.replace(plain.start, plain.end, "'"+a.String()+"'")
				return
			}
		}
	case classText:
		if plain.op == opString {
			a, err := parseExact(plain.text)
			if err != nil {
				fail(plain.start, "", "'%.40s' is not an amount", plain.text)
			}
			w.replace(plain.start, plain.end, "'"+a.String()+"'")
			return
		}
	}
	w.wrap(e, "exact(", ")")
}

// coerceInstant makes a time of an expression.
func (w *rewriter) coerceInstant(e *expr) {
	switch e.kind.class {
	case classInstant, classNull:
		return
	case classInteger, classText, classAny:
		w.refuseTime(e)
		if isParam(e) {
			w.convert(e.unparen(), toInstant)
			return
		}
		if w.timeLiteral(e) || e.kind.money {
			break
		}
		w.wrap(e, "instant(", ")")
		return
	}
	if e.unparen().op != opString {
		fail(e.start, "", "a time meets %s", article(e.kind.class))
	}
}

// timeLiteral puts a literal time into its canonical spelling, and refuses one that is none. It
// reports whether e was a literal, or is a parameter whose text is read as a time.
func (w *rewriter) timeLiteral(e *expr) bool {
	plain := e.unparen()
	if plain.op == opParam && e.kind.class == classText {
		w.convert(plain, toInstant)
		return true
	}
	if plain.op != opString {
		return false
	}
	t, ok := parseInstant(plain.text)
	if !ok {
		fail(plain.start, instantHint, "'%.40s' is not a time", plain.text)
	}
	w.replace(plain.start, plain.end, "'"+t.String()+"'")
	return true
}

// rowComparison walks (a, b) = (c, d), element by element.
func (w *rewriter) rowComparison(e *expr, sc *scope) {
	a, b := e.args[0].unparen(), e.args[1].unparen()
	if a.op == opRow && b.op == opRow && len(a.args) == len(b.args) {
		for i := range a.args {
			w.expr(a.args[i], sc)
			w.expr(b.args[i], sc)
			w.compare(a.args[i], b.args[i])
		}
		return
	}
	if a.op == opRow && b.op == opSelect {
		w.rowSelect(a, w.selectStmt(b.sel, sc, sc.ctes), sc)
		return
	}
	fail(e.start, "", "a row of values can only be compared with another of the same length")
}

// rowSelect walks (a, b) = (SELECT …) and (a, b) IN (SELECT …).
func (w *rewriter) rowSelect(row *expr, columns []column, sc *scope) {
	if len(columns) != len(row.args) {
		fail(row.start, "", "%d values meet %d columns", len(row.args), len(columns))
	}
	for i, e := range row.args {
		w.expr(e, sc)
		w.compareColumn(e, columns[i].kind)
	}
}

// compareColumn compares an expression with a column of a subquery, which cannot be changed from
// here.
func (w *rewriter) compareColumn(e *expr, k kind) {
	switch {
	case k.class == classExact:
		if e.kind.class != classExact {
			w.coerceExact(e)
		}
		if !e.kind.base || e.kind.class != classExact {
			w.wrap(e, "(", ") COLLATE exact")
		}
	case e.kind.class == classExact && k.class != classNull:
		fail(e.start, "SELECT exact(…)", "an amount meets a subquery that returns %s",
			article(k.class))
	case k.class == classInstant:
		w.coerceInstant(e)
	case e.kind.class == classInstant && k.class != classNull:
		fail(e.start, "SELECT instant(…)", "a time meets a subquery that returns %s",
			article(k.class))
	case e.kind.money != k.money && (e.kind.class != classText || k.class != classText):
		fail(e.start, "wrap both sides in exact(…)",
			"cannot compare text that may hold an amount with %s", article(k.class))
	}
}

func (w *rewriter) in(e *expr, sc *scope) kind {
	left := e.args[0]
	plain := left.unparen()
	if e.sel != nil {
		columns := w.selectStmt(e.sel, sc, sc.ctes)
		if plain.op == opRow {
			w.rowSelect(plain, columns, sc)
			return kindBoolean
		}
		if len(columns) != 1 {
			fail(e.start, "", "IN wants a SELECT of one column, not %d", len(columns))
		}
		w.expr(left, sc)
		w.compareColumn(left, columns[0].kind)
		return kindBoolean
	}
	if plain.op == opRow {
		fail(left.start, "IN (VALUES (a, b), (c, d))", "a row of values wants a SELECT or VALUES")
	}
	for _, a := range e.args {
		w.expr(a, sc)
	}
	w.compare(e.args...)
	return kindBoolean
}

// part is one of several expressions that share a column or a value.
type part struct {
	expr *expr // nil where a star made the column
	kind kind
	at   int
}

// merge finds the common kind and makes amounts of the others where one is an amount.
func (w *rewriter) merge(parts []part) kind {
	common, first := kind{class: classNull}, true
	exact, other, instant := false, false, false
	for _, p := range parts {
		switch {
		case p.kind.class == classNull:
			continue
		case p.kind.class == classExact:
			exact = true
		case p.kind.class == classInstant:
			instant = true
		case p.kind.class != classInteger && !w.isAmountLiteral(p):
			other = true
		}
		if first {
			common, first = p.kind, false
			continue
		}
		common = common.with(p.kind)
	}
	if !exact || other || instant {
		if exact {
			w.refuseReal(parts)
		}
		return common
	}
	for _, p := range parts {
		switch {
		case p.kind.class == classExact || p.kind.class == classNull:
		case p.expr == nil:
			fail(p.at, "name the columns and write exact(x)",
				"amounts and integers in one column")
		default:
			w.coerceExact(p.expr)
		}
	}
	return kindExact
}

func (w *rewriter) isAmountLiteral(p part) bool {
	if p.expr == nil || p.expr.unparen().op != opString {
		return false
	}
	_, err := parseExact(p.expr.unparen().text)
	return err == nil
}

func (w *rewriter) refuseReal(parts []part) {
	for _, p := range parts {
		if p.kind.class == classReal {
			fail(p.at, "approx(x) makes floating point of an amount",
				"amounts and floating-point numbers in one column")
		}
	}
}

// with returns the kind of a value that is one or the other.
func (k kind) with(other kind) kind {
	both := kind{class: k.class, money: k.money || other.money, base: k.base && other.base}
	switch {
	case k.class == other.class:
		if k.as == other.as {
			both.as = k.as
		}
	case k.class == classInteger && other.class == classReal,
		k.class == classReal && other.class == classInteger:
		both.class = classReal
	default:
		both.class = classAny
	}
	return both
}
