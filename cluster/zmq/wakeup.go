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

// fdWatcher wakes the loop when a socket may have something to receive. It waits for the socket's
// descriptor (ZMQ_FD) in Go's network poller, as package net does, and not in zmq_poll: a thread
// blocked in C costs two thread switches for every wake-up, keeps Go's system monitor busy, and
// needs another socket to be woken by.
//
// ZMQ_FD is edge-triggered, and says only that libzmq has signaled the socket. Any operation on
// the socket consumes the signal; only after that does ZMQ_EVENTS say what is there
// (zmq_getsockopt(3)). So the loop arms the watcher after it has looked at the socket, just
// before it sleeps. An armed watcher fires once, and at once if the signal is there already.
type fdWatcher struct {
	file       *os.File // a duplicate of the descriptor
	conn       syscall.RawConn
	onReadable func()
	armed      atomic.Bool
	rearm      chan struct{} // capacity 1: see arm
}

// newFDWatcher watches a socket until close, which must precede the close of the socket.
// onReadable is called from a goroutine of the watcher.
func newFDWatcher(s *zmq4.Socket, onReadable func()) (*fdWatcher, error) {
	fd, err := s.GetFd()
	if err == nil {
		fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("zmq: watch ZMQ_FD of a socket: %w", err)
	}
	w := &fdWatcher{
		file:       os.NewFile(uintptr(fd), "ZMQ_FD"),
		onReadable: onReadable, rearm: make(chan struct{}, 1),
	}
	if w.conn, err = w.file.SyscallConn(); err == nil {
		err = w.file.SetReadDeadline(time.Time{}) // fails if Go's poller does not take it
	}
	if err != nil {
		_ = w.file.Close()
		return nil, fmt.Errorf("zmq: watch ZMQ_FD of a socket: %w", err)
	}
	go w.run()
	return w, nil
}

// arm makes the watcher fire once. Only the loop calls it.
func (w *fdWatcher) arm() {
	if w.armed.CompareAndSwap(false, true) {
		w.rearm <- struct{}{} // never blocks: run receives before it clears armed
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

// readable reports whether a descriptor is readable. It does not read: only libzmq may.
func readable(fd uintptr) bool {
	one := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(one, 0)
	return n > 0 || (err != nil && err != unix.EINTR)
}

func (w *fdWatcher) close() {
	_ = w.file.Close()
	close(w.rearm)
}

// signaler wakes a goroutine that is blocked in zmq_poll. A socket must not be used by several
// goroutines at once, so a mutex guards the sending one.
type signaler struct {
	signaled atomic.Bool // the goroutine will look at its lists before it blocks
	recv     *zmq4.Socket
	mu       sync.Mutex
	send     *zmq4.Socket // nil once closed
}

func newSignaler(ctx *zmq4.Context, address string) (*signaler, error) {
	s := &signaler{}
	var err error
	if s.recv, err = ctx.NewSocket(zmq4.PAIR); err == nil {
		err = s.recv.Bind(address)
	}
	if err == nil {
		if s.send, err = ctx.NewSocket(zmq4.PAIR); err == nil {
			err = s.send.Connect(address)
		}
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("zmq: open %s: %w", address, err)
	}
	return s, nil
}

// signal makes the goroutine look at its lists, which the caller has filled before. Only the
// first call after the goroutine has blocked sends a frame.
func (s *signaler) signal() {
	if !s.signaled.CompareAndSwap(false, true) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.send != nil {
		// libzmq's queue holds 1000 frames by default, and never has more than a few of these.
		_, _ = s.send.SendBytes([]byte{0}, zmq4.DONTWAIT)
	}
}

// clear receives the frames that calls of signal have sent.
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
	for _, socket := range []*zmq4.Socket{s.send, s.recv} {
		if socket != nil {
			_ = socket.Close()
		}
	}
	s.send = nil
}
