package embedded

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"juno"
	"juno/cluster"
)

const (
	// signedAhead is how many single commands are signed before they are submitted: enough to
	// keep all cores signing, few enough that a cancelled call leaves little behind.
	signedAhead = 512
	// underWayMax is how many single commands one call keeps in flight.
	underWayMax = 8192
	// requestFirstMax keeps a client that chooses its numbers from using them all up.
	requestFirstMax = 1 << 62
)

// Client acts for one client of the ledger: it signs and numbers commands. It is safe for
// concurrent use; commands of concurrent calls are numbered in an order of their own.
type Client struct {
	ledger *Ledger
	name   string
	key    juno.PrivateKey

	mu   sync.Mutex
	next juno.RequestID
}

// Name returns whose commands these are.
func (c *Client) Name() string { return c.name }

// KeyID returns the key that signs.
func (c *Client) KeyID() juno.KeyID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.key.Public().ID()
}

// numbers takes n request numbers from first on, or if that is 0 as many that were never used, and
// the key to sign them with.
func (c *Client) numbers(first juno.RequestID, n int) (juno.RequestID, juno.PrivateKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if first == 0 {
		first = c.next
	}
	c.next = max(c.next, first+juno.RequestID(n))
	return first, c.key
}

// Submit signs commands and waits until each has an outcome; there is one for each text, in the
// same order, also when ctx ends first. The error is about all of them: nothing was sent.
func (c *Client) Submit(
	ctx context.Context, texts []string, mode juno.Mode, progress juno.Progress,
) ([]juno.Outcome, error) {
	return c.submit(ctx, 0, texts, mode, progress)
}

// SubmitAt is Submit under request numbers that the caller chooses: first, which is at least 1,
// and those behind it. A number that was used before for the same command, also as one of a
// batch, gives that command's first outcome, Replayed, and executes nothing; for another command it
// is juno.ErrReused. So a program that writes its numbers down first can ask again after
// a crash or a juno.ErrUnknown, and pays once. A batch of which the log holds a part without the
// rest stays juno.ErrUnknown: ask for its commands one by one.
//
// A client's newest 4096 numbers can be asked for in any order; what is older and was not used
// can never be.
func (c *Client) SubmitAt(
	ctx context.Context, first juno.RequestID, texts []string, mode juno.Mode,
	progress juno.Progress,
) ([]juno.Outcome, error) {
	if first == 0 || first > requestFirstMax {
		return nil, fmt.Errorf("request number %d: want one from 1 to %d", first,
			juno.RequestID(requestFirstMax))
	}
	return c.submit(ctx, first, texts, mode, progress)
}

func (c *Client) submit(
	ctx context.Context, first juno.RequestID, texts []string, mode juno.Mode,
	progress juno.Progress,
) ([]juno.Outcome, error) {
	commands := make([]juno.Command, len(texts))
	for i, t := range texts {
		if len(t) > juno.CommandTextBytesMax {
			return nil, fmt.Errorf("command %d: %d bytes, at most %d", i+1, len(t),
				juno.CommandTextBytesMax)
		}
		commands[i] = juno.Command{Language: juno.DetectLanguage(t), Text: t}
	}
	if progress == nil {
		progress = func(int, int) {}
	}
	s := &submission{
		client: c, first: first, outcomes: make([]juno.Outcome, len(texts)), progress: progress,
	}
	if mode == juno.Batch {
		s.batches(ctx, commands)
	} else {
		s.singles(ctx, commands)
	}
	s.wait(ctx, 0)
	return s.outcomes, nil
}

// submission is one call of Submit.
type submission struct {
	client   *Client
	first    juno.RequestID // 0: numbers that were never used
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

// numbers takes request numbers for the commands [from, from+n).
func (s *submission) numbers(from, n int) (juno.RequestID, juno.PrivateKey) {
	first := s.first
	if first != 0 {
		first += juno.RequestID(from)
	}
	first, key := s.client.numbers(first, n)
	for i := range n {
		s.outcomes[from+i].Request = first + juno.RequestID(i)
	}
	return first, key
}

func (s *submission) batches(ctx context.Context, commands []juno.Command) {
	for from := 0; from < len(commands); {
		part := cutBatch(commands[from:])
		first, key := s.numbers(from, len(part))
		head, payloads := juno.SignBatch(key, s.client.ledger.cluster, first, part)
		p, err := cluster.NewBatchProposal(head.Payload(), payloads)
		s.send(ctx, p, err, from, len(part))
		from += len(part)
	}
}

// batchBytesTarget keeps a client batch within one message to a follower.
const batchBytesTarget = 900 << 10

// cutBatch returns as many commands from the front as fit one batch, at least one.
func cutBatch(commands []juno.Command) []juno.Command {
	n, size := 0, 0
	for n < len(commands) && n < juno.BatchCommandsMax {
		size += len(commands[n].Text) + 32
		if n > 0 && size > batchBytesTarget {
			break
		}
		n++
	}
	return commands[:n]
}

func (s *submission) singles(ctx context.Context, commands []juno.Command) {
	first, key := s.numbers(0, len(commands))
	for from := 0; from < len(commands); from += signedAhead {
		part := commands[from:min(from+signedAhead, len(commands))]
		proposals, errs := s.sign(key, part, first+juno.RequestID(from))
		for i, p := range proposals {
			s.send(ctx, p, errs[i], from+i, 1)
		}
	}
}

// sign signs commands on all cores: signing costs more than everything else that this side does.
func (s *submission) sign(
	key juno.PrivateKey, commands []juno.Command, first juno.RequestID,
) ([]*cluster.Proposal, []error) {
	proposals, errs := make([]*cluster.Proposal, len(commands)), make([]error, len(commands))
	workers := min(runtime.GOMAXPROCS(0), len(commands)/16+1)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(commands); i += workers {
				commands[i].Request = first + juno.RequestID(i)
				commands[i].Sign(key, s.client.ledger.cluster)
				proposals[i], errs[i] = cluster.NewProposal(juno.EntryCommand,
					commands[i].Payload())
			}
		})
	}
	wg.Wait()
	return proposals, errs
}

// send submits a proposal, waiting for older ones while too much is under way.
func (s *submission) send(ctx context.Context, p *cluster.Proposal, err error, from, count int) {
	var ticket *cluster.Ticket
	s.wait(ctx, max(0, underWayMax-count))
	for err == nil {
		if err = ctx.Err(); err != nil {
			err = fmt.Errorf("not sent: %w", err)
			break
		}
		ticket, err = s.client.ledger.node.Submit(p)
		if !errors.Is(err, juno.ErrBusy) || len(s.waiting) == 0 {
			break
		}
		s.wait(ctx, s.underWay/2) // somebody else fills the node; make room by our own
		err = nil
	}
	if err != nil {
		s.fail(from, count, err)
		return
	}
	s.waiting = append(s.waiting, sent{ticket, from, count})
	s.underWay += count
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

// wait takes outcomes in, oldest first, until at most most commands are under way.
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
			s.outcomes[w.from+i] = juno.Outcome{
				Request: s.outcomes[w.from+i].Request, Index: o.Index, Time: o.Time,
				Result: o.Result, Replayed: o.Replayed,
			}
		}
		s.done += w.count
		s.progress(s.done, len(s.outcomes))
	}
}
