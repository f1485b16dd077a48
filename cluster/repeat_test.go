package cluster

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"juno"
)

// sendAll hands proposals to the node in one step of its loop, so that the later ones find the
// earlier ones on their way: waiting, or, if propose is set, in the log and not final.
func (h *house) sendAll(propose bool, all ...*Proposal) {
	done := make(chan struct{})
	h.n.requests <- func() {
		for _, p := range all {
			h.n.enqueue([]*Proposal{p})
			if propose {
				h.n.core.Propose(h.n.cfg.Clock())
				h.n.advance(true)
			}
		}
		h.n.core.Propose(h.n.cfg.Clock())
		close(done)
	}
	<-done
}

// part is a batch of some of the commands of h.batch, under the same numbers.
func (h *house) part(first juno.RequestID, from, n int) *Proposal {
	commands := make([]juno.Command, n)
	for i := range commands {
		commands[i].Text = fmt.Sprintf("command %d", from+i)
	}
	head, payloads := juno.SignBatch(h.alice, h.genesis.ID(), first+juno.RequestID(from), commands)
	p, err := NewBatchProposal(head.Payload(), payloads)
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// one is a command of h.batch by itself, under its number.
func (h *house) one(first juno.RequestID, i int) *Proposal {
	return h.command(first+juno.RequestID(i), fmt.Sprintf("command %d", i))
}

func wait(p *Proposal) ([]juno.Outcome, error) { return p.ticket.Wait(context.Background()) }

// commandsInLog counts the entries of commands under each request number.
func (h *house) commandsInLog() map[juno.RequestID]int {
	h.t.Helper()
	count := make(map[juno.RequestID]int)
	last, _ := h.log.last()
	for _, e := range h.log.Entries(1, last+1, 0) {
		if e.Type == juno.EntryCommand {
			c, err := juno.ParseCommand(e.Payload)
			if err != nil {
				h.t.Fatal(err)
			}
			count[c.Request]++
		}
	}
	return count
}

// TestAPartOfABatchOnItsWay sends commands of a batch again while it is on its way: each gets the
// outcome of its own place, and nothing is there twice.
func TestAPartOfABatchOnItsWay(t *testing.T) {
	for _, inLog := range []bool{false, true} {
		h := newHouse(t)
		batch := h.batch(100, 10)
		all := []*Proposal{batch}
		for i := range 10 {
			all = append(all, h.one(100, i))
		}
		middle, whole := h.part(100, 3, 4), h.batch(100, 10)
		other := h.command(104, "something else")
		otherFirst := h.command(100, "something else")
		h.sendAll(inLog, append(all, middle, whole, other, otherFirst)...)
		out, err := wait(batch)
		if err != nil {
			t.Fatal(err)
		}
		same := func(what string, p *Proposal, want []juno.Outcome) {
			got, err := wait(p)
			if err != nil || len(got) != len(want) {
				t.Errorf("in the log %v, %s: got %+v, %v, want %+v", inLog, what, got, err, want)
				return
			}
			for i := range got {
				if !got[i].Replayed || got[i].Index != want[i].Index ||
					got[i].Result != want[i].Result {
					t.Errorf("in the log %v, %s: got %+v, want a replay of %+v", inLog, what,
						got[i], want[i])
				}
			}
		}
		for i := range 10 {
			same(fmt.Sprintf("command %d", i), all[1+i], out[i:i+1])
		}
		same("the middle", middle, out[3:7])
		same("the whole", whole, out)
		for _, p := range []*Proposal{other, otherFirst} {
			if _, err := wait(p); !errors.Is(err, juno.ErrReused) {
				t.Errorf("in the log %v, another command: got %v, want %v", inLog, err,
					juno.ErrReused)
			}
		}
		for r, n := range h.commandsInLog() {
			if n != 1 {
				t.Errorf("request %d is in the log %d times", r, n)
			}
		}
	}
}

// TestABatchOfCommandsOnTheirWay is the reverse: a batch cannot be taken in part. Its outcome is
// unknown as long as they are on their way, and what they got when they are in the log.
func TestABatchOfCommandsOnTheirWay(t *testing.T) {
	for _, inLog := range []bool{false, true} {
		h := newHouse(t)
		ones := make([]*Proposal, 10)
		for i := range ones {
			ones[i] = h.one(100, i)
		}
		batch, more, before := h.batch(100, 10), h.part(100, 5, 10), h.batch(90, 12)
		h.sendAll(inLog, append(append([]*Proposal{}, ones...), batch, more, before)...)
		for _, p := range []*Proposal{batch, more} {
			if _, err := wait(p); !errors.Is(err, juno.ErrUnknown) {
				t.Errorf("in the log %v: got %v, want %v", inLog, err, juno.ErrUnknown)
			}
		}
		// Its commands under 100 and 101 are others.
		if _, err := wait(before); !errors.Is(err, juno.ErrReused) {
			t.Errorf("in the log %v: got %v, want %v", inLog, err, juno.ErrReused)
		}
		var want []juno.Outcome
		for _, p := range ones {
			out, err := wait(p)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, out...)
		}
		got := h.must(h.batch(100, 10))
		for i := range got {
			if got[i].Index != want[i].Index || !got[i].Replayed {
				t.Errorf("asked again: got %+v, want a replay of %+v", got[i], want[i])
			}
		}
		if n := len(h.commandsInLog()); n != 10 {
			t.Errorf("%d commands in the log, want 10", n)
		}
	}
}

// TestABatchThatIsInTheLogInPart: it cannot be taken, whichever of its commands is there, and that
// one keeps its place.
func TestABatchThatIsInTheLogInPart(t *testing.T) {
	for _, i := range []int{0, 4, 9} {
		h := newHouse(t)
		first := h.must(h.one(100, i))
		if _, err := h.submit(h.batch(100, 10)); !errors.Is(err, juno.ErrUnknown) {
			t.Errorf("with command %d in the log: got %v, want %v", i, err, juno.ErrUnknown)
		}
		if again := h.must(h.one(100, i)); again[0].Index != first[0].Index {
			t.Errorf("command %d: got %+v, want %+v", i, again[0], first[0])
		}
		h.must(h.one(100, 5))
		h.must(h.command(201, "pay"))
		if _, err := h.submit(h.batch(200, 3)); !errors.Is(err, juno.ErrReused) {
			t.Errorf("with another command in the log: got %v, want %v", err, juno.ErrReused)
		}
		for r, n := range h.commandsInLog() {
			if n != 1 {
				t.Errorf("request %d is in the log %d times", r, n)
			}
		}
	}
}

// TestARefusedBatchRefusesNoneOfItsCommands: who waited for one of them asks again, and gets it.
func TestARefusedBatchRefusesNoneOfItsCommands(t *testing.T) {
	h := newHouse(t)
	h.must(h.command(105, "pay"))
	batch, one := h.batch(100, 10), h.one(100, 2)
	h.sendAll(false, batch, one)
	if _, err := wait(batch); !errors.Is(err, juno.ErrReused) {
		t.Errorf("the batch: got %v, want %v", err, juno.ErrReused)
	}
	if _, err := wait(one); !errors.Is(err, juno.ErrUnknown) {
		t.Errorf("its command: got %v, want %v", err, juno.ErrUnknown)
	}
	h.must(h.one(100, 2))
}

// TestSweepEndsABatchThatIsInTheLogInPart: nobody else would, and the node that keeps it would
// complain about one leader after the other.
func TestSweepEndsABatchThatIsInTheLogInPart(t *testing.T) {
	h := newHouse(t)
	h.must(h.one(100, 4))
	batch, fresh := h.batch(100, 10), h.batch(200, 10)
	done := make(chan struct{})
	h.n.requests <- func() {
		h.n.pool.add(batch)
		h.n.pool.add(fresh)
		h.n.sweep()
		close(done)
	}
	<-done
	if _, err := wait(batch); !errors.Is(err, juno.ErrUnknown) {
		t.Errorf("got %v, want %v", err, juno.ErrUnknown)
	}
	h.must(h.command(1, "the next one"))
	if _, err := wait(fresh); err != nil {
		t.Error(err)
	}
}

// TestPoolFindsWhatHasANumberInCommon holds the pool against a list of all numbers.
func TestPoolFindsWhatHasANumberInCommon(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPool(func() uint64 { return 0 })
		var known []*Proposal
		for range 60 {
			q := &Proposal{
				key:     juno.KeyID{byte(rapid.IntRange(0, 1).Draw(t, "key"))},
				request: juno.RequestID(rapid.IntRange(1, 40).Draw(t, "first")),
				entries: []juno.Entry{{Type: juno.EntryCommand}}, ticket: newTicket(),
			}
			if n := rapid.IntRange(0, 9).Draw(t, "batched"); n > 0 {
				q.entries = append([]juno.Entry{{Type: juno.EntryBatchHead}},
					make([]juno.Entry, n)...)
			}
			meets := make(map[*Proposal]bool)
			for _, k := range known {
				if k.key == q.key && k.request < q.end() && q.request < k.end() {
					meets[k] = true
				}
			}
			switch got := p.find(q); {
			case got == nil && len(meets) > 0, got != nil && !meets[got]:
				t.Fatalf("[%d,%d) meets %d proposals, found %v", q.request, q.end(), len(meets),
					got)
			case got == nil:
				p.add(q)
				known = append(known, q)
			case rapid.Bool().Draw(t, "forget"):
				p.forget(got)
				known = deleteProposal(known, got)
			}
		}
		for _, k := range known {
			p.forget(k)
		}
		if len(p.known) != 0 || len(p.batches) != 0 || p.singles != 0 {
			t.Fatalf("after all are gone: %d, %d, %d", len(p.known), len(p.batches), p.singles)
		}
	})
}

func deleteProposal(all []*Proposal, gone *Proposal) (left []*Proposal) {
	for _, p := range all {
		if p != gone {
			left = append(left, p)
		}
	}
	return left
}
