package wal

import (
	"bytes"
	"errors"
	"runtime"
	"sync"

	"juno"
	"juno/internal/vfs"
)

// VerifyOptions say what to verify, and who looks on.
type VerifyOptions struct {
	FS  vfs.FS
	Dir string
	// Cluster, unless zero, is the cluster that the log must belong to.
	Cluster juno.ClusterID
	// Workers is how many segments are verified at once, 0 for one per core.
	Workers int
	// Visit is given the entries of the log, some hundred at a time: in order within a segment,
	// concurrently for different segments, which are begun in order. Entries that were cut back
	// later are verified, but not visited. The slice and the payloads are valid during the call.
	// An error ends the verification.
	Visit func(entries []juno.Chained) error
	// Record is given the records of history, under the same rules. May be nil, as Visit may.
	Record func(juno.Record) error
	// Progress is told how many bytes were verified; it is called by one worker at a time.
	Progress func(done, total int64)
}

// Report says what was verified.
type Report struct {
	Cluster     juno.ClusterID
	Start, Tip  juno.Pos
	Segments    int
	Entries     int64 // that count
	DeadEntries int64 // that were cut back later
	Bytes       int64
	// TornBytes is what a crash left at the end, of batches that were never promised; Open
	// will cut it.
	TornBytes int64
}

// Verify verifies a whole log that nobody needs to have open, and changes nothing: every byte of
// every segment, the hash chain through all of them, and the indexes. It returns the first
// damage, by segment and offset, as a *CorruptError with file, offset and index; or the error of
// Visit or Record in the lowest segment in which there was one. A log that is written meanwhile
// may seem to have a torn tail.
func Verify(o VerifyOptions) (Report, error) {
	c, err := load(o.FS, o.Dir, o.Cluster)
	if err != nil {
		return Report{}, err
	}
	v := c.view()
	r := Report{
		Cluster: c.last().header.cluster, Start: v.start, Tip: v.tip,
		Segments: len(v.segments), TornBytes: c.tornBytes,
	}
	w := verifier{
		files: newFiles(o.FS), view: v, workers: o.Workers,
		visit: o.Visit, record: o.Record, progress: o.Progress,
	}
	err = errors.Join(w.run(v.segments), w.files.close())
	r.Entries, r.DeadEntries, r.Bytes = w.entries, w.dead, w.done
	return r, err
}

// Check verifies all of an open log, as far as it was appended at the call, beside its writer.
func (l *Log) Check(progress func(done, total int64)) error {
	v := l.view.Load()
	w := verifier{files: l.files, view: v, progress: progress}
	return w.run(v.segments)
}

// verifier verifies segments of a view, several at once.
type verifier struct {
	files    *files
	view     *view
	workers  int
	visit    func([]juno.Chained) error
	record   func(juno.Record) error
	progress func(done, total int64)

	mu            sync.Mutex // guards the fields below
	next          int        // segment to begin next
	done, total   int64      // bytes
	entries, dead int64
	failedAt      int // lowest segment with an error, len(segments) if none
	err           error
}

// run verifies segments of the view, ascending.
func (w *verifier) run(segments []*segment) error {
	w.failedAt = len(segments)
	for _, s := range segments {
		w.total += w.bytesOf(s)
	}
	workers := w.workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var group sync.WaitGroup
	for range min(workers, len(segments)) {
		group.Go(func() { w.work(segments) })
	}
	group.Wait()
	return w.err
}

// bytesOf returns how many bytes of a segment there are to verify.
func (w *verifier) bytesOf(s *segment) int64 {
	if s == w.view.last() {
		return w.view.end
	}
	return s.bytes
}

// work verifies segments until there are no more, or one before them was found bad.
func (w *verifier) work(segments []*segment) {
	for {
		w.mu.Lock()
		n := w.next
		w.next++
		stop := n >= w.failedAt
		w.mu.Unlock()
		if stop {
			return
		}
		v := segmentVerifier{verifier: w, segment: segments[n]}
		err := v.verify()
		w.mu.Lock()
		w.entries += v.parser.entries - v.dead
		w.dead += v.dead
		if err != nil && n < w.failedAt {
			w.failedAt, w.err = n, located(segments[n].path, err)
		}
		w.done += w.bytesOf(segments[n])
		if err == nil && w.progress != nil {
			w.progress(w.done, w.total)
		}
		w.mu.Unlock()
	}
}

// visitEntriesMax is how many entries Visit is given at a time.
const visitEntriesMax = 512

// segmentVerifier verifies one segment.
type segmentVerifier struct {
	*verifier
	segment *segment
	parser  *parser
	live    []span
	dead    int64
	entries []juno.Chained
}

func (v *segmentVerifier) verify() error {
	v.parser = &parser{}
	b, err := v.read()
	if err != nil {
		return err
	}
	for _, s := range append(v.view.spans[:len(v.view.spans):len(v.view.spans)], v.view.growing) {
		if s.first != 0 && s.segment == v.segment.number() {
			v.live = append(v.live, s)
		}
	}
	visit := visitor{entry: v.entry, record: v.record}
	if v.visit == nil {
		visit.entry = v.count
	}
	if v.parser, err = newParser(b, visit); err != nil {
		v.parser = &parser{}
		return err
	}
	if err := v.parser.segment(); err != nil {
		return err
	}
	if err := v.flush(); err != nil {
		return err
	}
	return v.join()
}

func (v *segmentVerifier) read() ([]byte, error) {
	h, err := v.files.acquire(v.segment)
	if err != nil {
		return nil, err
	}
	defer v.files.release(h)
	return readRange(h.file, 0, v.bytesOf(v.segment))
}

// isLive reports whether the entry that was just parsed counts.
func (v *segmentVerifier) isLive(index juno.Index) bool {
	run := len(v.parser.index.closed)
	for len(v.live) > 0 && v.live[0].run < run {
		v.live = v.live[1:]
	}
	if len(v.live) > 0 && v.live[0].run == run && index <= v.live[0].last {
		return true
	}
	v.dead++
	return false
}

func (v *segmentVerifier) count(e *juno.Entry, _ juno.Hash) error {
	v.isLive(e.Index)
	return nil
}

func (v *segmentVerifier) entry(e *juno.Entry, h juno.Hash) error {
	if !v.isLive(e.Index) {
		return nil
	}
	v.entries = append(v.entries, juno.Chained{Entry: *e, Hash: h})
	if len(v.entries) < visitEntriesMax {
		return nil
	}
	return v.flush()
}

func (v *segmentVerifier) flush() error {
	if len(v.entries) == 0 {
		return nil
	}
	err := v.visit(v.entries)
	v.entries = v.entries[:0]
	return err
}

func (v *segmentVerifier) record(r juno.Record) error {
	if v.verifier.record == nil || !r.Kind.History() {
		return nil
	}
	return v.verifier.record(r)
}

// join compares what the segment was found to be with what Open took it for from its header and
// summary, and checks what only the segments before it can tell: the hashes to which it was cut
// back beyond its beginning.
func (v *segmentVerifier) join() error {
	p, s := v.parser, v.segment
	if s == v.view.last() {
		if p.end != v.view.end || p.tip != v.view.tip {
			return p.fail(p.end, "segment ends at %v, want byte %d, %v",
				p.tip, v.view.end, v.view.tip)
		}
	} else {
		if !p.sealed || p.end != s.bytes {
			return p.fail(p.end, "segment ends at byte %d, the file has %d", p.end, s.bytes)
		}
		body := appendSummaryBody(nil, p.index.summarize(s.summary.indexOffset, p.tip))
		if !bytes.Equal(body, appendSummaryBody(nil, s.summary)) {
			return p.fail(s.summaryOffset, "summary changed while it was verified")
		}
	}
	return v.checkCuts(s, p)
}

// checkCuts compares the truncates to before a segment with the chain as it was when the segment
// was begun.
func (w *verifier) checkCuts(s *segment, p *parser) error {
	if len(p.cuts) == 0 {
		return nil
	}
	at := view{start: w.view.start, tip: s.header.base}
	for _, before := range w.view.segments {
		at.segments = append(at.segments, before)
		if before == s {
			break // the last of a view, where nothing is looked for
		}
		runs, tip := before.summary.runs, before.summary.tip.Index
		at.spans = addRuns(at.spans, before.number(), runs, tip)
	}
	l := Log{files: w.files}
	for _, cut := range p.cuts {
		got, err := l.posIn(&at, cut.to.Index)
		if err != nil {
			return err
		}
		if got != cut.to {
			return p.fail(cut.offset, "truncate to entry %d with hash %v, the chain has %v",
				cut.to.Index, cut.to.Hash, got.Hash)
		}
	}
	return nil
}
