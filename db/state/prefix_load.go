package state

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"juno"
)

// ErrInsideBatch: a state ends inside of a client batch, and the entries that the batch began with
// were not given to Recall. A snapshot to start from must be taken between batches.
var ErrInsideBatch = errors.New("state ends inside of a client batch")

// LoadPrefix returns the prefix that ends with the entry that the view stands at. It reads the key
// records and the request windows.
//
// The places of requests are not part of the state: Lookup returns index 0 for them until Recall
// has seen their entries. A view inside of a client batch needs Recall before anything can be
// appended.
func LoadPrefix(view View) (*Prefix, error) {
	p := &Prefix{clients: make(map[string]*requests)}
	value, err := view.Get(keyProgress)
	if err != nil {
		return nil, err
	}
	progress, err := ParseProgress(value)
	if err != nil {
		return nil, err
	}
	p.last, p.committed = progress.Index, progress.Index
	if progress.BatchLeft > 0 {
		p.batch = &openBatch{at: progress.BatchHead}
	}
	if value, err = view.Get(keyConfig); err != nil {
		return nil, err
	}
	if p.config, err = ParseConfig(value); err != nil {
		return nil, err
	}
	if value, err = view.Get(keyMode); err != nil {
		return nil, err
	}
	if p.mode, err = ParseMode(value); err != nil {
		return nil, err
	}
	if err := p.loadKeys(view); err != nil {
		return nil, err
	}
	return p, p.loadWindows(view)
}

func (p *Prefix) loadKeys(view View) error {
	value, err := view.Get(keyLedger)
	if err != nil {
		return err
	}
	l, err := ParseLedger(value)
	if err != nil {
		return err
	}
	var records []juno.KeyRecord
	err = scan(view, KindKey, func(key, value []byte) error {
		r, err := ParseKeyRecord(value)
		records = append(records, r)
		return err
	})
	if err != nil {
		return err
	}
	// The order of the log; among those of one entry any order does that is always the same.
	slices.SortFunc(records, func(a, b juno.KeyRecord) int {
		return cmp.Or(cmp.Compare(a.From, b.From), bytes.Compare(a.ID[:], b.ID[:]))
	})
	p.ring, err = juno.NewKeyring(l.Cluster, records)
	return err
}

func (p *Prefix) loadWindows(view View) error {
	return scan(view, KindWindow, func(key, value []byte) error {
		w, err := ParseWindow(bytes.Clone(value))
		p.clients[string(key[1:])] = &requests{window: w}
		return err
	})
}

// scan visits all elements of a kind, up to the first error.
func scan(view View, kind Kind, visit func(key, value []byte) error) error {
	failed := error(nil)
	err := view.Scan([]byte{byte(kind)}, func(key, value []byte) bool {
		failed = visit(key, value)
		return failed == nil
	})
	return cmp.Or(failed, err)
}

// Recall shows the prefix an entry that it already ends with or behind, so that Lookup knows the
// place of its request. Entries come in ascending order. Those of a batch that the prefix ends
// inside of must all come, from the head on.
func (p *Prefix) Recall(e *juno.Entry) error {
	if e.Index > p.last {
		panic(fmt.Sprintf("prefix: recall entry %d, the last one is %d", e.Index, p.last))
	}
	switch e.Type {
	case juno.EntryBatchHead:
		return p.recallHead(e)
	case juno.EntryCommand:
		c, err := juno.ParseCommand(e.Payload)
		if err != nil {
			return err
		}
		if b := p.batch; b != nil && e.Index > b.at {
			if e.Index != b.at+juno.Index(len(b.leaves))+1 {
				return fmt.Errorf("recall entry %d: %w at entry %d", e.Index, ErrInsideBatch, b.at)
			}
			b.leaves = append(b.leaves, juno.MerkleLeaf(e.Payload))
		}
		p.recallRequest(c.Key, c.Request, e.Index)
	case juno.EntryKeyOp:
		o, err := juno.ParseKeyOp(e.Payload)
		if err != nil {
			return err
		}
		p.recallRequest(o.Key, o.Request, e.Index)
	}
	return nil
}

func (p *Prefix) recallHead(e *juno.Entry) error {
	if p.batch == nil || p.batch.at != e.Index {
		return nil
	}
	h, err := juno.ParseBatchHead(e.Payload)
	if err != nil {
		return err
	}
	p.batch.head, p.batch.leaves = h, make([]juno.Hash, 0, h.Count)
	return nil
}

func (p *Prefix) recallRequest(key juno.KeyID, id juno.RequestID, index juno.Index) {
	signer, _ := p.ring.Lookup(key)
	r := p.clients[signer.Subject]
	if r != nil && !r.window.Fits(id) && !r.window.Old(id) {
		r.set(id, index)
	}
}

// Recalled reports whether anything is missing before entries can be appended: ErrInsideBatch, or
// nil.
func (p *Prefix) Recalled() error {
	b := p.batch
	if b == nil || (b.head.Count > 0 && b.at+juno.Index(len(b.leaves)) == p.last) {
		return nil
	}
	return fmt.Errorf("%w: the batch at entry %d was not recalled up to entry %d",
		ErrInsideBatch, b.at, p.last)
}
