package sql

import "strings"

// from walks the tables of a FROM clause and fills the scope.
func (w *rewriter) from(t *joinTree, sc *scope) {
	for i, item := range t.items {
		w.step(0)
		before := len(sc.items)
		w.joinItem(item, sc)
		if item.natural || item.using != nil {
			w.joined(item, sc, before)
		}
		if item.on != nil {
			w.conjuncts(item.on, sc)
		}
		if i == 0 && item.natural {
			fail(0, "", "NATURAL without a left side")
		}
	}
}

func (w *rewriter) joinItem(item *joinItem, sc *scope) {
	switch {
	case item.group != nil:
		before := len(sc.items)
		w.from(item.group, sc)
		if item.alias != nil {
			w.aliasGroup(item, sc, before)
		}
	case item.sel != nil:
		columns := derived(w.selectStmt(item.sel, sc.outer, sc.ctes))
		alias := ""
		if item.alias != nil {
			alias = item.alias.text
		}
		sc.items = append(sc.items, scopeItem{name: alias, columns: columns})
	default:
		w.table(item, sc)
	}
}

// aliasGroup refuses (a JOIN b) AS c: SQLite makes a subquery of it, whose columns have no kinds.
func (w *rewriter) aliasGroup(item *joinItem, sc *scope, before int) {
	if len(sc.items)-before > 1 {
		fail(item.alias.start, "(SELECT … FROM …) AS "+item.alias.text,
			"a join in brackets takes no alias")
	}
	sc.items[before].name = item.alias.text
}

// table walks a table, a common table expression or a table-valued function.
func (w *rewriter) table(item *joinItem, sc *scope) {
	name := item.table.text
	alias := name
	if item.alias != nil {
		alias = item.alias.text
	}
	if e := sc.ctes.find(name); e != nil {
		if item.args != nil || item.asOf != nil {
			fail(item.table.start, "write AS OF where WITH "+name+" reads a table",
				"%s is no table of the ledger", name)
		}
		sc.items = append(sc.items, scopeItem{alias, derived(w.cteColumns(e))})
		return
	}
	t := findTable(name)
	if t == nil {
		fail(item.table.start, nearest(name, tableNames()), "no such table: %.80s", name)
	}
	money := w.tableArgs(t, item, sc)
	columns := make([]column, 0, len(t.columns))
	for _, c := range t.columns {
		k := c.kind
		if t.foreign {
			k.money = k.money || money && k.class != classInteger
		} else {
			k.base = true
		}
		columns = append(columns, column{name: c.name, kind: k, hidden: c.hidden})
	}
	sc.items = append(sc.items, scopeItem{alias, columns})
}

// tableArgs walks what stands in brackets behind a table, or behind AS OF.
func (w *rewriter) tableArgs(t *tableInfo, item *joinItem, sc *scope) (money bool) {
	if item.asOf != nil {
		w.asOf(t, item, sc)
		return false
	}
	if item.args == nil && t.args[0] > 0 {
		fail(item.table.start, "", "%s needs arguments: %s", t.name, t.usage)
	}
	if item.args == nil {
		return false
	}
	if n := len(item.args); n < t.args[0] || n > t.args[1] {
		fail(item.table.end, "", "%s takes other arguments: %s", t.name, t.usage)
	}
	for _, a := range item.args {
		k := w.expr(a, sc)
		money = money || k.money
		if t.timeTravel {
			w.wantIndex(a, k)
		} else if !t.foreign && k.money {
			fail(a.start, "", "%s takes integers", t.name)
		}
	}
	return money
}

// asOf turns AS OF into the table's hidden argument.
func (w *rewriter) asOf(t *tableInfo, item *joinItem, sc *scope) {
	a := item.asOf
	if !t.timeTravel {
		fail(a.words[0].start, "", "%s has no past: AS OF is for tables of the ledger", t.name)
	}
	k := w.expr(a.instant, sc)
	open, close := "(", ")"
	// An argument that is a time is one without the word, too.
	if len(a.words) > 2 || isParam(a.instant) && k.class == classInstant {
		w.refuseTime(a.instant)
		if k.money || k.class == classReal || k.class == classBlob {
			fail(a.instant.start, "AS OF TIMESTAMP '2026-03-31 23:59:59'",
				"AS OF TIMESTAMP wants a time")
		}
		w.timeLiteral(a.instant)
		open, close = "(index_at(", "))"
	} else {
		w.wantIndex(a.instant, k)
	}
	w.replace(a.words[0].start, a.words[0].end, open)
	for _, t := range a.words[1:] {
		w.replace(t.start, t.end, "")
	}
	if w.emit {
		w.edits.wrap(a.words[0].end, a.instant.end, "", close)
	}
}

// wantIndex refuses what cannot be a log index.
func (w *rewriter) wantIndex(e *expr, k kind) {
	switch {
	case k.class == classInteger, k.class == classAny && !k.money:
		return
	case e.unparen().op == opString, k.class == classInstant:
		fail(e.start, "AS OF TIMESTAMP "+w.source(e), "AS OF wants a log index")
	case k.class == classNull:
		fail(e.start, "", "AS OF wants a log index, not NULL")
	}
	fail(e.start, "", "AS OF wants a log index, an integer, not %s", article(k.class))
}

func article(c class) string {
	switch c {
	case classInteger, classExact:
		return "an " + c.String()
	case classNull:
		return "NULL"
	}
	return "a " + c.String()
}

// joined handles USING and NATURAL: columns of one name are compared and become one.
func (w *rewriter) joined(item *joinItem, sc *scope, before int) {
	names := map[string]int{}
	for _, n := range item.using {
		names[strings.ToLower(n.text)] = n.start
		if findColumn(sc.items[:before], n.text) == nil ||
			findColumn(sc.items[before:], n.text) == nil {
			fail(n.start, "", "USING (%.60s): both sides need a column of that name", n.text)
		}
	}
	for i := before; i < len(sc.items); i++ {
		right := sc.items[i].columns
		for j := range right {
			c := &right[j]
			at, wanted := names[strings.ToLower(c.name)]
			if !wanted && !(item.natural && !c.hidden) {
				continue
			}
			left := findColumn(sc.items[:before], c.name)
			if left == nil {
				continue
			}
			if left.kind.class != c.kind.class && (left.kind.money || c.kind.money ||
				left.kind.class == classInstant || c.kind.class == classInstant) {
				fail(at, "write the comparison in ON", "USING (%s) would compare %s with %s",
					c.name, article(left.kind.class), article(c.kind.class))
			}
			// Behind RIGHT and FULL JOIN the one column is a function of the two.
			c.joined, left.kind.base = true, false
		}
	}
}

func findColumn(items []scopeItem, name string) *column {
	for i := range items {
		for j := range items[i].columns {
			if c := &items[i].columns[j]; strings.EqualFold(c.name, name) {
				return c
			}
		}
	}
	return nil
}

// conjuncts walks a WHERE or ON. A condition on the hidden column as_of chooses the moment that a
// table is read at only as an equation of its own; anywhere else it would quietly compare with the
// newest moment and find nothing.
func (w *rewriter) conjuncts(e *expr, sc *scope) {
	plain := e.unparen()
	if plain.op == opBinary && plain.text == "AND" {
		w.conjuncts(plain.args[0], sc)
		w.conjuncts(plain.args[1], sc)
		return
	}
	before := w.asOfUses
	w.condition(e, sc)
	if w.asOfUses == before {
		return
	}
	equation := plain.op == opBinary && (plain.text == "=" || plain.text == "==") ||
		plain.op == opIn && plain.sel == nil
	if !equation || !isAsOf(plain.args[0].unparen()) &&
		!(plain.op == opBinary && isAsOf(plain.args[1].unparen())) {
		fail(e.start, "FROM accounts AS OF 1200", "a condition on as_of must be as_of = index")
	}
}

func isAsOf(e *expr) bool {
	return e.op == opName && strings.EqualFold(e.names[len(e.names)-1].text, asOfColumn)
}
