package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"juno"
	"juno/cluster/client"
)

const (
	// loadTills is how many pay at a time, and loadBatch what each pays at once, every loadEvery:
	// 4,000 payments a second, so that the money lasts.
	loadTills = 4
	loadBatch = 40
	loadEvery = 40 * time.Millisecond
)

// paid is a payment that was acknowledged.
type paid struct {
	request juno.RequestID
	index   juno.Index
}

// load pays in the background, and remembers what was acknowledged.
type load struct {
	client *client.Client
	halt   chan struct{} // closed: no more payments
	tills  sync.WaitGroup

	mu    sync.Mutex
	all   []paid // acknowledged
	again int    // payments whose outcome was unknown, which were sent again
	err   error
	since time.Time     // what begins after it is new
	fresh chan struct{} // closed when something new was acknowledged
	first time.Time     // when
	worst time.Duration // that a till had to wait
}

// startLoad begins to pay.
func startLoad(ctx context.Context, c *client.Client) *load {
	l := &load{client: c, halt: make(chan struct{})}
	l.mark()
	for range loadTills {
		l.tills.Go(func() { l.fail(l.pay(ctx)) })
	}
	return l
}

// stop ends the load when everything that was sent has an outcome.
func (l *load) stop() error {
	close(l.halt)
	l.tills.Wait()
	return l.err
}

func (l *load) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil && err != nil {
		l.err = err
	}
}

// pay is one till.
func (l *load) pay(ctx context.Context) error {
	texts := make([]string, loadBatch)
	for i := range texts {
		texts[i] = payment
	}
	every := time.NewTicker(loadEvery)
	defer every.Stop()
	for {
		select {
		case <-l.halt:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-every.C:
		}
		begun := time.Now()
		outcomes, err := l.client.Submit(ctx, texts, juno.Batch, nil)
		if err != nil {
			return err
		}
		if err := l.settle(ctx, outcomes); err != nil {
			return err
		}
		l.take(outcomes, begun, time.Now())
	}
}

// settle sends payments again, under the same numbers, until it is known what became of them.
func (l *load) settle(ctx context.Context, outcomes []juno.Outcome) error {
	for i := range outcomes {
		o := &outcomes[i]
		for errors.Is(o.Err, juno.ErrUnknown) && ctx.Err() == nil {
			l.mu.Lock()
			l.again++
			l.mu.Unlock()
			once, err := l.client.SubmitAt(
				ctx,
				o.Request,
				[]string{payment},
				juno.Single,
				nil,
			)
			if err != nil {
				return err
			}
			*o = once[0]
		}
		if o.Err != nil {
			return fmt.Errorf("payment %d: %w", o.Request, o.Err)
		}
		if o.Result.Status != juno.StatusOK {
			return fmt.Errorf("payment %d was refused: %s", o.Request, o.Result.Message)
		}
	}
	return nil
}

func (l *load) take(outcomes []juno.Outcome, begun, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range outcomes {
		l.all = append(l.all, paid{o.Request, o.Index})
	}
	l.worst = max(l.worst, now.Sub(begun))
	if l.first.IsZero() && begun.After(l.since) {
		l.first = now
		close(l.fresh)
	}
}

// mark says that what begins from now on is new.
func (l *load) mark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.since, l.first, l.worst = time.Now(), time.Time{}, 0
	l.fresh = make(chan struct{})
}

// awaitFresh waits until something that began after the mark was acknowledged, and returns how
// long after the mark that was.
func (l *load) awaitFresh(ctx context.Context) (time.Duration, error) {
	l.mu.Lock()
	fresh := l.fresh
	l.mu.Unlock()
	select {
	case <-fresh:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first.Sub(l.since), l.err
}

// count returns how many payments were acknowledged.
func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

// last returns the newest payment that was acknowledged.
func (l *load) last() (p paid) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, q := range l.all {
		if q.index > p.index {
			p = q
		}
	}
	return p
}

// longest returns how long a till waited at most, of what was acknowledged since the mark.
func (l *load) longest() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.worst
}
