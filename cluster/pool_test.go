package cluster

import (
	"testing"

	"juno"
)

// testProposal is a proposal of one command that the pool has no reason to parse.
func testProposal(request juno.RequestID) *Proposal {
	return &Proposal{
		request: request, ticket: newTicket(),
		entries: []juno.Entry{{Type: juno.EntryNoop, Payload: []byte{byte(request), 1}}},
	}
}

func TestPoolForgetsAges(t *testing.T) {
	tick := uint64(0)
	p := newPool(func() uint64 { return tick })
	var all []*Proposal
	for i := range 10 {
		tick = uint64(i)
		all = append(all, testProposal(juno.RequestID(i+1)))
		p.add(all[i])
	}
	if got, ok := p.OldestTicks(); got != 9 || !ok {
		t.Errorf("oldest of ten: got %d, %v, want 9, true", got, ok)
	}
	// The second goes before the first: the age of the oldest stays.
	p.forget(all[1])
	if got, ok := p.OldestTicks(); got != 9 || !ok {
		t.Errorf("without the second: got %d, %v, want 9, true", got, ok)
	}
	p.forget(all[0])
	if got, ok := p.OldestTicks(); got != 7 || !ok {
		t.Errorf("without the first two: got %d, %v, want 7, true", got, ok)
	}
	for _, q := range all[2:] {
		p.forget(q)
	}
	// Nobody asked in between, and nothing is kept all the same.
	if _, ok := p.OldestTicks(); ok || len(p.admitted) != 0 {
		t.Errorf("without all: oldest %v, %d ages kept, want none", ok, len(p.admitted))
	}
}
