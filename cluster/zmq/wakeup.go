package zmq

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	zmq4 "github.com/pebbe/zmq4"
	"golang.org/x/sys/unix"
)

// watch tells the loop that something may have come on a socket. It waits in Go's own poller, as
// net does, and not in libzmq: a thread that waits inside of a C call costs two switches of
// threads for everything that comes, keeps Go's supervisor of such calls busy, and needs a socket
// of its own to be woken by.
//
// A socket's descriptor (ZMQ_FD) only says that libzmq has left a note for the socket. The note is
// taken by whatever is done with the socket, and whether there is anything to receive is known
// after that alone (zmq_getsockopt(3)). So the loop arms a watch when it has looked at the socket
// and is about to sleep; the watch fires once, at once if there is a note by then.
type fdWatcher struct {
	file       *os.File // a descriptor of our own for the same notes
	conn       syscall.RawConn
	onReadable func()
	armed      atomic.Bool
	rearm      chan struct{}
}

// newWatch watches a socket until close, which comes before the socket's. fired is called from
// another goroutine.
func newFDWatcher(s *zmq4.Socket, fired func()) (*fdWatcher, error) {
	fd, err := s.GetFd()
	if err == nil {
		fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("zmq: watch a socket: %w", err)
	}
	w := &fdWatcher{
		file: os.NewFile(uintptr(fd), "ZMQ_FD"), onReadable: fired, rearm: make(chan struct{}, 1),
	}
	if w.conn, err = w.file.SyscallConn(); err == nil {
		err = w.file.SetReadDeadline(time.Time{}) // no: Go's poller does not take it
	}
	if err != nil {
		_ = w.file.Close()
		return nil, fmt.Errorf("zmq: watch a socket: %w", err)
	}
	go w.run()
	return w, nil
}

// arm makes the watch fire once. Only the loop arms.
func (w *fdWatcher) arm() {
	if w.armed.CompareAndSwap(false, true) {
		w.rearm <- struct{}{} // there is room: run has taken the last one before it disarmed
	}
}

func (w *fdWatcher) run() {
	for range w.rearm {
		if err := w.conn.Read(readable); err != nil {
			return // closed
		}
		w.armed.Store(false)
		w.onReadable()
	}
}

// noted reports whether a descriptor can be read. It is not read: that is for libzmq to do.
func readable(fd uintptr) bool {
	one := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(one, 0)
	return n > 0 || (err != nil && err != unix.EINTR)
}

func (w *fdWatcher) close() {
	_ = w.file.Close()
	close(w.rearm)
}

// waker ends the wait of a goroutine that waits for ZeroMQ sockets. Sockets are not safe for use
// by several goroutines; the sending half of a waker is, because a mutex guards it.
type signaler struct {
	signaled atomic.Bool // the goroutine will look at its lists before it waits
	recv     *zmq4.Socket
	mu       sync.Mutex
	send     *zmq4.Socket // nil once closed
}

func newSignaler(ctx *zmq4.Context, address string) (*signaler, error) {
	w := &signaler{}
	var err error
	if w.recv, err = ctx.NewSocket(zmq4.PAIR); err == nil {
		err = w.recv.Bind(address)
	}
	if err == nil {
		if w.send, err = ctx.NewSocket(zmq4.PAIR); err == nil {
			err = w.send.Connect(address)
		}
	}
	if err != nil {
		w.close()
		return nil, fmt.Errorf("zmq: open %s: %w", address, err)
	}
	return w, nil
}

// wake makes the goroutine look at its lists; what it shall find there is there before the call.
// Many calls cost one frame: only the first after it went to sleep sends.
func (s *signaler) signal() {
	if !s.signaled.CompareAndSwap(false, true) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.send != nil {
		// The queue holds a thousand and never more than a few are in it.
		_, _ = s.send.SendBytes([]byte{0}, zmq4.DONTWAIT)
	}
}

// drain takes the frames of calls to wake.
func (s *signaler) clear() {
	for {
		if _, err := s.recv.RecvBytes(zmq4.DONTWAIT); err != nil {
			return
		}
	}
}

func (s *signaler) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, s := range []*zmq4.Socket{s.send, s.recv} {
		if s != nil {
			_ = s.Close()
		}
	}
	s.send = nil
}
