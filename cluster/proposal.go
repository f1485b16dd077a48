package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"juno"
)

// ErrStopped: the node is shutting down and accepted nothing.
var ErrStopped = errors.New("the node is stopping")

// Proposal is covered by one signature, on its way into the log: a command, a key change, or a
// batch head with its commands.
type Proposal struct {
	key      juno.KeyID
	request  juno.RequestID // the first one
	envelope juno.Envelope
	// entries have their type and payload; the leader fills in index, term and time.
	entries []juno.Entry
	first   juno.Index // of entries[0] in the log, once it is there
	ticket  *Ticket

	// The change that administrators have signed; both nil for clients' proposals.
	membership *juno.ConfigChange
	mode       *juno.ModeChange

	// from is the node that forwarded it; 0 if its client is connected to this node.
	from juno.NodeID
	// The rest belongs to the loop.
	stage    stage
	move     uint64   // see spot
	admitted uint64   // tick
	sent     uint64   // tick at which it was forwarded last; 0: never
	misfitAt juno.Pos // end of the log when it was found not to fit there; zero: it fits
}

// Ticket is a pending outcome.
type Ticket struct {
	done     chan struct{}
	outcomes []juno.Outcome
	err      error
	finished func()  // called once, before the waiters wake; may be nil
	others   []share // of retries; they end with this one
}

// Wait returns one outcome for each command of the proposal, in their order. If ctx ends first
// the error wraps ErrUnknown and the context's: the commands may still be committed.
func (t *Ticket) Wait(ctx context.Context) ([]juno.Outcome, error) {
	select {
	case <-t.done:
		return t.outcomes, t.err
	case <-ctx.Done():
	}
	select {
	case <-t.done: // both at once: the outcome wins
		return t.outcomes, t.err
	default:
		return nil, fmt.Errorf("%w (%w)", juno.ErrUnknown, ctx.Err())
	}
}

// finish is called once, by the present owner of the proposal.
func (t *Ticket) finish(outcomes []juno.Outcome, err error) {
	t.outcomes, t.err = outcomes, err
	if t.finished != nil {
		t.finished()
	}
	close(t.done)
	for i := range t.others {
		t.others[i].finish(outcomes, err)
	}
}

// follow makes another ticket end together with t. Only the loop calls it, and only before t can
// end.
func (t *Ticket) follow(other share) { t.others = append(t.others, other) }

func replayed(outcomes []juno.Outcome) []juno.Outcome {
	again := slices.Clone(outcomes)
	for i := range again {
		again[i].Replayed = true
	}
	return again
}

// NewProposal reads a signed payload, of a command, or of a change of keys, membership or mode
// that stands by itself. The payload must not change afterwards.
func NewProposal(kind juno.EntryType, payload []byte) (*Proposal, error) {
	p := &Proposal{entries: []juno.Entry{{Type: kind, Payload: payload}}, ticket: newTicket()}
	switch kind {
	case juno.EntryCommand:
		c, err := juno.ParseCommand(payload)
		if err != nil {
			return nil, err
		}
		if c.Batched {
			return nil, fmt.Errorf("command %d of %s: without its batch", c.Request, c.Key)
		}
		p.key, p.request, p.envelope = c.Key, c.Request, c.Envelope()
	case juno.EntryKeyOp:
		o, err := juno.ParseKeyOp(payload)
		if err != nil {
			return nil, err
		}
		p.key, p.request, p.envelope = o.Key, o.Request, o.Envelope()
	case juno.EntryConfig:
		c, err := juno.ParseConfigChange(payload)
		if err != nil {
			return nil, err
		}
		p.request, p.membership = changeNumber(payload), c
	case juno.EntryMode:
		c, err := juno.ParseModeChange(payload)
		if err != nil {
			return nil, err
		}
		p.request, p.mode = changeNumber(payload), c
	default:
		return nil, fmt.Errorf("propose an entry of type %s: only a leader makes such entries",
			kind)
	}
	return p, nil
}

// isCommand reports whether a halt stops it: commands, and no changes of keys, membership or mode.
func (p *Proposal) isCommand() bool {
	return p.entries[0].Type == juno.EntryCommand || p.isBatch()
}

// byAdmins reports whether administrators have signed it, and no client.
func (p *Proposal) byAdmins() bool { return p.membership != nil || p.mode != nil }

// NewBatchProposal reads a signed head and the payloads of its commands, and checks that they
// belong together. The payloads must not change afterwards.
func NewBatchProposal(head []byte, commands [][]byte) (*Proposal, error) {
	h, err := juno.ParseBatchHead(head)
	if err != nil {
		return nil, err
	}
	if err := h.CheckBatch(commands); err != nil {
		return nil, err
	}
	p := &Proposal{key: h.Key, request: h.FirstRequest, envelope: h.Envelope(), ticket: newTicket()}
	p.entries = make([]juno.Entry, 0, 1+len(commands))
	p.entries = append(p.entries, juno.Entry{Type: juno.EntryBatchHead, Payload: head})
	for _, c := range commands {
		p.entries = append(p.entries, juno.Entry{Type: juno.EntryCommand, Payload: c})
	}
	return p, nil
}

func newTicket() *Ticket { return &Ticket{done: make(chan struct{})} }

// commands returns the entries that give an outcome: all but the head of a batch.
func (p *Proposal) commands() []juno.Entry {
	if p.isBatch() {
		return p.entries[1:]
	}
	return p.entries
}

// bytes returns the length of all payloads.
func (p *Proposal) bytes() int {
	n := 0
	for i := range p.entries {
		n += len(p.entries[i].Payload)
	}
	return n
}
