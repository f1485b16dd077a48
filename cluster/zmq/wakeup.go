package zmq

import (
	"fmt"
	"os"
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
type watch struct {
	file  *os.File // a descriptor of our own for the same notes
	notes syscall.RawConn
	fired func()
	armed atomic.Bool
	arms  chan struct{}
}

// newWatch watches a socket until close, which comes before the socket's. fired is called from
// another goroutine.
func newWatch(s *zmq4.Socket, fired func()) (*watch, error) {
	fd, err := s.GetFd()
	if err == nil {
		fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("zmq: watch a socket: %w", err)
	}
	w := &watch{
		file: os.NewFile(uintptr(fd), "ZMQ_FD"), fired: fired, arms: make(chan struct{}, 1),
	}
	if w.notes, err = w.file.SyscallConn(); err == nil {
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
func (w *watch) arm() {
	if w.armed.CompareAndSwap(false, true) {
		w.arms <- struct{}{} // there is room: run has taken the last one before it disarmed
	}
}

func (w *watch) run() {
	for range w.arms {
		if err := w.notes.Read(noted); err != nil {
			return // closed
		}
		w.armed.Store(false)
		w.fired()
	}
}

// noted reports whether a descriptor can be read. It is not read: that is for libzmq to do.
func noted(fd uintptr) bool {
	one := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(one, 0)
	return n > 0 || (err != nil && err != unix.EINTR)
}

func (w *watch) close() {
	_ = w.file.Close()
	close(w.arms)
}
