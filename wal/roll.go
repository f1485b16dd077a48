package wal

import (
	"errors"
	"fmt"
	"io/fs"

	"juno"
)

// began is a segment that was just created, and what the writer needs to go on in it.
type began struct {
	segment   *segment
	encoder   encoder
	allocated int64
}

// createSegment makes a segment with its first batch, the newest state. It has its name only
// when all of it is durable: a crash before leaves a temporary file, which Open removes.
func createSegment(o *Options, h *segmentHeader, states []juno.Record) (*began, error) {
	path := segmentPath(o.Dir, h.number)
	g := &began{segment: &segment{path: path, header: *h, seed: seedOf(h.salt)}}
	g.encoder = encoder{seed: g.segment.seed, end: segmentHeaderBytes, tip: h.base}
	b := appendSegmentHeader(nil, h)
	b = g.encoder.batch(b, &Batch{Records: states}, h.base, 0)
	g.allocated = max(min(allocateBytes, o.SegmentBytes), int64(len(b)))

	temporary := path + temporarySuffix
	if err := o.FS.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := o.FS.Create(temporary)
	if err != nil {
		return nil, err
	}
	err = f.Allocate(g.allocated)
	if err == nil {
		_, err = f.WriteAt(b, 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if err := o.FS.Rename(temporary, path); err != nil {
		return nil, err
	}
	return g, o.FS.SyncDir(o.Dir)
}

// roll seals the last segment and begins the next. oldest is the first segment that is still
// part of the log then.
func (l *Log) roll(oldest uint64) error {
	if l.durableEnd != l.encoder.end {
		if err := l.sync(); err != nil {
			return err
		}
	}
	if err := l.seal(); err != nil {
		return err
	}
	return l.begin(oldest)
}

// seal writes index and summary behind the last batch. A crash leaves all batches, and perhaps
// some of what is behind them, which Open cuts; or it leaves a sealed segment without a
// successor, which Open begins.
func (l *Log) seal() error {
	end := l.encoder.end
	footer := appendFooter(nil, l.encoder.seed, end, &l.encoder.index, l.encoder.tip)
	if _, err := l.file.file.WriteAt(footer, end); err != nil {
		return err
	}
	// What was allocated and not needed goes back.
	if err := l.file.file.Truncate(end + int64(len(footer))); err != nil {
		return err
	}
	return l.file.file.Sync()
}

// begin creates the segment behind the last, which is sealed, and writes there from now on.
func (l *Log) begin(oldest uint64) error {
	v := *l.view.Load()
	sealed, err := readSealed(l.options.FS, v.last().path)
	if err != nil {
		return err
	}
	if sealed.summary.tip != l.encoder.tip {
		panic(fmt.Sprintf("wal: sealed %s at %v, read back %v",
			sealed.path, l.encoder.tip, sealed.summary.tip))
	}
	salt, err := l.options.salt()
	if err != nil {
		return err
	}
	h := segmentHeader{
		number: sealed.number() + 1, oldest: oldest, cluster: l.cluster,
		base: l.encoder.tip, salt: salt,
	}
	g, err := createSegment(&l.options, &h, v.stateRecords())
	if err != nil {
		return err
	}
	index := l.encoder.index
	l.file.setIndex(&index)
	l.files.release(l.file)
	if err := l.openForWriting(g.segment, g.encoder, g.allocated); err != nil {
		return err
	}
	l.firstBatchEnd, l.durableEnd = g.encoder.end, g.encoder.end

	// The array of segments is shared with older views: it is replaced, not changed.
	segments := make([]*segment, 0, len(v.segments)+1)
	segments = append(segments, v.segments[:len(v.segments)-1]...)
	v.segments = append(segments, sealed, g.segment)
	if v.growing.first != 0 {
		v.spans = appendSpan(v.spans, v.growing)
	}
	v.index = segmentIndex{}
	v.grow(&l.encoder)
	l.view.Store(&v)
	return nil
}

// openForWriting makes s, whose state is e, the segment that is written.
func (l *Log) openForWriting(s *segment, e encoder, allocated int64) error {
	f, err := l.options.FS.OpenReadWrite(s.path)
	if err != nil {
		return err
	}
	l.encoder, l.allocated = e, allocated
	l.file, err = l.files.adopt(s.number(), f)
	return err
}

// Drop removes the segments that hold only entries below before, with the history records in
// them, and makes the start of the log the position before the oldest entry that is left, which
// may be below before. Only committed entries are dropped: before is at most the floor plus one.
func (l *Log) Drop(before juno.Index) error {
	if err := l.usable(); err != nil {
		return err
	}
	if before > l.floor+1 {
		return fmt.Errorf("%w: drop the entries below %d, committed up to %d",
			ErrFloor, before, l.floor)
	}
	oldest := l.view.Load().oldestFor(before)
	if oldest == l.view.Load().segments[0].number() {
		return nil
	}
	// The new segment says which is the oldest. Once it has its name, the files of older ones
	// are litter, and Open removes what is left of them.
	if err := l.roll(oldest); err != nil {
		return l.fail(err)
	}
	v := *l.view.Load()
	gone := int(oldest - v.segments[0].number())
	dropped := v.segments[:gone]
	v.segments = v.segments[gone:]
	v.start = v.segments[0].header.base
	for len(v.spans) > 0 && v.spans[0].segment < oldest {
		v.spans = v.spans[1:]
	}
	l.view.Store(&v)
	for _, s := range dropped {
		if err := l.files.drop(s.number()); err != nil {
			return l.fail(err)
		}
		if err := l.options.FS.Remove(s.path); err != nil {
			return l.fail(err)
		}
	}
	if err := l.options.FS.SyncDir(l.options.Dir); err != nil {
		return l.fail(err)
	}
	return nil
}

// oldestFor returns the last segment at which a log can begin that still has the entries from
// before on: the entries that count are below its base in the segments before it, and above it
// in the others. A later truncate to below the base would have moved the border.
func (v *view) oldestFor(before juno.Index) uint64 {
	oldest := v.segments[0].number()
	for _, s := range v.segments[1:] {
		base := s.header.base.Index
		if base >= before {
			continue // not the end: after a truncate a base can be lower than one before it
		}
		last := v.start.Index
		for _, span := range v.spans {
			if span.segment < s.number() {
				last = span.last
			}
		}
		if last == base {
			oldest = s.number()
		}
	}
	return oldest
}

// Close syncs, notes durably how far, gives back what was allocated and not used, and unlocks the
// directory. Readers get ErrClosed from then on. After a failure it only closes, and returns that
// failure.
func (l *Log) Close() error {
	if l.closed {
		return ErrClosed
	}
	err := l.failed
	if err == nil {
		err = l.closeClean()
	}
	l.closed = true
	return errors.Join(err, l.closeFiles(), l.lock.Close())
}

func (l *Log) closeFiles() error {
	if l.file != nil {
		l.files.release(l.file)
	}
	err := l.files.close()
	if l.marker != nil {
		err = errors.Join(err, l.marker.file.Close())
	}
	return err
}

func (l *Log) closeClean() error {
	if err := l.MarkDurable(); err != nil {
		return err
	}
	if l.allocated == l.encoder.end {
		return nil
	}
	if err := l.file.file.Truncate(l.encoder.end); err != nil {
		return l.fail(err)
	}
	if err := l.file.file.Sync(); err != nil {
		return l.fail(err)
	}
	return nil
}
