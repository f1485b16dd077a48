package sql

import (
	"math"
	"strings"

	"juno"

	"modernc.org/libc"
	lite "modernc.org/sqlite/lib"
)

// scanPlan says which conditions of a statement narrow a scan. SQLite checks all of them again,
// so a plan may leave out a condition, but must never narrow by more than it says.
type scanPlan struct {
	conditions []condition
	backward   bool
	cheap      bool // the table's costly column is not read
}

// condition is one condition whose right side SQLite passes to the scan.
type condition struct {
	push   push
	op     byte // '=', '<', '>', and 'l' and 'g' for <= and >=
	number int  // which argument, for pushArg
}

// opLimit is a condition that is none: the LIMIT of the statement, as a hint.
const opLimit = 'L'

var conditionOps = map[uint8]byte{
	lite.SQLITE_INDEX_CONSTRAINT_EQ: '=', lite.SQLITE_INDEX_CONSTRAINT_LT: '<',
	lite.SQLITE_INDEX_CONSTRAINT_LE: 'l', lite.SQLITE_INDEX_CONSTRAINT_GT: '>',
	lite.SQLITE_INDEX_CONSTRAINT_GE: 'g', lite.SQLITE_INDEX_CONSTRAINT_LIMIT: opLimit,
}

// planner collects a scanPlan in one call of bestIndex.
type planner struct {
	bound *boundTable
	info  *lite.Sqlite3_index_info
	plan  scanPlan
	text  strings.Builder // the plan in words: its name, and what EXPLAIN QUERY PLAN shows
	equal map[string]bool // columns with an equality
	low   bool            // the stretch of the log has a lower, an upper bound
	high  bool
}

// bestIndex is SQLite's question which conditions a scan can use, and what it then costs.
func bestIndex(tls *libc.TLS, table, words uintptr) int32 {
	bound := at[boundTable](at[liteTable](table).bound)
	p := planner{bound: bound, info: at[lite.Sqlite3_index_info](words), equal: map[string]bool{}}
	all := true
	for i := range int(p.info.FnConstraint) {
		used, possible := p.consider(tls, words, i)
		if !possible {
			return lite.SQLITE_CONSTRAINT
		}
		all = all && used
	}
	p.orders()
	if !all {
		p.dropLimit()
	}
	if i := bound.column(bound.costly); i >= 0 && p.info.FcolUsed&(1<<i) == 0 {
		p.plan.cheap = true
		p.text.WriteString(" without " + bound.costly)
	}
	p.estimate()
	return p.finish(tls)
}

// consider looks at the i-th condition. possible is false for a plan that cannot work: a table
// whose moment or arguments would not be known.
func (p *planner) consider(tls *libc.TLS, words uintptr, i int) (used, possible bool) {
	c := element[lite.Tsqlite3_index_constraint](p.info.FaConstraint, i)
	op := conditionOps[c.Fop]
	if op == opLimit {
		if c.Fusable != 0 {
			p.take(i, condition{op: opLimit}, "limit", false)
		}
		return true, true
	}
	if c.FiColumn < 0 || int(c.FiColumn) >= len(p.bound.columns) {
		return false, true
	}
	column := &p.bound.columns[c.FiColumn]
	switch column.push {
	case pushNone:
		return false, true
	case pushAsOf, pushArg:
		if op != '=' {
			return false, true
		}
		if c.Fusable == 0 {
			return false, false
		}
		number := 0
		if column.push == pushArg {
			number = int(column.name[len(column.name)-1] - '1')
		}
		p.take(i, condition{push: column.push, op: op, number: number}, column.name, true)
		return true, true
	}
	if c.Fusable == 0 || op == 0 || !column.takes(op) {
		return false, true
	}
	// An equality under another collation holds for other texts too.
	collation := libc.GoString(lite.Xsqlite3_vtab_collation(tls, words, int32(i)))
	if column.kind.class != classInteger && !strings.EqualFold(collation, "BINARY") {
		return false, true
	}
	p.take(i, condition{push: column.push, op: op}, column.name, false)
	switch {
	case op == '=':
		p.equal[column.name] = true
	case op == '<' || op == 'l':
		p.high = true
	default:
		p.low = true
	}
	return true, true
}

// takes reports whether a scan can use the operator on the column.
func (c *columnInfo) takes(op byte) bool {
	switch c.push {
	case pushIndex, pushTime, pushName:
		return true
	}
	return op == '='
}

func (p *planner) take(i int, c condition, name string, omit bool) {
	use := element[lite.Tsqlite3_index_constraint_usage](p.info.FaConstraintUsage, i)
	p.plan.conditions = append(p.plan.conditions, c)
	use.FargvIndex = int32(len(p.plan.conditions))
	if omit {
		use.Fomit = 1
	}
	if p.text.Len() > 0 {
		p.text.WriteByte(' ')
	}
	p.text.WriteString(name)
	switch c.op {
	case 'l':
		p.text.WriteString("<=")
	case 'g':
		p.text.WriteString(">=")
	case opLimit:
	default:
		p.text.WriteByte(c.op)
	}
}

// dropLimit forgets the LIMIT where SQLite will still drop rows: then it says nothing about how
// many are read.
func (p *planner) dropLimit() {
	for i := range p.plan.conditions {
		if p.plan.conditions[i].op == opLimit {
			p.plan.conditions[i].op = 0
			p.text.WriteByte('?')
		}
	}
}

// orders sees whether the rows come in the order that is asked for.
func (p *planner) orders() {
	n, natural := int(p.info.FnOrderBy), p.bound.order
	if n == 0 {
		return
	}
	backward, decided := false, false
	for i := range n {
		term := element[lite.Tsqlite3_index_orderby](p.info.FaOrderBy, i)
		if term.FiColumn < 0 {
			return
		}
		name := p.bound.columns[term.FiColumn].name
		if p.equal[name] {
			continue // the same in all rows
		}
		for len(natural) > 0 && natural[0] != name && p.equal[natural[0]] {
			natural = natural[1:]
		}
		desc := term.Fdesc != 0
		if len(natural) == 0 || natural[0] != name || decided && desc != backward ||
			desc && !p.bound.backward {
			return
		}
		natural, backward, decided = natural[1:], desc, true
	}
	p.info.ForderByConsumed = 1
	p.plan.backward = backward
	if backward {
		p.text.WriteString(" backward")
	}
}

// estimate tells SQLite what the scan costs, in rows.
func (p *planner) estimate() {
	rows := 100.0
	if p.bound.perEntry > 0 {
		entries := 1.0
		if r := p.bound.conn.run; r != nil {
			entries += float64(r.head.Index)
		}
		rows = math.Max(10, entries*p.bound.perEntry)
	}
	switch {
	case p.isUnique():
		rows = 1
		p.info.FidxFlags |= lite.SQLITE_INDEX_SCAN_UNIQUE
	case p.equal["log_index"], p.equal["transfer_id"]:
		rows = 2
	case p.hasLookup():
		rows = math.Min(rows, math.Max(p.bound.few, 1))
	case p.low && p.high:
		rows = math.Max(2, rows/10)
	case p.low || p.high:
		rows = math.Max(2, rows/3)
	}
	p.info.FestimatedRows = int64(rows)
	p.info.FestimatedCost = rows + 1
}

func (p *planner) isUnique() bool {
	for _, set := range p.bound.unique {
		all := true
		for _, name := range set {
			all = all && p.equal[name]
		}
		if all {
			return true
		}
	}
	return false
}

// hasLookup reports whether an equality leads straight to few rows.
func (p *planner) hasLookup() bool {
	for name := range p.equal {
		switch p.bound.columns[p.bound.column(name)].push {
		case pushName, pushSource, pushTarget, pushAccount, pushClient:
			return true
		}
	}
	return false
}

// finish stores the plan under a number that comes back in the scan.
func (p *planner) finish(tls *libc.TLS) int32 {
	text := p.text.String()
	number, known := p.bound.byName[text]
	if !known {
		number = len(p.bound.plans)
		plan := p.plan
		p.bound.plans = append(p.bound.plans, &plan)
		p.bound.byName[text] = number
	}
	p.info.FidxNum = int32(number)
	z := cString(tls, text)
	if z == 0 {
		return lite.SQLITE_NOMEM
	}
	p.info.FidxStr, p.info.FneedToFreeIdxStr = z, 1
	return lite.SQLITE_OK
}

// fill makes a scan of the conditions' values.
func (plan *scanPlan) fill(r *run, s *scan, args *arguments) error {
	*s = scan{run: r, at: r.head.Index}
	for i, c := range plan.conditions {
		if c.push == pushAsOf {
			if err := s.setMoment(r, args, i); err != nil {
				return err
			}
		}
	}
	s.From, s.To, s.Descending = 1, s.at+1, plan.backward
	s.cheap = plan.cheap
	for i, c := range plan.conditions {
		if err := s.narrow(r, c, args, i); err != nil {
			return err
		}
	}
	if s.From >= s.To && s.at > 0 {
		s.none = true // conditions on index or time that no entry meets
	}
	return nil
}

// setMoment takes the value of as_of.
func (s *scan) setMoment(r *run, args *arguments, i int) error {
	switch args.storage(i) {
	case lite.SQLITE_INTEGER:
		at, err := r.heldIndex(args.integer(i))
		s.at = at
		return err
	case lite.SQLITE_NULL:
		return refuse("", "AS OF NULL is no moment: %s", r.held())
	}
	return refuse("AS OF TIMESTAMP '…' takes a time", "AS OF %.40q: not a log index",
		args.text(i))
}

// narrow applies one condition.
func (s *scan) narrow(r *run, c condition, args *arguments, i int) error {
	storage := args.storage(i)
	if storage == lite.SQLITE_NULL && c.op != 0 && c.push != pushArg && c.op != opLimit {
		s.none = true // nothing is equal to NULL, or less, or more
		return nil
	}
	switch {
	case c.op == 0 || c.push == pushAsOf:
		return nil
	case c.op == opLimit:
		if n := args.integer(i); storage == lite.SQLITE_INTEGER && n > 0 {
			s.RowsHint = int(min(n, math.MaxInt32))
		}
		return nil
	case c.push == pushArg:
		return s.setArgument(c.number, args, i)
	case c.push == pushTime:
		return s.narrowTime(r, c.op, args, i)
	case c.push == pushIndex:
		s.narrowIndex(c.op, args, i)
		return nil
	case c.push == pushRequest:
		if n := args.integer(i); storage == lite.SQLITE_INTEGER && n > 0 {
			s.request = juno.RequestID(n)
		}
		return nil
	case storage == lite.SQLITE_TEXT:
		s.narrowText(c, strings.Clone(args.text(i)))
	}
	return nil
}

func (s *scan) setArgument(number int, args *arguments, i int) error {
	switch args.storage(i) {
	case lite.SQLITE_NULL:
	case lite.SQLITE_INTEGER:
		s.arguments[number] = argument{args.integer(i), true}
	default:
		return refuse("", "argument %d: %.40q is not an integer", number+1, args.text(i))
	}
	return nil
}

// narrowIndex bounds the stretch of the log. Values that SQLite would convert first are left to
// SQLite.
func (s *scan) narrowIndex(op byte, args *arguments, i int) {
	var low, high int64 // the indexes that satisfy index >= value are [low, …), > value [high, …)
	switch args.storage(i) {
	case lite.SQLITE_INTEGER:
		low = args.integer(i)
		high = low
		if high < math.MaxInt64 {
			high++
		}
	case lite.SQLITE_FLOAT:
		low = clamp(math.Ceil(args.real(i)))
		high = clamp(math.Floor(args.real(i)) + 1)
	default:
		return
	}
	s.bound(op, clampIndex(low), clampIndex(high))
}

// bound applies an operator: low is the first index not below the value, high the first above.
func (s *scan) bound(op byte, low, high juno.Index) {
	switch op {
	case '=':
		s.From, s.To = max(s.From, low), min(s.To, high)
	case '<':
		s.To = min(s.To, low)
	case 'l':
		s.To = min(s.To, high)
	case '>':
		s.From = max(s.From, high)
	case 'g':
		s.From = max(s.From, low)
	}
}

func clamp(x float64) int64 {
	const limit = 1 << 62
	return int64(math.Max(-limit, math.Min(limit, x)))
}

func clampIndex(n int64) juno.Index { return juno.Index(max(n, 0)) }

// narrowTime bounds the stretch of the log by commit time, which never decreases along it.
func (s *scan) narrowTime(r *run, op byte, args *arguments, i int) error {
	if args.storage(i) != lite.SQLITE_TEXT {
		return nil
	}
	t, ok := parseInstant(args.text(i))
	if !ok || t.String() != args.text(i) {
		return nil // byte order is time order for canonical times only
	}
	before, err := r.entryAt(t - 1)
	if err != nil {
		return err
	}
	through, err := r.entryAt(t)
	if err != nil {
		return err
	}
	s.bound(op, before+1, through+1)
	return nil
}

// narrowText sets an equality, or a bound on the name.
func (s *scan) narrowText(c condition, text string) {
	if c.push == pushName && c.op != '=' {
		s.narrowName(c.op, text)
		return
	}
	var place *string
	switch c.push {
	case pushName:
		place = &s.name
	case pushCurrency:
		place = &s.currency
	case pushTransfer:
		place = &s.transfer
	case pushSource:
		place = &s.source
	case pushTarget:
		place = &s.target
	case pushAccount:
		place = &s.account
	case pushClient:
		place = &s.client
	default:
		return
	}
	if *place != "" && *place != text {
		s.none = true
	}
	*place = text
}

func (s *scan) narrowName(op byte, text string) {
	switch op {
	case '>', 'g':
		s.nameFrom = max(s.nameFrom, text)
	case '<', 'l':
		if op == 'l' {
			text += "\x00" // the first name behind it
		}
		if s.nameTo == "" || text < s.nameTo {
			s.nameTo = text
		}
	}
}
