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
type porter struct {
	*waker
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

func newPorter(ctx *zmq4.Context, admits func(curveKey) bool) (*porter, error) {
	p := &porter{
		admits:   admits,
		watched:  make(map[*zmq4.Socket]func(zmq4.Event, int)),
		arrivals: make(map[*zmq4.Socket]func(zmq4.Event, int)),
		stopped:  make(chan struct{}),
	}
	var err error
	if p.waker, err = newWaker(ctx, "inproc://porter"); err != nil {
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
func (p *porter) watch(
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
	p.mu.Lock()
	p.arrivals[ear] = tell
	p.mu.Unlock()
	p.wake()
	return nil
}

// run waits and serves until stop.
func (p *porter) run() {
	defer close(p.stopped)
	for {
		p.awake.Store(false)
		if p.admit() {
			break
		}
		polled, _ := p.poller().Poll(-1)
		p.awake.Store(true)
		p.serve(polled)
	}
	p.linger()
	p.closeSockets()
}

// serve deals with the sockets on which something has come.
func (p *porter) serve(polled []zmq4.Polled) {
	for _, item := range polled {
		switch item.Socket {
		case p.recv:
			p.drain()
		case p.zap:
			serveZAP(p.zap, p.admits)
		default:
			p.hear(item.Socket)
		}
	}
}

// admit takes over the sockets handed in, and says whether to stop.
func (p *porter) admit() (stop bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ear, tell := range p.arrivals {
		p.watched[ear] = tell
	}
	clear(p.arrivals)
	return p.stopping
}

// poller waits for everything. It is made anew each time: seldom, and simpler than keeping one.
func (p *porter) poller() *zmq4.Poller {
	poller := zmq4.NewPoller()
	poller.Add(p.recv, zmq4.POLLIN)
	if p.zap != nil {
		poller.Add(p.zap, zmq4.POLLIN)
	}
	for ear := range p.watched {
		poller.Add(ear, zmq4.POLLIN)
	}
	return poller
}

// hear passes on what happened to one socket's connections.
func (p *porter) hear(ear *zmq4.Socket) {
	for {
		event, _, value, err := ear.RecvEvent(zmq4.DONTWAIT)
		if err != nil {
			return
		}
		if event == zmq4.EVENT_MONITOR_STOPPED {
			_ = ear.Close()
			delete(p.watched, ear)
			return
		}
		p.watched[ear](event, value)
	}
}

// lingerMost bounds how long the porter waits for libzmq to let go of closed sockets.
const lingerMost = time.Second

// linger listens until every watched socket has said that it is gone, because libzmq may wait
// for a listener. The owners have closed their sockets before they call stop.
func (p *porter) linger() {
	for end := time.Now().Add(lingerMost); len(p.watched) > 0 && time.Now().Before(end); {
		polled, err := p.poller().Poll(time.Until(end) + time.Millisecond)
		if err != nil {
			return
		}
		p.serve(polled)
	}
}

// stop ends run and waits for it.
func (p *porter) stop() {
	p.mu.Lock()
	p.stopping = true
	p.mu.Unlock()
	p.wake()
	<-p.stopped
}

func (p *porter) closeSockets() {
	if p.zap != nil {
		_ = p.zap.Close()
	}
	for ear := range p.watched {
		_ = ear.Close()
	}
	p.waker.close()
}
