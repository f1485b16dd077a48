package client

import (
	"context"
	"fmt"
	"slices"
	"time"

	"juno"
	"juno/cluster/rpc"
	"juno/verify"
)

// ask sends a request to one node and waits for its one answer.
func (c *Client) ask(ctx context.Context, l *link, r rpc.Request) (rpc.Response, error) {
	timeout := time.Duration(0)
	if d, ok := ctx.Deadline(); ok {
		timeout = max(time.Millisecond, time.Until(d))
	}
	k, number, ok := c.begin(l, r, timeout)
	if !ok {
		return nil, fmt.Errorf("%s: %w", l.node.ID, juno.ErrBusy)
	}
	defer c.end(number)
	select {
	case a := <-k.in:
		if e, failed := a.(*rpc.Error); failed {
			return nil, fmt.Errorf("%s: %w", l.node.ID, e)
		}
		return a, nil
	case <-ctx.Done():
		c.cancel(l, number)
		return nil, ctx.Err()
	case <-c.stop.Done():
		return nil, ErrClosed
	}
}

func (c *Client) cancel(l *link, number uint64) {
	l.conn.Send(c.frame(&rpc.Cancel{Of: number}, 0))
}

// askAny asks one node after the other until one answers.
func askAny[T rpc.Response](ctx context.Context, c *Client, r rpc.Request) (answer T, err error) {
	err = fmt.Errorf("%w: no node at all", ErrNoQuorum)
	for _, l := range c.nearest() {
		once, cancel := context.WithTimeout(ctx, firstAnswerMax)
		var a rpc.Response
		a, err = c.ask(once, l, r)
		cancel()
		if err == nil {
			if t, ok := a.(T); ok {
				return t, nil
			}
			err = fmt.Errorf("%s: answers %T with %T", l.node.ID, r, a)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return answer, err
}

// Accounts returns at most limit names of accounts that begin with prefix, in byte order, as one
// node says: it is for completion.
func (c *Client) Accounts(ctx context.Context, prefix string, limit int) ([]string, error) {
	r := &rpc.Complete{Prefix: prefix, Limit: min(max(0, limit), rpc.NamesMax)}
	names, err := askAny[*rpc.Names](ctx, c, r)
	if err != nil {
		return nil, err
	}
	return names.Names, nil
}

// factsOf asks a node how it is.
func (c *Client) factsOf(ctx context.Context, l *link) ([]juno.Fact, error) {
	a, err := c.ask(ctx, l, &rpc.Status{})
	if err != nil {
		return nil, err
	}
	f, ok := a.(*rpc.Facts)
	if !ok {
		return nil, fmt.Errorf("%s: answers with %T", l.node.ID, a)
	}
	for i := range f.Facts {
		f.Facts[i].Name = juno.Clean(f.Facts[i].Name)
		f.Facts[i].Value.Text = juno.Clean(f.Facts[i].Value.Text)
	}
	return f.Facts, nil
}

// Snapshots returns the snapshots that one node holds, oldest first.
func (c *Client) Snapshots(ctx context.Context) ([]juno.SnapshotInfo, error) {
	l, err := askAny[*rpc.SnapshotList](ctx, c, &rpc.Snapshots{})
	if err != nil {
		return nil, err
	}
	return l.Snapshots, nil
}

// Receipt returns the proof of an entry as JSON, checked: it is of this ledger, and of this index.
// For a command it holds the signed answers of f+1 voters, if so many give theirs, so that the
// result is proven as well.
func (c *Client) Receipt(ctx context.Context, index juno.Index) ([]byte, error) {
	err := fmt.Errorf("%w: no node at all", ErrNoQuorum)
	var whole *juno.Receipt
	for _, l := range c.nearest() {
		text, failed := c.receiptOf(ctx, l, index)
		var r *juno.Receipt
		if failed == nil {
			r, failed = juno.ParseReceipt(text)
		}
		switch {
		case failed != nil:
			err = failed
		case whole == nil:
			whole = r
		default:
			c.mergeAnswers(whole, r)
		}
		if ctx.Err() != nil || whole != nil && c.proven(whole) {
			break
		}
	}
	if whole == nil {
		return nil, err
	}
	return juno.FormatReceipt(whole)
}

// proven reports whether a receipt needs no more answers.
func (c *Client) proven(r *juno.Receipt) bool {
	report, err := verify.Receipt(r, c.cfg.Cluster)
	return err == nil && (r.Result == nil || report.ResultProven())
}

// mergeAnswers adds the answers of another receipt that belong into this one.
func (c *Client) mergeAnswers(to, from *juno.Receipt) {
	for _, a := range from.Answers {
		more := *to
		more.Answers = append(slices.Clone(to.Answers), a)
		if _, err := verify.Receipt(&more, c.cfg.Cluster); err == nil {
			to.Answers = more.Answers
		}
	}
}

func (c *Client) receiptOf(ctx context.Context, l *link, index juno.Index) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	k, number, ok := c.begin(l, &rpc.Receipt{Index: index}, requestTimeout)
	if !ok {
		return nil, fmt.Errorf("%s: %w", l.node.ID, juno.ErrBusy)
	}
	defer c.end(number)
	var text []byte
	for place := 0; ; place++ {
		select {
		case r := <-k.in:
			if e, failed := r.(*rpc.Error); failed {
				return nil, fmt.Errorf("%s: %w", l.node.ID, e)
			}
			chunk, ok := r.(*rpc.Chunk)
			if !ok || chunk.Place != place || len(text)+len(chunk.Data) > juno.ReceiptBytesMax {
				c.cancel(l, number)
				return nil, fmt.Errorf("%s: a part of the receipt is missing: ask again", l.node.ID)
			}
			text = append(text, chunk.Data...)
			if chunk.Last {
				return text, c.checkReceipt(l, index, text)
			}
			l.conn.Send(c.frame(&rpc.Credit{Of: number, Frames: 1}, 0))
		case <-ctx.Done():
			c.cancel(l, number)
			return nil, ctx.Err()
		case <-c.stop.Done():
			return nil, ErrClosed
		}
	}
}

// requestTimeout is how long a node has for a receipt.
const requestTimeout = 30 * time.Second

// checkReceipt believes no node.
func (c *Client) checkReceipt(l *link, index juno.Index, text []byte) error {
	r, err := juno.ParseReceipt(text)
	if err == nil {
		var report *verify.Report
		report, err = verify.Receipt(r, c.cfg.Cluster)
		if err == nil && report.Pos.Index != index {
			err = fmt.Errorf("it is of entry %d, want %d", report.Pos.Index, index)
		}
	}
	if err != nil {
		c.accuse(l.node.ID, BadProof, [][]byte{text}, "a receipt: %v", err)
		return fmt.Errorf("%s: %w", l.node.ID, err)
	}
	return nil
}

// Admin hands what administrators have signed to all voters: a change of the membership or of the
// mode, or a demand for another leader. It returns when f+1 of them have taken it; that it has
// come into force, Members or Status tell. Only so many refusals that f+1 cannot take it are an
// error, and ctx's.
func (c *Client) Admin(ctx context.Context, kind juno.Kind, payload []byte) error {
	c.mu.Lock()
	m, voters := c.members, c.voters()
	c.mu.Unlock()
	results := make(chan error, len(voters))
	for _, l := range voters {
		c.spawn(func() {
			a, err := c.ask(ctx, l, &rpc.Admin{Kind: kind, Payload: payload})
			if _, ok := a.(*rpc.Done); err == nil && !ok {
				err = fmt.Errorf("%s: answers with %T", l.node.ID, a)
			}
			results <- err
		})
	}
	took, last := 0, error(nil)
	for left := len(voters); took+left >= m.CorrectMin() && left > 0; left-- {
		if err := <-results; err != nil {
			last = err
		} else if took++; took >= m.CorrectMin() {
			return nil
		}
	}
	return fmt.Errorf(
		"%w: %d voters have taken it, want %d (%w)",
		ErrNoQuorum,
		took,
		m.CorrectMin(),
		last,
	)
}
