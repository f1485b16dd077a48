package db

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"juno"
	"juno/db/state"
)

// session is a session element: its newest value lives here, and in the store only at sync points.
type session struct {
	key     string
	value   []byte
	touched bool // since the batch began
}

// Apply executes entries, which must follow the newest applied one, and returns their results. It
// returns as soon as they are executed in memory; queries wait by themselves until they are
// projected. It blocks while the projection is too far behind.
//
// The caller applies only what is committed and durable in its log: the store may be ahead of its
// last sync point, but must never be ahead of the log. An error wraps ErrFailed: the process must
// stop. Results of entries before the failing one are lost with it; they are in the log.
//
// One goroutine at a time may call Apply. It keeps no payload.
func (l *Ledger) Apply(entries []juno.Entry) ([]juno.Result, error) {
	if err := l.Err(); err != nil {
		return nil, err
	}
	results := make([]juno.Result, len(entries))
	for i := range entries {
		r, err := l.apply(&entries[i])
		if err != nil {
			return nil, l.fail(err)
		}
		results[i] = r
		if l.batch.entries() >= batchEntriesMin && l.batch.quiet {
			if err := l.hand(); err != nil {
				return nil, err
			}
		}
	}
	if err := l.hand(); err != nil {
		return nil, err
	}
	return results, nil
}

// apply executes one entry and notes its effects.
func (l *Ledger) apply(e *juno.Entry) (juno.Result, error) {
	l.scratch = l.scratch[:0]
	fx := &l.effects
	result, err := l.machine.Apply((*liveView)(l), e, fx)
	if err != nil {
		return result, err
	}
	for i := range fx.Writes {
		w := &fx.Writes[i]
		if state.KindOf(w.Key).Session() {
			if err := l.applySession(w, e.Index); err != nil {
				return result, err
			}
			continue
		}
		l.batch.write(w, e.Index)
		l.cache.put(w.Key, w.After, e.Index)
		if err := l.notice(w, e.Index); err != nil {
			return result, err
		}
	}
	l.batch.entry(e, &result)
	return result, nil
}

// applySession notes the new value of a session element.
func (l *Ledger) applySession(w *state.Write, index juno.Index) error {
	s := l.sessions[string(w.Key)]
	if s == nil {
		s = &session{key: string(w.Key)}
		l.sessions[s.key] = s
	}
	switch state.KindOf(w.Key) {
	case state.KindWindow:
		if err := l.anchor(w, index); err != nil {
			return err
		}
	case state.KindProgress:
		p, err := state.ParseProgress(w.After)
		if err != nil {
			return err
		}
		l.batch.quiet = p.BatchLeft == 0
	}
	// The entry is executed: nobody looks at the old value any more.
	s.value = append(s.value[:0], w.After...)
	if !s.touched {
		s.touched = true
		l.batch.touched = append(l.batch.touched, s)
	}
	return nil
}

// notice keeps what readers hold decoded: keys and memberships.
func (l *Ledger) notice(w *state.Write, index juno.Index) error {
	switch state.KindOf(w.Key) {
	case state.KindKey:
		r, err := state.ParseKeyRecord(w.After)
		if err != nil {
			return err
		}
		all := maps.Clone(*l.signers.Load())
		all[r.ID] = r.Subject
		l.signers.Store(&all)
	case state.KindConfig:
		c, err := state.ParseConfig(w.After)
		if err != nil {
			return err
		}
		all := append(slices.Clip(*l.epochs.Load()), epoch{index + 1, c})
		l.epochs.Store(&all)
	}
	return nil
}

// hand gives what was applied to the projector and publishes it as applied.
func (l *Ledger) hand() error {
	b := l.batch
	if b.entries() == 0 {
		return nil
	}
	for _, s := range b.touched {
		b.session(s.key, s.value)
		s.touched = false
	}
	l.applied.Store(&standing{b.last, b.time})
	l.batch = l.projector.free()
	if err := l.projector.hand(b); err != nil {
		return err
	}
	l.cache.projected = l.projector.projected()
	return nil
}

// Replay applies what the log holds after the newest applied entry, up to and including to. It
// calls progress, which may be nil, with how many entries are done and how many there are.
func (l *Ledger) Replay(
	ctx context.Context, to juno.Index, progress func(done, total juno.Index),
) error {
	from := l.Applied()
	if to < from || to > l.options.Log.LastIndex() {
		return fmt.Errorf("%w: replay to %d, applied is %d and the log ends at %d", ErrRange, to,
			from, l.options.Log.LastIndex())
	}
	chunk := make([]juno.Entry, 0, replayEntries)
	for e, err := range l.options.Log.Chain(from+1, to+1) {
		if err != nil {
			return fmt.Errorf("db: replay: %w", err)
		}
		if chunk = append(chunk, e.Entry); len(chunk) < replayEntries && e.Index < to {
			continue
		}
		if _, err := l.Apply(chunk); err != nil {
			return err
		}
		chunk = chunk[:0]
		if progress != nil {
			progress(e.Index-from, to-from)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if l.Applied() != to {
		return fmt.Errorf("db: replay to %d: the log gave entries up to %d", to, l.Applied())
	}
	return nil
}

// replayEntries is how many entries Replay applies at a time.
const replayEntries = 1024

// liveView is the state right after the newest executed entry, as the machine reads it.
type liveView Ledger

// Get returns an element. The bytes stay as they are until the next entry is executed.
func (v *liveView) Get(key []byte) ([]byte, error) {
	if state.KindOf(key).Session() {
		if s := v.sessions[string(key)]; s != nil {
			return s.value, nil
		}
		return nil, nil
	}
	start := len(v.scratch)
	b, ok := v.cache.get(v.scratch, key)
	if ok {
		v.scratch = b
		return b[start:len(b):len(b)], nil
	}
	// What is not in the cache is projected. The store may hold later versions, of before a crash.
	value, _, err := v.store.element(key, v.position())
	if err != nil || value == nil {
		return nil, err
	}
	v.cache.put(key, value, 0)
	return value, nil
}

// position returns the newest executed entry, published or not.
func (v *liveView) position() juno.Index {
	if v.batch.entries() > 0 {
		return v.batch.last
	}
	return v.applied.Load().index
}

// Scan waits until the store has everything that was executed, and reads it from there: it serves
// the observing commands, which read many accounts.
func (v *liveView) Scan(prefix []byte, yield func(key, value []byte) bool) error {
	if kind := state.KindOf(prefix); kind.Session() {
		return v.scanSessions(prefix, yield)
	}
	l := (*Ledger)(v)
	at := v.position()
	if err := l.hand(); err != nil {
		return err
	}
	if err := l.projector.await(context.Background(), at); err != nil {
		return err
	}
	return l.store.scan(prefix, at, func(key, value []byte, _ juno.Index) bool {
		return yield(key, value)
	})
}

// scanSessions serves state.LoadPrefix.
func (v *liveView) scanSessions(prefix []byte, yield func(key, value []byte) bool) error {
	for _, key := range slices.Sorted(maps.Keys(v.sessions)) {
		if bytes.HasPrefix([]byte(key), prefix) && !yield([]byte(key), v.sessions[key].value) {
			return nil
		}
	}
	return nil
}

// State returns the state right after the newest applied entry, for reading between two calls of
// Apply by the goroutine that calls it.
func (l *Ledger) State() state.View {
	l.scratch = l.scratch[:0]
	return (*liveView)(l)
}
