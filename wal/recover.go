package wal

import (
	"fmt"
	"path/filepath"

	"juno"
)

// verifyHeld makes the view that readers see, verifies the hash chain as far as Options.Held asks,
// and compares what the caller holds. It changes nothing on the disk.
func (l *Log) verifyHeld(c *contents) error {
	v := c.view()
	l.view.Store(v)
	held := l.options.Held
	if held.Index > v.tip.Index {
		return fmt.Errorf("%w: the log in %s ends at entry %d, the caller holds entry %d",
			ErrDiverged, l.options.Dir, v.tip.Index, held.Index)
	}
	// The last segment was verified when it was loaded.
	var jobs []*segment
	for _, s := range v.segments[:len(v.segments)-1] {
		if held.Index == 0 || s.summary.tip.Index > held.Index {
			jobs = append(jobs, s)
		}
	}
	w := verifier{files: l.files, view: v}
	if err := w.run(jobs); err != nil {
		return err
	}
	if err := w.checkCuts(c.last(), c.parser); err != nil {
		return located(c.last().path, err)
	}
	if held == (juno.Pos{}) || held.Index < v.start.Index {
		return nil // nothing here to compare it with
	}
	got, err := l.posIn(v, held.Index)
	if err != nil {
		return err
	}
	if got != held {
		return fmt.Errorf("%w: entry %d has hash %v in %s, the caller holds %v",
			ErrDiverged, got.Index, got.Hash, l.options.Dir, held.Hash)
	}
	return nil
}

// mend removes what a crash left, and makes durable what it kept: batches that a killed process
// wrote and did not sync are about to be built upon.
func (l *Log) mend(c *contents) error {
	o := &l.options
	if err := removeAll(o, c.temporary); err != nil {
		return err
	}
	for _, number := range c.dropped {
		if err := o.FS.Remove(segmentPath(o.Dir, number)); err != nil {
			return err
		}
	}
	p := c.parser
	length := int64(len(p.b))
	if err := l.openForWriting(c.last(), p.encoder, length); err != nil {
		return err
	}
	if c.tornBytes > 0 || p.sealed && length > p.end {
		// Bytes behind the end must be gone before others are written there: they could be
		// taken for the remains of those.
		if err := l.file.file.Truncate(p.end); err != nil {
			return err
		}
		l.allocated = p.end
	}
	if err := l.file.file.Sync(); err != nil {
		return err
	}
	if err := o.FS.SyncDir(o.Dir); err != nil {
		return err
	}
	for k := range l.newest {
		l.newest[k] = c.newest(k)
	}
	tip := p.tip
	l.durable.Store(&tip)
	l.durableEnd, l.firstBatchEnd = p.end, p.firstBatchEnd
	return l.openMarker(c)
}

func (l *Log) openMarker(c *contents) error {
	f, err := l.options.FS.OpenReadWrite(filepath.Join(l.options.Dir, markerName))
	if err != nil {
		return err
	}
	l.marker = c.marker
	l.marker.file = f
	if err := l.marker.write(l.file.number, l.durableEnd); err != nil {
		return err
	}
	if err := l.marker.sync(); err != nil {
		return err
	}
	if c.parser.sealed {
		return l.begin(c.last().header.oldest)
	}
	return nil
}
