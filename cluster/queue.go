package cluster

import "sync"

// queue hands work from one goroutine to the next, in order. The receiver gets all waiting items at
// a time, so a slow receiver gets bigger batches. The queue has no bound of its own: the core's
// window and waitingBytesMax bound what can be in flight.
type queue[T any] struct {
	mu     sync.Mutex
	items  []T
	closed bool
	wake   chan struct{} // one token while items may be waiting
}

func newQueue[T any]() *queue[T] { return &queue[T]{wake: make(chan struct{}, 1)} }

// put adds an item. It never blocks.
func (q *queue[T]) put(item T) {
	q.mu.Lock()
	q.items = append(q.items, item)
	q.mu.Unlock()
	q.signal()
}

func (q *queue[T]) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// close makes take return false once everything was taken.
func (q *queue[T]) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}

// len returns how many items are waiting.
func (q *queue[T]) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// poll returns the waiting items, perhaps none.
func (q *queue[T]) poll() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items = nil
	return items
}

// take waits for items and returns all of them, or false after close. One goroutine may call it.
func (q *queue[T]) take() ([]T, bool) {
	for {
		q.mu.Lock()
		items, closed := q.items, q.closed
		q.items = nil
		q.mu.Unlock()
		if len(items) > 0 {
			return items, true
		}
		if closed {
			q.signal()
			return nil, false
		}
		<-q.wake
	}
}
