package wal

import (
	"bytes"
	"encoding/binary"
	"testing"

	"juno"
)

// FuzzRecord feeds the record parser anything. What it accepts must be what the formatter writes.
func FuzzRecord(f *testing.F) {
	f.Add(appendRecord(nil, 7, 0, typeShort|2, []byte{3}, []byte("payload")))
	f.Add(appendRecord(nil, 7, 0, byte(juno.RecordProof), []byte{3}, nil))
	f.Add([]byte{0x82, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, body, n, err := parseRecord(b, 7, 0)
		if err != nil {
			return
		}
		if again := appendRecord(nil, 7, 0, kind, body, nil); !bytes.Equal(again, b[:n]) {
			t.Fatalf("accepted %x, would write %x", b[:n], again)
		}
	})
}

// FuzzSegment feeds the segment parser anything behind a good header.
func FuzzSegment(f *testing.F) {
	header := appendSegmentHeader(nil, &segmentHeader{number: 1, oldest: 1, cluster: testCluster})
	mem, l, _ := smallLog(f)
	must(f, l.Close())
	for number := uint64(1); number <= 3; number++ {
		b, err := readTestFile(mem, segmentPath(testDir, number))
		must(f, err)
		f.Add(b[segmentHeaderBytes:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := newParser(append(bytes.Clone(header), b...), visitor{})
		must(t, err)
		_ = p.segment() // must not panic; errors are expected
		if p.end > int64(len(p.b)) || p.end < segmentHeaderBytes {
			t.Fatalf("parsed up to %d of %d bytes", p.end, len(p.b))
		}
	})
}

// FuzzBatch builds batches with good checksums around records that can be anything: what a
// writer with a bug, or somebody who writes to the disk, might leave. What the parser accepts
// must be, to the byte, what the encoder writes for it.
func FuzzBatch(f *testing.F) {
	f.Add([]byte("\x82\x12\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01ab" +
		"\x42\x03\x05cd\x20\x02\x01x"))
	f.Add([]byte("\x82\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\xff\x01\x28\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03" + string(make([]byte, 29))))
	f.Fuzz(func(t *testing.T, input []byte) {
		h := segmentHeader{
			number: 1, oldest: 1, cluster: testCluster, base: testStart(),
		}
		p, err := newParser(appendSegmentHeader(nil, &h), visitor{})
		must(t, err)
		again := p.encoder
		for len(input) > 0 {
			var frame []byte
			frame, input = fuzzFrame(p, input)
			var b Batch
			cut := p.tip
			p.visit = visitor{
				entry: func(e *juno.Entry, _ juno.Hash) error {
					b.Entries = append(b.Entries, *e)
					return nil
				},
				record: func(r juno.Record) error { b.Records = append(b.Records, r); return nil },
				truncate: func(to juno.Pos) error {
					b.Truncate, b.TruncateTo, cut = true, to.Index, to
					return nil
				},
			}
			start := p.end
			p.b = append(p.b, frame...)
			if p.batch(p.b[start:]) != nil {
				return
			}
			if written := again.batch(nil, &b, cut, start); !bytes.Equal(written, p.b[start:]) {
				t.Fatalf("accepted %x, would write %x", p.b[start:], written)
			}
			if again.tip != p.tip {
				t.Fatalf("tip %v, want %v", again.tip, p.tip)
			}
		}
	})
}

// fuzzFrame takes records off input, {type, length, body} each, up to a type 0xff or the end, and
// makes a batch of them that follows p: the trailer has the hash that p would come to.
func fuzzFrame(p *parser, input []byte) (frame, rest []byte) {
	start := p.end
	frame = make([]byte, batchHeaderBytes)
	base := start
	for len(input) >= 2 && input[0] != 0xff {
		n := min(int(input[1]), len(input)-2)
		frame = appendRecord(frame, p.seed, base, input[0], input[2:2+n], nil)
		input = input[2+n:]
	}
	if len(input) < 2 {
		input = nil
	} else {
		input = input[1:]
	}
	body := frame[batchHeaderBytes:]
	putBatchHeader(frame, p.seed, start, batchHeader{bodyBytes: len(body), durable: start})

	dry := *p
	dry.any = false
	dry.visit = visitor{}
	dry.b = append(bytes.Clone(p.b), frame...)
	at, now := start+batchHeaderBytes, placeTruncate
	for at < int64(len(dry.b)) {
		kind, body, n, err := parseRecord(dry.b[at:], dry.seed, at)
		if err == nil {
			now, err = dry.record(now, kind, body, at, at+int64(n))
		}
		if err != nil {
			break
		}
		at += int64(n)
	}
	return appendTrailer(frame, p.seed, base, dry.tip.Hash), input
}

// FuzzFooter feeds the parsers of summary and index anything with good checksums.
func FuzzFooter(f *testing.F) {
	mem, l, _ := smallLog(f)
	must(f, l.Close())
	b, err := readTestFile(mem, segmentPath(testDir, 1))
	must(f, err)
	s, err := readSealed(mem, segmentPath(testDir, 1))
	must(f, err)
	f.Add(b[s.summary.indexOffset+indexFrameBytes:s.summaryOffset-checksumBytes],
		b[s.summaryOffset:s.bytes-summaryFrameBytes])
	f.Fuzz(func(t *testing.T, index, body []byte) {
		const at = 5000 // of the summary
		body = juno.AppendU32(bytes.Clone(body), uint32(len(body)))
		body = append(seed(1).appendSum(body, 0, at), markSummaryEnd)
		sum, err := parseSummary(body, 1, at)
		if err != nil {
			return
		}
		if again := appendSummaryBody(nil, sum); !bytes.Equal(again, body[:len(again)]) {
			t.Fatalf("accepted %x, would write %x", body, again)
		}
		frame := append([]byte{markIndex}, juno.AppendU32(nil, uint32(len(index)))...)
		frame = append(frame, index...)
		frame = binary.BigEndian.AppendUint32(frame, seed(1).sum(sum.indexOffset, frame))
		x, err := parseIndex(frame, 1, sum)
		if err != nil {
			return
		}
		for _, r := range x.runs() {
			if r.find(r.first) != 0 || r.find(r.last) != len(r.checkpoints)-1 {
				t.Fatalf("run without a place for its entries: %+v", r)
			}
		}
	})
}
