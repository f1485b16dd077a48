package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"juno"
	"juno/internal/vfs"
)

// contents is what a directory holds, before anything in it is changed.
type contents struct {
	segments  []*segment // all but the last are sealed, and the last too if parser.sealed
	parser    *parser    // has read the last one
	spans     []span     // of the sealed segments: what was live when the last one was begun
	temporary []string   // files that a crash left, to be removed
	dropped   []uint64   // segments that a Drop did not come to remove
	tornBytes int64      // at the end of the last segment, to be cut
	marker    *marker
}

// view returns the log as readers are to see it. The newest state is in the last segment.
func (c *contents) view() *view {
	base := c.segments[0].header.base
	v := &view{start: base, spans: c.spans, segments: c.segments}
	v.noteStates(c.parser.states())
	v.grow(&c.parser.encoder)
	return v
}

// newest returns the index of the newest record of a kind of history, 0 if there is none.
func (c *contents) newest(k int) juno.Index {
	if marks := c.parser.index.history[k]; len(marks) > 0 {
		return marks[len(marks)-1].index
	}
	for i := len(c.segments) - 2; i >= 0; i-- {
		if h := c.segments[i].summary.history[k]; h.present {
			return h.last
		}
	}
	return 0
}

func (c *contents) last() *segment { return c.segments[len(c.segments)-1] }

// load reads a directory: all headers and summaries, and the whole of the last segment. It
// decides whether what follows the last good batch is a torn tail or damage. It changes nothing.
func load(fsys vfs.FS, dir string, cluster juno.ClusterID) (*contents, error) {
	numbers, temporary, err := listSegments(fsys, dir)
	if err != nil {
		return nil, err
	}
	c := &contents{temporary: temporary}
	path := filepath.Join(dir, markerName)
	c.marker, err = readMarker(fsys, path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && len(numbers) > 0:
		return nil, corruptAt(path, 0, errMarkerMissing)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case len(numbers) == 0 && c.marker != nil && c.marker.segment > 0:
		return nil, missingSegment(dir, c.marker.segment)
	case len(numbers) == 0:
		return nil, fmt.Errorf("%w: %s", ErrNoLog, dir)
	}
	number := numbers[len(numbers)-1]
	if err := c.openLast(fsys, segmentPath(dir, number), number); err != nil {
		return nil, err
	}
	h := &c.parser.header
	if cluster != (juno.ClusterID{}) && cluster != h.cluster {
		return nil, fmt.Errorf("%w: %s is a log of %v, want %v",
			ErrCluster, dir, h.cluster, cluster)
	}
	for numbers[0] < h.oldest {
		c.dropped = append(c.dropped, numbers[0])
		numbers = numbers[1:]
	}
	if err := c.readSealed(fsys, dir, numbers); err != nil {
		return nil, err
	}
	if c.marker.segment > number {
		return nil, missingSegment(dir, number+1)
	}
	if err := c.readLast(); err != nil {
		return nil, err
	}
	return c, nil
}

// openLast reads the file of the last segment, and its header.
func (c *contents) openLast(fsys vfs.FS, path string, number uint64) error {
	f, err := fsys.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read from
	b, err := readWhole(f)
	if err != nil {
		return err
	}
	if c.parser, err = newParser(b, visitor{}); err != nil {
		return corruptAt(path, 0, err)
	}
	s := &segment{path: path, header: c.parser.header, seed: c.parser.seed}
	if s.number() != number {
		return s.corrupt(8, fmt.Errorf("header of segment %d", s.number()))
	}
	c.segments = []*segment{s}
	return nil
}

// readSealed reads the segments before the last, and sees to it that none is missing.
func (c *contents) readSealed(fsys vfs.FS, dir string, numbers []uint64) error {
	last := c.last()
	cluster, base := last.header.cluster, last.header.base
	c.segments = nil
	for i := range numbers[:len(numbers)-1] {
		if want := last.header.oldest + uint64(i); numbers[i] != want {
			return missingSegment(dir, want)
		}
		s, err := readSealed(fsys, segmentPath(dir, numbers[i]))
		if err != nil {
			return err
		}
		tip := s.header.base
		if i > 0 {
			tip = c.last().summary.tip
		}
		if err := s.follows(numbers[i], tip, cluster); err != nil {
			return err
		}
		c.segments = append(c.segments, s)
		c.spans = addRuns(c.spans, numbers[i], s.summary.runs, s.summary.tip.Index)
	}
	if want := last.header.oldest + uint64(len(numbers)-1); last.number() != want {
		return missingSegment(dir, want)
	}
	if len(c.segments) > 0 {
		base = c.last().summary.tip
	}
	c.segments = append(c.segments, last)
	return last.follows(last.number(), base, cluster)
}

func missingSegment(dir string, number uint64) error {
	return corruptAt(segmentPath(dir, number), 0, errors.New("the file is missing"))
}

// readLast reads the batches of the last segment, and decides about what follows them.
func (c *contents) readLast() error {
	p, s := c.parser, c.last()
	t := tail{b: p.b, seed: p.seed}
	if err := p.segment(); err != nil && !errors.As(err, &t.cause) {
		return err
	}
	t.start, t.batches = p.end, p.batches
	if c.marker.segment == s.number() {
		t.durable = c.marker.offset
	}
	evidence := ""
	if !p.sealed {
		evidence = t.damage()
	}
	if evidence == "" {
		if t.cause != nil {
			c.tornBytes = int64(len(p.b)) - p.end
		}
		return nil
	}
	e := &CorruptError{File: s.path, Offset: t.start, Index: p.tip.Index + 1, Reason: evidence}
	if t.cause != nil {
		e.Offset, e.Index = t.cause.offset, t.cause.index
		e.Reason = fmt.Sprintf("%v; %s", t.cause.err, evidence)
	}
	return e
}
