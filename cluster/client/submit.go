package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"juno"
	"juno/cluster/rpc"
	"juno/internal/submit"
)

const (
	// windowRequests is how far apart the numbers of commands under way may be: a node refuses a
	// number that is 4096 below the highest one.
	windowRequests = 4096
	// batchCommands is how many commands are signed together: a quarter of the window, so that
	// batches follow each other without a pause.
	batchCommands = windowRequests / 4
	// bytesUnderWayMax bounds the bytes of commands under way.
	bytesUnderWayMax = 8 << 20
	// requestsAhead bounds how far a single voter can move the first number of a client: correct
	// voters are never that far apart.
	requestsAhead = 1 << 32
)

// Submit signs commands, sends them, and waits until each has an outcome; there is one for each
// text, in the same order, also when ctx ends first. They enter the log in the order of texts as
// long as nothing has to be sent twice. The error is about all of them: nothing was sent.
func (c *Client) Submit(
	ctx context.Context, texts []string, mode juno.Mode, progress juno.Progress,
) ([]juno.Outcome, error) {
	return c.submit(ctx, 0, texts, mode, progress)
}

// SubmitAt is Submit under request numbers that the caller chooses: first, which is at least 1,
// and those behind it. A number that was used before for the same command gives that command's
// first outcome and executes nothing; for another command it is ErrReused.
func (c *Client) SubmitAt(
	ctx context.Context, first juno.RequestID, texts []string, mode juno.Mode,
	progress juno.Progress,
) ([]juno.Outcome, error) {
	if err := submit.CheckNumber(first); err != nil {
		return nil, err
	}
	return c.submit(ctx, first, texts, mode, progress)
}

func (c *Client) submit(
	ctx context.Context, first juno.RequestID, texts []string, mode juno.Mode,
	progress juno.Progress,
) ([]juno.Outcome, error) {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	commands, err := submit.Commands(texts, c.cfg.Detect)
	if err != nil {
		return nil, err
	}
	if first == 0 && len(texts) > 0 {
		if _, err := c.Next(ctx); err != nil {
			return nil, err
		}
	}
	w := newWaiting(len(texts), progress)
	at, err := submit.Each(
		&submit.Submission{
			Cluster: c.cfg.Cluster, Commands: commands, Mode: mode, First: first,
			BatchMax: batchCommands,
		},
		func(first juno.RequestID, n int) (juno.RequestID, juno.PrivateKey, error) {
			first, err := c.room(ctx, first, n)
			return first, c.cfg.Key, err
		},
		newUnit,
		func(at int, units []*unit) { c.launch(w, at, units) },
	)
	if err != nil {
		c.notSent(w, at, err)
	}
	c.finish(ctx, w)
	return w.outcomes, nil
}

// SubmitKey submits the signed payload of a key change (juno.KeyOp).
func (c *Client) SubmitKey(ctx context.Context, payload []byte) (juno.Outcome, error) {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	ask, ok := juno.AskOf(&juno.Entry{Type: juno.EntryKeyOp, Payload: payload})
	if !ok {
		return juno.Outcome{}, errors.New("this is no key change")
	}
	w := newWaiting(1, nil)
	c.launch(w, 0, []*unit{{
		item:  rpc.Submission{Type: juno.EntryKeyOp, Payload: payload},
		first: ask.Request, count: 1, hashes: []juno.Hash{ask.Hash},
	}})
	c.finish(ctx, w)
	return w.outcomes[0], nil
}

// limit gives a context without a deadline that of the configuration.
func (c *Client) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.cfg.Timeout)
}

func newWaiting(n int, progress juno.Progress) *waiting {
	w := &waiting{
		outcomes: make([]juno.Outcome, n), left: n, done: make(chan struct{}),
		progress: progress,
	}
	if n == 0 {
		close(w.done)
	}
	return w
}

// finish waits for all outcomes, and makes those unknown that ctx does not wait for.
func (c *Client) finish(ctx context.Context, w *waiting) {
	select {
	case <-w.done:
		return
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.commands {
		i := slices.IndexFunc(k.wanted, func(t target) bool { return t.of == w })
		if i < 0 || k.settled {
			continue
		}
		w.outcomes[k.wanted[i].at] = juno.Outcome{
			Request: k.request,
			Err:     fmt.Errorf("request %d: %w (%w)", k.request, juno.ErrUnknown, ctx.Err()),
		}
		k.wanted = slices.Delete(k.wanted, i, i+1)
		if len(k.wanted) == 0 { // nobody waits any more
			if k.unit != nil {
				k.unit.left--
			}
			delete(c.commands, k.request)
		}
	}
	c.trim()
	c.announce()
}

// Next returns the next request number that this client would use. The first time it asks a quorum
// of voters for the highest one in their logs.
func (c *Client) Next(ctx context.Context) (juno.RequestID, error) {
	err := c.await(ctx, func() bool { return c.next != 0 || c.findNext() })
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && !errors.Is(err, ErrClosed) {
		heard := 0
		for _, l := range c.voters() {
			if l.info != nil {
				heard++
			}
		}
		want := 0
		if c.members != nil {
			want = c.members.config.Quorum()
		}
		return 0, fmt.Errorf("%w: %d voters tell which request numbers are used, want %d (%w)",
			ErrNoQuorum, heard, want, err)
	}
	return c.next, err
}

// SetNext sets the next request number, for a program that keeps count itself.
func (c *Client) SetNext(next juno.RequestID) error {
	if err := submit.CheckNumber(next); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = next
	return nil
}

// findNext sets the next number if a quorum of voters has told theirs. Of a quorum at least one
// correct voter has every acknowledged command in its log, so the highest is safe; and no voter
// alone can push it far. The caller holds mu.
func (c *Client) findNext() bool {
	if c.members == nil {
		return false
	}
	var told []juno.RequestID
	var heads []juno.Head
	for _, l := range c.voters() {
		if l.info != nil && l.info.Epoch == c.epoch() {
			told, heads = append(told, l.info.Next), append(heads, l.info.Head)
		}
	}
	if len(told) < c.members.config.Quorum() {
		return false
	}
	slices.Sort(told)
	slices.SortFunc(heads, func(a, b juno.Head) int { return cmp.Compare(a.Index, b.Index) })
	at := len(told) - c.members.CorrectMin() // a correct voter has at least what is there
	if heads[at].Index > c.head.Index {
		c.head = heads[at]
	}
	honest := told[at]
	c.next = max(1, min(told[len(told)-1], honest+requestsAhead, submit.NumbersEnd))
	return true
}

// notSent gives the commands from one on the error: they were not sent.
func (c *Client) notSent(w *waiting, from int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := from; i < len(w.outcomes); i++ {
		w.outcomes[i] = juno.Outcome{Err: fmt.Errorf("not sent: %w", err)}
		if w.left--; w.left == 0 {
			close(w.done)
		}
	}
}

// room waits until n commands from first on, or if that is 0 from the next number on, are within
// the window of what is under way, and takes those numbers.
func (c *Client) room(ctx context.Context, first juno.RequestID, n int) (juno.RequestID, error) {
	taken := first
	err := c.await(ctx, func() bool {
		from := first
		if from == 0 {
			from = c.next
		}
		lowest, bytes := from, 0
		for _, u := range c.units {
			if u.left > 0 {
				lowest = min(lowest, u.first)
				bytes += len(u.item.Payload)
				for _, p := range u.item.Commands {
					bytes += len(p)
				}
			}
		}
		if from+juno.RequestID(n)-lowest > windowRequests || bytes > bytesUnderWayMax {
			return false
		}
		taken = from
		c.next = max(c.next, from+juno.RequestID(n))
		return true
	})
	return taken, err
}

// newUnit makes what is sent of what one signature covers.
func newUnit(u submit.Unit) *unit {
	made := &unit{
		item:  rpc.Submission{Type: u.Type, Payload: u.Payload, Commands: u.Commands},
		first: u.First, count: u.Count, hashes: make([]juno.Hash, u.Count),
	}
	for i := range made.hashes {
		payload := u.Payload
		if u.Type == juno.EntryBatchHead {
			payload = u.Commands[i]
		}
		ask, ok := juno.AskOf(&juno.Entry{Type: juno.EntryCommand, Payload: payload})
		if !ok {
			panic(fmt.Sprintf("our own command %d cannot be read", u.First+juno.RequestID(i)))
		}
		made.hashes[i] = ask.Hash
	}
	return made
}

// Ask asks what became of requests that had no outcome in time. It executes nothing. An outcome
// with ErrMissing says that a quorum does not have the request: it may still be on its way, unless
// its number has left the window meanwhile.
func (c *Client) Ask(ctx context.Context, requests ...juno.RequestID) ([]juno.Outcome, error) {
	if len(requests) > rpc.AskRequestsMax {
		return nil, fmt.Errorf("ask about %d requests, at most %d", len(requests),
			rpc.AskRequestsMax)
	}
	ctx, cancel := c.limit(ctx)
	defer cancel()
	w := newWaiting(len(requests), nil)
	c.mu.Lock()
	for i, r := range requests {
		if r == 0 {
			c.mu.Unlock()
			return nil, errors.New("ask about request number 0: they begin at 1")
		}
		if k := c.commands[r]; k != nil && !k.settled {
			k.wanted = append(k.wanted, target{w, i})
			continue
		}
		c.commands[r] = &command{request: r, wanted: []target{{w, i}}, floor: c.head.Index}
	}
	c.mu.Unlock()
	for pause := c.pause(); ; pause = min(2*pause, hedgeMax) {
		c.mu.Lock()
		voters := c.voters()
		c.mu.Unlock()
		frame := c.frame(&rpc.Ask{Requests: requests}, 0)
		for _, l := range voters {
			l.conn.Send(frame)
		}
		again := time.NewTimer(pause)
		select {
		case <-w.done:
		case <-again.C:
			continue
		case <-ctx.Done():
		case <-c.stop.Done():
		}
		again.Stop()
		c.finish(ctx, w)
		return w.outcomes, nil
	}
}

func (c *Client) pause() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hedge()
}
