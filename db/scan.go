package db

import (
	"context"
	"fmt"
	"slices"

	"juno"
	"juno/db/sql"
	"juno/db/state"
)

// depth says how far entries are decoded.
type depth uint8

const (
	depthEntry   depth = iota // the entry and its place in the chain
	depthActor                // the command and who signed it
	depthCommand              // its result and what it does
	depthOps                  // and the movements of money
)

// decoded is an entry with what a table needs of it. Strings are parts of the payload.
type decoded struct {
	juno.Chained
	prev juno.Hash

	isCommand bool
	command   juno.Command
	verb      string
	actor     string
	result    juno.Result
	ops       []state.Op
	accounts  []string // those that the statement names
	currency  string   // the one that it names
}

// decoder turns entries into decoded ones.
type decoder struct {
	l       *Ledger
	signers map[juno.KeyID]string
	depth   depth
}

func (l *Ledger) newDecoder(d depth) *decoder {
	return &decoder{l: l, signers: *l.signers.Load(), depth: d}
}

// stretch reads and decodes the entries [from, to).
func (d *decoder) stretch(ctx context.Context, from, to juno.Index) ([]decoded, error) {
	all, err := d.read(ctx, from, to)
	if err != nil {
		return nil, err
	}
	results, err := d.results(from, to)
	if err != nil {
		return nil, err
	}
	var ops []state.Op
	for i := range all {
		if ops, err = d.decode(&all[i], results, ops); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// read reads the entries [from, to); with their hashes only if the table shows the chain.
func (d *decoder) read(ctx context.Context, from, to juno.Index) ([]decoded, error) {
	log := d.l.options.Log
	if d.depth == depthEntry {
		return d.readChain(ctx, from, to)
	}
	if to-from == 1 {
		e, err := log.Entry(from)
		if err != nil {
			return nil, fmt.Errorf("db: read the log: %w", err)
		}
		return []decoded{{Chained: juno.Chained{Entry: e}}}, nil
	}
	all := make([]decoded, 0, to-from)
	for e, err := range log.Entries(from, to) {
		if err != nil {
			return nil, fmt.Errorf("db: read the log: %w", err)
		}
		all = append(all, decoded{Chained: juno.Chained{Entry: e}})
		if e.Index%entriesPerLook == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return all, nil
}

func (d *decoder) readChain(ctx context.Context, from, to juno.Index) ([]decoded, error) {
	all := make([]decoded, 0, to-from)
	before, err := d.l.options.Log.Pos(from - 1)
	if err != nil {
		return nil, fmt.Errorf("db: read the log: %w", err)
	}
	prev := before.Hash
	for e, err := range d.l.options.Log.Chain(from, to) {
		if err != nil {
			return nil, fmt.Errorf("db: read the log: %w", err)
		}
		all = append(all, decoded{Chained: e, prev: prev})
		prev = e.Hash
		if e.Index%entriesPerLook == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return all, nil
}

// decode fills in what the depth asks for. It appends the movements of money to ops.
func (d *decoder) decode(
	e *decoded, results map[juno.Index]juno.Result, ops []state.Op,
) ([]state.Op, error) {
	if d.depth == depthEntry || e.Type != juno.EntryCommand && e.Type != juno.EntryKeyOp {
		return ops, nil
	}
	e.result = accepted // of what has no stored result
	if r, ok := results[e.Index]; ok {
		e.result = r
	}
	if e.Type == juno.EntryKeyOp {
		d.keyOp(e)
		return ops, nil
	}
	c, err := juno.ParseCommand(e.Payload)
	if err != nil {
		return ops, nil // refused; the log table shows it
	}
	e.isCommand, e.command, e.actor = true, c, d.signers[c.Key]
	if d.depth == depthActor {
		return ops, nil
	}
	st, refusal := state.Parse(c.Language, c.Text)
	if refusal != nil {
		return ops, nil
	}
	e.verb = st.Verb.String()
	if d.depth < depthOps || e.result.Status != juno.StatusOK {
		return ops, nil
	}
	start := len(ops)
	ops = st.AppendOps(ops)
	e.ops = ops[start:len(ops):len(ops)]
	e.accounts, e.currency = st.Accounts, st.Currency
	return ops, nil
}

// keyOp shows a change of keys as the request that it is.
func (d *decoder) keyOp(e *decoded) {
	o, err := juno.ParseKeyOp(e.Payload)
	if err != nil {
		return
	}
	e.isCommand, e.actor, e.verb = true, d.signers[o.Key], o.Action.String()+" key"
	e.command = juno.Command{Key: o.Key, Request: o.Request, Text: o.Subject}
}

// results returns the stored results of [from, to) if the depth asks for them.
func (d *decoder) results(from, to juno.Index) (map[juno.Index]juno.Result, error) {
	if d.depth < depthCommand {
		return nil, nil
	}
	return d.l.store.results(from, to)
}

// entryScan yields decoded entries one by one. The result is the scan's until the next call.
type entryScan interface {
	next() (*decoded, error) // nil at the end
	close()
}

const (
	stretchEntries    = 1024 // entries that are read at a time
	stretchEntriesMin = 16   // where a reader wants a few
	// stretchesAhead is how many stretches are read ahead, on another core.
	stretchesAhead = 2
)

// newEntryScan returns the entries of a range in its direction.
func (v *view) newEntryScan(r sql.Range, d depth) entryScan {
	r.From = v.firstEntry(r.From)
	s := &rangeScan{ctx: v.ctx, decoder: v.l.newDecoder(d), Range: r, size: stretchEntries}
	if r.RowsHint > 0 && r.RowsHint < stretchEntries {
		s.size = max(r.RowsHint, stretchEntriesMin)
		return s
	}
	return s.ahead()
}

// firstEntry returns the first entry at or after from that the log holds and whose result is known.
func (v *view) firstEntry(from juno.Index) juno.Index {
	return max(from, v.l.base+1, v.l.options.Log.Start().Index+1)
}

// rangeScan reads a range stretch by stretch.
type rangeScan struct {
	sql.Range
	ctx     context.Context
	decoder *decoder
	size    int
	all     []decoded
}

// load reads the next stretch in the direction of the scan; it is empty at the end.
func (s *rangeScan) load() ([]decoded, error) {
	if s.From >= s.To {
		return nil, nil
	}
	n := min(juno.Index(s.size), s.To-s.From)
	s.size = min(2*s.size, stretchEntries)
	if !s.Descending {
		s.From += n
		return s.decoder.stretch(s.ctx, s.From-n, s.From)
	}
	s.To -= n
	all, err := s.decoder.stretch(s.ctx, s.To, s.To+n)
	slices.Reverse(all)
	return all, err
}

func (s *rangeScan) next() (*decoded, error) {
	if len(s.all) == 0 {
		var err error
		if s.all, err = s.load(); err != nil || len(s.all) == 0 {
			return nil, err
		}
	}
	e := &s.all[0]
	s.all = s.all[1:]
	return e, nil
}

func (s *rangeScan) close() {}

// aheadScan reads a range in a goroutine of its own, so that reading and the statement that
// consumes it have a core each.
type aheadScan struct {
	ctx       context.Context
	stretches chan stretchRead
	cancel    context.CancelFunc
	all       []decoded
}

type stretchRead struct {
	all []decoded
	err error
}

// ahead starts the goroutine.
func (s *rangeScan) ahead() *aheadScan {
	a := &aheadScan{ctx: s.ctx, stretches: make(chan stretchRead, stretchesAhead)}
	s.ctx, a.cancel = context.WithCancel(s.ctx)
	go func() {
		defer close(a.stretches)
		for {
			all, err := s.load()
			if len(all) == 0 && err == nil {
				return
			}
			select {
			case a.stretches <- stretchRead{all, err}:
			case <-s.ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return a
}

func (a *aheadScan) next() (*decoded, error) {
	if len(a.all) == 0 {
		read, ok := <-a.stretches
		if !ok {
			return nil, a.ctx.Err()
		}
		if read.err != nil {
			return nil, read.err
		}
		a.all = read.all
	}
	e := &a.all[0]
	a.all = a.all[1:]
	return e, nil
}

// close ends the goroutine and waits for it: it must not read a store that is closed meanwhile.
func (a *aheadScan) close() {
	a.cancel()
	for range a.stretches {
		continue
	}
}

// pointScan reads the entries that a function names.
type pointScan struct {
	ctx     context.Context
	decoder *decoder
	index   func() (index juno.Index, ok bool, err error)
}

func (s *pointScan) next() (*decoded, error) {
	index, ok, err := s.index()
	if err != nil || !ok {
		return nil, err
	}
	all, err := s.decoder.stretch(s.ctx, index, index+1)
	if err != nil {
		return nil, err
	}
	return &all[0], nil
}

func (s *pointScan) close() {}
