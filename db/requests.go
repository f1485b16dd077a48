package db

import (
	"context"
	"fmt"

	"juno"
	"juno/db/state"
)

// anchorRequests is how many request ids of a client share one record that says where in the log
// they begin. Looking a request up reads on from there; an index of every request would cost as
// much as a third balance per transfer.
const anchorRequests = 256

// anchor notes where a client's request ids enter a new stretch of anchorRequests. Ids below the
// highest one that are used later get no record: they are found behind the next one.
func (l *Ledger) anchor(w *state.Write, index juno.Index) error {
	after, err := state.ParseWindow(w.After)
	if err != nil {
		return err
	}
	first := w.Before == nil
	if !first {
		before, err := state.ParseWindow(w.Before)
		if err != nil {
			return err
		}
		first = before.Highest()/anchorRequests != after.Highest()/anchorRequests
	}
	if first {
		client := string(w.Key[1:])
		key := appendRequestKey(nil, client, uint64(after.Highest())/anchorRequests)
		value := juno.AppendUvarint(nil, uint64(index))
		l.batch.others = append(l.batch.others, record{key, value, version(index)})
	}
	return nil
}

// Find returns the applied entry that holds a client's request, and whether there is one. It reads
// one stretch of the log, as long as the client needed for a few hundred requests.
func (l *Ledger) Find(client string, request juno.RequestID) (juno.Index, bool, error) {
	index, err := l.find(context.Background(), client, request, l.Applied()+1)
	return index, index != 0 && err == nil, err
}

// find returns the entry in [base+1, to) that holds a client's request, or 0 if there is none.
func (l *Ledger) find(
	ctx context.Context, client string, id juno.RequestID, to juno.Index,
) (juno.Index, error) {
	if to <= l.base+1 || id == 0 {
		return 0, nil
	}
	if err := l.projector.await(ctx, to-1); err != nil {
		return 0, err
	}
	from, until, err := l.store.requestStretch(client, id, to)
	if err != nil || from == 0 {
		return 0, err
	}
	return l.findRequest(ctx, client, id, max(from, l.base+1), until)
}

// requestStretch returns the entries [from, until) that a request can be in; from is 0 if it is
// in none. It begins at the first anchor at or above the request. It ends where the client's
// window has moved on so far that the id could not be used any more.
func (s *store) requestStretch(
	client string, id juno.RequestID, to juno.Index,
) (from, until juno.Index, err error) {
	w := s.newWalk(appendRequestPrefix(nil, client), to-1)
	defer w.close()
	stretch := uint64(id) / anchorRequests
	ok, err := w.seek(appendRequestKey(nil, client, stretch))
	if err != nil || !ok {
		return 0, 0, err
	}
	if from, err = s.anchorIndex(w); err != nil {
		return 0, 0, err
	}
	closed := (uint64(id)+state.WindowRequests)/anchorRequests + 1
	ok, err = w.seek(appendRequestKey(nil, client, closed))
	if err != nil || !ok {
		return from, to, err
	}
	until, err = s.anchorIndex(w)
	return from, until, err
}

func (s *store) anchorIndex(w *walk) (juno.Index, error) {
	d := juno.NewDecoder(w.value)
	index := juno.Index(d.Uvarint())
	if err := d.Done(); err != nil {
		return 0, damaged(s.dir, fmt.Errorf("request anchor %.80q: %w", w.key, err))
	}
	return index, nil
}

// findRequest reads the log for a request.
func (l *Ledger) findRequest(
	ctx context.Context, client string, id juno.RequestID, from, until juno.Index,
) (juno.Index, error) {
	signers := *l.signers.Load()
	for e, err := range l.options.Log.Entries(from, until) {
		if err != nil {
			return 0, fmt.Errorf("db: find request %d of %s: %w", id, client, err)
		}
		if key, request, ok := requestOf(&e); ok && request == id && signers[key] == client {
			return e.Index, nil
		}
		if e.Index%entriesPerLook == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
	return 0, nil
}

// entriesPerLook is how many entries are read between two looks at the context.
const entriesPerLook = 256

// requestOf returns who asked for an entry, and under which request id.
func requestOf(e *juno.Entry) (key juno.KeyID, id juno.RequestID, ok bool) {
	switch e.Type {
	case juno.EntryCommand:
		c, err := juno.ParseCommand(e.Payload)
		return c.Key, c.Request, err == nil
	case juno.EntryKeyOp:
		o, err := juno.ParseKeyOp(e.Payload)
		return o.Key, o.Request, err == nil
	}
	return key, 0, false
}
