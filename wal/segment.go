package wal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"juno"
	"juno/internal/vfs"
)

// segment is a file of the log as its directory knows it. It does not change, save that the last
// one is replaced by another when it is sealed.
type segment struct {
	path    string
	header  segmentHeader
	seed    seed
	summary *summary // nil for the last segment, which is still written
	// offset of the summary and length of the file; of a sealed segment only
	summaryOffset, bytes int64
}

func (s *segment) number() uint64 { return s.header.number }

// corrupt makes an error of what is wrong with the bytes of a segment at offset.
func (s *segment) corrupt(offset int64, err error) error { return corruptAt(s.path, offset, err) }

// corruptAt makes a CorruptError of what is wrong with the bytes of a file at offset. ErrVersion
// stays what it is, and so does an error that knows its place better.
func corruptAt(path string, offset int64, err error) error {
	var parse *parseError
	switch {
	case errors.Is(err, ErrVersion):
		return fmt.Errorf("%s: %w", path, err)
	case errors.Is(err, ErrCorrupt):
		return err
	case errors.As(err, &parse):
		return &CorruptError{path, parse.offset, parse.index, parse.err.Error()}
	}
	return &CorruptError{File: path, Offset: offset, Reason: err.Error()}
}

// located makes a CorruptError of an error of a parser. An error of its visitor, or of reading
// the file, stays what it is.
func located(path string, err error) error {
	var parse *parseError
	var visit *visitError
	switch {
	case errors.As(err, &visit):
		return visit.err
	case errors.As(err, &parse):
		return corruptAt(path, parse.offset, parse)
	}
	return err
}

// listSegments returns the numbers of the segment files in dir, ascending, and the names of what
// a crash left unfinished. A directory that does not exist is ErrNoLog.
func listSegments(fsys vfs.FS, dir string) (numbers []uint64, temporary []string, err error) {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w: %s does not exist", ErrNoLog, dir)
	}
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		if number, ok := parseSegmentName(name); ok {
			numbers = append(numbers, number)
		} else if strings.HasSuffix(name, segmentSuffix+temporarySuffix) {
			temporary = append(temporary, name)
		}
	}
	return numbers, temporary, nil
}

// readRange returns the bytes [from, to) of a file.
func readRange(f vfs.File, from, to int64) ([]byte, error) {
	b := make([]byte, to-from)
	n, err := f.ReadAt(b, from)
	if n == len(b) {
		return b, nil
	}
	if err == io.EOF {
		return nil, corruptAt(f.Name(), from+int64(n),
			fmt.Errorf("file ends, %d bytes before what is written there", len(b)-n))
	}
	return nil, fmt.Errorf("read %s at byte %d: %w", f.Name(), from, err)
}

// readWhole returns the bytes of a segment file, and refuses one longer than any can be.
func readWhole(f vfs.File) ([]byte, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > segmentFileBytesMax {
		return nil, corruptAt(f.Name(), segmentFileBytesMax,
			fmt.Errorf("segment of %d bytes, at most %d", size, segmentFileBytesMax))
	}
	return readRange(f, 0, size)
}

// tailReadBytes is what readSealed reads at the end of a segment: enough for a summary without
// hundreds of truncates.
const tailReadBytes = 4 << 10

// readSealed reads the header and the summary of a segment that has a successor.
func readSealed(fsys vfs.FS, path string) (*segment, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > segmentFileBytesMax {
		return nil, corruptAt(path, segmentFileBytesMax,
			fmt.Errorf("segment of %d bytes, at most %d", size, segmentFileBytesMax))
	}
	head, err := readRange(f, 0, min(size, segmentHeaderBytes))
	if err != nil {
		return nil, err
	}
	s := &segment{path: path, bytes: size}
	if s.header, err = parseSegmentHeader(head); err != nil {
		return nil, s.corrupt(0, err)
	}
	s.seed = seedOf(s.header.salt)
	return s, s.readSummary(f)
}

func (s *segment) readSummary(f vfs.File) error {
	b, err := readRange(f, max(segmentHeaderBytes, s.bytes-tailReadBytes), s.bytes)
	if err != nil {
		return err
	}
	bodyBytes, err := parseSummaryFrame(b[max(0, len(b)-summaryFrameBytes):])
	if err != nil {
		return s.corrupt(s.bytes-1, err)
	}
	s.summaryOffset = s.bytes - summaryFrameBytes - int64(bodyBytes)
	if s.summaryOffset < segmentHeaderBytes {
		return s.corrupt(s.bytes-summaryFrameBytes, fmt.Errorf("summary of %d bytes", bodyBytes))
	}
	if n := s.bytes - s.summaryOffset; n <= int64(len(b)) {
		b = b[int64(len(b))-n:]
	} else if b, err = readRange(f, s.summaryOffset, s.bytes); err != nil {
		return err
	}
	s.summary, err = parseSummary(b, s.seed, s.summaryOffset)
	if err != nil {
		return s.corrupt(s.summaryOffset, err)
	}
	return nil
}

// readIndex reads the index of a sealed segment.
func (s *segment) readIndex(f vfs.File) (*segmentIndex, error) {
	b, err := readRange(f, s.summary.indexOffset, s.summaryOffset)
	if err != nil {
		return nil, err
	}
	x, err := parseIndex(b, s.seed, s.summary)
	if err != nil {
		return nil, s.corrupt(s.summary.indexOffset, err)
	}
	return x, nil
}

// follows says what is wrong if s does not continue where the segment before it ended.
func (s *segment) follows(number uint64, tip juno.Pos, cluster juno.ClusterID) error {
	switch h := &s.header; {
	case h.number != number:
		return s.corrupt(8, fmt.Errorf("header of segment %d", h.number))
	case h.cluster != cluster:
		return s.corrupt(24, fmt.Errorf("header of cluster %v, the segment after it has %v",
			h.cluster, cluster))
	case h.base != tip:
		return s.corrupt(56, fmt.Errorf("begins at %v, the segment before it ends at %v",
			h.base, tip))
	}
	return nil
}

// span is a stretch of live entries: a run of a segment, or the part of it that later truncates
// left. Spans of a log are ascending and without gaps.
type span struct {
	first, last juno.Index
	segment     uint64
	run         int
}

// appendSpan returns the spans after entries were appended: what they replace is cut away. The
// array behind spans is not changed up to its length.
func appendSpan(spans []span, s span) []span {
	return append(cutSpans(spans, s.first-1), s)
}

// cutSpans returns the spans up to an entry, which stays.
func cutSpans(spans []span, last juno.Index) []span {
	n := len(spans)
	for n > 0 && spans[n-1].first > last {
		n--
	}
	if n > 0 && spans[n-1].last > last {
		cut := spans[n-1]
		cut.last = last
		return append(spans[:n-1:n-1], cut)
	}
	return spans[:n:n]
}

// addRuns returns the spans after a segment was written that has these runs and ends at tip.
func addRuns(spans []span, number uint64, runs []run, tip juno.Index) []span {
	for i, r := range runs {
		spans = appendSpan(spans, span{first: r.first, last: r.last, segment: number, run: i})
	}
	return cutSpans(spans, tip)
}

func segmentPath(dir string, number uint64) string {
	return filepath.Join(dir, segmentName(number))
}
