package sql

import "strings"

// call walks a function call.
func (w *rewriter) call(e *expr, sc *scope) kind {
	c := e.call
	name := strings.ToLower(c.name.text)
	f, known := functions[name]
	if !known {
		fail(c.name.start, nearest(name, Functions()), "no such function: %.80s", c.name.text)
	}
	if c.star && name != "count" {
		fail(c.name.end, "", "only count takes *")
	}
	if n := len(e.args); n < f.args[0] || n > f.args[1] {
		fail(c.name.end, "", "wrong number of arguments for %s: %d", name, n)
	}
	w.checkUse(e, f, name)
	if name == "add" { // a keyword of SQLite
		w.replace(c.name.start, c.name.end, `"add"`)
	}
	for i, a := range e.args {
		// Functions that are inexact by name get literals as they were written.
		raw := f.rule == ruleInexact || f.rule == ruleTime && i == 0
		if raw && isNumberLiteral(a) {
			a.kind = kindReal
			continue
		}
		if f.rule == ruleIf && i%2 == 0 && i+1 < len(e.args) {
			w.condition(a, sc)
			continue
		}
		w.expr(a, sc)
	}
	for _, t := range c.order {
		w.order(t, sc, false)
	}
	if c.filter != nil {
		w.condition(c.filter, sc)
	}
	if c.over != nil {
		w.over(c.over, sc)
	}
	return w.apply(e, f, name).derived()
}

// checkUse refuses an aggregate's syntax on other functions and the other way round.
func (w *rewriter) checkUse(e *expr, f function, name string) {
	c := e.call
	aggregate := f.use == useAggregate && (f.rule != ruleExtremum || len(e.args) == 1)
	switch {
	case f.use == useWindow && c.over == nil:
		fail(c.name.start, name+"(…) OVER (ORDER BY …)", "%s is a window function", name)
	case c.over != nil && f.use == usePlain:
		fail(c.name.start, "", "%s is not a window function", name)
	case (c.distinct || c.filter != nil || c.order != nil) && !aggregate:
		fail(c.name.start, "", "%s is not an aggregate", name)
	}
}

func (w *rewriter) over(d *window, sc *scope) {
	if d.base != nil && sc.windows[strings.ToLower(d.base.text)] == nil {
		fail(d.base.start, "", "no such window: %s", d.base.text)
	}
	w.window(d, sc)
}

// apply checks the arguments by the function's rule and returns the result's kind.
func (w *rewriter) apply(e *expr, f function, name string) kind {
	switch f.rule {
	case ruleInexact, ruleTime:
		for _, a := range e.args {
			if a.kind.money {
				fail(a.start, "approx("+w.source(a)+")",
					"%s would read an amount as a floating-point number", name)
			}
		}
		return kind{class: f.result}
	case ruleMerge, ruleExtremum, ruleFirst, ruleIf, ruleNullIf:
		return w.choice(e, f, name)
	case ruleFormat:
		return w.format(e, name)
	case rulePlain:
		return w.plain(e, f, name)
	}
	return w.numeric(e, f, name)
}

func (w *rewriter) plain(e *expr, f function, name string) kind {
	k := kind{class: f.result}
	for _, a := range e.args {
		k.money = k.money || a.kind.money
	}
	if name == "instant" || name == "index_at" {
		a := e.args[0]
		if a.kind.money || a.kind.class == classReal || a.kind.class == classBlob {
			fail(a.start, "", "%s wants a time, not %s", name, article(a.kind.class))
		}
		w.refuseTime(a)
		w.timeLiteral(a)
	}
	k = k.of(f.result)
	k.as = f.as
	return k
}

// numeric handles the functions that are exact by themselves.
func (w *rewriter) numeric(e *expr, f function, name string) kind {
	first := e.args[0]
	w.refuseArithmetic(e, first)
	k := number(first.kind)
	if f.rule == ruleArith || name == "div" {
		return w.numericPair(e, f, name)
	}
	switch {
	case name == "exact" && k.class == classReal:
		w.replace(e.call.name.start, e.call.name.end, "exact_real")
		return kindExact
	case k.class == classReal:
		return kindReal
	case k.class == classAny:
		w.coerceExact(first) // refuses floating point that came out of JSON
		return kindExact
	case f.rule == ruleExact || f.rule == ruleMean:
		return kindExact
	}
	return k
}

// numericPair handles add, sub, mul, div and mod.
func (w *rewriter) numericPair(e *expr, f function, name string) kind {
	for _, a := range e.args {
		w.refuseArithmetic(e, a)
		if a.kind.class == classReal {
			fail(a.start, "exact(x) makes an amount of it",
				"%s is exact and takes no floating-point number", name)
		}
	}
	if f.rule == ruleExact {
		return kindExact
	}
	return sumKind(e.args[0].kind, e.args[1].kind)
}

// choice handles the functions that return one of their arguments.
func (w *rewriter) choice(e *expr, f function, name string) kind {
	switch {
	case f.rule == ruleExtremum && len(e.args) == 1:
		w.ordered(e.args[0], e.args[0].kind)
		return e.args[0].kind
	case f.rule == ruleFirst:
		return e.args[0].kind
	case f.rule == ruleNullIf:
		w.compare(e.args...)
		if e.args[1].kind.class == classExact {
			return kindExact
		}
		return e.args[0].kind
	}
	var parts []part
	for i, a := range e.args {
		offset := i == 1 && f.use == useWindow // lag(x, offset, default)
		test := f.rule == ruleIf && i%2 == 0 && i != len(e.args)-1
		if !offset && !test {
			parts = append(parts, part{a, a.kind, a.start})
		}
	}
	k := w.merge(parts)
	if f.rule == ruleExtremum {
		if k.mixed() {
			w.ordered(e.args[0], k)
		}
		if k.class == classExact {
			w.wrap(e.args[0], "(", ") COLLATE exact")
		}
	}
	return k
}

// format handles printf: %d and %f would read an amount as a binary number.
func (w *rewriter) format(e *expr, name string) kind {
	k := kindText
	for _, a := range e.args[1:] {
		k.money = k.money || a.kind.money
	}
	if !k.money {
		return k
	}
	layout := e.args[0].unparen()
	if layout.op != opString || strings.ContainsAny(verbs(layout.text), "dixXofFeEgGu*") {
		fail(e.start, name+"('%s', round(x, 2))",
			"%s prints amounts only with %%s in a literal format", name)
	}
	return k
}

// verbs returns the letters that end the directives of a format, and any star in them.
func verbs(layout string) string {
	var out []byte
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' {
			continue
		}
		for i++; i < len(layout); i++ {
			c := layout[i]
			if c == '*' {
				out = append(out, c)
			}
			if c == '%' || isWordStart(c) && c != 'l' {
				out = append(out, c)
				break
			}
		}
	}
	return string(out)
}
