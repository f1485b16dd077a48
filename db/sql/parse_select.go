package sql

import "strings"

// selectStmt reads [WITH …] core {compound core} [ORDER BY …] [LIMIT …].
func (p *parser) selectStmt() *selectStmt {
	p.enter()
	defer p.leave()
	s := &selectStmt{start: p.peek().start}
	if p.word("WITH") {
		p.word("RECURSIVE")
		for {
			s.with = append(s.with, p.cte())
			if len(s.with) > withTermsMax {
				fail(p.peek().start, "", "more than %d terms in WITH", withTermsMax)
			}
			if !p.symbol(",") {
				break
			}
		}
	}
	s.cores = append(s.cores, p.core(""))
	for {
		compound := ""
		switch {
		case p.word("UNION"):
			compound = "UNION"
			if p.word("ALL") {
				compound = "UNION ALL"
			}
		case p.word("INTERSECT"):
			compound = "INTERSECT"
		case p.word("EXCEPT"):
			compound = "EXCEPT"
		}
		if compound == "" {
			break
		}
		s.cores = append(s.cores, p.core(compound))
	}
	s.order = p.optionalOrder()
	if p.word("LIMIT") {
		s.limits = append(s.limits, p.expr())
		if p.word("OFFSET") || p.symbol(",") {
			s.limits = append(s.limits, p.expr())
		}
	}
	s.end = p.prevEnd()
	return s
}

func (p *parser) cte() *cte {
	c := &cte{name: p.wantName("a name for the table")}
	if p.symbol("(") {
		c.columns = p.nameList()
	}
	p.wantWord("AS")
	if p.word("NOT") {
		p.wantWord("MATERIALIZED")
	} else {
		p.word("MATERIALIZED")
	}
	p.wantSymbol("(")
	c.sel = p.selectStmt()
	p.wantSymbol(")")
	return c
}

// nameList reads names up to the closing bracket.
func (p *parser) nameList() []name {
	var list []name
	for {
		list = append(list, p.wantName("a column name"))
		if !p.symbol(",") {
			break
		}
	}
	p.wantSymbol(")")
	return list
}

// core reads one SELECT or VALUES.
func (p *parser) core(compound string) *core {
	c := &core{start: p.peek().start, compound: compound}
	if p.word("VALUES") {
		for {
			p.wantSymbol("(")
			c.values = append(c.values, p.exprList())
			p.wantSymbol(")")
			if !p.symbol(",") {
				break
			}
		}
		c.end = p.prevEnd()
		return c
	}
	p.wantWord("SELECT")
	if p.word("DISTINCT") {
		c.distinct = true
	} else {
		p.word("ALL")
	}
	for {
		c.results = append(c.results, p.result())
		if !p.symbol(",") {
			break
		}
	}
	p.clauses(c)
	c.end = p.prevEnd()
	return c
}

// clauses reads what follows the result columns.
func (p *parser) clauses(c *core) {
	if p.word("FROM") {
		c.from = p.joinTree()
	}
	if p.word("WHERE") {
		c.where = p.expr()
	}
	if p.word("GROUP") {
		p.wantWord("BY")
		c.group = p.exprList()
	}
	if p.word("HAVING") {
		c.having = p.expr()
	}
	if p.word("WINDOW") {
		for {
			w := namedWindow{name: p.wantName("a name for the window")}
			p.wantWord("AS")
			w.def = p.window()
			c.windows = append(c.windows, w)
			if !p.symbol(",") {
				break
			}
		}
	}
}

func (p *parser) result() *resultColumn {
	if p.symbol("*") {
		return &resultColumn{}
	}
	if p.isName(0) && p.isSymbol(1, ".") && p.isSymbol(2, "*") {
		table := p.nameOf(p.take())
		p.pos += 2
		return &resultColumn{table: &table}
	}
	r := &resultColumn{expr: p.expr()}
	r.alias = p.optionalAlias()
	return r
}

// joinTree reads the tables of a FROM clause.
func (p *parser) joinTree() *joinTree {
	p.enter()
	defer p.leave()
	t := &joinTree{items: []*joinItem{p.joinItem()}}
	for {
		natural, more := p.joinOperator()
		if !more {
			return t
		}
		item := p.joinItem()
		item.natural = natural
		if p.word("ON") {
			item.on = p.expr()
		} else if p.word("USING") {
			p.wantSymbol("(")
			item.using = p.nameList()
		}
		t.items = append(t.items, item)
	}
}

// joinOperator reads a comma or [NATURAL] [LEFT|RIGHT|FULL [OUTER]|INNER|CROSS] JOIN.
func (p *parser) joinOperator() (natural, more bool) {
	if p.symbol(",") {
		return false, true
	}
	words := 0
	for _, w := range []string{"NATURAL", "LEFT", "RIGHT", "FULL", "OUTER", "INNER", "CROSS"} {
		if p.word(w) {
			natural = natural || w == "NATURAL"
			words++
		}
	}
	if words > 0 {
		p.wantWord("JOIN")
		return natural, true
	}
	return false, p.word("JOIN")
}

// joinItem reads one table, subquery or bracketed join.
func (p *parser) joinItem() *joinItem {
	item := &joinItem{}
	if p.symbol("(") {
		if p.isWord(0, "SELECT") || p.isWord(0, "VALUES") || p.isWord(0, "WITH") {
			item.sel = p.selectStmt()
		} else {
			item.group = p.joinTree()
		}
		p.wantSymbol(")")
		if p.startsAsOf() {
			fail(p.peek().start, "write it behind the table's name, inside the brackets",
				"AS OF belongs to a table")
		}
		item.alias = p.optionalAlias()
		return item
	}
	p.table(item)
	return item
}

// table reads [main.]name[(args)] [AS OF …] [[AS] alias].
func (p *parser) table(item *joinItem) {
	table := p.wantName("a table")
	if p.isSymbol(0, ".") {
		if !strings.EqualFold(table.text, "main") {
			fail(table.start, "the tables have no schema in front", "unknown database %.60q",
				table.text)
		}
		p.pos++
		table = p.wantName("a table")
	}
	item.table = &table
	if p.symbol("(") {
		item.args = []*expr{}
		if !p.isSymbol(0, ")") {
			item.args = p.exprList()
		}
		p.wantSymbol(")")
	}
	if p.startsAsOf() {
		if item.args != nil {
			fail(p.peek().start, "", "%s(…) takes no AS OF", table.text)
		}
		item.asOf = p.asOf()
	}
	item.alias = p.optionalAlias()
	if item.alias != nil && p.startsAsOf() {
		fail(p.peek().start, "FROM "+table.text+" AS OF … AS "+item.alias.text,
			"AS OF stands before the alias")
	}
	if p.isWord(0, "INDEXED") || p.isWord(0, "NOT") && p.isWord(1, "INDEXED") {
		fail(p.peek().start, "", "INDEXED BY is refused: the tables choose their own access path")
	}
}

// startsAsOf reports whether AS OF comes next. It never begins an alias: who forgets the moment
// must not be given another one.
func (p *parser) startsAsOf() bool { return p.isWord(0, "AS") && p.isWord(1, "OF") }

func (p *parser) asOf() *asOf {
	a := &asOf{words: []token{p.take(), p.take()}}
	if p.isWord(0, "TIMESTAMP") && !p.isSymbol(1, ".") {
		a.words = append(a.words, p.take())
	}
	a.instant = p.binary(bindBits) // nothing that binds looser can stand here
	return a
}

// optionalOrder reads ORDER BY if it is there.
func (p *parser) optionalOrder() []*orderTerm {
	if !p.word("ORDER") {
		return nil
	}
	p.wantWord("BY")
	var terms []*orderTerm
	for {
		t := &orderTerm{expr: p.expr()}
		if p.word("DESC") {
			t.desc = true
		} else {
			p.word("ASC")
		}
		if p.word("NULLS") && !p.word("FIRST") {
			p.wantWord("LAST")
		}
		terms = append(terms, t)
		if !p.symbol(",") {
			return terms
		}
	}
}
