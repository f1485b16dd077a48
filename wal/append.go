package wal

import (
	"errors"
	"fmt"

	"juno"
	"juno/internal/vfs"
)

// Append writes a batch behind the last one, in one write. Readers see it at once; it is durable
// after the next Sync. An empty batch is nothing.
//
// ErrBatch and ErrFloor refuse it before anything is written, and the log goes on. Any other
// error is ErrFailed, and final.
func (l *Log) Append(b *Batch) error {
	if err := l.usable(); err != nil {
		return err
	}
	v := l.view.Load()
	cut, err := l.checkCut(v, b)
	if err != nil {
		return err
	}
	newest := l.newest
	bytesMax, err := checkBatch(b, v.tip, &newest)
	if err != nil {
		return err
	}
	if cut == v.tip && len(b.Entries) == 0 && len(b.Records) == 0 {
		return refuseTip(b, v.tip)
	}
	if l.encoder.end+bytesMax > l.options.SegmentBytes && l.encoder.end > l.firstBatchEnd {
		// Before the batch is encoded: it must know at which offset of which segment it stands.
		if err := l.roll(v.last().header.oldest); err != nil {
			return l.fail(err)
		}
	}
	before := l.encoder
	buf := l.encoder.batch(l.buf[:0], b, cut, l.durableEnd)
	l.buf = buf[:0]
	if err := refuseTip(b, l.encoder.tip); err != nil {
		l.encoder = before
		return err
	}
	if err := l.write(buf, before.end); err != nil {
		return l.fail(err)
	}
	l.newest = newest
	l.publish(b.Records)
	return nil
}

// refuseTip says so if the caller expects another position after the batch.
func refuseTip(b *Batch, tip juno.Pos) error {
	if b.Tip == (juno.Pos{}) || b.Tip == tip {
		return nil
	}
	return fmt.Errorf("%w: ends at %d/%v, the caller says %d/%v",
		ErrBatch, tip.Index, tip.Hash, b.Tip.Index, b.Tip.Hash)
}

// checkCut returns the position to which the batch cuts back the log, the tip if it does not.
func (l *Log) checkCut(v *view, b *Batch) (juno.Pos, error) {
	switch to := b.TruncateTo; {
	case !b.Truncate:
		return v.tip, nil
	case to < l.floor:
		return juno.Pos{}, fmt.Errorf("%w: cut to entry %d, committed up to %d",
			ErrFloor, to, l.floor)
	case to < v.start.Index || to > v.tip.Index:
		return juno.Pos{}, fmt.Errorf("%w: cut to entry %d of a log of entries %d to %d",
			ErrBatch, to, v.start.Index+1, v.tip.Index)
	default:
		return l.posIn(v, to)
	}
}

// write puts a batch into the file, into space that was allocated before.
func (l *Log) write(b []byte, offset int64) error {
	end := offset + int64(len(b))
	if end > l.allocated {
		size := (end + l.allocateBytes() - 1) / l.allocateBytes() * l.allocateBytes()
		err := l.file.file.Allocate(size)
		if errors.Is(err, vfs.ErrNoSpace) {
			size = end // perhaps the disk holds this one
			err = l.file.file.Allocate(size)
		}
		if err != nil {
			return err
		}
		l.allocated = size
	}
	_, err := l.file.file.WriteAt(b, offset)
	return err
}

// allocateBytes is how much space is allocated at a time: no more than a segment needs.
func (l *Log) allocateBytes() int64 { return min(allocateBytes, l.options.SegmentBytes) }

// publish lets readers see what the encoder has written, and the newest state.
func (l *Log) publish(records []juno.Record) {
	v := *l.view.Load()
	v.noteStates(records)
	v.grow(&l.encoder)
	l.view.Store(&v)
}

// grow makes the view end where the encoder does.
func (v *view) grow(e *encoder) {
	number, closed := v.last().number(), len(e.index.closed)
	for i := len(v.index.closed); i < closed; i++ {
		// The run that was open in v, and runs that began and ended since.
		r := &e.index.closed[i]
		v.spans = appendSpan(v.spans, span{r.first, r.last, number, i})
	}
	v.growing = span{}
	if open := &e.index.open; open.first != 0 {
		v.spans = cutSpans(v.spans, open.first-1)
		v.growing = span{open.first, open.last, number, closed}
	} else {
		v.spans = cutSpans(v.spans, e.tip.Index)
	}
	v.index, v.tip, v.end = e.index, e.tip, e.end
}

// Sync makes everything that was appended durable, with one fdatasync. Its error is ErrFailed.
func (l *Log) Sync() error {
	if err := l.usable(); err != nil {
		return err
	}
	if l.durableEnd == l.encoder.end {
		return nil
	}
	if err := l.sync(); err != nil {
		return l.fail(err)
	}
	return nil
}

func (l *Log) sync() error {
	if err := l.file.file.Sync(); err != nil {
		return err
	}
	l.durableEnd = l.encoder.end
	tip := l.encoder.tip
	l.durable.Store(&tip)
	// Not synced: it is evidence for the case that only the process dies.
	return l.marker.write(l.file.number, l.durableEnd)
}

// AppendSync is Append and Sync.
func (l *Log) AppendSync(b *Batch) error {
	if err := l.Append(b); err != nil {
		return err
	}
	return l.Sync()
}

// MarkDurable syncs the note in DURABLE of how far the log was synced. Call it when there was
// nothing to append for a second or so: from then on even a power failure leaves evidence that
// damage to the last batch is damage. Its error is ErrFailed.
func (l *Log) MarkDurable() error {
	if err := l.Sync(); err != nil {
		return err
	}
	if err := l.marker.sync(); err != nil {
		return l.fail(err)
	}
	return nil
}

// SetFloor says that the entries up to i are committed: Append refuses to cut below it. It never
// goes down. The log does not remember it; the caller sets it again after Open.
func (l *Log) SetFloor(i juno.Index) { l.floor = max(l.floor, i) }

// usable returns why the log can not be written.
func (l *Log) usable() error {
	if l.closed {
		return ErrClosed
	}
	return l.failed
}

// fail makes err the answer to every writing call from now on.
func (l *Log) fail(err error) error {
	l.failed = fmt.Errorf("%w: %w", ErrFailed, err)
	return l.failed
}
