package sql

import (
	"unsafe"

	"modernc.org/libc"
	lite "modernc.org/sqlite/lib"
)

// scalarFunc computes one value. An error ends the statement.
type scalarFunc func(c *conn, a *arguments, o *result) error

// scalar is a function that is registered with SQLite; args is -1 for any number.
type scalar struct {
	name string
	args []int
	call scalarFunc
}

// boundScalar is a function on one connection. Its address is the function's client data.
type boundScalar struct {
	conn *conn
	name string
	call scalarFunc
}

// boundAggregate is an aggregate on one connection.
type boundAggregate struct {
	conn *conn
	name string
	make func() aggregate
}

// aggregate adds up the rows of a group or of a window.
type aggregate interface {
	// step takes one row in, inverse takes one out again.
	step(a *arguments) error
	inverse(a *arguments) error
	// value shows the result so far.
	value(o *result) error
}

// functionFlags: no function of ours has side effects, and within one statement each returns the
// same for the same arguments.
const functionFlags = lite.SQLITE_UTF8 | lite.SQLITE_DETERMINISTIC | lite.SQLITE_INNOCUOUS

// register makes tables, collation and functions known to SQLite.
func (c *conn) register() error {
	if err := c.registerTables(); err != nil {
		return err
	}
	name, err := libc.CString("exact")
	if err != nil {
		return err
	}
	defer libc.Xfree(c.tls, name)
	rc := lite.Xsqlite3_create_collation_v2(c.tls, c.db, name, lite.SQLITE_UTF8, 0,
		funcWord(collateExact), 0)
	if rc != lite.SQLITE_OK {
		return c.error("create collation", rc)
	}
	for _, s := range scalars() {
		for _, n := range s.args {
			if err := c.registerScalar(s, n); err != nil {
				return err
			}
		}
	}
	for _, a := range aggregates() {
		if err := c.registerAggregate(a); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) registerScalar(s scalar, args int) error {
	bound := &boundScalar{conn: c, name: s.name, call: s.call}
	c.pins.Pin(bound)
	name, err := libc.CString(s.name)
	if err != nil {
		return err
	}
	defer libc.Xfree(c.tls, name)
	rc := lite.Xsqlite3_create_function_v2(c.tls, c.db, name, int32(args), functionFlags,
		uintptr(unsafe.Pointer(bound)), funcWord(callScalar), 0, 0, 0)
	if rc != lite.SQLITE_OK {
		return c.error("create function "+s.name, rc)
	}
	return nil
}

// aggregateInfo is an aggregate as it is written down.
type aggregateInfo struct {
	name string
	args int
	make func() aggregate
}

func (c *conn) registerAggregate(a aggregateInfo) error {
	bound := &boundAggregate{conn: c, name: a.name, make: a.make}
	c.pins.Pin(bound)
	name, err := libc.CString(a.name)
	if err != nil {
		return err
	}
	defer libc.Xfree(c.tls, name)
	rc := lite.Xsqlite3_create_window_function(c.tls, c.db, name, int32(a.args), functionFlags,
		uintptr(unsafe.Pointer(bound)), funcWord(stepAggregate), funcWord(finishAggregate),
		funcWord(valueAggregate), funcWord(inverseAggregate), 0)
	if rc != lite.SQLITE_OK {
		return c.error("create aggregate "+a.name, rc)
	}
	return nil
}

func collateExact(_ *libc.TLS, _ uintptr, n int32, a uintptr, m int32, b uintptr) int32 {
	return int32(compareExact(view(a, n), view(b, m)))
}

func callScalar(tls *libc.TLS, context uintptr, count int32, words uintptr) {
	f := at[boundScalar](lite.Xsqlite3_user_data(tls, context))
	c := f.conn
	c.out.context = context
	c.arguments.words, c.arguments.count = words, int(count)
	if err := f.call(c, &c.arguments, &c.out); err != nil {
		c.functionFailed(f.name, err)
	}
}

// functionFailed ends the statement with the error of a function.
func (c *conn) functionFailed(name string, err error) {
	err = named(name, err)
	if c.run != nil {
		c.run.fail(err)
	}
	c.out.fail("%v", err)
}

// state returns the aggregate that a call belongs to, nil without memory. fresh makes one where
// there is none.
func (f *boundAggregate) state(tls *libc.TLS, context uintptr, fresh bool) (aggregate, *int64) {
	size := int32(0)
	if fresh {
		size = 8
	}
	p := lite.Xsqlite3_aggregate_context(tls, context, size)
	if p == 0 {
		return nil, nil
	}
	slot := at[int64](p) // the place in conn.aggregates, plus one
	c := f.conn
	if *slot == 0 {
		made := f.make()
		if n := len(c.freeAggs); n > 0 {
			*slot = int64(c.freeAggs[n-1]) + 1
			c.freeAggs = c.freeAggs[:n-1]
			c.aggregates[*slot-1] = made
		} else {
			c.aggregates = append(c.aggregates, made)
			*slot = int64(len(c.aggregates))
		}
	}
	return c.aggregates[*slot-1], slot
}

func stepAggregate(tls *libc.TLS, context uintptr, count int32, words uintptr) {
	f := at[boundAggregate](lite.Xsqlite3_user_data(tls, context))
	f.feed(tls, context, count, words, aggregate.step)
}

func inverseAggregate(tls *libc.TLS, context uintptr, count int32, words uintptr) {
	f := at[boundAggregate](lite.Xsqlite3_user_data(tls, context))
	f.feed(tls, context, count, words, aggregate.inverse)
}

func (f *boundAggregate) feed(tls *libc.TLS, context uintptr, count int32, words uintptr,
	do func(aggregate, *arguments) error,
) {
	c := f.conn
	c.out.context = context
	state, _ := f.state(tls, context, true)
	if state == nil {
		lite.Xsqlite3_result_error_nomem(tls, context)
		return
	}
	c.arguments.words, c.arguments.count = words, int(count)
	if err := do(state, &c.arguments); err != nil {
		c.functionFailed(f.name, err)
	}
}

func valueAggregate(tls *libc.TLS, context uintptr) {
	f := at[boundAggregate](lite.Xsqlite3_user_data(tls, context))
	f.show(tls, context, true)
}

// finishAggregate is called at the end of each group, and once for each aggregate that is given
// up half-way; then nobody looks at the value.
func finishAggregate(tls *libc.TLS, context uintptr) {
	f := at[boundAggregate](lite.Xsqlite3_user_data(tls, context))
	slot := f.show(tls, context, false)
	if slot != nil {
		c := f.conn
		c.aggregates[*slot-1] = nil
		c.freeAggs = append(c.freeAggs, int(*slot-1))
		*slot = 0
	}
}

func (f *boundAggregate) show(tls *libc.TLS, context uintptr, fresh bool) *int64 {
	c := f.conn
	c.out.context = context
	state, slot := f.state(tls, context, fresh)
	if state == nil {
		state = f.make() // of no rows
	}
	if err := state.value(&c.out); err != nil {
		c.functionFailed(f.name, err)
	}
	return slot
}
