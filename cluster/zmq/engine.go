package zmq

import (
	"context"
	"fmt"
	"sync"
	"time"

	zmq4 "github.com/pebbe/zmq4"
)

// engine is the event loop. It owns the sockets that carry frames: those of the outbound
// connections and, on a node, the listener's. Only its goroutine touches them. Other goroutines
// put frames into outboxes and functions into a list, and wake the loop.
type engine struct {
	ctx           *zmq4.Context
	wakeup        chan struct{} // capacity 1: a wake-up that waits stands for all later ones
	monitor       *socketMonitor
	frameBytesMax int
	listener      *listener // nil for a client
	lookupCtx     context.Context
	cancelLookups context.CancelFunc
	lookups       sync.WaitGroup // goroutines that look up hosts
	done          chan struct{}

	// Owned by the loop.
	watchers      map[*outboundConn]*fdWatcher // of connections with an interest in events
	conns         map[*outboundConn]bool
	nextTimer     time.Time // zero: none
	timer         *time.Timer
	monitorSerial int // of the newest monitor address

	mu            sync.Mutex
	calls         []func()
	flushConns    []*outboundConn // that have frames to send
	flushSessions []*session      // that have replies to send
	closing       bool
}

// newEngine opens a context with its monitor. allows is nil for a client.
func newEngine(frameBytesMax int, allows func(curveKey) bool) (*engine, error) {
	if err := checkCurve(); err != nil {
		return nil, err
	}
	ctx, err := zmq4.NewContext()
	if err != nil {
		return nil, fmt.Errorf("zmq: create a context: %w", err)
	}
	e := &engine{
		ctx: ctx, frameBytesMax: frameBytesMax, done: make(chan struct{}),
		wakeup: make(chan struct{}, 1), timer: time.NewTimer(0),
		watchers: make(map[*outboundConn]*fdWatcher), conns: make(map[*outboundConn]bool),
	}
	e.lookupCtx, e.cancelLookups = context.WithCancel(context.Background())
	if err = ctx.SetMaxSockets(contextSocketsMax); err == nil {
		e.monitor, err = newSocketMonitor(ctx, allows)
	}
	if err != nil {
		e.cancelLookups()
		_ = ctx.Term()
		return nil, err
	}
	return e, nil
}

// contextSocketsMax is enough for two connections to each of a hundred voters and a thousand
// observers: a connection takes a socket and the two ends of its monitor.
const contextSocketsMax = 8192

func (e *engine) start() {
	go e.monitor.run()
	go e.run()
}

// run is the loop.
func (e *engine) run() {
	defer close(e.done)
	for busy := true; ; {
		e.sleep(busy)
		if e.runCalls() {
			break
		}
		e.runTimers()
		sent := e.flush()
		received := e.listener != nil && e.listener.receive()
		busy = sent || received
	}
	for c := range e.conns {
		c.close(ErrClosed)
	}
	if e.listener != nil {
		e.listener.close()
	}
	e.cancelLookups()
	e.lookups.Wait()
	e.monitor.stop()
	_ = e.ctx.Term()
}

// wake ends the loop's sleep, or the next one if it is awake. The caller has filled the lists
// before.
func (e *engine) wake() {
	select {
	case e.wakeup <- struct{}{}:
	default:
	}
}

// sleep handles events of the outbound connections. If there are none and the loop is not busy,
// it waits until there is something to do.
func (e *engine) sleep(busy bool) {
	if e.pollConns() || busy {
		return
	}
	// From here on the loop touches no socket, so no signal of libzmq is lost: the last operation
	// on the listener's socket was a receive that found nothing.
	for _, w := range e.watchers {
		w.arm()
	}
	if e.listener != nil {
		e.listener.watcher.arm()
	}
	var due <-chan time.Time
	if !e.nextTimer.IsZero() {
		e.timer.Reset(time.Until(e.nextTimer))
		due = e.timer.C
	}
	select {
	case <-e.wakeup:
	case <-due:
	}
}

// pollConns handles events of the outbound connections, and reports whether there were any.
func (e *engine) pollConns() (handled bool) {
	for c := range e.watchers {
		events, err := c.sock.GetEvents()
		if err != nil {
			// Only the socket of a closed connection or context has none: a broken invariant.
			panic(fmt.Sprintf("zmq: get events of the socket to %s: %v", c.target.name, err))
		}
		if events &= c.interest; events != 0 {
			c.handleEvents(events)
			handled = true
		}
	}
	return handled
}

// post makes the loop call f. It returns false, and f is not called, once close was called.
func (e *engine) post(f func()) bool {
	e.mu.Lock()
	ok := !e.closing
	if ok {
		e.calls = append(e.calls, f)
	}
	e.mu.Unlock()
	if ok {
		e.wake()
	}
	return ok
}

func (e *engine) runCalls() (stop bool) {
	e.mu.Lock()
	calls, stop := e.calls, e.closing
	e.calls = nil
	e.mu.Unlock()
	for _, call := range calls {
		call()
	}
	return stop
}

// wakeAt makes the loop run the timers at a time, or before.
func (e *engine) wakeAt(at time.Time) {
	if e.nextTimer.IsZero() || at.Before(e.nextTimer) {
		e.nextTimer = at
	}
}

// runTimers calls tick of every connection and the listener, if the earliest deadline has passed.
func (e *engine) runTimers() {
	if e.nextTimer.IsZero() {
		return
	}
	now := time.Now()
	if now.Before(e.nextTimer) {
		return
	}
	e.nextTimer = time.Time{}
	for c := range e.conns {
		c.tick(now)
	}
	if e.listener != nil {
		e.listener.tick(now)
	}
}

// scheduleConn makes the loop flush a connection.
func (e *engine) scheduleConn(c *outboundConn) {
	e.mu.Lock()
	e.flushConns = append(e.flushConns, c)
	e.mu.Unlock()
	e.wake()
}

// scheduleSession makes the loop flush a session.
func (e *engine) scheduleSession(s *session) {
	e.mu.Lock()
	e.flushSessions = append(e.flushSessions, s)
	e.mu.Unlock()
	e.wake()
}

// flush sends queued frames, urgent connections first, up to a limit for each connection. It
// reports whether an outbound connection has more.
func (e *engine) flush() (more bool) {
	e.mu.Lock()
	conns, sessions := e.flushConns, e.flushSessions
	e.flushConns, e.flushSessions = nil, nil
	e.mu.Unlock()
	for _, urgent := range []bool{true, false} {
		for _, c := range conns {
			if (c.purpose == purposeUrgent) == urgent && c.flush() {
				more = true
				e.mu.Lock()
				e.flushConns = append(e.flushConns, c)
				e.mu.Unlock()
			}
		}
	}
	for _, s := range sessions {
		e.listener.flush(s)
	}
	return more
}

// setInterest selects the events of a connection's socket that the loop handles; 0 for none.
func (e *engine) setInterest(c *outboundConn, events zmq4.State) error {
	c.interest = events
	w := e.watchers[c]
	switch {
	case events == 0 && w != nil:
		w.close()
		delete(e.watchers, c)
	case events != 0 && w == nil:
		w, err := newFDWatcher(c.sock, e.wake)
		if err != nil {
			return err
		}
		e.watchers[c] = w
	}
	return nil
}

// close ends the loop and waits for it.
func (e *engine) close() {
	e.mu.Lock()
	e.closing = true
	e.mu.Unlock()
	e.wake()
	<-e.done
}
