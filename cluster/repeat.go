package cluster

import (
	"bytes"
	"fmt"
	"slices"

	"juno"
)

// A client may send a command again that it has no answer for, and in other company: a command of a
// batch by itself, or a batch of commands that it had sent one by one. Commands in the log are
// answered from there. This file is about commands on their way: a request number stands for one
// proposal at a time, so that of two signatures for one command only one can reach the log.

// end returns the request number behind the last one.
func (p *Proposal) end() juno.RequestID {
	return p.request + juno.RequestID(len(p.commands()))
}

// isBatch reports whether the proposal begins with the head of a client's batch.
func (p *Proposal) isBatch() bool { return p.entries[0].Type == juno.EntryBatchHead }

// find returns a proposal that is not executed yet and shares a request number with of, or nil. It
// takes a lookup in one table for a proposal, and in a second one while there are batches; for a
// batch, while single commands are on their way, also one lookup for each of its commands.
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

// endsBehind orders batches that share no number around a request number: those that end at or
// before it come first.
func endsBehind(b *Proposal, request juno.RequestID) int {
	if b.end() <= request {
		return -1
	}
	return 1
}

// enter adds a proposal to the tables of find. None of its numbers may be there.
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

// leave removes a proposal from the tables of find.
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

// follow makes a proposal wait for one that shares a number with it, if that holds the same
// commands. A batch of which only a part is on its way can never be taken: its signature covers all
// of it.
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
		same.from = 0 // its client waits here now
	}
	lo := int(p.request - same.request)
	same.ticket.follow(share{
		ticket: p.ticket, lo: lo, hi: lo + len(commands),
		alike: p.isBatch() == same.isBatch() && len(p.entries) == len(same.entries),
	})
}

// repeats reports whether two entries hold the same command.
func repeats(first, again *juno.Entry) bool {
	return first.Type == again.Type && bytes.Equal(first.Payload, again.Payload) ||
		juno.SameRequest(first, again)
}

// share is the part [lo, hi) of a proposal's outcomes that a waiting proposal gets.
type share struct {
	ticket *Ticket
	lo, hi int
	alike  bool // same commands: an error of one is an error of the other
}

// finish gives the waiting proposal its part.
func (s *share) finish(outcomes []juno.Outcome, err error) {
	switch {
	case err == nil:
		s.ticket.finish(replayed(outcomes[s.lo:s.hi]), nil)
	case s.alike:
		s.ticket.finish(nil, err)
	default: // the reason may be another command
		s.ticket.finish(nil, fmt.Errorf("%w: it was on its way in a batch (%w)", juno.ErrUnknown,
			err))
	}
}
