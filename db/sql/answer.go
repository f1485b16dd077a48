package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"juno"

	lite "modernc.org/sqlite/lib"
)

// answer is a statement being read; it implements juno.Rows.
type answer struct {
	engine  *Engine
	conn    *conn
	plan    *plan
	run     *run
	stmt    *prepared
	columns []juno.Column
	row     []juno.Value
	rowsMax int
	count   int
	more    bool // SQLite stands on a row that has not been returned
	broken  bool // the engine panicked: its memory cannot be trusted any more
	closed  bool
	err     error
	cancel  context.CancelCauseFunc
	done    func()
}

// Columns implements juno.Rows.
func (a *answer) Columns() []juno.Column { return a.columns }

// Err implements juno.Rows.
func (a *answer) Err() error { return a.err }

// Head implements juno.Rows.
func (a *answer) Head() juno.Head { return a.run.head }

// guard runs f and makes an error of a panic.
func (a *answer) guard(f func() error) {
	defer func() {
		if r := recover(); r != nil {
			a.broken, a.more = true, false
			a.err = failure(r)
		}
	}()
	if err := f(); err != nil {
		a.more = false
		a.err = a.translate(err)
	}
}

// start compiles the statement, binds its arguments and runs it to its first row.
func (a *answer) start(args []juno.Arg) {
	a.guard(func() error {
		p, offset, err := a.conn.prepare(a.plan.text)
		if err != nil {
			return a.refused(err, offset)
		}
		a.stmt = p
		if p.columns != len(a.plan.columns) {
			return fmt.Errorf("sql: %d columns where the rewriter saw %d", p.columns,
				len(a.plan.columns))
		}
		a.row = make([]juno.Value, p.columns)
		a.columns = make([]juno.Column, p.columns)
		for i := range a.columns {
			kind := a.plan.columns[i].kind.valueKind()
			a.columns[i] = juno.Column{Name: p.names[i], Kind: kind}
		}
		if err := a.bind(args); err != nil {
			return err
		}
		a.more, err = a.conn.step(p)
		return err
	})
}

// Next implements juno.Rows.
func (a *answer) Next() ([]juno.Value, bool) {
	if a.closed || a.err != nil || !a.more {
		return nil, false
	}
	if a.guard(a.advance); a.err != nil {
		return nil, false
	}
	if a.more {
		a.guard(a.readRow)
	}
	return a.row, a.more
}

// advance moves SQLite to the next row, except before the first one, where it stands already.
func (a *answer) advance() (err error) {
	if a.count > 0 {
		a.more, err = a.conn.step(a.stmt)
	}
	return err
}

// readRow reads the row SQLite stands on.
func (a *answer) readRow() error {
	if a.count++; a.count > a.rowsMax {
		return refuse("LIMIT, or a condition, makes it shorter",
			"the answer has more than %d rows", a.rowsMax)
	}
	for i := range a.row {
		if err := a.value(i, &a.row[i]); err != nil {
			return err
		}
	}
	if a.run.stopped() {
		return context.Cause(a.run.ctx)
	}
	return nil
}

// value reads one cell. A floating-point number where none can be is refused: it would be money
// that lost its exactness on a way that nobody thought of.
func (a *answer) value(i int, v *juno.Value) error {
	tls, handle, n := a.conn.tls, a.stmt.handle, int32(i)
	kind := a.plan.columns[i].kind
	switch lite.Xsqlite3_column_type(tls, handle, n) {
	case lite.SQLITE_NULL:
		*v = juno.Value{}
	case lite.SQLITE_INTEGER:
		*v = juno.Value{Kind: juno.Integer, Integer: lite.Xsqlite3_column_int64(tls, handle, n)}
	case lite.SQLITE_FLOAT:
		if kind.class != classReal && (kind.class != classAny || kind.money) {
			return refuse("exact(x) and approx(x) say which of the two is meant",
				"column %s came out as a floating-point number", a.columns[i].Name)
		}
		*v = juno.Value{Kind: juno.Float, Float: lite.Xsqlite3_column_double(tls, handle, n)}
	case lite.SQLITE_BLOB:
		p := lite.Xsqlite3_column_blob(tls, handle, n)
		b := view(p, lite.Xsqlite3_column_bytes(tls, handle, n))
		*v = juno.Value{Kind: juno.Blob, Blob: []byte(b)}
	default:
		p := lite.Xsqlite3_column_text(tls, handle, n)
		text := strings.Clone(view(p, lite.Xsqlite3_column_bytes(tls, handle, n)))
		*v = juno.Value{Kind: juno.Text, Text: text}
		if kind.class == classExact {
			v.Kind = juno.Exact
		}
	}
	return nil
}

// Close implements juno.Rows.
func (a *answer) Close() error {
	if a.closed {
		return nil
	}
	a.closed, a.more = true, false
	if a.stmt != nil && !a.broken {
		err := a.err
		a.guard(func() error { a.conn.reset(a.stmt); return nil })
		a.err = err
	}
	a.run.close()
	a.conn.run = nil
	a.done()
	a.engine.give(a)
	return nil
}

// refused is SQLite's complaint about a text.
func (a *answer) refused(err error, offset int) error {
	var l *liteError
	if !errors.As(err, &l) || a.run.err != nil || l.code&0xff != lite.SQLITE_ERROR {
		return err
	}
	q := &juno.QueryError{Message: l.message, Offset: a.plan.back.original(offset)}
	if q.Offset > len(a.plan.original) {
		q.Offset = -1
	}
	if strings.Contains(l.message, "no query solution") {
		q.Hint = "two tables that take their moment from each other cannot be read"
	}
	return q
}

// translate makes of an error one that tells a user something.
func (a *answer) translate(err error) error {
	var q *juno.QueryError
	var l *liteError
	switch {
	case a.run.err != nil:
		err = a.run.err
		if errors.As(err, &q) || isContextError(err) || errors.Is(err, ErrClosed) {
			return err
		}
		return fmt.Errorf("sql: %w", err)
	case a.run.ctx.Err() != nil:
		return context.Cause(a.run.ctx)
	case !errors.As(err, &l):
		return err
	}
	switch l.code & 0xff {
	case lite.SQLITE_NOMEM, lite.SQLITE_IOERR, lite.SQLITE_FULL: // all files are in memory
		return refuse("fewer rows to sort or group need less",
			"the statement needs more memory than the %d MiB that all statements share",
			a.engine.options.MemoryBytesMax>>20)
	case lite.SQLITE_TOOBIG:
		return refuse("", "a value is longer than %d MiB", valueBytesMax>>20)
	case lite.SQLITE_AUTH:
		return refuse(writeHint, "%s", l.message)
	}
	return refuse("", "%s", l.message)
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
