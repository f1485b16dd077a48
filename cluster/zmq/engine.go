package zmq

import (
	"context"
	"fmt"
	"sync"
	"time"

	zmq4 "github.com/pebbe/zmq4"
)

// engine is the loop that owns the sockets which frames go through: connections that we made
// (links) and, on a node, the door that others come in by. Everything that touches a socket runs
// on its goroutine; other goroutines leave frames in outboxes and calls in a list, and wake it.
type engine struct {
	ctx           *zmq4.Context
	wakeup        chan struct{} // capacity 1: look at the lists
	monitor       *socketMonitor
	frameBytesMax int
	listener      *listener // nil for a client
	lookupCtx     context.Context
	cancelLookups context.CancelFunc
	lookups       sync.WaitGroup // look up names
	done          chan struct{}

	// Owned by the loop.
	watchers      map[*outboundConn]*fdWatcher // that wait for something on their sockets
	conns         map[*outboundConn]bool
	nextTimer     time.Time // when the next timer is due; zero: none
	timer         *time.Timer
	monitorSerial int // of the last connection made

	mu            sync.Mutex
	calls         []func()
	flushConns    []*outboundConn // have frames to send
	flushSessions []*session      // have frames to send
	closing       bool
}

// newEngine opens the context and its helpers. admits is nil for a client.
func newEngine(frameBytesMax int, allows func(curveKey) bool) (*engine, error) {
	if err := checkCurve(); err != nil {
		return nil, err
	}
	ctx, err := zmq4.NewContext()
	if err != nil {
		return nil, fmt.Errorf("zmq: open a context: %w", err)
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
// observers, with a watcher each at both ends.
const contextSocketsMax = 8192

// start begins to serve.
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

// wake ends the loop's sleep, or keeps it from the next one; what it shall find is there before the
// call.
func (e *engine) wake() {
	select {
	case e.wakeup <- struct{}{}:
	default:
	}
}

// sleep waits until there is something to do, not at all if busy. It serves the links on which
// something came before.
func (e *engine) sleep(busy bool) {
	if e.pollConns() || busy {
		return
	}
	// Nothing is done with any socket from here on, so that no note of libzmq's gets lost: the door
	// was read until there was nothing, and that was the last that was done with it.
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

// serveLinks serves the links that wait for something which has come, and says whether there were
// any.
func (e *engine) pollConns() (served bool) {
	for c := range e.watchers {
		events, err := c.sock.GetEvents()
		if err != nil {
			// Only a closed socket or a broken context is an error here, and both are ours.
			panic(fmt.Sprintf("zmq: events of a socket: %v", err))
		}
		if events &= c.interest; events != 0 {
			c.handleEvents(events)
			served = true
		}
	}
	return served
}

// post makes the loop call f. It says no once the loop has ended or will before it gets there.
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

// remind makes the timers run at a time, or before.
func (e *engine) wakeAt(at time.Time) {
	if e.nextTimer.IsZero() || at.Before(e.nextTimer) {
		e.nextTimer = at
	}
}

// runTimers gives every link and the door its turn when the earliest of them is due.
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

// readyToSend and replyReady put a connection on the list of those with frames to send.
func (e *engine) scheduleConn(c *outboundConn) {
	e.mu.Lock()
	e.flushConns = append(e.flushConns, c)
	e.mu.Unlock()
	e.wake()
}

func (e *engine) scheduleSession(s *session) {
	e.mu.Lock()
	e.flushSessions = append(e.flushSessions, s)
	e.mu.Unlock()
	e.wake()
}

// flush sends what waits, urgent connections first, each for a limited while. It says whether
// there is more.
func (e *engine) flush() (more bool) {
	e.mu.Lock()
	ready, replies := e.flushConns, e.flushSessions
	e.flushConns, e.flushSessions = nil, nil
	e.mu.Unlock()
	for _, urgent := range []bool{true, false} {
		for _, c := range ready {
			if (c.purpose == purposeUrgent) == urgent && c.flush() {
				more = true
				e.mu.Lock()
				e.flushConns = append(e.flushConns, c)
				e.mu.Unlock()
			}
		}
	}
	for _, s := range replies {
		e.listener.flush(s)
	}
	return more
}

// poll makes the loop wait for events of a link's socket; 0 for none.
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
