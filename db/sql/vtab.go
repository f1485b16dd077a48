package sql

import (
	"unsafe"

	"modernc.org/libc"
	lite "modernc.org/sqlite/lib"
)

// Our tables are virtual tables of SQLite. The tables are "eponymous": they exist on every
// connection under the name of their module, without a CREATE.

// boundTable is a table on one connection. Its address is the module's client data.
type boundTable struct {
	*tableInfo
	conn   *conn
	plans  []*scanPlan
	byName map[string]int
}

// liteTable is SQLite's object for a table, with ours behind it.
type liteTable struct {
	_     lite.Sqlite3_vtab
	bound uintptr
}

// liteCursor is SQLite's object for a cursor, with ours behind it.
type liteCursor struct {
	_     lite.Sqlite3_vtab_cursor
	bound uintptr
}

// cursor is one scan of a table. Cursors are pinned while SQLite knows their address, and are used
// again, so that a join does not make one per row.
type cursor struct {
	table  *boundTable
	reader reader
	end    bool
	row    int64 // how many rows were read
	scan   scan
}

// module returns the callbacks of our tables; SQLite keeps the address, so it is never freed.
func (c *conn) module() uintptr {
	p := libc.Xcalloc(c.tls, 1, libc.Tsize_t(unsafe.Sizeof(lite.Sqlite3_module{})))
	m := at[lite.Sqlite3_module](p)
	m.FiVersion = 1
	m.FxConnect = funcWord(connectTable) // no xCreate: eponymous
	m.FxBestIndex = funcWord(bestIndex)
	m.FxDisconnect = funcWord(disconnectTable)
	m.FxOpen = funcWord(openCursor)
	m.FxClose = funcWord(closeCursor)
	m.FxFilter = funcWord(filterCursor)
	m.FxNext = funcWord(nextRow)
	m.FxEof = funcWord(atEnd)
	m.FxColumn = funcWord(readColumn)
	m.FxRowid = funcWord(rowID)
	return p
}

// registerTables makes all tables known to SQLite.
func (c *conn) registerTables() error {
	c.modules = c.module()
	for _, t := range catalog() {
		if t.foreign {
			continue
		}
		bound := &boundTable{tableInfo: t, conn: c, byName: map[string]int{}}
		c.pins.Pin(bound)
		c.tables = append(c.tables, bound)
		name, err := libc.CString(t.name)
		if err != nil {
			return err
		}
		rc := lite.Xsqlite3_create_module_v2(c.tls, c.db, name, c.modules,
			uintptr(unsafe.Pointer(bound)), 0)
		libc.Xfree(c.tls, name)
		if rc != lite.SQLITE_OK {
			return c.error("create module "+t.name, rc)
		}
	}
	return nil
}

func connectTable(tls *libc.TLS, db, client uintptr, _ int32, _, out, message uintptr) int32 {
	bound := at[boundTable](client)
	text, err := libc.CString(bound.declaration())
	if err != nil {
		return lite.SQLITE_NOMEM
	}
	defer libc.Xfree(tls, text)
	if rc := lite.Xsqlite3_declare_vtab(tls, db, text); rc != lite.SQLITE_OK {
		*at[uintptr](message) = cString(tls, libc.GoString(lite.Xsqlite3_errmsg(tls, db)))
		return rc
	}
	p := allocate[liteTable](tls)
	if p == 0 {
		return lite.SQLITE_NOMEM
	}
	at[liteTable](p).bound = client
	*at[uintptr](out) = p
	return lite.SQLITE_OK
}

// allocate returns a zeroed C object.
func allocate[T any](tls *libc.TLS) uintptr {
	var zero T
	p := lite.Xsqlite3_malloc(tls, int32(unsafe.Sizeof(zero)))
	if p != 0 {
		*at[T](p) = zero
	}
	return p
}

// cString returns s in memory that SQLite frees, 0 without memory.
func cString(tls *libc.TLS, s string) uintptr {
	p := lite.Xsqlite3_malloc(tls, int32(len(s)+1))
	if p != 0 {
		b := libc.GoBytes(p, len(s)+1)
		copy(b, s)
		b[len(s)] = 0
	}
	return p
}

func disconnectTable(tls *libc.TLS, p uintptr) int32 {
	lite.Xsqlite3_free(tls, p)
	return lite.SQLITE_OK
}

func openCursor(tls *libc.TLS, table, out uintptr) int32 {
	bound := at[boundTable](at[liteTable](table).bound)
	c := bound.conn
	var cur *cursor
	if n := len(c.cursors); n > 0 {
		cur, c.cursors = c.cursors[n-1], c.cursors[:n-1]
	} else {
		cur = &cursor{}
		c.pins.Pin(cur)
	}
	p := allocate[liteCursor](tls)
	if p == 0 {
		c.cursors = append(c.cursors, cur)
		return lite.SQLITE_NOMEM
	}
	cur.table, cur.end = bound, true
	at[liteCursor](p).bound = uintptr(unsafe.Pointer(cur))
	*at[uintptr](out) = p
	return lite.SQLITE_OK
}

func closeCursor(tls *libc.TLS, p uintptr) int32 {
	cur := at[cursor](at[liteCursor](p).bound)
	cur.closeReader()
	c := cur.table.conn
	cur.table = nil
	c.cursors = append(c.cursors, cur)
	lite.Xsqlite3_free(tls, p)
	return lite.SQLITE_OK
}

func (cur *cursor) closeReader() {
	if cur.reader != nil {
		cur.reader.close()
		cur.reader = nil
	}
}

// filterCursor starts a scan.
func filterCursor(tls *libc.TLS, p uintptr, plan int32, _ uintptr, count int32,
	words uintptr,
) int32 {
	cur := at[cursor](at[liteCursor](p).bound)
	cur.closeReader()
	r := cur.table.conn.run
	args := arguments{tls: tls, words: words, count: int(count)}
	if err := cur.open(r, cur.table.plans[plan], &args); err != nil {
		r.fail(err)
		return lite.SQLITE_ERROR
	}
	return lite.SQLITE_OK
}

func (cur *cursor) open(r *run, plan *scanPlan, args *arguments) error {
	if err := plan.fill(r, &cur.scan, args); err != nil {
		return err
	}
	if cur.end = cur.scan.none; cur.end {
		return nil
	}
	reader, err := cur.table.open(r, &cur.scan)
	if err != nil {
		return err
	}
	cur.reader, cur.row = reader, 0
	return cur.advance(r)
}

func (cur *cursor) advance(r *run) error {
	if err := r.tick(); err != nil {
		return err
	}
	more, err := cur.reader.next()
	cur.end = !more
	cur.row++
	return err
}

func nextRow(_ *libc.TLS, p uintptr) int32 {
	cur := at[cursor](at[liteCursor](p).bound)
	if err := cur.advance(cur.table.conn.run); err != nil {
		cur.table.conn.run.fail(err)
		return lite.SQLITE_ERROR
	}
	return lite.SQLITE_OK
}

func atEnd(_ *libc.TLS, p uintptr) int32 {
	if at[cursor](at[liteCursor](p).bound).end {
		return 1
	}
	return 0
}

func readColumn(_ *libc.TLS, p, context uintptr, column int32) int32 {
	cur := at[cursor](at[liteCursor](p).bound)
	out := &cur.table.conn.out
	out.context = context
	cur.reader.column(int(column), out)
	return lite.SQLITE_OK
}

// rowID numbers the rows of tables without a key. Those are always read from end to end, so the
// number tells rows apart across scans.
func rowID(_ *libc.TLS, p, out uintptr) int32 {
	*at[int64](out) = at[cursor](at[liteCursor](p).bound).row
	return lite.SQLITE_OK
}
