package cluster

import (
	"bytes"
	"fmt"
	"slices"

	"juno"
)

// A client may send again what it has no answer for, and not in the same company: a command of a
// batch by itself, or a batch of commands that it had sent one by one. What is in the log already
// is answered from there. Here is what is still on its way: a number stands for one proposal at a
// time, so that of two signatures for one command only one can reach the log.

// end returns the request number behind the last one.
func (p *Proposal) end() juno.RequestID {
	return p.request + juno.RequestID(len(p.commands()))
}

// isBatch reports whether the proposal begins with the head of a client's batch.
func (p *Proposal) isBatch() bool { return p.entries[0].Type == juno.EntryBatchHead }

// find returns a proposal that is not executed yet and has a request number in common with one, or
// nil. It takes a look into one table for a proposal, into a second one while there are batches;
// only for a batch, and while single commands are on their way, one for each of its commands.
func (p *pool) find(of *Proposal) *Proposal {
	if q := p.known[requestKey{of.key, of.request}]; q != nil {
		return q
	}
	if batches := p.batches[of.key]; len(batches) > 0 {
		i, _ := slices.BinarySearchFunc(batches, of.request, endsBehind)
		if i < len(batches) && batches[i].request < of.end() {
			return batches[i]
		}
	}
	if p.singles == 0 {
		return nil
	}
	for r := of.request + 1; r < of.end(); r++ {
		if q := p.known[requestKey{of.key, r}]; q != nil {
			return q
		}
	}
	return nil
}

// endsBehind orders batches that have no number in common, around a number: those that end at or
// before it, and the one that it is in with those behind.
func endsBehind(b *Proposal, request juno.RequestID) int {
	if b.end() <= request {
		return -1
	}
	return 1
}

// enter puts a proposal into the tables that find looks into. No number of it may be there.
func (p *pool) enter(q *Proposal) {
	p.known[requestKey{q.key, q.request}] = q
	if !q.isBatch() {
		p.singles++
		return
	}
	batches := p.batches[q.key]
	i, _ := slices.BinarySearchFunc(batches, q.request, endsBehind)
	p.batches[q.key] = slices.Insert(batches, i, q)
}

// leave takes a proposal out of the tables.
func (p *pool) leave(q *Proposal) {
	delete(p.known, requestKey{q.key, q.request})
	if !q.isBatch() {
		p.singles--
		return
	}
	batches := p.batches[q.key]
	i, _ := slices.BinarySearchFunc(batches, q.request, endsBehind)
	if batches = slices.Delete(batches, i, i+1); len(batches) == 0 {
		delete(p.batches, q.key)
		return
	}
	p.batches[q.key] = batches
}

// follow lets a proposal wait for the one that has a number in common with it, if that holds the
// same commands. A batch of which only a part is on its way can never be taken: its signature is
// for all of it.
func (n *Node) follow(p, same *Proposal) {
	commands := p.commands()
	within := same.request <= p.request && p.end() <= same.end()
	for i := range commands {
		q, request := same, p.request+juno.RequestID(i)
		if !within {
			q = n.pool.find(&Proposal{key: p.key, request: request, entries: commands[i : i+1]})
		}
		if q == nil {
			continue
		}
		if !repeats(&q.commands()[request-q.request], &commands[i]) {
			p.ticket.finish(nil, fmt.Errorf("%w: it is on its way", juno.ErrReused))
			return
		}
	}
	if !within {
		p.ticket.finish(nil, fmt.Errorf("%w: a part of the batch is on its way without the rest, "+
			"so the batch is not taken", juno.ErrUnknown))
		return
	}
	if p.from == 0 {
		same.from = 0 // from now on its client waits here
	}
	lo := int(p.request - same.request)
	same.ticket.follow(share{
		ticket: p.ticket, lo: lo, hi: lo + len(commands),
		alike: p.isBatch() == same.isBatch() && len(p.entries) == len(same.entries),
	})
}

// repeats reports whether two entries ask for the same thing.
func repeats(first, again *juno.Entry) bool {
	return first.Type == again.Type && bytes.Equal(first.Payload, again.Payload) ||
		juno.SameRequest(first, again)
}

// share is what another proposal gets of the outcomes of one, when it ends: those in [lo, hi).
type share struct {
	ticket *Ticket
	lo, hi int
	alike  bool // both are as long: what is refused of one is refused of the other
}

// finish gives the waiting proposal its share.
func (s *share) finish(outcomes []juno.Outcome, err error) {
	switch {
	case err == nil:
		s.ticket.finish(replayed(outcomes[s.lo:s.hi]), nil)
	case s.alike:
		s.ticket.finish(nil, err)
	default: // perhaps because of another command
		s.ticket.finish(nil, fmt.Errorf("%w: it was on its way in a batch (%w)", juno.ErrUnknown,
			err))
	}
}
