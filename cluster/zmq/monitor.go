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
	zap     *zmq4.Socket // nil where nobody listens
	admits  func(curveKey) bool
	watched map[*zmq4.Socket]func(zmq4.Event, int) // owned by run
	stopped chan struct{}

	mu       sync.Mutex
	arrivals map[*zmq4.Socket]func(zmq4.Event, int)
	stopping bool
}

// watchedEvents are the events of a connection that we want to hear of.
const watchedEvents = zmq4.EVENT_CONNECTED | zmq4.EVENT_CLOSED | zmq4.EVENT_DISCONNECTED |
	zmq4.EVENT_HANDSHAKE_SUCCEEDED | zmq4.EVENT_HANDSHAKE_FAILED_AUTH |
	zmq4.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq4.EVENT_HANDSHAKE_FAILED_NO_DETAIL |
	zmq4.EVENT_MONITOR_STOPPED

func newSocketMonitor(ctx *zmq4.Context, admits func(curveKey) bool) (*socketMonitor, error) {
	p := &socketMonitor{
		admits:   admits,
		watched:  make(map[*zmq4.Socket]func(zmq4.Event, int)),
		arrivals: make(map[*zmq4.Socket]func(zmq4.Event, int)),
		stopped:  make(chan struct{}),
	}
	var err error
	if p.signaler, err = newSignaler(ctx, "inproc://porter"); err != nil {
		return nil, err
	}
	if admits == nil {
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
func (m *socketMonitor) watch(
	ctx *zmq4.Context, s *zmq4.Socket, address string, tell func(zmq4.Event, int),
) error {
	if err := s.Monitor(address, watchedEvents); err != nil {
		return fmt.Errorf("zmq: watch a connection: %w", err)
	}
	ear, err := ctx.NewSocket(zmq4.PAIR)
	if err == nil {
		err = ear.Connect(address)
	}
	if err != nil {
		_ = s.Monitor("", 0)
		return fmt.Errorf("zmq: watch a connection: %w", err)
	}
	m.mu.Lock()
	m.arrivals[ear] = tell
	m.mu.Unlock()
	m.signal()
	return nil
}

// run waits and serves until stop.
func (m *socketMonitor) run() {
	defer close(m.stopped)
	for {
		m.signaled.Store(false)
		if m.admit() {
			break
		}
		polled, _ := m.poller().Poll(-1)
		m.signaled.Store(true)
		m.serve(polled)
	}
	m.linger()
	m.closeSockets()
}

// serve deals with the sockets on which something has come.
func (m *socketMonitor) serve(polled []zmq4.Polled) {
	for _, item := range polled {
		switch item.Socket {
		case m.recv:
			m.drain()
		case m.zap:
			handleZAP(m.zap, m.admits)
		default:
			m.hear(item.Socket)
		}
	}
}

// admit takes over the sockets handed in, and says whether to stop.
func (m *socketMonitor) admit() (stop bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for ear, tell := range m.arrivals {
		m.watched[ear] = tell
	}
	clear(m.arrivals)
	return m.stopping
}

// poller waits for everything. It is made anew each time: seldom, and simpler than keeping one.
func (m *socketMonitor) poller() *zmq4.Poller {
	poller := zmq4.NewPoller()
	poller.Add(m.recv, zmq4.POLLIN)
	if m.zap != nil {
		poller.Add(m.zap, zmq4.POLLIN)
	}
	for ear := range m.watched {
		poller.Add(ear, zmq4.POLLIN)
	}
	return poller
}

// hear passes on what happened to one socket's connections.
func (m *socketMonitor) hear(ear *zmq4.Socket) {
	for {
		event, _, value, err := ear.RecvEvent(zmq4.DONTWAIT)
		if err != nil {
			return
		}
		if event == zmq4.EVENT_MONITOR_STOPPED {
			_ = ear.Close()
			delete(m.watched, ear)
			return
		}
		m.watched[ear](event, value)
	}
}

// lingerMost bounds how long the porter waits for libzmq to let go of closed sockets.
const lingerMost = time.Second

// linger listens until every watched socket has said that it is gone, because libzmq may wait
// for a listener. The owners have closed their sockets before they call stop.
func (m *socketMonitor) linger() {
	for end := time.Now().Add(lingerMost); len(m.watched) > 0 && time.Now().Before(end); {
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
	<-m.stopped
}

func (m *socketMonitor) closeSockets() {
	if m.zap != nil {
		_ = m.zap.Close()
	}
	for ear := range m.watched {
		_ = ear.Close()
	}
	m.signaler.close()
}
