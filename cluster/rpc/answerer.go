package rpc

import (
	"fmt"
	"slices"
	"sync"

	"juno"
)

const (
	// sheetBytesMax is where a sheet is cut, if a single answer does not take more: a frame holds
	// it with the longest answer.
	sheetBytesMax = 1 << 20
	// answersWaitingMax bounds the entries whose answers are not signed yet. Beyond it they are
	// dropped, and the client asks again: nodes do not wait for clients.
	answersWaitingMax = 1 << 18
)

// answerer signs and sends the answers to commands, in one goroutine: what was executed while it
// signs is answered under one signature next time.
type answerer struct {
	server *Server
	wake   chan struct{}

	mu       sync.Mutex
	steps    []step
	waiting  int // entries in steps
	replays  []replay
	verdicts []refusal
	term     juno.Term // of the newest step
	upto     juno.Pos
}

// step is what was executed together.
type step struct {
	entries []juno.Entry
	results []juno.Result
}

// replay is a request that was in the log before.
type replay struct {
	to     *session
	number uint64
	item   juno.AnswerItem
}

// refusal is a verdict on its way.
type refusal struct {
	to      *session
	number  uint64
	verdict Verdict
}

// Executed tells that the node, in term, has executed entries with these results, the last of
// which is at upto. It returns at once. Neither slice may change afterwards.
func (s *Server) Executed(
	term juno.Term, upto juno.Pos, entries []juno.Entry, results []juno.Result,
) {
	if len(entries) != len(results) {
		panic(fmt.Sprintf("%d results of %d entries", len(results), len(entries)))
	}
	a := &s.answerer
	a.mu.Lock()
	a.term, a.upto = term, upto
	if len(entries) > 0 && a.waiting < answersWaitingMax {
		a.waiting += len(entries)
		a.steps = append(a.steps, step{entries, results})
	}
	a.mu.Unlock()
	a.ring()
}

func (a *answerer) init(s *Server) {
	a.server, a.wake = s, make(chan struct{}, 1)
	state := s.cfg.Ledger.State()
	a.term, a.upto = state.Term, state.Head.Pos
}

func (a *answerer) ring() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *answerer) refuse(to *session, number uint64, v Verdict) {
	a.mu.Lock()
	a.verdicts = append(a.verdicts, refusal{to, number, v})
	a.mu.Unlock()
	a.ring()
}

// replay answers those of the outcomes that were in the log before.
func (a *answerer) replay(to *session, number uint64, asks []juno.Ask, outcomes []juno.Outcome) {
	var all []replay
	for i := range min(len(asks), len(outcomes)) {
		if o := &outcomes[i]; o.Replayed {
			all = append(all, replay{to, number, juno.AnswerItem{
				Request: asks[i].Request, Asked: asks[i].Hash, Index: o.Index, Time: o.Time,
				Result: o.Result,
			}})
		}
	}
	a.mu.Lock()
	a.replays = append(a.replays, all...)
	a.mu.Unlock()
	a.ring()
}

func (a *answerer) run() {
	for {
		select {
		case <-a.wake:
		case <-a.server.stop.Done():
			return
		}
		a.mu.Lock()
		steps, replays, verdicts := a.steps, a.replays, a.verdicts
		batch := &sheetBatch{server: a.server, term: a.term, upto: a.upto}
		a.steps, a.replays, a.verdicts, a.waiting = nil, nil, nil, 0
		a.mu.Unlock()

		for i := range steps {
			batch.addStep(&steps[i])
		}
		for i := range replays {
			batch.addReplay(&replays[i])
		}
		batch.send()
		a.sendVerdicts(verdicts, batch.upto.Index)
	}
}

// sendVerdicts sends what belongs to one request in one frame.
func (a *answerer) sendVerdicts(all []refusal, upto juno.Index) {
	for len(all) > 0 {
		first, n := &all[0], 1
		v := &Verdicts{Upto: upto, Items: []Verdict{first.verdict}}
		for n < len(all) && n < SubmitItemsMax && all[n].to == first.to &&
			all[n].number == first.number {
			v.Items = append(v.Items, all[n].verdict)
			n++
		}
		first.to.send(first.number, v)
		all = all[n:]
	}
}

// sheetBatch is what is signed together.
type sheetBatch struct {
	server *Server
	term   juno.Term
	upto   juno.Pos
	sheets []*juno.AnswerSheet
	to     []sheetTarget
	open   map[openSheet]int // the sheet that is not full yet
	bytes  []int             // about how long each is
}

// openSheet is whose answers are put together: of a key for all its sessions, or of one request.
type openSheet struct {
	key    juno.KeyID
	to     *session
	number uint64
}

type sheetTarget struct {
	sessions []*session
	number   uint64
}

func (b *sheetBatch) addStep(s *step) {
	for i := range s.entries {
		e := &s.entries[i]
		ask, ok := juno.AskOf(e)
		if !ok {
			continue
		}
		item := juno.AnswerItem{
			Request: ask.Request, Asked: ask.Hash, Index: e.Index, Time: e.Time,
			Result: s.results[i],
		}
		b.add(openSheet{key: ask.Key}, item)
	}
}

func (b *sheetBatch) addReplay(r *replay) {
	b.add(openSheet{key: r.to.key, to: r.to, number: r.number}, r.item)
}

// add puts an item on the sheet of its addressee, if anybody listens.
func (b *sheetBatch) add(o openSheet, item juno.AnswerItem) {
	if b.open == nil {
		b.open = make(map[openSheet]int)
	}
	at, known := b.open[o]
	if known && at < 0 {
		return
	}
	size := 64 + len(item.Result.Value) + len(item.Result.Message)
	if known && len(b.sheets[at].Items) < juno.AnswersMax && b.bytes[at]+size <= sheetBytesMax {
		items := b.sheets[at].Items
		if len(items) == cap(items) {
			items = slices.Grow(items, len(items)+1) // append alone adds a quarter
		}
		b.sheets[at].Items = append(items, item)
		b.bytes[at] += size
		return
	}
	t := sheetTarget{sessions: []*session{o.to}, number: o.number}
	if o.to == nil {
		t.sessions = b.server.listeners(o.key)
	}
	if len(t.sessions) == 0 || len(b.sheets) == juno.AnswerSheetsMax {
		b.open[o] = -1
		return
	}
	b.open[o] = len(b.sheets)
	b.sheets = append(b.sheets, &juno.AnswerSheet{
		Node: b.server.cfg.Node, Term: b.term, Client: o.key, Upto: b.upto,
		Items: []juno.AnswerItem{item},
	})
	b.bytes, b.to = append(b.bytes, size), append(b.to, t)
}

func (b *sheetBatch) send() {
	if len(b.sheets) == 0 {
		return
	}
	key, ok := b.server.cfg.Key(b.term.Epoch())
	if !ok {
		return // between two epochs: clients ask again
	}
	juno.SignAnswers(key, b.server.cfg.Cluster, b.sheets)
	for i, t := range b.to {
		for _, s := range t.sessions {
			s.send(t.number, &Answers{Sheet: b.sheets[i]})
		}
	}
}

// asksOf returns the first request id of a submission, and what each of its commands asks for. A
// refused batch names all of its requests as well as its head can be read.
func asksOf(s *Submission) (juno.RequestID, []juno.Ask, error) {
	if s.Type != juno.EntryBatchHead {
		ask, ok := juno.AskOf(&juno.Entry{Type: s.Type, Payload: s.Payload})
		if !ok {
			return 1, nil, fmt.Errorf("%w: the payload is no %s", juno.ErrMalformed, s.Type)
		}
		return ask.Request, []juno.Ask{ask}, nil
	}
	h, err := juno.ParseBatchHead(s.Payload)
	if err != nil {
		return 1, nil, err
	}
	asks := make([]juno.Ask, len(s.Commands))
	for i, c := range s.Commands {
		var ok bool
		asks[i], ok = juno.AskOf(&juno.Entry{Type: juno.EntryCommand, Payload: c})
		if !ok || asks[i].Request != h.FirstRequest+juno.RequestID(i) {
			return h.FirstRequest, asks, fmt.Errorf("%w: command %d of the batch from request %d",
				juno.ErrMalformed, i, h.FirstRequest)
		}
	}
	if len(asks) != h.Count {
		return h.FirstRequest, asks, fmt.Errorf("%w: batch of %d commands with %d",
			juno.ErrMalformed, h.Count, len(asks))
	}
	return h.FirstRequest, asks, nil
}
