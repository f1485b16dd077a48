package consensus_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"juno"
)

// rules is the validator of the world: a payload that begins with "bad" is invalid, no request may
// stand in the log twice, and a batch stands there whole. The commands of a batch are called
// name.0, name.1, …, and its head names the hash of the first.
type rules struct {
	world *world
	told  []told // of every entry
	// strict rules are not those of the others: they refuse what begins with "odd".
	strict bool
}

// told is what the rules remember of an entry.
type told struct {
	payload string    // of commands and heads of batches
	root    juno.Hash // of the head of a batch
	open    int       // commands of a batch that must follow
}

// newRules begins behind a position at which everything is whole.
func newRules(w *world, start juno.Index) *rules {
	return &rules{world: w, told: make([]told, start)}
}

func (r *rules) Append(e *juno.Entry) error {
	if int(e.Index) != len(r.told)+1 {
		panic(fmt.Sprintf("validator is at %d, got entry %d", len(r.told), e.Index))
	}
	last := told{}
	if n := len(r.told); n > 0 {
		last = r.told[n-1]
	}
	next := told{}
	if e.Type == juno.EntryCommand || e.Type == juno.EntryBatchHead {
		next.payload = string(e.Payload)
	}
	switch {
	case next.payload != "" && r.has(next.payload, len(r.told)):
		return fmt.Errorf("%q is in the log already", e.Payload)
	case strings.HasPrefix(next.payload, "bad"),
		r.strict && strings.HasPrefix(next.payload, "odd"):
		return fmt.Errorf("%q is bad", e.Payload)
	case last.open > 0:
		if e.Type != juno.EntryCommand || !last.precedes(e.Payload) {
			return fmt.Errorf("%q in the middle of a batch", e.Payload)
		}
		next.open = last.open - 1
	case e.Type == juno.EntryBatchHead:
		head, err := juno.ParseBatchHead(e.Payload)
		if err != nil {
			return err
		}
		next.root, next.open = head.Root, head.Count
	case e.Type == juno.EntryCommand && strings.Contains(next.payload, "."):
		return fmt.Errorf("%q without its batch", e.Payload)
	}
	r.told = append(r.told, next)
	return nil
}

// precedes reports whether a command is the next one of the batch.
func (t *told) precedes(payload []byte) bool {
	if t.root != (juno.Hash{}) {
		return t.root == sha256.Sum256(payload)
	}
	var n int
	name, number, _ := strings.Cut(t.payload, ".")
	_, err := fmt.Sscan(number, &n)
	return err == nil && string(payload) == fmt.Sprintf("%s.%d", name, n+1)
}

// has reports whether a request is among the first n entries.
func (r *rules) has(payload string, n int) bool {
	return slices.ContainsFunc(r.told[:n], func(t told) bool { return t.payload == payload })
}

func (r *rules) TruncateTo(index juno.Index) {
	if int(index) > len(r.told) {
		panic(fmt.Sprintf("validator is at %d, truncated to %d", len(r.told), index))
	}
	r.told = r.told[:index:index]
}

// batchOf makes a client batch.
func batchOf(name string, count int) []juno.Entry {
	head := juno.BatchHead{
		FirstRequest: 1, Count: count, Root: sha256.Sum256([]byte(name + ".0")),
	}
	batch := []juno.Entry{{Type: juno.EntryBatchHead, Payload: head.Payload()}}
	for i := range count {
		batch = append(batch, juno.Entry{
			Type: juno.EntryCommand, Payload: fmt.Appendf(nil, "%s.%d", name, i),
		})
	}
	return batch
}

// pool holds requests until they are executed: single entries and whole batches.
type pool struct {
	node     *node
	ticks    uint64
	waiting  [][]juno.Entry
	admitted []request
}

type request struct {
	entries []juno.Entry
	tick    uint64
}

func (p *pool) add(group ...juno.Entry) {
	n, name := p.node, string(group[0].Payload)
	if n.rules != nil && n.rules.has(name, int(n.applied)) {
		return // executed already
	}
	for _, r := range p.admitted {
		if string(r.entries[0].Payload) == name {
			return
		}
	}
	p.admitted = append(p.admitted, request{group, p.ticks})
	p.waiting = append(p.waiting, group)
}

func (p *pool) Next(entriesMax, bytesMax int) []juno.Entry {
	var taken []juno.Entry
	for len(p.waiting) > 0 &&
		(len(taken) == 0 || len(taken)+len(p.waiting[0]) <= entriesMax) {
		taken = append(taken, p.waiting[0]...)
		p.waiting = p.waiting[1:]
	}
	return taken
}

func (p *pool) Len() int {
	n := 0
	for _, group := range p.waiting {
		n += len(group)
	}
	return n
}

func (p *pool) Requeue(entries []juno.Entry) {
	var groups [][]juno.Entry
	for len(entries) > 0 {
		n := 1
		if entries[0].Type == juno.EntryBatchHead {
			head, err := juno.ParseBatchHead(entries[0].Payload)
			if err != nil || 1+head.Count > len(entries) {
				panic(fmt.Sprintf("%d entries begin with a batch that is cut", len(entries)))
			}
			n += head.Count
		}
		groups = append(groups, entries[:n:n])
		entries = entries[n:]
	}
	p.waiting = append(groups, p.waiting...)
}

func (p *pool) Reject(entries []juno.Entry, reason error) {
	first := entries[0]
	if p.node.rules.has(string(first.Payload), len(p.node.rules.told)) {
		return // it is in the log, on its way; if it loses its place it comes back
	}
	p.node.world.log("node %d rejects %s: %v", p.node.id, describeEntry(&first), reason)
	p.purge(first.Payload)
}

func (p *pool) OldestTicks() (uint64, bool) {
	if len(p.admitted) == 0 {
		return 0, false
	}
	return p.ticks - p.admitted[0].tick, true
}

// purge forgets the request that begins with a payload.
func (p *pool) purge(payload []byte) {
	same := func(group []juno.Entry) bool { return string(group[0].Payload) == string(payload) }
	p.waiting = slices.DeleteFunc(slices.Clone(p.waiting), same)
	p.admitted = slices.DeleteFunc(p.admitted, func(r request) bool { return same(r.entries) })
}

// restart keeps what clients would send again.
func (p *pool) restart() {
	p.waiting = nil
	for _, r := range p.admitted {
		p.waiting = append(p.waiting, r.entries)
	}
}
