package sim

import (
	"crypto/sha256"
	"slices"

	"juno"
)

// request is what a client, or an administrator, wants in the log as a whole: one entry, or a
// batch head with its commands.
type request struct {
	id      juno.Hash // of the first payload
	entries []juno.Entry
	tick    uint64 // when it was admitted here
	waiting bool   // for its place in the log
}

func newRequest(entries ...juno.Entry) *request {
	return &request{id: sha256.Sum256(entries[0].Payload), entries: entries}
}

// pool is what a node was asked to put into the log. It implements consensus.Pool.
type pool struct {
	ticks   *uint64
	waiting []*request
	count   int // entries of waiting
	known   map[juno.Hash]*request
	oldest  []*request // of known, in the order of admission; some may be gone
}

func newPool(ticks *uint64) *pool {
	return &pool{ticks: ticks, known: make(map[juno.Hash]*request)}
}

// add admits a request, once.
func (p *pool) add(r *request) bool {
	if p.known[r.id] != nil {
		return false
	}
	own := &request{id: r.id, entries: r.entries, tick: *p.ticks, waiting: true}
	p.known[r.id] = own
	p.oldest = append(p.oldest, own)
	p.waiting = append(p.waiting, own)
	p.count += len(own.entries)
	return true
}

// Next implements consensus.Pool.
func (p *pool) Next(entriesMax, bytesMax int) []juno.Entry {
	var out []juno.Entry
	size, n := 0, 0
	for _, r := range p.waiting {
		for i := range r.entries {
			size += len(r.entries[i].Payload)
		}
		if n > 0 && (len(out)+len(r.entries) > entriesMax || size > bytesMax) {
			break
		}
		out = append(out, r.entries...)
		r.waiting = false
		n++
	}
	p.waiting = p.waiting[n:]
	p.count -= len(out)
	return out
}

// Len implements consensus.Pool.
func (p *pool) Len() int { return p.count }

// Requeue implements consensus.Pool.
func (p *pool) Requeue(entries []juno.Entry) {
	var back []*request
	for i := range entries {
		if r := p.find(&entries[i]); r != nil && !r.waiting {
			r.waiting = true
			back = append(back, r)
			p.count += len(r.entries)
		}
	}
	p.waiting = append(back, p.waiting...)
}

// Reject implements consensus.Pool.
func (p *pool) Reject(entries []juno.Entry, _ error) { p.done(entries) }

// OldestTicks implements consensus.Pool.
func (p *pool) OldestTicks() (uint64, bool) {
	for len(p.oldest) > 0 {
		if r := p.oldest[0]; p.known[r.id] == r {
			return *p.ticks - r.tick, true
		}
		p.oldest = p.oldest[1:]
	}
	return 0, false
}

// older returns the requests that were admitted so many ticks ago and are not done.
func (p *pool) older(ticks uint64) []*request {
	var all []*request
	for _, r := range p.oldest {
		if p.known[r.id] == r && *p.ticks-r.tick >= ticks {
			all = append(all, r)
		}
	}
	return all
}

func (p *pool) find(e *juno.Entry) *request {
	if e.Type == juno.EntryTermStart || e.Type == juno.EntryNoop {
		return nil
	}
	return p.known[sha256.Sum256(e.Payload)]
}

// done forgets the requests that entries belong to: they are final, or refused.
func (p *pool) done(entries []juno.Entry) {
	if len(p.known) == 0 {
		return
	}
	for i := range entries {
		r := p.find(&entries[i])
		if r == nil {
			continue
		}
		delete(p.known, r.id)
		if r.waiting {
			at := slices.Index(p.waiting, r)
			p.waiting = slices.Delete(p.waiting, at, at+1)
			p.count -= len(r.entries)
		}
	}
}
