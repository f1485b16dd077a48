package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"juno"
)

// visitor is told what a segment holds, in order. A nil function is not called. Returning an
// error ends the parsing with that error. Bytes alias the segment; the entry is the visitor's
// during the call.
type visitor struct {
	entry    func(e *juno.Entry, h juno.Hash) error
	record   func(r juno.Record) error
	truncate func(to juno.Pos) error
}

// parser reads the bytes of one segment from its beginning, builds its index as the writer did,
// and accepts exactly what the writer writes. It verifies every checksum and the hash chain.
type parser struct {
	encoder        // the state after what was read
	b       []byte // the whole segment
	header  segmentHeader
	visit   visitor
	entry   juno.Entry // the newest; visitors are given this one, again and again
	entries int64
	batches int
	// where the first batch ends
	firstBatchEnd int64
	sealed        bool // the footer was read; end is behind it
	// truncates to before the segment, whose hashes the segment alone cannot check
	cuts []outerCut
}

// outerCut is a truncate to before its segment.
type outerCut struct {
	to     juno.Pos
	offset int64
}

// parseError is what parser found at an offset of the segment.
type parseError struct {
	offset int64
	index  juno.Index // of the next entry
	err    error
}

// Error returns what was wrong; the caller adds the file.
func (e *parseError) Error() string { return fmt.Sprintf("at byte %d: %v", e.offset, e.err) }

// Unwrap returns what was wrong.
func (e *parseError) Unwrap() error { return e.err }

func (p *parser) fail(offset int64, format string, args ...any) error {
	return &parseError{offset: offset, index: p.tip.Index + 1, err: fmt.Errorf(format, args...)}
}

// visitError marks an error of a visitor, which is not about the bytes.
type visitError struct{ err error }

// Error returns the visitor's error.
func (e *visitError) Error() string { return e.err.Error() }

// newParser reads the header of a segment. An error may be ErrVersion.
func newParser(b []byte, visit visitor) (*parser, error) {
	h, err := parseSegmentHeader(b)
	if err != nil {
		return nil, &parseError{err: err}
	}
	p := &parser{b: b, header: h, visit: visit}
	p.seed, p.end, p.tip = seedOf(h.salt), segmentHeaderBytes, h.base
	return p, nil
}

// segment reads all batches, and the footer if there is one. It returns nil where the rest of
// the segment is empty or there is no rest; p.end is where it stopped. After an error p.end, p.tip
// and p.index are what they were before the batch in which it happened.
func (p *parser) segment() error {
	for !p.sealed && p.end < int64(len(p.b)) {
		rest := p.b[p.end:]
		switch {
		case rest[0] == 0 && len(bytes.TrimLeft(rest, "\x00")) == 0:
			return nil
		case rest[0] == markIndex:
			if err := p.footer(rest); err != nil {
				return err
			}
		default:
			before := p.encoder
			if err := p.batch(rest); err != nil {
				p.encoder = before
				return err
			}
			if p.batches++; p.batches == 1 {
				p.firstBatchEnd = p.end
			}
		}
	}
	return nil
}

// batch reads the batch at rest[0], which stands at p.end.
func (p *parser) batch(rest []byte) error {
	start := p.end
	h, err := parseBatchHeader(rest, p.seed, start)
	if err != nil {
		return p.fail(start, "%w", err)
	}
	if h.bodyBytes == 0 && p.batches > 0 {
		return p.fail(start, "empty batch behind the first of its segment")
	}
	at := start + batchHeaderBytes
	bodyEnd := at + int64(h.bodyBytes)
	if bodyEnd+trailerBytes > int64(len(p.b)) {
		return p.fail(start, "batch of %d bytes, %d are left", h.bodyBytes, len(rest))
	}
	p.any = false
	place := placeTruncate
	for at < bodyEnd {
		kind, body, n, err := parseRecord(p.b[at:bodyEnd], p.seed, at)
		if err == nil {
			place, err = p.record(place, kind, body, at, at+int64(n))
		}
		if err != nil {
			var visit *visitError
			if errors.As(err, &visit) {
				return visit
			}
			return p.fail(at, "%w", err)
		}
		at += int64(n)
	}
	tip, err := parseTrailer(p.b[at:], p.seed, at)
	if err != nil {
		return p.fail(at, "%w", err)
	}
	if tip != p.tip.Hash {
		return p.fail(at, "chain hash at the end of the batch is %v, its entries give %v",
			tip, p.tip.Hash)
	}
	p.end = at + trailerBytes
	return nil
}

// place is how far a batch has come: truncate, then entries, then records.
type place uint8

const (
	placeTruncate place = iota
	placeEntries
	placeRecords
)

// record takes in one record of a batch, which stands at [at, end).
func (p *parser) record(now place, kind byte, body []byte, at, end int64) (place, error) {
	switch {
	case kind == typeTruncate:
		if now != placeTruncate {
			return 0, errors.New("truncate that is not first in its batch")
		}
		return placeEntries, p.cut(body, at)
	case kind >= byte(juno.RecordKindMin) && kind <= byte(juno.RecordKindMax):
		return placeRecords, p.note(juno.RecordKind(kind), body, at)
	case kind&^typeEntryMask == typeShort || kind&^typeEntryMask == typeLong:
		if now > placeEntries {
			return 0, errors.New("entry behind other records of its batch")
		}
		return placeEntries, p.takeEntry(kind, body, at, end)
	}
	return 0, fmt.Errorf("record of unknown type %#02x", kind)
}

func (p *parser) takeEntry(kind byte, body []byte, at, end int64) error {
	e := &p.entry
	if err := parseEntry(e, kind, body, p.term, p.time); err != nil {
		return err
	}
	e.Index = p.tip.Index + 1
	due := p.index.due(e.Index, at)
	if long := kind&^typeEntryMask == typeLong; long != (due || p.long(e.Term, e.Time)) {
		return fmt.Errorf("entry %d in the wrong form, %#02x", e.Index, kind)
	}
	p.index.entry(due, e.Index, at, end, p.tip.Hash)
	p.tip = juno.Pos{Index: e.Index, Hash: e.ChainHash(p.tip.Hash)}
	p.term, p.time, p.any = e.Term, e.Time, true
	p.entries++
	if p.visit.entry == nil {
		return nil
	}
	return visited(p.visit.entry(e, p.tip.Hash))
}

const longHeadBytes = 8 + 8

// parseEntry reads the body of an entry record into e. term and time are those of the entry
// before it, for the short form. The index is left to the caller.
func parseEntry(e *juno.Entry, kind byte, body []byte, term juno.Term, time juno.Millis) error {
	e.Type = juno.EntryType(kind & typeEntryMask)
	if !e.Type.Valid() {
		return fmt.Errorf("entry of unknown type %d", e.Type)
	}
	if kind&^typeEntryMask == typeLong {
		if len(body) < longHeadBytes {
			return fmt.Errorf("entry of %d bytes, want %d or more", len(body), longHeadBytes)
		}
		e.Term = juno.Term(binary.BigEndian.Uint64(body))
		e.Time = juno.Millis(binary.BigEndian.Uint64(body[8:]))
		e.Payload = body[longHeadBytes:]
	} else {
		passed, n := uvarint(body)
		if n == 0 {
			return errors.New("entry with a bad time")
		}
		e.Term, e.Time = term, time+juno.Millis(passed)
		e.Payload = body[n:]
	}
	if e.Time < 0 || len(e.Payload) > juno.EntryPayloadBytesMax {
		return fmt.Errorf("entry with time %d and a payload of %d bytes", e.Time, len(e.Payload))
	}
	return nil
}

func (p *parser) note(kind juno.RecordKind, body []byte, at int64) error {
	r, err := parseNote(kind, body)
	if err != nil {
		return err
	}
	if marks := p.historyOf(kind); len(marks) > 0 && marks[len(marks)-1].index > r.Index {
		return fmt.Errorf("%v record about %d behind one about %d",
			kind, r.Index, marks[len(marks)-1].index)
	}
	p.index.record(kind, r.Index, at)
	if p.visit.record == nil {
		return nil
	}
	return visited(p.visit.record(r))
}

// parseNote reads the body of a state or history record.
func parseNote(kind juno.RecordKind, body []byte) (juno.Record, error) {
	index, n := uvarint(body)
	if n == 0 || len(body)-n > RecordBytesMax {
		return juno.Record{}, fmt.Errorf("%v record with a bad index or %d bytes", kind, len(body))
	}
	return juno.Record{Kind: kind, Index: juno.Index(index), Bytes: body[n:]}, nil
}

// states returns the newest state record of each kind, as of the last good batch.
func (p *parser) states() []juno.Record {
	var records []juno.Record
	for k, offset := range p.index.states {
		if offset == 0 {
			continue
		}
		kind, body, _, err := parseRecord(p.b[offset:], p.seed, offset)
		r, noteErr := parseNote(juno.RecordKind(kind), body)
		if err != nil || noteErr != nil || r.Kind != juno.RecordKindMin+juno.RecordKind(k) {
			panic(fmt.Sprintf("wal: record at byte %d was parsed and is gone: %v, %v",
				offset, err, noteErr))
		}
		records = append(records, r)
	}
	return records
}

func (p *parser) historyOf(kind juno.RecordKind) []mark {
	if !kind.History() {
		return nil
	}
	return p.index.history[kind-juno.RecordHistoryMin]
}

// cut takes in a truncate. Where it leads into this segment its hash is checked here; what leads
// before the segment is left to whoever knows the segments before, in p.cuts.
func (p *parser) cut(body []byte, at int64) error {
	d := juno.NewDecoder(body)
	to := d.Pos()
	if err := d.Done(); err != nil {
		return err
	}
	if to.Index >= p.tip.Index {
		return fmt.Errorf("truncate to entry %d behind the tip %d", to.Index, p.tip.Index)
	}
	if r, ok := p.index.liveRun(to.Index); ok {
		got, err := p.hashAt(r, to.Index)
		if err != nil {
			return err
		}
		if got != to.Hash {
			return fmt.Errorf("truncate to entry %d with hash %v, the chain has %v",
				to.Index, to.Hash, got)
		}
	} else if to.Index == p.header.base.Index && to.Hash != p.header.base.Hash {
		return fmt.Errorf("truncate to entry %d with hash %v, the segment begins at %v",
			to.Index, to.Hash, p.header.base.Hash)
	} else if to.Index < p.header.base.Index {
		p.cuts = append(p.cuts, outerCut{to, at})
	}
	p.tip = to
	p.index.truncate()
	if p.visit.truncate == nil {
		return nil
	}
	return visited(p.visit.truncate(to))
}

// hashAt rolls the chain to an entry of a run that was read before.
func (p *parser) hashAt(r *run, index juno.Index) (hash juno.Hash, err error) {
	c := r.find(index)
	from, to := r.checkpoints[c].offset, r.blockEnd(c)
	w := blockWalk{seed: p.seed, checkpoint: r.checkpoints[c], hash: true}
	err = w.walk(p.b[from:to], func(e *juno.Entry, h juno.Hash) bool {
		hash = h
		return e.Index < index
	})
	return hash, err
}

func visited(err error) error {
	if err == nil {
		return nil
	}
	return &visitError{err}
}

// footer reads index and summary at rest[0], and compares them with what was found in the
// segment: they must be, to the byte, what the writer would have written.
func (p *parser) footer(rest []byte) error {
	want := appendFooter(nil, p.seed, p.end, &p.index, p.tip)
	n := min(len(want), len(rest))
	for i := range n {
		if rest[i] != want[i] {
			return p.fail(p.end+int64(i), "footer has %#02x, want %#02x", rest[i], want[i])
		}
	}
	if n < len(want) {
		return p.fail(p.end+int64(n), "footer of %d bytes ends after %d", len(want), n)
	}
	p.end += int64(n)
	p.sealed = true
	return nil
}
