package sql

import (
	"strings"
)

// rewriter walks a statement, gives every expression its kind and collects the changes that keep
// amounts exact. It refuses what it cannot keep exact, and every name that it does not know.
type rewriter struct {
	text     string
	edits    edits
	emit     bool // false while the columns of a common table expression are only being found out
	work     int  // nodes visited
	asOfUses int  // how often a hidden as_of column was named
	shape    []argShape
	converts map[*expr]conversion // of parameters
}

// rewriteWorkMax bounds the visits: nested WITH clauses are walked several times each.
const rewriteWorkMax = 1 << 20

// plan is a statement that may run: what SQLite gets, and what its answer looks like.
type plan struct {
	original string
	text     string
	back     offsetMap
	columns  []planColumn
	slots    []slot
	explain  bool
}

// planColumn is one column of the answer.
type planColumn struct {
	kind kind
}

// makePlan parses and rewrites a statement whose arguments will have that shape.
func makePlan(text string, shape []argShape) (p *plan, err error) {
	s, err := parseStatement(text)
	if err != nil {
		return nil, err
	}
	defer catch(&err)
	resolve(s.params, shape)
	w := &rewriter{text: text, emit: true, shape: shape, converts: map[*expr]conversion{}}
	columns := w.selectStmt(s.sel, nil, nil)
	p = &plan{original: text, explain: s.explain, slots: w.slots(s.params)}
	p.text, p.back = w.edits.apply(text)
	for _, c := range columns {
		p.columns = append(p.columns, planColumn{c.kind})
	}
	if s.explain {
		p.columns = []planColumn{{kindInteger}, {kindInteger}, {kindInteger}, {kindText}}
	}
	return p, nil
}

func (w *rewriter) step(offset int) {
	if w.work++; w.work > rewriteWorkMax {
		fail(offset, "", "statement too complex: more than %d parts", rewriteWorkMax)
	}
}

func (w *rewriter) wrap(e *expr, open, close string) {
	if w.emit {
		w.edits.wrap(e.start, e.end, open, close)
	}
}

func (w *rewriter) replace(start, end int, text string) {
	if w.emit {
		w.edits.replace(start, end, text)
	}
}

// source returns the text of an expression, shortened for a message.
func (w *rewriter) source(e *expr) string {
	s := w.text[e.start:e.end]
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return s
}

// column is one column of a table, subquery or result.
type column struct {
	name   string
	kind   kind
	hidden bool
	// joined marks a column that USING or NATURAL merged into one further left.
	joined bool
	// expr is the result expression that made the column, nil for a star.
	expr *expr
}

// scope is what names mean in one SELECT.
type scope struct {
	outer   *scope
	ctes    *cteScope
	items   []scopeItem
	aliases []column // results, once they can be named
	windows map[string]*window
}

// scopeItem is one table of a FROM clause.
type scopeItem struct {
	name    string
	columns []column
}

// cteScope is a WITH clause and those around it.
type cteScope struct {
	outer   *cteScope
	entries []*cteEntry
}

// cteEntry is one common table expression and its columns, found out when first needed.
type cteEntry struct {
	def     *cte
	scope   *cteScope
	busy    bool
	columns []column
}

func (s *cteScope) find(name string) *cteEntry {
	for ; s != nil; s = s.outer {
		for _, e := range s.entries {
			if strings.EqualFold(e.def.name.text, name) {
				return e
			}
		}
	}
	return nil
}

// rename gives columns the names of a list such as the one in WITH t(a, b).
func rename(columns []column, names []name, at name) []column {
	if names == nil {
		return columns
	}
	if len(names) != len(columns) {
		fail(at.start, "", "table %s has %d columns but %d names", at.text, len(columns),
			len(names))
	}
	for i := range columns {
		columns[i].name = names[i].text
	}
	return columns
}

// cteColumns returns the columns of an entry. A recursive one is walked until its kinds settle:
// the first SELECT gives the start, the recursive ones can only widen it.
func (w *rewriter) cteColumns(e *cteEntry) []column {
	if e.columns != nil {
		return e.columns
	}
	if e.busy {
		fail(e.def.name.start, "", "circular reference: %s", e.def.name.text)
	}
	emit := w.emit
	w.emit, e.busy = false, true
	first := *e.def.sel
	first.cores, first.order, first.limits = first.cores[:1], nil, nil
	columns := w.cteWalk(e, &first)
	for { // kinds only widen, and each column can a few times
		e.columns = columns
		columns = w.cteWalk(e, e.def.sel)
		if sameKinds(columns, e.columns) {
			break
		}
	}
	w.emit, e.busy = emit, false
	e.columns = columns
	return columns
}

func (w *rewriter) cteWalk(e *cteEntry, s *selectStmt) []column {
	columns := derived(w.selectStmt(s, nil, e.scope))
	return rename(columns, e.def.columns, e.def.name)
}

func sameKinds(a, b []column) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].kind != b[i].kind {
			return false
		}
	}
	return true
}

// derived returns the columns as a subquery shows them to the outside.
func derived(columns []column) []column {
	out := make([]column, len(columns))
	for i, c := range columns {
		out[i] = column{name: c.name, kind: c.kind.derived()}
	}
	return out
}

// selectStmt walks a whole SELECT and returns its result columns.
func (w *rewriter) selectStmt(s *selectStmt, outer *scope, ctes *cteScope) []column {
	w.step(s.start)
	if len(s.with) > 0 {
		ctes = w.with(s.with, ctes)
	}
	var all [][]column
	var inner *scope
	for _, c := range s.cores {
		columns, sc := w.core(c, outer, ctes)
		if len(all) > 0 && len(columns) != len(all[0]) {
			fail(c.start, "", "SELECTs to the left and right of %s have %d and %d columns",
				c.compound, len(all[0]), len(columns))
		}
		all = append(all, columns)
		inner = sc
	}
	columns := all[0]
	if len(all) > 1 {
		columns = w.mergeCores(s, all)
	}
	for _, t := range s.order {
		if len(all) > 1 {
			w.compoundOrder(t, columns)
		} else {
			w.order(t, inner, true)
		}
	}
	for _, e := range s.limits {
		k := w.expr(e, &scope{outer: outer, ctes: ctes})
		if k.money {
			fail(e.start, "to_integer(x) makes one of it", "LIMIT wants an integer")
		}
		w.wantInteger(e, "LIMIT")
	}
	return columns
}

func (w *rewriter) with(defs []*cte, outer *cteScope) *cteScope {
	sc := &cteScope{outer: outer}
	for _, d := range defs {
		if findTable(d.name.text) != nil {
			fail(d.name.start, "choose another name", "%s is a table of the ledger", d.name.text)
		}
		sc.entries = append(sc.entries, &cteEntry{def: d, scope: sc})
	}
	for _, e := range sc.entries {
		w.cteColumns(e)
		if w.emit {
			w.cteWalk(e, e.def.sel)
		}
	}
	return sc
}

// mergeCores gives the columns of a compound one kind each.
func (w *rewriter) mergeCores(s *selectStmt, all [][]column) []column {
	out := make([]column, len(all[0]))
	for i := range out {
		parts := make([]part, 0, len(all))
		for n, columns := range all {
			parts = append(parts, part{columns[i].expr, columns[i].kind, s.cores[n].start})
		}
		out[i] = column{name: all[0][i].name, kind: w.merge(parts).derived()}
	}
	return out
}

// core walks one SELECT or VALUES.
func (w *rewriter) core(c *core, outer *scope, ctes *cteScope) ([]column, *scope) {
	w.step(c.start)
	sc := &scope{outer: outer, ctes: ctes}
	if c.values != nil {
		sc.aliases = w.values(c, sc)
		return sc.aliases, sc
	}
	if c.from != nil {
		w.from(c.from, sc)
	}
	for _, nw := range c.windows {
		if sc.windows == nil {
			sc.windows = map[string]*window{}
		}
		w.window(nw.def, sc)
		sc.windows[strings.ToLower(nw.name.text)] = nw.def
	}
	var columns []column
	for _, r := range c.results {
		columns = append(columns, w.result(r, sc)...)
	}
	sc.aliases = columns
	if c.where != nil {
		w.conjuncts(c.where, sc)
	}
	for _, g := range c.group {
		w.refuseParam(g, "GROUP BY")
		w.expr(g, sc)
	}
	if c.having != nil {
		w.condition(c.having, sc)
	}
	return columns, sc
}

func (w *rewriter) values(c *core, sc *scope) []column {
	width := len(c.values[0])
	parts := make([][]part, width)
	for _, row := range c.values {
		if len(row) != width {
			fail(row[0].start, "", "rows of VALUES have %d and %d columns", width, len(row))
		}
		for i, e := range row {
			parts[i] = append(parts[i], part{e, w.expr(e, sc), e.start})
		}
	}
	columns := make([]column, width)
	for i := range columns {
		columns[i] = column{name: "column" + itoa(i+1), kind: w.merge(parts[i]).derived()}
		if len(c.values) == 1 {
			columns[i].expr = c.values[0][i]
		}
	}
	return columns
}

// result walks one result column.
func (w *rewriter) result(r *resultColumn, sc *scope) []column {
	if r.expr == nil {
		return w.star(r, sc)
	}
	c := column{expr: r.expr, kind: w.expr(r.expr, sc)}
	plain := r.expr.unparen()
	switch {
	case r.alias != nil:
		c.name = r.alias.text
	case r.expr.op == opName:
		c.name = plain.names[len(plain.names)-1].text
	default:
		// SQLite names the column after the text it gets; keep the text that was written.
		c.name = w.text[r.expr.start:r.expr.end]
		if w.emit {
			w.edits.alias(r.expr.end, ` AS "`+strings.ReplaceAll(c.name, `"`, `""`)+`"`)
		}
	}
	return []column{c}
}

// star returns the columns of * or table.*.
func (w *rewriter) star(r *resultColumn, sc *scope) []column {
	var columns []column
	for _, item := range sc.items {
		if r.table != nil && !strings.EqualFold(item.name, r.table.text) {
			continue
		}
		for _, c := range item.columns {
			if !c.hidden && (!c.joined || r.table != nil) {
				columns = append(columns, column{name: c.name, kind: c.kind})
			}
		}
	}
	if columns == nil {
		if r.table != nil {
			fail(r.table.start, "", "no such table: %s", r.table.text)
		}
		fail(0, "", "* without a FROM")
	}
	return columns
}

// order walks one term of an ORDER BY. results says that names and numbers of result columns count.
func (w *rewriter) order(t *orderTerm, sc *scope, results bool) {
	w.refuseParam(t.expr, "ORDER BY")
	plain := t.expr.unparen()
	k, found := kind{}, false
	if results {
		k, found = w.resultTerm(plain, sc.aliases)
	}
	if !found {
		k = w.expr(t.expr, sc)
	}
	w.ordered(t.expr, k)
}

// resultTerm finds the result column that an ORDER BY term names or numbers.
func (w *rewriter) resultTerm(plain *expr, columns []column) (kind, bool) {
	switch {
	case plain.op == opInteger:
		if i := atoi(plain.text); i >= 1 && i <= len(columns) {
			return columns[i-1].kind, true
		}
		fail(plain.start, "", "ORDER BY term %s: there are %d columns", plain.text, len(columns))
	case plain.op == opName && len(plain.names) == 1:
		for _, c := range columns {
			if strings.EqualFold(c.name, plain.names[0].text) {
				return c.kind, true
			}
		}
	}
	return kind{}, false
}

// ordered makes an order by amounts numeric.
func (w *rewriter) ordered(e *expr, k kind) {
	switch {
	case k.class == classExact && !k.base:
		w.wrap(e, "(", ") COLLATE exact")
	case k.mixed():
		fail(e.start, "exact("+w.source(e)+")", "an order over a mixture of amounts and others")
	}
}

// compoundOrder walks an ORDER BY behind UNION and its kin: only result columns can be named.
func (w *rewriter) compoundOrder(t *orderTerm, columns []column) {
	plain := t.expr.unparen()
	if plain.op == opCollate {
		plain = plain.args[0].unparen()
	}
	k, found := w.resultTerm(plain, columns)
	if !found {
		fail(t.expr.start, "", "ORDER BY behind %s can only name or number a result column",
			"UNION, INTERSECT or EXCEPT")
	}
	if t.expr.unparen().op != opCollate {
		w.ordered(t.expr, k)
	}
}

// window walks a window definition.
func (w *rewriter) window(d *window, sc *scope) {
	for _, e := range d.partition {
		w.expr(e, sc)
	}
	for _, t := range d.order {
		w.order(t, sc, false)
	}
	for _, e := range d.frame {
		if w.expr(e, sc).money {
			fail(e.start, "", "a frame is counted in whole rows")
		}
		if !d.isRange {
			w.wantInteger(e, "a frame")
		}
	}
	if d.isRange && len(d.frame) > 0 {
		for _, t := range w.windowOrder(d, sc) {
			if t.expr.kind.money {
				fail(d.frame[0].start, "use ROWS or GROUPS",
					"RANGE over amounts would calculate in floating point")
			}
		}
	}
}

// windowOrder returns the ORDER BY of a definition or of those it builds on.
func (w *rewriter) windowOrder(d *window, sc *scope) []*orderTerm {
	for range 100 {
		if d.order != nil || d.base == nil {
			return d.order
		}
		base := sc.windows[strings.ToLower(d.base.text)]
		if base == nil {
			fail(d.base.start, "", "no such window: %s", d.base.text)
		}
		d = base
	}
	return nil
}
