package wal

import (
	"encoding/binary"
	"fmt"

	"juno"
)

// appendFooter appends index and summary as they stand at the end of a sealed segment; b[0]
// stands at offset base.
func appendFooter(b []byte, s seed, base int64, x *segmentIndex, tip juno.Pos) []byte {
	from := len(b)
	b = append(b, markIndex, 0, 0, 0, 0)
	b = appendIndexBody(b, x)
	binary.BigEndian.PutUint32(b[from+1:], uint32(len(b)-from-indexFrameBytes))
	b = s.appendSum(b, from, base)

	summaryFrom := len(b)
	b = appendSummaryBody(b, x.summarize(base+int64(from), tip))
	b = juno.AppendU32(b, uint32(len(b)-summaryFrom))
	return append(s.appendSum(b, summaryFrom, base), markSummaryEnd)
}

func appendIndexBody(b []byte, x *segmentIndex) []byte {
	for _, r := range x.runs() {
		b = juno.AppendUvarint(b, uint64(len(r.checkpoints)))
		var before checkpoint
		for _, c := range r.checkpoints {
			b = juno.AppendUvarint(b, uint64(c.index-before.index))
			b = juno.AppendUvarint(b, uint64(c.offset-before.offset))
			b = append(b, c.before[:]...)
			before = c
		}
	}
	return appendHistory(b, &x.history)
}

func appendHistory(b []byte, history *[historyKinds][]mark) []byte {
	kinds := 0
	for _, marks := range history {
		if len(marks) > 0 {
			kinds++
		}
	}
	b = juno.AppendUvarint(b, uint64(kinds))
	for k, marks := range history {
		if len(marks) == 0 {
			continue
		}
		b = append(b, byte(k)+byte(juno.RecordHistoryMin))
		b = juno.AppendUvarint(b, uint64(len(marks)))
		var before mark
		for _, m := range marks {
			b = juno.AppendUvarint(b, uint64(m.index-before.index))
			b = juno.AppendUvarint(b, uint64(m.offset-before.offset))
			before = m
		}
	}
	return b
}

func appendSummaryBody(b []byte, s *summary) []byte {
	b = juno.AppendU32(b, uint32(s.indexOffset))
	b = juno.AppendPos(b, s.tip)
	b = juno.AppendUvarint(b, uint64(len(s.runs)))
	for _, r := range s.runs {
		b = juno.AppendUvarint(b, uint64(r.first))
		b = juno.AppendUvarint(b, uint64(r.last))
		b = juno.AppendUvarint(b, uint64(r.start))
		b = juno.AppendUvarint(b, uint64(r.end))
	}
	states := 0
	for _, offset := range s.states {
		if offset != 0 {
			states++
		}
	}
	b = juno.AppendUvarint(b, uint64(states))
	for k, offset := range s.states {
		if offset != 0 {
			b = append(b, byte(k)+byte(juno.RecordKindMin))
			b = juno.AppendUvarint(b, uint64(offset))
		}
	}
	kinds := 0
	for _, h := range s.history {
		if h.present {
			kinds++
		}
	}
	b = juno.AppendUvarint(b, uint64(kinds))
	for k, h := range s.history {
		if h.present {
			b = append(b, byte(k)+byte(juno.RecordHistoryMin))
			b = juno.AppendUvarint(b, uint64(h.first))
			b = juno.AppendUvarint(b, uint64(h.last))
		}
	}
	return b
}

// parseSummaryFrame reads the last bytes of a sealed segment, and returns the length of the
// summary body before them.
func parseSummaryFrame(b []byte) (bodyBytes int, err error) {
	if len(b) != summaryFrameBytes {
		return 0, fmt.Errorf("summary of %d bytes", len(b))
	}
	if end := b[summaryFrameBytes-1]; end != markSummaryEnd {
		return 0, fmt.Errorf("segment ends with %#02x, want %#02x", end, markSummaryEnd)
	}
	return int(binary.BigEndian.Uint32(b)), nil
}

// parseSummary reads a summary, body and frame, that stands at offset.
func parseSummary(b []byte, s seed, offset int64) (*summary, error) {
	n := len(b) - summaryFrameBytes
	if n < 0 {
		return nil, fmt.Errorf("summary of %d bytes", len(b))
	}
	bodyBytes, err := parseSummaryFrame(b[n:])
	if err != nil {
		return nil, err
	}
	if bodyBytes != n {
		return nil, fmt.Errorf("summary of %d bytes says that it has %d", n, bodyBytes)
	}
	if err := s.check(offset, b, n+4); err != nil {
		return nil, fmt.Errorf("summary: %w", err)
	}
	d := juno.NewDecoder(b[:n])
	sum := &summary{indexOffset: int64(d.U32()), tip: d.Pos()}
	if sum.indexOffset > offset {
		d.Fail("index at %d, behind the summary at %d", sum.indexOffset, offset)
	}
	at := int64(segmentHeaderBytes)
	for range d.Count(n) {
		r := run{first: juno.Index(d.Uvarint()), last: juno.Index(d.Uvarint())}
		r.start, r.end = int64(d.Uvarint()), int64(d.Uvarint())
		if r.first == 0 || r.first > r.last || r.start < at || r.end <= r.start ||
			r.end > sum.indexOffset {
			d.Fail("run of entries %d to %d at bytes %d to %d", r.first, r.last, r.start, r.end)
		}
		if d.Err() != nil {
			break
		}
		at = r.end
		sum.runs = append(sum.runs, r)
	}
	parseStates(d, sum)
	parseHistoryRanges(d, sum)
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("summary: %w", err)
	}
	return sum, nil
}

func parseStates(d *juno.Decoder, sum *summary) {
	before := juno.RecordKindMin - 1
	for range d.Count(stateKinds) {
		kind, offset := juno.RecordKind(d.U8()), d.Uvarint()
		if kind <= before || kind >= juno.RecordHistoryMin || offset == 0 ||
			offset >= uint64(sum.indexOffset) {
			d.Fail("state record of %v at byte %d", kind, offset)
		}
		if d.Err() != nil {
			return
		}
		sum.states[kind-juno.RecordKindMin], before = int64(offset), kind
	}
}

func parseHistoryRanges(d *juno.Decoder, sum *summary) {
	before := juno.RecordHistoryMin - 1
	for range d.Count(historyKinds) {
		kind := juno.RecordKind(d.U8())
		h := historyRange{true, juno.Index(d.Uvarint()), juno.Index(d.Uvarint())}
		if kind <= before || kind > juno.RecordKindMax || h.first > h.last {
			d.Fail("history of %v from %d to %d", kind, h.first, h.last)
		}
		if d.Err() != nil {
			return
		}
		sum.history[kind-juno.RecordHistoryMin], before = h, kind
	}
}

// parseIndex reads the index of a sealed segment, which stands at sum.indexOffset.
func parseIndex(b []byte, s seed, sum *summary) (*segmentIndex, error) {
	n := len(b) - checksumBytes
	if n < indexFrameBytes || b[0] != markIndex ||
		int64(binary.BigEndian.Uint32(b[1:])) != int64(n-indexFrameBytes) {
		return nil, fmt.Errorf("no index of %d bytes", len(b))
	}
	if err := s.check(sum.indexOffset, b, n); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	d := juno.NewDecoder(b[indexFrameBytes:n])
	x := &segmentIndex{states: sum.states}
	for _, r := range sum.runs {
		r.checkpoints = parseCheckpoints(d, &r)
		x.truncate()
		x.open = r
	}
	for range d.Count(historyKinds) {
		kind := juno.RecordKind(d.U8())
		if !kind.Valid() || !kind.History() || x.history[kind-juno.RecordHistoryMin] != nil {
			d.Fail("history of %v", kind)
			break
		}
		x.history[kind-juno.RecordHistoryMin] = parseMarks(d, sum.indexOffset)
	}
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	return x, nil
}

// checkpointBytesMin is the least that a checkpoint takes in an index.
const checkpointBytesMin = 2 + juno.HashBytes

func parseCheckpoints(d *juno.Decoder, r *run) []checkpoint {
	count := d.Count(d.Rest() / checkpointBytesMin)
	list := make([]checkpoint, 0, count)
	var c checkpoint
	for range count {
		c.index += juno.Index(d.Uvarint())
		c.offset += int64(d.Uvarint())
		c.before = d.Hash()
		good := c.index > r.first && c.offset > r.start
		if len(list) == 0 {
			good = c.index == r.first && c.offset == r.start
		} else if last := &list[len(list)-1]; c.index <= last.index || c.offset <= last.offset {
			good = false
		}
		if !good || c.index > r.last || c.offset >= r.end {
			d.Fail("checkpoint at entry %d, byte %d", c.index, c.offset)
			return nil
		}
		list = append(list, c)
	}
	if count == 0 {
		d.Fail("run of entries %d to %d without a checkpoint", r.first, r.last)
	}
	return list
}

func parseMarks(d *juno.Decoder, end int64) []mark {
	count := d.Count(d.Rest() / 2)
	list := make([]mark, 0, count)
	var m mark
	for range count {
		m.index += juno.Index(d.Uvarint())
		step := d.Uvarint()
		if step == 0 || step >= uint64(end-m.offset) {
			d.Fail("record at byte %d behind %d", step, m.offset)
			return nil
		}
		m.offset += int64(step)
		list = append(list, m)
	}
	return list
}
