package cluster

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"juno"
)

// requestKey names a proposal: the key that signed it and its first request number. Proposals of
// administrators have no key of a client; their number is the beginning of their hash.
type requestKey struct {
	key     juno.KeyID
	request juno.RequestID
}

// stage is the place of a proposal.
type stage uint8

const (
	stageNone    stage = iota
	stageWaiting       // for a place in the log
	stageTaken         // by the core, which leads
	stagePlaced        // in the log, not final
)

// spot is a proposal in a list. It is valid only while the proposal is in the stage of the list and
// has not left it since: a proposal that leaves a list in the middle stays in it until the list is
// walked.
type spot struct {
	proposal *Proposal
	move     uint64
}

// pool holds the proposals that wait for their place in the log, and those that have one until they
// are executed. It implements consensus.Pool; only the core's goroutine uses it.
type pool struct {
	now      func() uint64              // ticks since the node started
	waiting  []spot                     // oldest first
	taken    []spot                     // oldest first
	placed   []spot                     // by index
	known    map[requestKey]*Proposal   // by the first request
	batches  map[juno.KeyID][]*Proposal // the batches among known, in the order of their numbers
	singles  int                        // number of others among known
	counts   [stagePlaced + 1]int       // proposals in each stage
	entries  int                        // of the waiting ones
	moves    uint64
	admitted []age
	refused  func(p *Proposal, reason error)
}

// age holds when a proposal was admitted, for OldestTicks.
type age struct {
	proposal *Proposal
	tick     uint64
}

func newPool(now func() uint64) *pool {
	return &pool{
		now: now, known: make(map[requestKey]*Proposal),
		batches: make(map[juno.KeyID][]*Proposal),
		refused: func(p *Proposal, reason error) { p.ticket.finish(nil, reason) },
	}
}

// add adds a proposal. None of its requests may be known.
func (p *pool) add(proposal *Proposal) {
	p.enter(proposal)
	p.admitted = append(p.admitted, age{proposal, p.now()})
	proposal.admitted = p.now()
	p.waiting = append(p.waiting, p.move(proposal, stageWaiting))
}

// move puts a proposal into a stage, and returns its spot there.
func (p *pool) move(q *Proposal, to stage) spot {
	if q.stage == stageWaiting {
		p.entries -= len(q.entries)
	}
	if to == stageWaiting {
		p.entries += len(q.entries)
	}
	p.counts[q.stage]--
	p.counts[to]++
	p.moves++
	q.stage, q.move = to, p.moves
	return spot{q, p.moves}
}

// in reports whether the proposal is still in the stage, and there because of this spot.
func (s spot) in(at stage) bool { return s.proposal.stage == at && s.proposal.move == s.move }

// Len implements consensus.Pool.
func (p *pool) Len() int { return p.entries }

// Next implements consensus.Pool.
func (p *pool) Next(entriesMax, bytesMax int) []juno.Entry {
	var out []juno.Entry
	size, n := 0, 0
	for _, s := range p.waiting {
		if !s.in(stageWaiting) {
			n++
			continue
		}
		q := s.proposal
		full := len(out)+len(q.entries) > entriesMax || size+q.bytes() > bytesMax
		if full && len(out) > 0 {
			break
		}
		out = append(out, q.entries...)
		size += q.bytes()
		p.taken = append(p.taken, p.move(q, stageTaken))
		n++
	}
	clear(p.waiting[:n])
	p.waiting = p.waiting[n:]
	return out
}

// Requeue implements consensus.Pool. The core hands back all entries that lost their place, those
// of other nodes' clients too.
func (p *pool) Requeue(entries []juno.Entry) {
	var back []spot
	for i := range entries {
		q := p.owner(&entries[i])
		if q != nil && q.stage != stageWaiting {
			back = append(back, p.move(q, stageWaiting))
		}
	}
	if len(back) > 0 {
		p.waiting = append(back, p.waiting...)
	}
}

// owner returns the proposal that begins with e, or nil.
func (p *pool) owner(e *juno.Entry) *Proposal {
	if len(p.known) == 0 {
		return nil
	}
	k, ok := requestOf(e)
	q := p.known[k]
	if !ok || q == nil || !samePayload(&q.entries[0], e) &&
		!bytes.Equal(q.entries[0].Payload, e.Payload) {
		return nil
	}
	return q
}

func samePayload(a, b *juno.Entry) bool {
	return len(a.Payload) == len(b.Payload) && len(a.Payload) > 0 && &a.Payload[0] == &b.Payload[0]
}

// Reject implements consensus.Pool.
func (p *pool) Reject(entries []juno.Entry, reason error) {
	if len(entries) == 0 {
		return
	}
	if q := p.owner(&entries[0]); q != nil && q.stage == stageTaken {
		p.drop(q)
		p.refused(q, reason)
	}
}

// drop removes a proposal that is in no log.
func (p *pool) drop(q *Proposal) {
	p.move(q, stageNone)
	p.forget(q)
}

// OldestTicks implements consensus.Pool.
func (p *pool) OldestTicks() (uint64, bool) {
	if len(p.admitted) == 0 {
		return 0, false
	}
	return p.now() - p.admitted[0].tick, true
}

// forget removes a proposal, and the ages that are not needed any more: otherwise, if OldestTicks
// is never called, they would keep every proposal in memory.
func (p *pool) forget(proposal *Proposal) {
	if p.knows(proposal) {
		p.leave(proposal)
	}
	for len(p.admitted) > 0 && !p.knows(p.admitted[0].proposal) {
		p.admitted[0] = age{}
		p.admitted = p.admitted[1:]
	}
}

func (p *pool) knows(proposal *Proposal) bool {
	return p.known[requestKey{proposal.key, proposal.request}] == proposal
}

// appended records which proposals got their place with entries that the core put into the log.
func (p *pool) appended(entries []juno.Entry) {
	defer p.trim()
	for i := 0; i < len(entries); i++ {
		e := &entries[i]
		q := p.appendedBy(e)
		if q == nil {
			continue
		}
		q.first = e.Index
		p.placed = append(p.placed, p.move(q, stagePlaced))
		i += len(q.entries) - 1
	}
}

// trim removes proposals from the front of the queue that left it in another way than by Next.
func (p *pool) trim() {
	for len(p.waiting) > 0 && !p.waiting[0].in(stageWaiting) {
		p.waiting[0] = spot{}
		p.waiting = p.waiting[1:]
	}
}

// appendedBy finds the proposal that e begins: the next one that the core took, or one that another
// leader put into the log.
func (p *pool) appendedBy(e *juno.Entry) *Proposal {
	for len(p.taken) > 0 && !p.taken[0].in(stageTaken) {
		p.taken = p.taken[1:]
	}
	if len(p.taken) > 0 && samePayload(&p.taken[0].proposal.entries[0], e) {
		q := p.taken[0].proposal
		p.taken[0] = spot{}
		p.taken = p.taken[1:]
		return q
	}
	return p.owner(e)
}

// requestOf reads which request an entry begins.
func requestOf(e *juno.Entry) (requestKey, bool) {
	switch e.Type {
	case juno.EntryCommand:
		c, err := juno.ParseCommand(e.Payload)
		return requestKey{c.Key, c.Request}, err == nil && !c.Batched
	case juno.EntryBatchHead:
		h, err := juno.ParseBatchHead(e.Payload)
		return requestKey{h.Key, h.FirstRequest}, err == nil
	case juno.EntryKeyOp:
		o, err := juno.ParseKeyOp(e.Payload)
		return requestKey{o.Key, o.Request}, err == nil
	case juno.EntryConfig, juno.EntryMode:
		return requestKey{request: changeNumber(e.Payload)}, true
	}
	return requestKey{}, false
}

// changeNumber names a change of administrators.
func changeNumber(payload []byte) juno.RequestID {
	h := sha256.Sum256(payload)
	return juno.RequestID(binary.BigEndian.Uint64(h[:]) | 1)
}

// truncated takes the places above index back. Proposals that the core has not requeued wait again.
func (p *pool) truncated(index juno.Index) {
	var back []spot
	for n := len(p.placed); n > 0; n = len(p.placed) {
		s := p.placed[n-1]
		if s.in(stagePlaced) {
			if s.proposal.first <= index {
				break
			}
			back = append([]spot{p.move(s.proposal, stageWaiting)}, back...)
		}
		p.placed = p.placed[:n-1]
	}
	if len(back) > 0 {
		p.waiting = append(back, p.waiting...)
	}
}

// committed removes and returns the proposals all of whose entries are at or below index. They
// stay known until forget, so that a retry finds them.
func (p *pool) committed(index juno.Index) []*Proposal {
	var done []*Proposal
	n := 0
	for ; n < len(p.placed); n++ {
		s := p.placed[n]
		if !s.in(stagePlaced) {
			continue
		}
		if s.proposal.first+juno.Index(len(s.proposal.entries)) > index+1 {
			break
		}
		p.move(s.proposal, stageNone)
		done = append(done, s.proposal)
	}
	clear(p.placed[:n])
	p.placed = p.placed[n:]
	return done
}

// idle reports whether no proposal is on its way through the core.
func (p *pool) idle() bool { return p.counts[stageTaken] == 0 && p.counts[stagePlaced] == 0 }

// waitingSince returns waiting proposals of this node's clients that were admitted up to a tick.
func (p *pool) waitingSince(tick uint64, bytesMax int) []*Proposal {
	var all []*Proposal
	for _, s := range p.waiting {
		if !s.in(stageWaiting) || s.proposal.from != 0 {
			continue
		}
		if s.proposal.admitted > tick || bytesMax <= 0 {
			break
		}
		bytesMax -= s.proposal.bytes()
		all = append(all, s.proposal)
	}
	return all
}

// all returns every proposal that is not executed.
func (p *pool) all() []*Proposal {
	all := make([]*Proposal, 0, len(p.known))
	for _, q := range p.known {
		all = append(all, q)
	}
	return all
}
