package sql

import (
	"fmt"
	"regexp"
	"runtime"
	"sync"
	"unsafe"

	"modernc.org/libc"
	lite "modernc.org/sqlite/lib"
)

// This file is the only place that knows how Go talks to the translated C of SQLite: its memory
// is not Go's, its pointers are uintptr, its callbacks are words that hold a func.

// funcWord returns the word by which SQLite calls f, which must be a func declared at top level.
// A func value is one pointer, and an interface keeps such a value in its second word.
func funcWord(f any) uintptr { return (*[2]uintptr)(unsafe.Pointer(&f))[1] }

// at returns the C object at p. It is valid as long as SQLite keeps the object.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

// element returns the i-th object of a C array.
func element[T any](p uintptr, i int) *T {
	var zero T
	return at[T](p + uintptr(i)*unsafe.Sizeof(zero))
}

// view returns n bytes of C memory as a string, without a copy: it is valid only as long as
// SQLite keeps the bytes.
func view(p uintptr, n int32) string {
	if p == 0 || n <= 0 {
		return ""
	}
	return unsafe.String(unsafe.SliceData(libc.GoBytes(p, int(n))), int(n))
}

// transient tells SQLite to copy what it is given (SQLITE_TRANSIENT).
const transient = ^uintptr(0)

// Limits that SQLite itself enforces.
const (
	valueBytesMax    = 8 << 20 // one text or blob
	columnsMax       = 500
	compoundMax      = 50
	likeBytesMax     = 256   // LIKE takes pattern times text
	programStepsMax  = 50000 // of a prepared statement
	liteDepthMax     = 3*exprDepthMax + 100
	liteParserMax    = 2500
	lookasideBytes   = 1200
	lookasideSlots   = 100
	progressInterval = 1000 // virtual machine steps between two looks at the clock
)

// process holds what can be set once per process, before the first connection.
var process struct {
	once sync.Once
	err  error
}

// initProcess switches SQLite's own accounting on, which a cap on memory needs, and sets the cap.
// The cap is shared by all engines of the process; the first one decides.
func initProcess(memoryBytesMax int64) error {
	process.once.Do(func() {
		tls := libc.NewTLS()
		defer tls.Close()
		lite.PatchIssue199()
		on := libc.NewVaList(int32(1))
		defer libc.Xfree(tls, on)
		if rc := lite.Xsqlite3_config(tls, lite.SQLITE_CONFIG_MEMSTATUS, on); rc != lite.SQLITE_OK {
			process.err = fmt.Errorf("sql: SQLite was started before its memory could be capped"+
				" (code %d)", rc)
			return
		}
		if rc := lite.Xsqlite3_initialize(tls); rc != lite.SQLITE_OK {
			process.err = fmt.Errorf("sql: SQLite does not start (code %d)", rc)
			return
		}
		lite.Xsqlite3_hard_heap_limit64(tls, memoryBytesMax)
	})
	return process.err
}

// conn is one SQLite connection. One goroutine uses it at a time.
type conn struct {
	tls        *libc.TLS
	db         uintptr
	pins       runtime.Pinner // of everything whose address SQLite knows
	modules    uintptr        // our callbacks for virtual tables
	tables     []*boundTable
	cursors    []*cursor // those not in use
	aggregates []aggregate
	freeAggs   []int
	prepared   *lru[string, *prepared]
	out        result
	arguments  arguments
	pattern    *regexp.Regexp // the last one of regexp()
	run        *run           // the statement in progress
}

// openConn opens a hardened connection with all tables and functions on it.
func openConn() (*conn, error) {
	c := &conn{tls: libc.NewTLS(), prepared: newLRU[string, *prepared](preparedMax)}
	c.pins.Pin(c)
	c.out.tls, c.arguments.tls = c.tls, c.tls
	c.out.grow(resultBytes)
	if err := c.open(); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *conn) open() error {
	name, err := libc.CString(":memory:")
	if err != nil {
		return err
	}
	defer libc.Xfree(c.tls, name)
	handle := libc.Xcalloc(c.tls, 1, 8)
	defer libc.Xfree(c.tls, handle)
	vfs, err := libc.CString("memdb") // files in memory, temporary ones too
	if err != nil {
		return err
	}
	defer libc.Xfree(c.tls, vfs)
	flags := int32(lite.SQLITE_OPEN_READWRITE | lite.SQLITE_OPEN_MEMORY | lite.SQLITE_OPEN_NOMUTEX)
	rc := lite.Xsqlite3_open_v2(c.tls, name, handle, flags, vfs)
	c.db = *at[uintptr](handle)
	if rc != lite.SQLITE_OK {
		return c.error("open", rc)
	}
	for _, step := range []func() error{c.configure, c.register, c.harden} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// configure sets what must be set before the first statement.
func (c *conn) configure() error {
	settings := []struct{ option, value int32 }{
		{lite.SQLITE_DBCONFIG_DEFENSIVE, 1},
		{lite.SQLITE_DBCONFIG_DQS_DML, 0}, // "x" is never text
		{lite.SQLITE_DBCONFIG_DQS_DDL, 0},
		{lite.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
		{lite.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
		{lite.SQLITE_DBCONFIG_ENABLE_VIEW, 0},
		{lite.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
		{lite.SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, 0},
		{lite.SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, 0},
	}
	for _, s := range settings {
		args := libc.NewVaList(s.value, uintptr(0))
		rc := lite.Xsqlite3_db_config(c.tls, c.db, s.option, args)
		libc.Xfree(c.tls, args)
		if rc != lite.SQLITE_OK {
			return c.error(fmt.Sprintf("db_config %d", s.option), rc)
		}
	}
	// Temporary files are files of the memory VFS: nothing a statement does reaches a disk, and
	// large sorts still run in pieces that fit the processor's cache.
	for _, s := range []string{
		"PRAGMA temp_store=FILE", "PRAGMA cell_size_check=ON",
		"PRAGMA query_only=ON",
	} {
		if err := c.exec(s); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) exec(text string) error {
	p, err := libc.CString(text)
	if err != nil {
		return err
	}
	defer libc.Xfree(c.tls, p)
	if rc := lite.Xsqlite3_exec(c.tls, c.db, p, 0, 0, 0); rc != lite.SQLITE_OK {
		return c.error(text, rc)
	}
	return nil
}

// harden sets limits, authorizer and progress handler.
func (c *conn) harden() error {
	limits := []struct{ limit, value int32 }{
		{lite.SQLITE_LIMIT_LENGTH, valueBytesMax},
		{lite.SQLITE_LIMIT_SQL_LENGTH, 4 * statementBytesMax}, // rewriting makes it longer
		{lite.SQLITE_LIMIT_COLUMN, columnsMax},
		{lite.SQLITE_LIMIT_EXPR_DEPTH, liteDepthMax},
		{lite.SQLITE_LIMIT_COMPOUND_SELECT, compoundMax},
		{lite.SQLITE_LIMIT_VDBE_OP, programStepsMax},
		{lite.SQLITE_LIMIT_FUNCTION_ARG, argsMax},
		{lite.SQLITE_LIMIT_ATTACHED, 0},
		{lite.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, likeBytesMax},
		{lite.SQLITE_LIMIT_VARIABLE_NUMBER, int32(slotsMax)},
		{lite.SQLITE_LIMIT_TRIGGER_DEPTH, 1},
		{lite.SQLITE_LIMIT_WORKER_THREADS, 0},
		{lite.SQLITE_LIMIT_PARSER_DEPTH, liteParserMax},
	}
	for _, l := range limits {
		lite.Xsqlite3_limit(c.tls, c.db, l.limit, l.value)
	}
	rc := lite.Xsqlite3_set_authorizer(c.tls, c.db, funcWord(authorize), 0)
	if rc != lite.SQLITE_OK {
		return c.error("set_authorizer", rc)
	}
	lite.Xsqlite3_progress_handler(c.tls, c.db, progressInterval, funcWord(progress), c.word())
	return nil
}

// word is the address by which callbacks find their connection; it is pinned.
func (c *conn) word() uintptr { return uintptr(unsafe.Pointer(c)) }

// progress stops a statement whose context is done.
func progress(_ *libc.TLS, word uintptr) int32 {
	if r := at[conn](word).run; r != nil && r.stopped() {
		return 1
	}
	return 0
}

// authorize is the second line behind the rewriter: it allows reading our own tables and calling
// known functions, and nothing else.
func authorize(_ *libc.TLS, _ uintptr, action int32, first, second, _, _ uintptr) int32 {
	switch action {
	case lite.SQLITE_SELECT, lite.SQLITE_RECURSIVE:
		return lite.SQLITE_OK
	case lite.SQLITE_READ:
		// An empty column stands for a table of which no column is read, such as count(*).
		name := libc.GoString(first)
		if name == declaredName || findTable(name) != nil || libc.GoString(second) == "" {
			return lite.SQLITE_OK
		}
	case lite.SQLITE_FUNCTION:
		if allowedFunction(libc.GoString(second)) {
			return lite.SQLITE_OK
		}
	}
	return lite.SQLITE_DENY
}

// error describes a failed call.
func (c *conn) error(operation string, rc int32) error {
	return fmt.Errorf("sql: %s: %s (code %d)", operation, c.message(), rc)
}

func (c *conn) message() string {
	return libc.GoString(lite.Xsqlite3_errmsg(c.tls, c.db))
}

// close closes the connection; no statement may be running.
func (c *conn) close() {
	for _, p := range c.prepared.all() {
		lite.Xsqlite3_finalize(c.tls, p.handle)
	}
	if c.db != 0 {
		lite.Xsqlite3_close_v2(c.tls, c.db)
	}
	c.pins.Unpin()
	libc.Xfree(c.tls, c.out.word)
	c.tls.Close()
}

// abandon forgets a connection whose state cannot be trusted: its memory stays where it is.
func (c *conn) abandon() {
	c.pins.Unpin()
	c.run = nil
}

// preparedMax is how many prepared statements a connection keeps for repetition.
const preparedMax = 32

// prepared is a statement that SQLite has compiled.
type prepared struct {
	handle  uintptr
	columns int
	names   []string
}

// prepare compiles a text, or finds it compiled. offset is where in the text an error lies, -1 if
// there is no single place.
func (c *conn) prepare(text string) (p *prepared, offset int, err error) {
	if p, ok := c.prepared.get(text); ok {
		return p, 0, nil
	}
	z, err := libc.CString(text)
	if err != nil {
		return nil, -1, err
	}
	defer libc.Xfree(c.tls, z)
	handle := libc.Xcalloc(c.tls, 1, 8)
	defer libc.Xfree(c.tls, handle)
	rc := lite.Xsqlite3_prepare_v2(c.tls, c.db, z, int32(len(text)+1), handle, 0)
	if rc != lite.SQLITE_OK {
		offset = int(lite.Xsqlite3_error_offset(c.tls, c.db))
		return nil, offset, &liteError{rc, c.message()}
	}
	p = &prepared{handle: *at[uintptr](handle)}
	p.columns = int(lite.Xsqlite3_column_count(c.tls, p.handle))
	for i := range p.columns {
		p.names = append(p.names, libc.GoString(
			lite.Xsqlite3_column_name(c.tls, p.handle, int32(i))))
	}
	if old, evicted := c.prepared.put(text, p); evicted {
		lite.Xsqlite3_finalize(c.tls, old.handle)
	}
	return p, 0, nil
}

// liteError is SQLite's own complaint.
type liteError struct {
	code    int32
	message string
}

func (e *liteError) Error() string { return e.message }

// step runs a statement to its next row; more is false at the end.
func (c *conn) step(p *prepared) (more bool, err error) {
	switch rc := lite.Xsqlite3_step(c.tls, p.handle); rc & 0xff {
	case lite.SQLITE_ROW:
		return true, nil
	case lite.SQLITE_DONE:
		return false, nil
	default:
		return false, &liteError{rc & 0xff, c.message()}
	}
}

// reset ends a run of a statement, and forgets its arguments.
func (c *conn) reset(p *prepared) {
	lite.Xsqlite3_reset(c.tls, p.handle)
	lite.Xsqlite3_clear_bindings(c.tls, p.handle)
}
