package sim

// Micros is a point in virtual time, or a span of it, in microseconds. It begins at 0.
type Micros int64

const (
	millisecond = Micros(1000)
	second      = 1000 * millisecond
	// tickEvery is a tick of the core (package cluster calls it every 10 ms, too).
	tickEvery = 10 * millisecond
)

// event is something that happens at a point in virtual time. Events at one point happen in the
// order in which they were planned, so a run is a function of its seed.
type event struct {
	at  Micros
	seq uint64
	run func()
}

// eventQueue is a binary heap of what is still to happen.
type eventQueue struct {
	heap []event
	seq  uint64
}

func (a *event) before(b *event) bool { return a.at < b.at || (a.at == b.at && a.seq < b.seq) }

// plan adds an event.
func (q *eventQueue) plan(at Micros, run func()) {
	q.seq++
	q.heap = append(q.heap, event{at, q.seq, run})
	for i := len(q.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q.heap[i].before(&q.heap[parent]) {
			break
		}
		q.heap[i], q.heap[parent] = q.heap[parent], q.heap[i]
		i = parent
	}
}

// next removes and returns the earliest event.
func (q *eventQueue) next() (event, bool) {
	n := len(q.heap) - 1
	if n < 0 {
		return event{}, false
	}
	first := q.heap[0]
	q.heap[0] = q.heap[n]
	q.heap[n] = event{}
	q.heap = q.heap[:n]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < n; child++ {
			if q.heap[child].before(&q.heap[least]) {
				least = child
			}
		}
		if least == i {
			return first, true
		}
		q.heap[i], q.heap[least] = q.heap[least], q.heap[i]
		i = least
	}
}
