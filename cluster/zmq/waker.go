package zmq

import (
	"fmt"
	"sync"
	"sync/atomic"

	zmq4 "github.com/pebbe/zmq4"
)

// waker ends the wait of a goroutine that waits for ZeroMQ sockets. Sockets are not safe for use
// by several goroutines; the sending half of a waker is, because a mutex guards it.
type waker struct {
	awake atomic.Bool // the goroutine will look at its lists before it waits
	recv  *zmq4.Socket
	mu    sync.Mutex
	send  *zmq4.Socket // nil once closed
}

func newWaker(ctx *zmq4.Context, address string) (*waker, error) {
	w := &waker{}
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
func (w *waker) wake() {
	if !w.awake.CompareAndSwap(false, true) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.send != nil {
		// The queue holds a thousand and never more than a few are in it.
		_, _ = w.send.SendBytes([]byte{0}, zmq4.DONTWAIT)
	}
}

// drain takes the frames of calls to wake.
func (w *waker) drain() {
	for {
		if _, err := w.recv.RecvBytes(zmq4.DONTWAIT); err != nil {
			return
		}
	}
}

func (w *waker) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range []*zmq4.Socket{w.send, w.recv} {
		if s != nil {
			_ = s.Close()
		}
	}
	w.send = nil
}
