package db

import (
	"juno"
	"juno/db/state"
)

// project writes what batches did to the store, and brings the state hash along.
func (p *projector) project(batches []*batch) error {
	last := batches[len(batches)-1]
	reach, err := p.l.options.Log.Pos(last.last)
	if err != nil {
		return err
	}
	first := record{keyReach, juno.AppendPos(nil, reach), version(last.last)}
	p.records = append(p.records[:0], first)
	p.runs.reset()
	for _, b := range batches {
		for i := range b.writes {
			w := &b.writes[i]
			if isBalance(w.Key) {
				p.records = p.runs.add(p.records, w.Key, w.After, b.indexes[i])
			} else {
				p.records = append(p.records, elementRecord(w.Key, w.After, b.indexes[i]))
			}
		}
		p.records = append(p.records, b.others...)
		p.records = append(p.records, p.l.times.add(b.first, b.times)...)
	}
	// The state hash has its own core while badger writes; readers do not wait for it.
	written := make(chan error, 1)
	go func() {
		err := p.l.store.write(p.records)
		if err == nil {
			p.advance(last.last)
		}
		written <- err
	}()
	for _, b := range batches {
		p.fold(b)
	}
	if err := <-written; err != nil {
		return err
	}
	clear(p.records)
	p.quiet, p.headTime = last.quiet, last.time
	p.recycle(batches)
	return nil
}

// advance publishes the newest projected entry.
func (p *projector) advance(head juno.Index) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.head = head
	p.release()
}

// fold notes the changes of a batch for the state hash. Elements that change often are hashed
// once in a while, not once per change.
func (p *projector) fold(b *batch) {
	p.changes.Fold(&state.Effects{Writes: b.writes})
	for _, e := range b.sessions {
		before, existed := p.sessions[string(e.Key)]
		w := state.Write{Key: e.Key, After: e.Value}
		if existed {
			w.Before = before
		}
		p.changes.Fold(&state.Effects{Writes: []state.Write{w}})
		p.sessions[string(e.Key)] = append(before[:0], e.Value...)
		p.unsynced[string(e.Key)] = true
	}
	if p.changes.Len() >= changedElementsMax {
		p.changes.Flush(&p.hash)
	}
}

// recycle takes batches back.
func (p *projector) recycle(batches []*batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range batches {
		if len(p.spare) < spareBatches {
			b.reset()
			p.spare = append(p.spare, b)
		}
	}
}

// spareBatches bounds the empty batches that are kept.
const spareBatches = 16
