package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"sort"

	"juno"
)

// location of an entry: an open segment and the run that holds it. The caller releases handle.
type location struct {
	segment *segment
	handle  *handle
	run     *run
	last    juno.Index // of the entries of the run that count
}

// spanOf returns the span that holds an entry between start and tip.
func (v *view) spanOf(i juno.Index) span {
	if v.growing.first != 0 && i >= v.growing.first {
		return v.growing
	}
	n := sort.Search(len(v.spans), func(n int) bool { return v.spans[n].last >= i })
	return v.spans[n]
}

// locate opens the segment of an entry between start and tip.
func (l *Log) locate(v *view, i juno.Index) (location, error) {
	s := v.spanOf(i)
	at := location{segment: v.segments[s.segment-v.segments[0].number()], last: s.last}
	index := &v.index
	h, err := l.acquire(at.segment)
	if err != nil {
		return location{}, err
	}
	if at.segment != v.last() {
		if index, err = h.indexOf(at.segment); err != nil {
			l.files.release(h)
			return location{}, err
		}
	}
	at.handle, at.run = h, index.at(s.run)
	return at, nil
}

// acquire opens a segment. One that is gone was dropped while the caller was reading.
func (l *Log) acquire(s *segment) (*handle, error) {
	h, err := l.files.acquire(s)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s was dropped", ErrOutOfRange, s.path)
	}
	return h, err
}

// read reads the blocks [from, to) of the run.
func (at *location) read(from, to int) ([]byte, error) {
	return readRange(at.handle.file, at.run.checkpoints[from].offset, at.run.blockEnd(to-1))
}

// walk walks through block c, whose bytes are b. A bad record is a CorruptError.
func (at *location) walk(
	b []byte, c int, hash bool, visit func(e *juno.Entry, h juno.Hash) bool,
) error {
	w := blockWalk{seed: at.segment.seed, checkpoint: at.run.checkpoints[c], hash: hash}
	stopped := false
	var tip juno.Hash
	err := w.walk(b, func(e *juno.Entry, h juno.Hash) bool {
		tip = h
		stopped = !visit(e, h)
		return !stopped
	})
	if err == nil && hash && !stopped && c+1 < len(at.run.checkpoints) {
		if next := &at.run.checkpoints[c+1]; next.before != tip {
			err = fmt.Errorf("chain hash before entry %d is %v, the index says %v",
				next.index, tip, next.before)
		}
	}
	if err != nil {
		return at.segment.corrupt(w.checkpoint.offset, err)
	}
	return nil
}

func (v *view) outOfRange(i juno.Index) error {
	return fmt.Errorf("%w: entry %d of a log of entries %d to %d",
		ErrOutOfRange, i, v.start.Index+1, v.tip.Index)
}

// Entry returns the entry at an index between FirstIndex and LastIndex, or ErrOutOfRange. Its
// payload is the caller's, but shares memory with its neighbours, some kilobytes.
func (l *Log) Entry(i juno.Index) (juno.Entry, error) {
	v := l.view.Load()
	if i <= v.start.Index || i > v.tip.Index {
		return juno.Entry{}, v.outOfRange(i)
	}
	at, err := l.locate(v, i)
	if err != nil {
		return juno.Entry{}, err
	}
	defer l.files.release(at.handle)
	return at.entry(i, false, nil)
}

// entry returns an entry of the run, and puts its chain hash into hash if that is wanted.
func (at *location) entry(
	i juno.Index, rolled bool, hash *juno.Hash,
) (found juno.Entry, err error) {
	c := at.run.find(i)
	b, err := at.read(c, c+1)
	if err != nil {
		return found, err
	}
	err = at.walk(b, c, rolled, func(e *juno.Entry, h juno.Hash) bool {
		if e.Index < i {
			return true
		}
		found = *e
		if rolled {
			*hash = h
		}
		return false
	})
	if err == nil && found.Index != i {
		err = at.segment.corrupt(at.run.checkpoints[c].offset,
			fmt.Errorf("entry %d is not where the index says", i))
	}
	return found, err
}

// Pos returns the position of an entry, or of the start of the log. It rolls the chain from the
// last checkpoint before it, at most 32 entries.
func (l *Log) Pos(i juno.Index) (juno.Pos, error) {
	return l.posIn(l.view.Load(), i)
}

func (l *Log) posIn(v *view, i juno.Index) (juno.Pos, error) {
	switch {
	case i == v.start.Index:
		return v.start, nil
	case i == v.tip.Index:
		return v.tip, nil
	case i < v.start.Index || i > v.tip.Index:
		return juno.Pos{}, v.outOfRange(i)
	}
	at, err := l.locate(v, i)
	if err != nil {
		return juno.Pos{}, err
	}
	defer l.files.release(at.handle)
	if c := at.run.find(i + 1); at.run.checkpoints[c].index == i+1 {
		return juno.Pos{Index: i, Hash: at.run.checkpoints[c].before}, nil
	}
	p := juno.Pos{Index: i}
	_, err = at.entry(i, true, &p.Hash)
	return p, err
}

// Entries returns the entries [lo, hi), ascending. After an error, which is the last pair, there
// are no more. It sees the log as it is at the call, and reads it in pieces of up to 256 KiB; a
// payload is the caller's, and keeps its piece in memory.
func (l *Log) Entries(lo, hi juno.Index) iter.Seq2[juno.Entry, error] {
	v := l.view.Load()
	return func(yield func(juno.Entry, error) bool) {
		err := l.ascend(v, lo, hi, false, func(c juno.Chained) bool { return yield(c.Entry, nil) })
		if err != nil {
			yield(juno.Entry{}, err)
		}
	}
}

// Chain is Entries with the chain hash at each entry, and verifies the chain against every
// checkpoint and batch that it passes.
func (l *Log) Chain(lo, hi juno.Index) iter.Seq2[juno.Chained, error] {
	v := l.view.Load()
	return func(yield func(juno.Chained, error) bool) {
		err := l.ascend(v, lo, hi, true, func(c juno.Chained) bool { return yield(c, nil) })
		if err != nil {
			yield(juno.Chained{}, err)
		}
	}
}

// EntriesBackward returns the entries [lo, hi), descending, under the rules of Entries.
func (l *Log) EntriesBackward(lo, hi juno.Index) iter.Seq2[juno.Entry, error] {
	v := l.view.Load()
	return func(yield func(juno.Entry, error) bool) {
		err := l.descend(v, lo, hi, func(e juno.Entry) bool { return yield(e, nil) })
		if err != nil {
			yield(juno.Entry{}, err)
		}
	}
}

// Iterators read pieces that begin small, for callers that stop soon, and double.
const (
	pieceBytesMin = 16 << 10
	pieceBytesMax = 256 << 10
)

func (v *view) checkRange(lo, hi juno.Index) error {
	if lo > hi || lo <= v.start.Index || hi > v.tip.Index+1 {
		return fmt.Errorf("%w: entries [%d, %d) of a log of entries %d to %d",
			ErrOutOfRange, lo, hi, v.start.Index+1, v.tip.Index)
	}
	return nil
}

// ascend visits [lo, hi) until visit returns false.
func (l *Log) ascend(v *view, lo, hi juno.Index, hash bool, visit func(juno.Chained) bool) error {
	if err := v.checkRange(lo, hi); err != nil {
		return err
	}
	piece := int64(pieceBytesMin)
	for lo < hi {
		at, err := l.locate(v, lo)
		if err != nil {
			return err
		}
		stop := min(hi, at.last+1)
		done := false
		for lo < stop && !done && err == nil {
			lo, done, err = at.ascendPiece(lo, stop, piece, hash, visit)
			piece = min(2*piece, pieceBytesMax)
		}
		l.files.release(at.handle)
		if err != nil || done {
			return err
		}
	}
	return nil
}

// ascendPiece visits entries of the run from lo on, up to stop or as many as one piece holds. It
// returns the index of the next, and whether visit has had enough.
func (at *location) ascendPiece(
	lo, stop juno.Index, piece int64, hash bool, visit func(juno.Chained) bool,
) (next juno.Index, done bool, err error) {
	first := at.run.find(lo)
	from := at.run.checkpoints[first].offset
	end, last := first+1, at.run.find(stop-1)+1
	for end < last && at.run.blockEnd(end)-from <= piece {
		end++
	}
	b, err := at.read(first, end)
	if err != nil {
		return lo, false, err
	}
	next = lo
	for c := first; c < end && !done && next < stop; c++ {
		block := b[at.run.checkpoints[c].offset-from : at.run.blockEnd(c)-from]
		err = at.walk(block, c, hash, func(e *juno.Entry, h juno.Hash) bool {
			if e.Index >= stop {
				return false
			}
			if e.Index >= lo {
				done = !visit(juno.Chained{Entry: *e, Hash: h})
				next = e.Index + 1
			}
			return !done
		})
		if err != nil {
			return next, done, err
		}
	}
	return next, done, at.progressed(lo, next, first)
}

// progressed is an error if a piece that begins at checkpoint c held none of its entries.
func (at *location) progressed(lo, next juno.Index, c int) error {
	if next > lo {
		return nil
	}
	return at.segment.corrupt(at.run.checkpoints[c].offset,
		fmt.Errorf("entry %d is not where the index says", lo))
}

// descend visits [lo, hi) backward until visit returns false.
func (l *Log) descend(v *view, lo, hi juno.Index, visit func(juno.Entry) bool) error {
	if err := v.checkRange(lo, hi); err != nil {
		return err
	}
	piece := int64(pieceBytesMin)
	for hi > lo {
		at, err := l.locate(v, hi-1)
		if err != nil {
			return err
		}
		var entries []juno.Entry
		if entries, err = at.descendPiece(lo, hi, piece); err == nil {
			piece = min(2*piece, pieceBytesMax)
			hi = entries[0].Index
		}
		l.files.release(at.handle)
		if err != nil {
			return err
		}
		for n := len(entries) - 1; n >= 0; n-- {
			if !visit(entries[n]) {
				return nil
			}
		}
	}
	return nil
}

// descendPiece returns the last entries of [lo, hi) that are in the run, at least one, ascending.
func (at *location) descendPiece(lo, hi juno.Index, piece int64) ([]juno.Entry, error) {
	lo = max(lo, at.run.first)
	last := at.run.find(hi - 1)
	to := at.run.blockEnd(last)
	first, least := last, at.run.find(lo)
	for first > least && to-at.run.checkpoints[first-1].offset <= piece {
		first--
	}
	b, err := at.read(first, last+1)
	if err != nil {
		return nil, err
	}
	var entries []juno.Entry
	from := at.run.checkpoints[first].offset
	for c := first; c <= last; c++ {
		block := b[at.run.checkpoints[c].offset-from : at.run.blockEnd(c)-from]
		err = at.walk(block, c, false, func(e *juno.Entry, _ juno.Hash) bool {
			if e.Index >= lo && e.Index < hi {
				entries = append(entries, *e)
			}
			return e.Index < hi
		})
		if err != nil {
			return nil, err
		}
	}
	if len(entries) == 0 || entries[len(entries)-1].Index != hi-1 {
		return nil, at.progressed(hi-1, hi-1, first)
	}
	return entries, nil
}
