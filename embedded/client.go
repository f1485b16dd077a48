package embedded

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"juno"
	"juno/cluster"
	"juno/db/state"
	"juno/internal/submit"
)

// underWayMax is how many commands one call keeps in flight.
const underWayMax = 8192

// Client acts for one client of the ledger: it signs and numbers commands. It is safe for
// concurrent use; commands of concurrent calls are numbered in an order of their own.
type Client struct {
	ledger *Ledger
	name   string

	mu   sync.Mutex
	key  juno.PrivateKey
	next juno.RequestID
}

// Name returns the name of the client.
func (c *Client) Name() string { return c.name }

// KeyID returns the key that signs.
func (c *Client) KeyID() juno.KeyID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.key.Public().ID()
}

// numbers implements submit.Numbers.
func (c *Client) numbers(first juno.RequestID, n int) (juno.RequestID, juno.PrivateKey, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if first == 0 {
		first = c.next
	}
	c.next = max(c.next, first+juno.RequestID(n))
	return first, c.key, nil
}

// Submit signs commands and waits until each has an outcome. It returns one outcome for each text,
// in the same order, also if ctx ends first. The error concerns all of them: nothing was sent.
func (c *Client) Submit(
	ctx context.Context, texts []string, mode juno.Mode, progress juno.Progress,
) ([]juno.Outcome, error) {
	return c.submit(ctx, 0, texts, mode, progress)
}

// SubmitAt is Submit under request numbers that the caller chooses: first, which is at least 1,
// and those behind it. A number that was used before for the same command, also as one of a
// batch, gives that command's first outcome, Replayed, and executes nothing; for another command it
// is juno.ErrReused. So a program that writes its numbers down first can ask again after a crash or
// a juno.ErrUnknown, and pays once. A batch of which the log holds only a part stays
// juno.ErrUnknown: ask for its commands one by one.
//
// The newest 4096 numbers of a client can be asked for in any order. An older number that was not
// used can never be.
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
	commands, err := submit.Commands(texts, func(t string) juno.Language { return state.Detect(t) })
	if err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(int, int) {}
	}
	s := &submission{
		client: c, outcomes: make([]juno.Outcome, len(texts)), progress: progress,
	}
	_, _ = submit.Each(&submit.Submission{ // numbers never fails
		Cluster: c.ledger.cluster, Commands: commands, Mode: mode, First: first,
		BatchMax: juno.BatchCommandsMax,
	}, c.numbers, newSigned, func(at int, units []signed) {
		for i := range units {
			s.send(ctx, &units[i], at)
			at += units[i].count
		}
	})
	s.wait(ctx, 0)
	return s.outcomes, nil
}

// signed is what one signature covers, as a proposal.
type signed struct {
	first    juno.RequestID
	count    int
	proposal *cluster.Proposal
	err      error
}

func newSigned(u submit.Unit) signed {
	s := signed{first: u.First, count: u.Count}
	if u.Type == juno.EntryBatchHead {
		s.proposal, s.err = cluster.NewBatchProposal(u.Payload, u.Commands)
	} else {
		s.proposal, s.err = cluster.NewProposal(u.Type, u.Payload)
	}
	return s
}

// submission is one call of Submit.
type submission struct {
	client   *Client
	outcomes []juno.Outcome
	progress juno.Progress
	waiting  []sent // oldest first
	underWay int    // commands in waiting
	done     int
}

// sent is a proposal under way, for the outcomes [from, from+count).
type sent struct {
	ticket      *cluster.Ticket
	from, count int
}

// send submits a proposal, whose outcomes begin at from. While too much is under way it waits for
// the older ones first.
func (s *submission) send(ctx context.Context, u *signed, from int) {
	for i := range u.count {
		s.outcomes[from+i].Request = u.first + juno.RequestID(i)
	}
	var ticket *cluster.Ticket
	s.wait(ctx, max(0, underWayMax-u.count))
	err := u.err
	for err == nil {
		if err = ctx.Err(); err != nil {
			err = fmt.Errorf("not sent: %w", err)
			break
		}
		ticket, err = s.client.ledger.node.Submit(u.proposal)
		if !errors.Is(err, juno.ErrBusy) || len(s.waiting) == 0 {
			break
		}
		s.wait(ctx, s.underWay/2) // other clients fill the node; make room by our own commands
		err = nil
	}
	if err != nil {
		s.fail(from, u.count, err)
		return
	}
	s.waiting = append(s.waiting, sent{ticket, from, u.count})
	s.underWay += u.count
}

func (s *submission) fail(from, count int, err error) {
	for i := range count {
		o := &s.outcomes[from+i]
		if o.Err = err; errors.Is(err, juno.ErrUnknown) {
			o.Err = fmt.Errorf("request %d of %s: %w", o.Request, s.client.name, err)
		}
	}
	s.done += count
	s.progress(s.done, len(s.outcomes))
}

// wait collects outcomes, oldest first, until at most most commands are under way.
func (s *submission) wait(ctx context.Context, most int) {
	for s.underWay > most {
		w := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.underWay -= w.count
		outcomes, err := w.ticket.Wait(ctx)
		if err != nil {
			s.fail(w.from, w.count, err)
			continue
		}
		for i, o := range outcomes {
			o.Request = s.outcomes[w.from+i].Request
			s.outcomes[w.from+i] = o
		}
		s.done += w.count
		s.progress(s.done, len(s.outcomes))
	}
}
