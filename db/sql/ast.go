package sql

// A statement is parsed into these nodes so that every expression gets a kind (kind.go) before
// SQLite sees it. Nodes keep their place in the text; rewriting is a list of insertions there, so
// that whatever is not rewritten, strings and comments above all, reaches SQLite byte for byte.

// exprOp says what an expression is.
type exprOp uint8

const (
	opNull      exprOp = iota
	opInteger          // integer literal
	opDecimal          // literal with a point or an exponent, or beyond 64 bits
	opString           // 'text'
	opBlob             // x'00'
	opWordValue        // TRUE, FALSE, CURRENT_TIMESTAMP …: text holds the word in upper case
	opName             // column: names
	opParen            // ( args[0] )
	opRow              // ( args… ), two or more
	opUnary            // text args[0]
	opBinary           // args[0] text args[1]
	opIsNull           // args[0] IS [NOT] NULL in one of its spellings
	opLike             // args[0] [NOT] LIKE args[1] [ESCAPE args[2]], also GLOB, REGEXP, MATCH
	opBetween          // args[0] [NOT] BETWEEN args[1] AND args[2]
	opIn               // args[0] [NOT] IN ( args[1:] ), or sel
	opCase             // CASE [base] WHEN … THEN … [ELSE …]: see caseParts
	opCast             // CAST(args[0] AS text)
	opCollate          // args[0] COLLATE text
	opCall             // function: call
	opSelect           // ( sel ) as a value
	opExists           // EXISTS ( sel )
	opParam            // parameter: text as written, param
)

// expr is one expression, text[start:end] of the statement.
type expr struct {
	op         exprOp
	start, end int
	text       string // operator, word, type or collation in upper case; literal as written
	names      []name // opName: [[schema.]table.]column
	args       []*expr
	sel        *selectStmt
	call       *call
	operator   token // the operator's own token in opUnary and opBinary
	param      int   // opParam: which argument, from 0, once that is known
	depth      int   // of the tree below, this node included
	kind       kind  // set when the expression is checked
	caseParts
}

// caseParts are the branches of a CASE; args holds all expressions of it in order.
type caseParts struct {
	base  *expr // may be nil
	whens []*expr
	thens []*expr
	other *expr // ELSE, may be nil
}

// name is an identifier and its place.
type name struct {
	text       string // without quotes
	start, end int
	bare       bool // written without quotes
}

// call is a function call, text[start:end] of its expression.
type call struct {
	name     name
	star     bool // count(*)
	distinct bool
	order    []*orderTerm
	filter   *expr
	over     *window // OVER ( … ) or OVER name
}

// window is a window definition, or only its base name.
type window struct {
	base      *name
	partition []*expr
	order     []*orderTerm
	frame     []*expr // the bounds' expressions
	isRange   bool
}

// orderTerm is one term of an ORDER BY.
type orderTerm struct {
	expr *expr
	desc bool
}

// selectStmt is SELECT … [UNION …] [ORDER BY …] [LIMIT …] with the WITH before it.
type selectStmt struct {
	start, end int
	with       []*cte
	cores      []*core
	order      []*orderTerm
	limits     []*expr
}

// cte is one common table expression.
type cte struct {
	name    name
	columns []name
	sel     *selectStmt
}

// core is one SELECT or VALUES without ORDER BY and LIMIT.
type core struct {
	start, end int
	compound   string // "", UNION, UNION ALL, INTERSECT, EXCEPT: how it joins the one before
	distinct   bool
	values     [][]*expr
	results    []*resultColumn
	from       *joinTree
	where      *expr
	group      []*expr
	having     *expr
	windows    []namedWindow
}

type namedWindow struct {
	name name
	def  *window
}

// resultColumn is one result column: an expression, * or table.*.
type resultColumn struct {
	expr  *expr // nil for a star
	table *name // table of table.*, nil for *
	alias *name
}

// joinTree is a FROM clause: the first item, then the joins.
type joinTree struct {
	items []*joinItem
}

// joinItem is one table and how it joins what stands before it.
type joinItem struct {
	natural bool
	on      *expr
	using   []name

	table *name // table or table-valued function
	args  []*expr
	asOf  *asOf
	sel   *selectStmt
	group *joinTree
	alias *name
}

// asOf is AS OF [TIMESTAMP] instant.
type asOf struct {
	words   []token // AS, OF and TIMESTAMP as far as written
	instant *expr
}

// statement is a whole statement.
type statement struct {
	text    string
	explain bool // EXPLAIN QUERY PLAN
	sel     *selectStmt
	params  []*expr // all opParam, in the order of the text
}

// unparen returns the expression inside any brackets.
func (e *expr) unparen() *expr {
	for e.op == opParen {
		e = e.args[0]
	}
	return e
}
