package sql

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"juno"
)

// Options are the limits of an engine. Zero fields take the default.
type Options struct {
	// RunningMax is how many statements run at once; more wait. Default: two per core.
	RunningMax int
	// RowsMax ends a statement that returns more rows with an error. Default: 10 million.
	RowsMax int
	// Timeout ends a statement that runs longer. Default: 60 seconds.
	Timeout time.Duration
	// MemoryBytesMax caps what SQLite allocates, over all statements and engines of the process;
	// the first engine decides. Default: 256 MiB.
	MemoryBytesMax int64
	// Now is the clock that AS OF TIMESTAMP holds against the future. Default: the machine's.
	Now func() juno.Millis
}

const (
	rowsMaxDefault        = 10_000_000
	timeoutDefault        = time.Minute
	memoryBytesMaxDefault = 256 << 20
	// plansMax is how many rewritten statements an engine keeps for repetition, and planBytesMax
	// how long one that is kept may be.
	plansMax     = 512
	planBytesMax = 4 << 10
)

func (o Options) withDefaults() Options {
	if o.RunningMax <= 0 {
		o.RunningMax = 2 * runtime.GOMAXPROCS(0)
	}
	if o.RowsMax <= 0 {
		o.RowsMax = rowsMaxDefault
	}
	if o.Timeout <= 0 {
		o.Timeout = timeoutDefault
	}
	if o.MemoryBytesMax <= 0 {
		o.MemoryBytesMax = memoryBytesMaxDefault
	}
	if o.Now == nil {
		o.Now = func() juno.Millis { return juno.Millis(time.Now().UnixMilli()) }
	}
	return o
}

// ErrClosed is returned for a statement on a closed engine.
var ErrClosed = errors.New("sql: the engine is closed")

// Engine answers SQL statements over a Source. It is safe for concurrent use.
type Engine struct {
	source  Source
	options Options
	slots   chan struct{} // one for each statement that may run

	mu      sync.Mutex // guards what follows
	idle    []*conn
	plans   *lru[planKey, *plan]
	running map[*answer]struct{}
	closed  bool
}

// New returns an engine over source. It fails if SQLite cannot be started with a cap on its memory.
func New(source Source, options Options) (*Engine, error) {
	o := options.withDefaults()
	if err := initProcess(o.MemoryBytesMax); err != nil {
		return nil, err
	}
	c, err := openConn() // what is wrong shows here and not in the first statement
	if err != nil {
		return nil, err
	}
	return &Engine{
		source: source, options: o, slots: make(chan struct{}, o.RunningMax),
		idle: []*conn{c}, plans: newLRU[planKey, *plan](plansMax), running: map[*answer]struct{}{},
	}, nil
}

// Close ends all running statements and refuses new ones.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	for _, c := range e.idle {
		c.close()
	}
	e.idle = nil
	for a := range e.running {
		a.cancel(ErrClosed)
	}
	return nil
}

// Tables returns the tables and table-valued functions that a statement can name.
func (e *Engine) Tables() []juno.TableInfo { return Tables() }

// Query runs one statement, pinned to the newest entry that the source shows, and returns its
// answer, which the caller closes. The first row is computed before Query returns, so that most
// errors come from here: a *juno.QueryError, or the error of ctx. Cancelling ctx ends the
// statement at any time.
func (e *Engine) Query(ctx context.Context, q juno.Query) (juno.Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := juno.CheckArgs(q.Args); err != nil {
		return nil, err
	}
	p, err := e.plan(q.Text, shapeOf(q.Args))
	if err != nil {
		return nil, err
	}
	select {
	case e.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	a, err := e.begin(ctx, p, &q)
	if err != nil {
		<-e.slots
		return nil, err
	}
	if a.start(q.Args); a.err != nil {
		err := a.err
		a.Close()
		return nil, err
	}
	return a, nil
}

// planKey is what a plan is found again by: the values of arguments do not count.
type planKey struct{ text, shape string }

// plan returns the rewritten statement.
func (e *Engine) plan(text string, shape []argShape) (p *plan, err error) {
	key := planKey{text, shapeKey(shape)}
	e.mu.Lock()
	p, ok := e.plans.get(key)
	e.mu.Unlock()
	if ok {
		return p, nil
	}
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, failure(r)
		}
	}()
	if p, err = makePlan(text, shape); err != nil {
		return nil, err
	}
	if len(text)+len(key.shape) <= planBytesMax {
		e.mu.Lock()
		if _, ok := e.plans.get(key); !ok {
			e.plans.put(key, p)
		}
		e.mu.Unlock()
	}
	return p, nil
}

// failure is what a panic of the engine is turned into: the statement fails, the process lives.
func failure(panicked any) error {
	return &juno.QueryError{
		Message: fmt.Sprintf("the SQL engine failed on this statement: %v", panicked),
		Offset:  -1, Hint: "this is a bug: please report the statement",
	}
}

// begin takes a connection and pins the statement to a moment.
func (e *Engine) begin(ctx context.Context, p *plan, q *juno.Query) (*answer, error) {
	head, err := e.headOf(q)
	if err != nil {
		return nil, err
	}
	c, err := e.take()
	if err != nil {
		return nil, err
	}
	rowsMax := q.RowsMax
	if rowsMax <= 0 || rowsMax > e.options.RowsMax {
		rowsMax = e.options.RowsMax
	}
	r := &run{source: e.source, now: e.options.Now, head: head}
	r.low, _ = e.source.Held()
	a := &answer{engine: e, conn: c, plan: p, run: r, rowsMax: rowsMax}
	late := &juno.QueryError{
		Offset:  -1,
		Message: fmt.Sprintf("the statement ran longer than %s", e.options.Timeout),
		Hint:    "narrow it with a condition on log_index, or with LIMIT",
	}
	timed, cancelTimer := context.WithTimeoutCause(ctx, e.options.Timeout, late)
	r.ctx, a.cancel = context.WithCancelCause(timed)
	stop := context.AfterFunc(r.ctx, func() { r.stop.Store(true) })
	a.done = func() { stop(); a.cancel(nil); cancelTimer() }
	c.run = r
	e.mu.Lock()
	e.running[a] = struct{}{}
	e.mu.Unlock()
	return a, nil
}

// headOf returns the moment that a statement takes for the present.
func (e *Engine) headOf(q *juno.Query) (juno.Head, error) {
	head := e.source.Head()
	if q.At == 0 || q.At == head.Index {
		return head, nil
	}
	low, _ := e.source.Held()
	if q.At > head.Index || q.At < low {
		return head, &juno.QueryError{
			Offset: -1,
			Message: fmt.Sprintf("read at index %d: entries %d to %d are here", q.At, low,
				head.Index),
			Hint: "ask for an index that is held, or another node",
		}
	}
	return e.source.HeadAt(q.At)
}

// take returns an idle connection or a new one.
func (e *Engine) take() (*conn, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	if n := len(e.idle); n > 0 {
		c := e.idle[n-1]
		e.idle = e.idle[:n-1]
		return c, nil
	}
	return openConn()
}

// give takes a connection back after its statement.
func (e *Engine) give(a *answer) {
	e.mu.Lock()
	delete(e.running, a)
	switch {
	case a.broken:
		a.conn.abandon()
	case e.closed:
		a.conn.close()
	default:
		e.idle = append(e.idle, a.conn)
	}
	e.mu.Unlock()
	<-e.slots
}
