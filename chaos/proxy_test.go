//go:build linux

package chaos

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"juno"
	"juno/internal/ports"
)

// line is the way from one node to another: what it carries can be held back. Node 0 is all
// clients.
type line struct {
	mu    sync.Mutex
	open  chan struct{} // closed while the line lets through
	cuts  int           // faults that hold it
	delay time.Duration
}

func newLine() *line {
	l := &line{open: make(chan struct{})}
	close(l.open)
	return l
}

// cut holds everything back until as many calls of mend.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cuts++; l.cuts == 1 {
		l.open = make(chan struct{})
	}
}

func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cuts--; l.cuts == 0 {
		close(l.open)
	}
}

func (l *line) slow(by time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay += by
}

func (l *line) now() (open chan struct{}, delay time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open, l.delay
}

// network is the proxies that the members' addresses lead to, and the lines between the nodes.
type network struct {
	lines map[[2]juno.NodeID]*line // from, to
	// owner returns the node whose process has made a connection, from its two ends.
	owner func(client, proxy *net.TCPAddr) juno.NodeID

	mu        sync.Mutex
	closed    bool
	listeners []net.Listener
	conns     map[net.Conn]bool
	ended     chan struct{}
	group     sync.WaitGroup
}

func newNetwork(n int, owner func(client, proxy *net.TCPAddr) juno.NodeID) *network {
	w := &network{
		owner: owner, lines: make(map[[2]juno.NodeID]*line),
		conns: make(map[net.Conn]bool), ended: make(chan struct{}),
	}
	for a := range juno.NodeID(n + 1) {
		for b := range juno.NodeID(n + 1) {
			w.lines[[2]juno.NodeID{a, b}] = newLine()
		}
	}
	return w
}

// proxy listens for a node, and returns the address that leads to it through the lines.
func (w *network) proxy(to juno.NodeID, real string) (string, error) {
	address, err := ports.Free(1)
	if err != nil {
		return "", err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", err
	}
	w.listeners = append(w.listeners, l)
	w.group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			w.group.Go(func() { w.carry(c, to, real) })
		}
	})
	return l.Addr().String(), nil
}

// carry joins a connection to the node behind the proxy, until either side ends it.
func (w *network) carry(c net.Conn, to juno.NodeID, real string) {
	from := w.owner(c.RemoteAddr().(*net.TCPAddr), c.LocalAddr().(*net.TCPAddr))
	b, err := net.Dial("tcp", real)
	if err != nil { // the node is down
		_ = c.Close()
		return
	}
	if !w.keep(c, b) {
		return
	}
	var pumps sync.WaitGroup
	pumps.Go(func() { w.pump(w.lines[[2]juno.NodeID{from, to}], c, b) })
	pumps.Go(func() { w.pump(w.lines[[2]juno.NodeID{to, from}], b, c) })
	pumps.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, c)
	delete(w.conns, b)
}

func (w *network) keep(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		if w.closed {
			_ = c.Close()
		} else {
			w.conns[c] = true
		}
	}
	return !w.closed
}

// piece is bytes on their way, and when they may arrive.
type piece struct {
	bytes []byte
	due   time.Time
}

// pump carries bytes one way, in order. What the line holds back waits here and in the sockets.
func (w *network) pump(l *line, from, to net.Conn) {
	defer func() { _, _ = from.Close(), to.Close() }()
	const pieces, pieceBytes = 64, 32 << 10 // about what a socket's buffer takes
	pipe := make(chan piece, pieces)
	gone := make(chan struct{})
	w.group.Go(func() {
		defer close(pipe)
		for {
			b := make([]byte, pieceBytes)
			n, err := from.Read(b)
			_, delay := l.now()
			select {
			case pipe <- piece{b[:n], time.Now().Add(delay)}:
			case <-gone:
				return
			}
			if err != nil {
				return
			}
		}
	})
	defer close(gone)
	for p := range pipe {
		if !w.arrive(l, p.due) {
			return
		}
		if _, err := to.Write(p.bytes); err != nil {
			return
		}
	}
}

// arrive waits until the line lets bytes through.
func (w *network) arrive(l *line, due time.Time) bool {
	if wait := time.Until(due); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-w.ended:
			return false
		}
	}
	open, _ := l.now()
	select {
	case <-open:
		return true
	case <-w.ended:
		return false
	}
}

// close ends all proxies and what goes through them.
func (w *network) close() error {
	w.mu.Lock()
	w.closed = true
	close(w.ended)
	var all []io.Closer
	for _, l := range w.listeners {
		all = append(all, l)
	}
	for c := range w.conns {
		all = append(all, c)
	}
	w.mu.Unlock()
	var first error
	for _, c := range all {
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) && first == nil {
			first = err
		}
	}
	w.group.Wait()
	return first
}
