package zmq

import (
	"fmt"
	"sync"
	"time"

	zmq4 "github.com/pebbe/zmq4"
)

// porter is the goroutine that waits for what happens seldom: requests to admit somebody, and
// what libzmq tells of connections. It leaves the sockets that frames go through to the loop, so
// that a flood of handshakes delays no vote and the loop polls few sockets.
type socketMonitor struct {
	*signaler
	zap      *zmq4.Socket // nil where nobody listens
	allows   func(curveKey) bool
	handlers map[*zmq4.Socket]func(zmq4.Event, int) // owned by run
	done     chan struct{}

	mu       sync.Mutex
	added    map[*zmq4.Socket]func(zmq4.Event, int)
	stopping bool
}

// watchedEvents are the events of a connection that we want to hear of.
const monitoredEvents = zmq4.EVENT_CONNECTED | zmq4.EVENT_CLOSED | zmq4.EVENT_DISCONNECTED |
	zmq4.EVENT_HANDSHAKE_SUCCEEDED | zmq4.EVENT_HANDSHAKE_FAILED_AUTH |
	zmq4.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq4.EVENT_HANDSHAKE_FAILED_NO_DETAIL |
	zmq4.EVENT_MONITOR_STOPPED

func newSocketMonitor(ctx *zmq4.Context, allows func(curveKey) bool) (*socketMonitor, error) {
	p := &socketMonitor{
		allows:   allows,
		handlers: make(map[*zmq4.Socket]func(zmq4.Event, int)),
		added:    make(map[*zmq4.Socket]func(zmq4.Event, int)),
		done:     make(chan struct{}),
	}
	var err error
	if p.signaler, err = newSignaler(ctx, "inproc://porter"); err != nil {
		return nil, err
	}
	if allows == nil {
		return p, nil
	}
	if p.zap, err = ctx.NewSocket(zmq4.REP); err == nil {
		err = p.zap.Bind(zapAddress)
	}
	if err != nil {
		p.closeSockets()
		return nil, fmt.Errorf("zmq: open %s: %w", zapAddress, err)
	}
	return p, nil
}

// watch makes tell hear of a socket's connections until the socket is closed. It must be called
// before the socket connects or binds, by the socket's owner: libzmq blocks if it has something
// to tell and nobody is there. tell is called by the porter's goroutine.
func (m *socketMonitor) attach(
	ctx *zmq4.Context, s *zmq4.Socket, address string, handle func(zmq4.Event, int),
) error {
	if err := s.Monitor(address, monitoredEvents); err != nil {
		return fmt.Errorf("zmq: watch a connection: %w", err)
	}
	pair, err := ctx.NewSocket(zmq4.PAIR)
	if err == nil {
		err = pair.Connect(address)
	}
	if err != nil {
		_ = s.Monitor("", 0)
		return fmt.Errorf("zmq: watch a connection: %w", err)
	}
	m.mu.Lock()
	m.added[pair] = handle
	m.mu.Unlock()
	m.signal()
	return nil
}

// run waits and serves until stop.
func (m *socketMonitor) run() {
	defer close(m.done)
	for {
		m.signaled.Store(false)
		if m.takeAdded() {
			break
		}
		polled, _ := m.poller().Poll(-1)
		m.signaled.Store(true)
		m.serve(polled)
	}
	m.awaitDetached()
	m.closeSockets()
}

// serve deals with the sockets on which something has come.
func (m *socketMonitor) serve(polled []zmq4.Polled) {
	for _, item := range polled {
		switch item.Socket {
		case m.recv:
			m.clear()
		case m.zap:
			handleZAP(m.zap, m.allows)
		default:
			m.readEvents(item.Socket)
		}
	}
}

// admit takes over the sockets handed in, and says whether to stop.
func (m *socketMonitor) takeAdded() (stop bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for pair, handle := range m.added {
		m.handlers[pair] = handle
	}
	clear(m.added)
	return m.stopping
}

// poller waits for everything. It is made anew each time: seldom, and simpler than keeping one.
func (m *socketMonitor) poller() *zmq4.Poller {
	poller := zmq4.NewPoller()
	poller.Add(m.recv, zmq4.POLLIN)
	if m.zap != nil {
		poller.Add(m.zap, zmq4.POLLIN)
	}
	for pair := range m.handlers {
		poller.Add(pair, zmq4.POLLIN)
	}
	return poller
}

// hear passes on what happened to one socket's connections.
func (m *socketMonitor) readEvents(pair *zmq4.Socket) {
	for {
		event, _, value, err := pair.RecvEvent(zmq4.DONTWAIT)
		if err != nil {
			return
		}
		if event == zmq4.EVENT_MONITOR_STOPPED {
			_ = pair.Close()
			delete(m.handlers, pair)
			return
		}
		m.handlers[pair](event, value)
	}
}

// lingerMost bounds how long the porter waits for libzmq to let go of closed sockets.
const monitorDrainMax = time.Second

// linger listens until every watched socket has said that it is gone, because libzmq may wait
// for a listener. The owners have closed their sockets before they call stop.
func (m *socketMonitor) awaitDetached() {
	for end := time.Now().Add(monitorDrainMax); len(m.handlers) > 0 && time.Now().Before(end); {
		polled, err := m.poller().Poll(time.Until(end) + time.Millisecond)
		if err != nil {
			return
		}
		m.serve(polled)
	}
}

// stop ends run and waits for it.
func (m *socketMonitor) stop() {
	m.mu.Lock()
	m.stopping = true
	m.mu.Unlock()
	m.signal()
	<-m.done
}

func (m *socketMonitor) closeSockets() {
	if m.zap != nil {
		_ = m.zap.Close()
	}
	for pair := range m.handlers {
		_ = pair.Close()
	}
	m.signaler.close()
}
