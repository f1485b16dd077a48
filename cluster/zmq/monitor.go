package zmq

import (
	"fmt"
	"maps"
	"sync"
	"time"

	zmq4 "github.com/pebbe/zmq4"
)

// eventHandler is called with a monitor event and its value.
type eventHandler func(event zmq4.Event, value int)

// socketMonitor is the goroutine that handles what is rare: libzmq's monitor events, and the ZAP
// requests of handshakes. The loop handles the sockets that carry frames. So a flood of
// handshakes delays no vote, and the loop has few sockets to look at.
type socketMonitor struct {
	*signaler
	zap      *zmq4.Socket // nil without a listener
	allows   func(curveKey) bool
	handlers map[*zmq4.Socket]eventHandler // owned by run
	done     chan struct{}

	mu       sync.Mutex
	added    map[*zmq4.Socket]eventHandler // not yet in handlers
	stopping bool
}

// monitoredEvents are the events that libzmq reports.
const monitoredEvents = zmq4.EVENT_CONNECTED | zmq4.EVENT_CLOSED | zmq4.EVENT_DISCONNECTED |
	zmq4.EVENT_HANDSHAKE_SUCCEEDED | zmq4.EVENT_HANDSHAKE_FAILED_AUTH |
	zmq4.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq4.EVENT_HANDSHAKE_FAILED_NO_DETAIL |
	zmq4.EVENT_MONITOR_STOPPED

func newSocketMonitor(ctx *zmq4.Context, allows func(curveKey) bool) (*socketMonitor, error) {
	m := &socketMonitor{
		allows:   allows,
		handlers: make(map[*zmq4.Socket]eventHandler),
		added:    make(map[*zmq4.Socket]eventHandler),
		done:     make(chan struct{}),
	}
	var err error
	if m.signaler, err = newSignaler(ctx, "inproc://monitor-signal"); err != nil {
		return nil, err
	}
	if allows == nil {
		return m, nil
	}
	if m.zap, err = ctx.NewSocket(zmq4.REP); err == nil {
		err = m.zap.Bind(zapAddress)
	}
	if err != nil {
		m.closeSockets()
		return nil, fmt.Errorf("zmq: open %s: %w", zapAddress, err)
	}
	return m, nil
}

// attach makes the monitor's goroutine call handle for every event of a socket, until the socket
// is closed. address is an inproc address of its own. The owner of the socket calls attach before
// it connects or binds: libzmq blocks if it has an event and nobody receives it.
func (m *socketMonitor) attach(
	ctx *zmq4.Context, s *zmq4.Socket, address string, handle eventHandler,
) error {
	if err := s.Monitor(address, monitoredEvents); err != nil {
		return fmt.Errorf("zmq: monitor a socket at %s: %w", address, err)
	}
	pair, err := ctx.NewSocket(zmq4.PAIR)
	if err == nil {
		err = pair.Connect(address)
	}
	if err != nil {
		_ = s.Monitor("", 0)
		return fmt.Errorf("zmq: monitor a socket at %s: %w", address, err)
	}
	m.mu.Lock()
	m.added[pair] = handle
	m.mu.Unlock()
	m.signal()
	return nil
}

// run polls until stop.
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

// serve handles the sockets that are readable.
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

// takeAdded takes over the sockets that were attached, and reports whether to stop.
func (m *socketMonitor) takeAdded() (stop bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.Copy(m.handlers, m.added)
	clear(m.added)
	return m.stopping
}

// poller returns a poller of all sockets. Events are rare, so it is made for each poll.
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

// readEvents calls the handler for the events of one socket.
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

// monitorDrainMax bounds how long stop waits for libzmq to close the sockets, which it does in
// the background and at once.
const monitorDrainMax = time.Second

// awaitDetached receives events until every monitored socket is gone, because libzmq may block
// without a receiver. The owners close their sockets before they call stop.
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
