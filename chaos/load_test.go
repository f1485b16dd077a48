//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"juno"
	"juno/client"
)

const (
	accounts     = 4
	clients      = 3
	batchSize    = 40
	callPatience = 5 * time.Second // then the outcome is unknown, and is asked for again
)

func account(i int) string { return fmt.Sprintf("acct%d", i) }

// operation is one command as its client saw it.
type operation struct {
	client  int
	account int
	read    bool
	request juno.RequestID
	text    string
	called  time.Time
	told    time.Time // when its outcome was known
	outcome juno.Outcome
}

// load is clients that pay and read until they are told to stop, and what they were told.
type load struct {
	handles []*client.Client
	keys    []juno.KeyID

	mu       sync.Mutex
	all      []*operation
	last     time.Time // of an acknowledgement
	longest  time.Duration
	unknowns int
	evidence []client.Evidence
	errs     []error
}

// connect opens the clients of a directory.
func connect(ctx context.Context, home string) (*load, error) {
	l := &load{}
	for i := range clients {
		c, err := client.Connect(ctx, home, client.Options{
			Name: clientName(i), OnEvidence: func(e client.Evidence) {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.evidence = append(l.evidence, e)
			},
		})
		if err != nil {
			l.close()
			return nil, err
		}
		l.handles, l.keys = append(l.handles, c), append(l.keys, c.KeyID())
	}
	return l, nil
}

func clientName(i int) string { return fmt.Sprintf("client%d", i) }

func (l *load) close() {
	for _, c := range l.handles {
		c.Close()
	}
}

func (l *load) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
}

// begin makes the accounts, before anything is broken.
func (l *load) begin(ctx context.Context) error {
	for i := range clients {
		for a := range accounts {
			l.call(ctx, i, payments(a, 1), juno.Single)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last, l.longest = time.Now(), 0
	return errors.Join(l.errs...)
}

// run keeps all clients busy until stop is closed; ctx bounds how long they ask for what is
// unknown.
func (l *load) run(ctx context.Context, stop <-chan struct{}, seed uint64) {
	var group sync.WaitGroup
	for i := range clients {
		rng := rand.New(rand.NewPCG(seed, 100+uint64(i)))
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-ctx.Done():
					return
				default:
				}
				a := rng.IntN(accounts)
				switch {
				case rng.IntN(8) == 0:
					l.call(ctx, i, payments(a, batchSize), juno.Batch)
				case rng.IntN(3) == 0:
					l.call(ctx, i, []payment{{a, true}}, juno.Single)
				default:
					l.call(ctx, i, payments(a, 1+rng.IntN(3)), juno.Single)
				}
				// A fixed pace keeps histories short enough to be checked.
				pause(ctx, time.Duration(rng.IntN(30))*time.Millisecond)
			}
		})
	}
	group.Wait()
}

// payment is one command in short: a dollar to an account, or a look at it.
type payment struct {
	account int
	read    bool
}

func payments(account, n int) []payment {
	all := make([]payment, n)
	for i := range all {
		all[i].account = account
	}
	return all
}

func (p payment) text() string {
	if p.read {
		return "ObserveAccount " + account(p.account)
	}
	return "transfer(pool->" + account(p.account) + ", 1%1)"
}

// call submits commands of one client and waits until it knows what became of each.
func (l *load) call(ctx context.Context, who int, commands []payment, mode juno.Mode) {
	var texts []string
	for _, p := range commands {
		texts = append(texts, p.text())
	}
	called := time.Now()
	var outcomes []juno.Outcome
	for {
		within, cancel := context.WithTimeout(ctx, callPatience)
		var err error
		outcomes, err = l.handles[who].Submit(within, texts, mode, nil)
		cancel()
		if err == nil {
			break
		}
		// Nothing was sent, as where the first request number could not be found out.
		if ctx.Err() != nil {
			l.fail(fmt.Errorf("client %d: submit: %w", who, err))
			return
		}
		pause(ctx, 50*time.Millisecond)
	}
	again := &submission{
		client: l.handles[who], first: outcomes[0].Request, texts: texts, mode: mode,
	}
	for i, o := range outcomes {
		op := &operation{
			client: who, account: commands[i].account, read: commands[i].read, text: texts[i],
			request: o.Request, called: called, outcome: o,
		}
		l.settle(ctx, op, again)
		l.note(op)
	}
}

// submission is what was sent at a time. It is sent again in the same way: a command that is under
// way in a batch is another one than the same text signed by itself.
type submission struct {
	client *client.Client
	first  juno.RequestID
	texts  []string
	mode   juno.Mode
}

// settle asks for an outcome that is unknown until it is not.
func (l *load) settle(ctx context.Context, op *operation, s *submission) {
	for asked := 0; op.outcome.Err != nil; asked++ {
		if !errors.Is(op.outcome.Err, juno.ErrUnknown) &&
			!errors.Is(op.outcome.Err, juno.ErrMissing) {
			l.fail(fmt.Errorf("client %d, request %d: %w", op.client, op.request, op.outcome.Err))
			return
		}
		if ctx.Err() != nil {
			l.fail(fmt.Errorf("client %d, request %d: still: %w", op.client, op.request,
				op.outcome.Err))
			return
		}
		l.mu.Lock()
		l.unknowns++
		l.mu.Unlock()
		s.ask(ctx, op, asked)
	}
}

// ask asks, or sends everything again, in turn.
func (s *submission) ask(ctx context.Context, op *operation, asked int) {
	within, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	var again []juno.Outcome
	var err error
	if asked%2 == 0 {
		again, err = s.client.Ask(within, op.request)
	} else {
		again, err = s.client.SubmitAt(within, s.first, s.texts, s.mode, nil)
	}
	for _, o := range again {
		if err == nil && o.Request == op.request {
			op.outcome = o
			return
		}
	}
	pause(ctx, 50*time.Millisecond) // too few nodes answer; it stays unknown
}

// note keeps what became of a command.
func (l *load) note(op *operation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	op.told = time.Now()
	l.all = append(l.all, op)
	if op.outcome.Err != nil {
		return
	}
	if o := &op.outcome; o.Result.Status != juno.StatusOK || o.Request != op.request {
		l.errs = append(l.errs, fmt.Errorf("client %d, request %d, %s: %+v", op.client,
			op.request, op.text, o))
	}
	l.longest, l.last = max(l.longest, op.told.Sub(l.last)), op.told
}
