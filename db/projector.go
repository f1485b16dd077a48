package db

import (
	"context"
	"slices"
	"sync"
	"time"

	"juno"
	"juno/db/state"
)

const (
	// lagEntriesMax is how far the projection may be behind before Apply waits for it.
	lagEntriesMax = 64 << 10
	// queueBatches bounds the batches between the two; a batch can be of one entry.
	queueBatches = 1024
	// gatherEntries is from how many entries on waiting for more makes nothing cheaper.
	gatherEntries = 1024
	// gatherTime is how long the projector waits for more entries while nobody asks for those it
	// has: single commands in a row are then written together.
	gatherTime = 5 * time.Millisecond
	// changedElementsMax bounds the elements whose hashing is put off, to some 20 MiB.
	changedElementsMax = 64 << 10
)

// request is what somebody wants from the projector: where it stands, or a sync point.
type request struct {
	point bool
	reply chan reply
}

type reply struct {
	point Point
	err   error
}

// waiter is a reader that wants an index projected.
type waiter struct {
	index juno.Index
	ready chan struct{}
}

// projector brings the store up to what was applied: one goroutine, in order.
type projector struct {
	l        *Ledger
	queue    chan *batch
	requests chan request
	nudge    chan struct{} // somebody waits; capacity 1
	done     chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	cond    *sync.Cond // of head and failure
	head    juno.Index // newest projected entry
	handed  juno.Index // newest entry in the queue
	waiters []waiter
	spare   []*batch
	ended   error // why the goroutine ended

	// Owned by the goroutine.
	hash     state.SetHash
	changes  state.Changes     // not in hash yet
	sessions map[string][]byte // session elements as they are in hash and changes
	unsynced map[string]bool   // those that changed since the newest sync point
	point    Point             // newest sync point
	quiet    bool              // the head is not inside a client's batch
	headTime juno.Millis
	records  []record
	runs     runs
	waiting  []request
}

func newProjector(l *Ledger) *projector {
	p := &projector{
		l: l, queue: make(chan *batch, queueBatches), requests: make(chan request),
		nudge: make(chan struct{}, 1), done: make(chan struct{}),
		sessions: make(map[string][]byte), unsynced: make(map[string]bool),
	}
	p.cond = sync.NewCond(&p.mu)
	return p
}

// free returns an empty batch.
func (p *projector) free() *batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.spare); n > 0 {
		b := p.spare[n-1]
		p.spare = p.spare[:n-1]
		return b
	}
	return &batch{}
}

// hand queues a batch. It waits while the projection is too far behind.
func (p *projector) hand(b *batch) error {
	p.mu.Lock()
	for p.handed-p.head >= lagEntriesMax && p.l.failure.Load() == nil {
		p.cond.Wait()
	}
	p.handed = b.last
	p.mu.Unlock()
	select {
	case p.queue <- b:
	case <-p.l.stopped:
	}
	return p.l.Err()
}

// projected returns the newest projected entry.
func (p *projector) projected() juno.Index {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.head
}

// await waits until the entry at index is projected.
func (p *projector) await(ctx context.Context, index juno.Index) error {
	p.mu.Lock()
	if p.head >= index {
		p.mu.Unlock()
		return p.l.Err()
	}
	w := waiter{index, make(chan struct{})}
	p.waiters = append(p.waiters, w)
	p.mu.Unlock()
	p.hurry()
	select {
	case <-w.ready:
		return nil
	case <-p.l.stopped:
		return p.l.Err()
	case <-p.done:
		return p.l.ended()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hurry ends the gathering: somebody waits.
func (p *projector) hurry() {
	select {
	case p.nudge <- struct{}{}:
	default:
	}
}

// ask sends a request and waits for the answer.
func (p *projector) ask(ctx context.Context, r request) (Point, error) {
	if err := p.l.Err(); err != nil {
		return Point{}, err
	}
	r.reply = make(chan reply, 1)
	p.hurry()
	select {
	case p.requests <- r:
	case <-p.l.stopped:
		return Point{}, p.l.Err()
	case <-p.done:
		return Point{}, p.l.ended()
	case <-ctx.Done():
		return Point{}, ctx.Err()
	}
	select {
	case a := <-r.reply:
		return a.point, a.err
	case <-p.l.stopped:
		return Point{}, p.l.Err()
	case <-ctx.Done():
		return Point{}, ctx.Err()
	}
}

// wake lets Apply see a failure while it waits for the projection.
func (p *projector) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cond.Broadcast()
}

// release ends the waiting for entries up to the head. p.mu is held.
func (p *projector) release() {
	p.waiters = slices.DeleteFunc(p.waiters, func(w waiter) bool {
		if w.index <= p.head {
			close(w.ready)
		}
		return w.index <= p.head
	})
	p.cond.Broadcast()
}

// stop ends the goroutine after it has projected everything and made a sync point.
func (p *projector) stop() error {
	close(p.queue)
	select {
	case <-p.done:
		return p.ended
	case <-p.l.stopped:
		return p.l.Err() // it may be stuck in badger for ever
	}
}

// run is the goroutine.
func (p *projector) run() {
	defer close(p.done)
	if err := p.loop(); err != nil {
		p.ended = p.l.fail(err)
	}
}

func (p *projector) loop() error {
	for {
		select {
		case b, ok := <-p.queue:
			if !ok {
				return p.finish()
			}
			if err := p.project(p.gather(b)); err != nil {
				return err
			}
		case r := <-p.requests:
			if err := p.drain(); err != nil {
				return err
			}
			p.waiting = append(p.waiting, r)
		case <-p.nudge: // of somebody whose entries are projected meanwhile
		}
		if err := p.serve(); err != nil {
			return err
		}
	}
}

// finish makes the last sync point, unless the log ends inside a client's batch.
func (p *projector) finish() error {
	for _, r := range p.waiting {
		r.reply <- reply{err: ErrClosed}
	}
	if p.head == p.point.Pos.Index || !p.quiet {
		return nil
	}
	return p.makePoint()
}

// drain projects what is queued.
func (p *projector) drain() error {
	for {
		select {
		case b, ok := <-p.queue:
			if !ok {
				return nil
			}
			if err := p.project([]*batch{b}); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// gather returns b and the batches behind it, as many as make writing them together worthwhile.
func (p *projector) gather(b *batch) []*batch {
	all := []*batch{b}
	timer := time.NewTimer(gatherTime)
	defer timer.Stop()
	for n := b.entries(); n < gatherEntries; {
		select {
		case next, ok := <-p.queue:
			if !ok {
				return all
			}
			all = append(all, next)
			n += next.entries()
		case <-p.nudge:
			return all
		case <-timer.C:
			return all
		}
	}
	return all
}

// serve answers the requests that can be answered, and makes the sync point that is due.
func (p *projector) serve() error {
	due := p.head-p.point.Pos.Index >= juno.Index(p.l.options.PointEvery)
	asked := slices.ContainsFunc(p.waiting, func(r request) bool { return r.point })
	if p.quiet && (due || asked && p.head != p.point.Pos.Index) {
		if err := p.makePoint(); err != nil {
			return err
		}
	}
	rest := p.waiting[:0]
	for _, r := range p.waiting {
		switch {
		case !r.point:
			at, err := p.standing()
			r.reply <- reply{at, err}
		case p.head == p.point.Pos.Index:
			r.reply <- reply{point: p.point}
		default:
			rest = append(rest, r)
		}
	}
	p.waiting = rest
	return nil
}

// standing returns the position and the state hash now.
func (p *projector) standing() (Point, error) {
	pos, err := p.l.options.Log.Pos(p.head)
	if err != nil {
		return Point{}, err
	}
	p.changes.Flush(&p.hash)
	return Point{Pos: pos, Time: p.headTime, StateHash: p.hash.Hash()}, nil
}
