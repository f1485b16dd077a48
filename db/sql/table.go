package sql

import (
	"strings"
	"sync"

	"juno"
)

// asOfColumn is the hidden column of every table of the ledger that says at which log index it is
// read; AS OF sets it.
const asOfColumn = "as_of"

// tableInfo is one table: what the rewriter knows of it, how it is declared to SQLite, and how a
// cursor on it is opened.
type tableInfo struct {
	name, doc string
	usage     string // of a table-valued function: its arguments
	args      [2]int // fewest and most arguments in brackets
	columns   []columnInfo
	key       string     // PRIMARY KEY columns; rows are told apart by it
	order     []string   // columns that the rows come sorted by
	backward  bool       // they can come the other way round as well
	unique    [][]string // equality on all of one of these leaves at most one row
	costly    string     // column that a source may leave out where nobody reads it
	perEntry  float64    // how many rows an entry of the log makes, for the planner
	few       float64    // rows left by an equality on a column that has a lookup
	// timeTravel says that the table has a hidden column as_of; foreign that SQLite implements it.
	timeTravel, foreign bool
	open                func(r *run, s *scan) (reader, error)
}

// columnInfo is one column.
type columnInfo struct {
	name   string
	kind   kind
	hidden bool
	push   push
	doc    string
}

// push says what a condition on a column does for a scan.
type push uint8

const (
	pushNone     push = iota
	pushIndex         // bounds the stretch of the log
	pushTime          // bounds it by commit time
	pushName          // equality, and bounds in byte order: scan.name
	pushCurrency      // the others: equality on one field of scan
	pushTransfer
	pushSource
	pushTarget
	pushAccount
	pushClient
	pushRequest
	pushAsOf // which moment is read
	pushArg  // argument of a table-valued function
)

// scan is what a statement's conditions leave of a table. The port's scans are cut from it.
type scan struct {
	Range
	run              *run
	at               juno.Index // the moment that is read
	name, currency   string
	nameFrom, nameTo string
	transfer         string
	source, target   string
	account, client  string
	request          juno.RequestID
	arguments        [3]argument
	none             bool // the conditions contradict each other
	cheap            bool // nobody reads the table's costly column
}

// argument is one integer argument of a table-valued function.
type argument struct {
	value int64
	given bool
}

// reader reads the rows of one scan.
type reader interface {
	next() (bool, error)
	column(i int, out *result)
	close()
}

// field is a column as a table is written down: its description and how a row gives its value.
type field[R any] struct {
	columnInfo
	get func(out *result, row *R)
}

// rows reads a cursor of the port.
type rows[R any] struct {
	cursor Cursor[R]
	fields []field[R]
	row    *R
	at     juno.Index
}

func (r *rows[R]) next() (bool, error) {
	row, err := r.cursor.Next()
	r.row = row
	return row != nil, err
}

func (r *rows[R]) column(i int, out *result) {
	if i < len(r.fields) {
		r.fields[i].get(out, r.row)
		return
	}
	out.integer(int64(r.at))
}

func (r *rows[R]) close() { r.cursor.Close() }

// define joins a description, fields and an opener into a table with a hidden as_of.
func table[R any](t tableInfo, fields []field[R],
	open func(v View, s *scan) (Cursor[R], error),
) *tableInfo {
	for _, f := range fields {
		t.columns = append(t.columns, f.columnInfo)
	}
	t.columns = append(t.columns, columnInfo{
		name: asOfColumn, kind: kindIndex, hidden: true,
		push: pushAsOf, doc: "log index that the row is read at",
	})
	t.timeTravel = true
	t.args = [2]int{0, 1}
	t.usage = t.name + " AS OF index"
	t.open = func(r *run, s *scan) (reader, error) {
		v, err := r.view(s.at)
		if err != nil {
			return nil, err
		}
		cursor, err := open(v.View, s)
		if err != nil {
			r.release(v)
			return nil, err
		}
		return &viewRows[R]{rows[R]{cursor: cursor, fields: fields, at: s.at}, r, v}, nil
	}
	return &t
}

// viewRows gives its view back at the end.
type viewRows[R any] struct {
	rows[R]
	run  *run
	view *openView
}

func (r *viewRows[R]) close() {
	r.rows.close()
	r.run.release(r.view)
}

// f writes down one column.
func f[R any](name string, k kind, p push, doc string, get func(*result, *R)) field[R] {
	return field[R]{columnInfo{name: name, kind: k, push: p, doc: doc}, get}
}

// declaredName is what every table is called while it is declared; no table keeps it.
const declaredName = "x"

// declaration returns the CREATE TABLE that tells SQLite the columns. Tables with a key are
// WITHOUT ROWID: SQLite tells their rows apart by the key when it unites the branches of an OR.
func (t *tableInfo) declaration() string {
	var b strings.Builder
	b.WriteString("CREATE TABLE " + declaredName + "(")
	for i, c := range t.columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(`"` + c.name + `" `)
		switch c.kind.class {
		case classInteger:
			b.WriteString("INTEGER")
		case classExact:
			b.WriteString("TEXT COLLATE exact")
		case classBlob:
			b.WriteString("BLOB")
		default:
			b.WriteString("TEXT")
		}
		if c.hidden {
			b.WriteString(" HIDDEN")
		}
	}
	if t.key != "" {
		b.WriteString(", PRIMARY KEY(" + t.key + ")) WITHOUT ROWID")
		return b.String()
	}
	b.WriteString(")")
	return b.String()
}

// column returns the place of a column, -1 if there is none.
func (t *tableInfo) column(name string) int {
	for i := range t.columns {
		if strings.EqualFold(t.columns[i].name, name) {
			return i
		}
	}
	return -1
}

// known holds all tables, made when first asked for.
var known struct {
	once   sync.Once
	tables []*tableInfo
	byName map[string]*tableInfo
}

// catalog returns all tables, ours and the two of SQLite's JSON, in the order they are shown in.
func catalog() []*tableInfo {
	known.once.Do(func() {
		known.tables = append(ledgerTables(), functionTables()...)
		known.tables = append(known.tables, jsonTables()...)
		known.byName = map[string]*tableInfo{}
		for _, t := range known.tables {
			known.byName[t.name] = t
		}
	})
	return known.tables
}

func findTable(name string) *tableInfo {
	catalog()
	return known.byName[strings.ToLower(name)]
}

func tableNames() []string {
	var names []string
	for _, t := range catalog() {
		names = append(names, t.name)
	}
	return names
}

// Tables returns the tables and table-valued functions that a statement can name.
func Tables() []juno.TableInfo {
	var all []juno.TableInfo
	for _, t := range catalog() {
		info := juno.TableInfo{Name: t.name, Doc: t.doc, Function: !t.timeTravel && t.args[1] > 0}
		if info.Function {
			info.Usage = t.usage
		}
		for _, c := range t.columns {
			if !c.hidden {
				info.Columns = append(info.Columns,
					juno.ColumnInfo{Name: c.name, Kind: c.kind.valueKind(), Doc: c.doc})
			}
		}
		all = append(all, info)
	}
	return all
}
