package sql

import (
	"math"

	"juno"
)

// functionTables returns the table-valued functions and the tables about tables.
func functionTables() []*tableInfo {
	return []*tableInfo{
		verifyTable("verify_chain", VerifyChain, [2]int{0, 2}, "verify_chain([from [, to]])",
			"recompute the hash chain"),
		verifyTable("verify_signatures", VerifySignatures, [2]int{0, 2},
			"verify_signatures([from [, to]])", "check every client signature"),
		verifyTable("verify_proofs", VerifyProofs, [2]int{0, 2}, "verify_proofs([from [, to]])",
			"check every node's attestations"),
		verifyTable("verify_balances", VerifyBalances, [2]int{0, 0}, "verify_balances()",
			"recompute every balance from the postings"),
		verifyTable("verify_snapshot", VerifySnapshot, [2]int{1, 1}, "verify_snapshot(index)",
			"check a snapshot against the log"),
		verifyTable("verify_all", VerifyAll, [2]int{0, 0}, "verify_all()", "all of the checks"),
		seriesTable(), tablesTable(), columnsTable(),
	}
}

func verifyTable(name string, k VerifyKind, args [2]int, usage, doc string) *tableInfo {
	type row = juno.Finding
	fields := []field[row]{
		f("check", kindText, pushNone, "what was checked",
			func(o *result, r *row) { o.string(r.Check) }),
		f("from_index", kindIndex, pushNone, "first entry",
			func(o *result, r *row) { o.index(r.From) }),
		f("to_index", kindIndex, pushNone, "last entry",
			func(o *result, r *row) { o.index(max(r.To, 1) - 1) }),
		f("items", kindInteger, pushNone, "how many things were checked",
			func(o *result, r *row) { o.unsigned(r.Items) }),
		f("ok", kindBoolean, pushNone, "1 if all is well",
			func(o *result, r *row) { o.bool(r.OK) }),
		f("first_bad_index", kindIndex, pushNone, "first entry that is wrong",
			func(o *result, r *row) { o.index(r.FirstBad) }),
		f("expected", kindText, pushNone, "what it should be",
			func(o *result, r *row) { o.text(r.Expected) }),
		f("actual", kindText, pushNone, "what it is",
			func(o *result, r *row) { o.text(r.Actual) }),
		f("detail", kindText, pushNone, "the rest",
			func(o *result, r *row) { o.text(r.Detail) }),
	}
	return functionTable(tableInfo{name: name, doc: doc, usage: usage, args: args}, fields,
		func(r *run, s *scan) (Cursor[row], error) {
			request, err := verifyRequest(r, k, s.arguments)
			if err != nil {
				return nil, err
			}
			return r.source.Verify(r.ctx, request)
		})
}

// verifyRequest turns arguments, both ends included, into a range.
func verifyRequest(r *run, k VerifyKind, args [3]argument) (VerifyRequest, error) {
	request := VerifyRequest{Kind: k, From: r.low, To: r.head.Index + 1}
	if args[0].given {
		at, err := r.heldIndex(args[0].value)
		if err != nil {
			return request, err
		}
		request.From = at
		if k == VerifySnapshot {
			request.To = at + 1
		}
	}
	if args[1].given {
		at, err := r.heldIndex(args[1].value)
		if err != nil {
			return request, err
		}
		request.To = at + 1
	}
	if request.From >= request.To && args[0].given {
		return request, refuse("", "verify from %d to %d: the range is empty", request.From,
			request.To-1)
	}
	return request, nil
}

// functionTable is table for what has arguments instead of a past.
func functionTable[R any](t tableInfo, fields []field[R],
	open func(r *run, s *scan) (Cursor[R], error),
) *tableInfo {
	for _, f := range fields {
		t.columns = append(t.columns, f.columnInfo)
	}
	for i := range t.args[1] {
		t.columns = append(t.columns, columnInfo{
			name: "argument" + itoa(i+1), kind: kindInteger,
			hidden: true, push: pushArg,
		})
	}
	t.open = func(r *run, s *scan) (reader, error) {
		cursor, err := open(r, s)
		if err != nil {
			return nil, err
		}
		return &rows[R]{cursor: cursor, fields: fields}, nil
	}
	return &t
}

// series is the cursor of generate_series.
type series struct {
	value, next, stop, step int64
	done                    bool
}

// Next implements Cursor.
func (s *series) Next() (*series, error) {
	if s.done || s.step > 0 && s.next > s.stop || s.step < 0 && s.next < s.stop {
		return nil, nil
	}
	s.value = s.next
	next, ok := add64(s.next, s.step)
	s.next, s.done = next, !ok
	return s, nil
}

// Close implements Cursor.
func (s *series) Close() {}

func seriesTable() *tableInfo {
	return functionTable(tableInfo{
		name: "generate_series", doc: "the integers from start to stop",
		usage: "generate_series(start [, stop [, step]])", args: [2]int{1, 3},
	}, []field[series]{
		f("value", kindInteger, pushNone, "the integer",
			func(o *result, r *series) { o.integer(r.value) }),
	}, func(_ *run, s *scan) (Cursor[series], error) {
		r := &series{next: s.arguments[0].value, stop: math.MaxInt64, step: 1}
		if s.arguments[1].given {
			r.stop = s.arguments[1].value
		}
		if s.arguments[2].given {
			r.step = s.arguments[2].value
		}
		if r.step == 0 {
			return nil, refuse("", "generate_series with step 0")
		}
		return r, nil
	})
}

// inMemory is a cursor over rows in memory.
type inMemory[R any] struct{ rows []R }

// Next implements Cursor.
func (l *inMemory[R]) Next() (*R, error) {
	if len(l.rows) == 0 {
		return nil, nil
	}
	r := &l.rows[0]
	l.rows = l.rows[1:]
	return r, nil
}

// Close implements Cursor.
func (l *inMemory[R]) Close() {}

func tablesTable() *tableInfo {
	type row = juno.TableInfo
	return functionTable(tableInfo{name: "tables", doc: "the tables that can be queried"},
		[]field[row]{
			f("name", kindText, pushNone, "name of the table",
				func(o *result, r *row) { o.string(r.Name) }),
			f("usage", kindText, pushNone, "arguments of a table-valued function",
				func(o *result, r *row) { o.text(r.Usage) }),
			f("doc", kindText, pushNone, "what it holds",
				func(o *result, r *row) { o.string(r.Doc) }),
		}, func(*run, *scan) (Cursor[row], error) { return &inMemory[row]{Tables()}, nil })
}

// columnRow is one column of one table.
type columnRow struct {
	table  string
	column juno.ColumnInfo
}

func columnsTable() *tableInfo {
	type row = columnRow
	return functionTable(tableInfo{name: "columns", doc: "their columns"}, []field[row]{
		f("table_name", kindText, pushNone, "name of the table",
			func(o *result, r *row) { o.string(r.table) }),
		f("name", kindText, pushNone, "name of the column",
			func(o *result, r *row) { o.string(r.column.Name) }),
		f("type", kindText, pushNone, "what its values are",
			func(o *result, r *row) { o.text(r.column.Kind.String()) }),
		f("doc", kindText, pushNone, "what they mean",
			func(o *result, r *row) { o.text(r.column.Doc) }),
	}, func(*run, *scan) (Cursor[row], error) {
		var all []row
		for _, t := range Tables() {
			for _, c := range t.Columns {
				all = append(all, row{t.Name, c})
			}
		}
		return &inMemory[row]{all}, nil
	})
}

// jsonTables are SQLite's own; only their columns are written down here.
func jsonTables() []*tableInfo {
	columns := []columnInfo{
		{name: "key", doc: "name or place of the element"},
		{name: "value", doc: "its value"},
		{name: "type", kind: kindText, doc: "its JSON type"},
		{name: "atom", doc: "its value, NULL for arrays and objects"},
		{name: "id", kind: kindInteger},
		{name: "parent", kind: kindInteger},
		{name: "fullkey", kind: kindText},
		{name: "path", kind: kindText},
		{name: "json", hidden: true},
		{name: "root", kind: kindText, hidden: true},
	}
	each := &tableInfo{
		name: "json_each", doc: "the elements of a JSON value", foreign: true,
		usage: "json_each(json [, path])", args: [2]int{1, 2}, columns: columns,
	}
	tree := &tableInfo{
		name: "json_tree", doc: "a JSON value and everything in it", foreign: true,
		usage: "json_tree(json [, path])", args: [2]int{1, 2}, columns: columns,
	}
	return []*tableInfo{each, tree}
}
