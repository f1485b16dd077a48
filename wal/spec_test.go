package wal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"juno"
	"juno/internal/vfs"
)

var rewrite = flag.Bool("rewrite", false, "rewrite testdata/format.golden with what is written now")

// specReader reads a segment as the package doc describes it, and with nothing of the package:
// if the two disagree, one of them is wrong. It prints every field with its offset and bytes.
type specReader struct {
	b    []byte
	at   int
	seed uint32
	out  strings.Builder

	hash    []byte
	index   uint64
	entries []juno.Entry // live
	time    uint64
	term    uint64
}

func (s *specReader) take(n int, format string, args ...any) []byte {
	b := s.b[s.at : s.at+n]
	fmt.Fprintf(&s.out, "%6d %-24x %s\n", s.at, b, fmt.Sprintf(format, args...))
	s.at += n
	return b
}

func (s *specReader) uvarint(what string) uint64 {
	v, n := binary.Uvarint(s.b[s.at:])
	s.take(n, "%s %d", what, v)
	return v
}

func (s *specReader) u32(what string) uint32 {
	v := binary.BigEndian.Uint32(s.b[s.at:])
	s.take(4, "%s %d", what, v)
	return v
}

func (s *specReader) u64(what string) uint64 {
	v := binary.BigEndian.Uint64(s.b[s.at:])
	s.take(8, "%s %d", what, v)
	return v
}

func (s *specReader) checksum(from int, seed uint32) {
	want := crc32.Update(seed, crc32.MakeTable(crc32.Castagnoli), s.b[from:s.at])
	if got := binary.BigEndian.Uint32(s.take(4, "checksum")); got != want {
		panic(fmt.Sprintf("at %d: checksum %08x, want %08x", s.at, got, want))
	}
}

func (s *specReader) is(want byte, what string) {
	if got := s.take(1, "%s", what)[0]; got != want {
		panic(fmt.Sprintf("at %d: %s %#02x, want %#02x", s.at, what, got, want))
	}
}

func (s *specReader) segment() {
	s.take(7, "magic %q", s.b[:7])
	s.is(1, "version")
	s.u64("segment")
	s.u64("oldest segment")
	s.take(32, "cluster")
	s.index = s.u64("tip")
	s.hash = s.take(32, "chain hash")
	salt := s.take(8, "salt")
	s.checksum(0, 0)
	s.seed = crc32.Checksum(salt, crc32.MakeTable(crc32.Castagnoli))
	for s.at < len(s.b) && s.b[s.at] != 0 && s.b[s.at] != 0xEA {
		s.batch()
	}
}

func (s *specReader) batch() {
	from := s.at
	s.is(0xB5, "BATCH")
	n := int(s.u32("bytes"))
	s.u32("durable up to")
	s.checksum(from, s.seed+uint32(from))
	for end := s.at + n; s.at < end; {
		s.record()
	}
	from = s.at
	s.is(0x03, "END OF BATCH")
	if hash := s.take(32, "chain hash"); !bytes.Equal(hash, s.hash) {
		panic(fmt.Sprintf("at %d: chain hash %x, want %x", s.at, hash, s.hash))
	}
	s.checksum(from, s.seed+uint32(from))
	s.is(0xE5, "end mark")
}

func (s *specReader) record() {
	from := s.at
	kind := s.take(1, "RECORD")[0]
	n := int(s.uvarint("bytes"))
	end := s.at + n
	switch {
	case kind == 0x01:
		s.index = s.u64("truncate to")
		s.hash = s.take(32, "chain hash")
		for len(s.entries) > 0 && uint64(s.entries[len(s.entries)-1].Index) > s.index {
			s.entries = s.entries[:len(s.entries)-1]
		}
	case kind < 0x40:
		s.uvarint(fmt.Sprintf("%v record about", juno.RecordKind(kind)))
		s.take(end-s.at, "its bytes")
	default:
		if kind >= 0x80 {
			s.term, s.time = s.u64("term"), s.u64("time")
		} else {
			s.time += s.uvarint("milliseconds")
		}
		s.entry(juno.EntryType(kind&0x1f), s.take(end-s.at, "payload of entry %d", s.index+1))
	}
	s.checksum(from, s.seed+uint32(from))
}

func (s *specReader) entry(kind juno.EntryType, payload []byte) {
	s.index++
	s.entries = append(s.entries, juno.Entry{
		Index: juno.Index(s.index), Term: juno.Term(s.term), Time: juno.Millis(s.time),
		Type: kind, Payload: payload,
	})
	inner := sha256.Sum256(payload)
	h := sha256.New()
	h.Write([]byte("juno1/entry"))
	h.Write(s.hash)
	_ = binary.Write(h, binary.BigEndian, []uint64{s.index, s.term, s.time})
	h.Write([]byte{byte(kind)})
	h.Write(inner[:])
	s.hash = h.Sum(nil)
}

// footer reads what seals a segment. runs is how many runs the summary has, which the index needs
// to know, and which therefore is read first.
func (s *specReader) footer() {
	indexAt := s.at
	summaryBytes := int(binary.BigEndian.Uint32(s.b[len(s.b)-9:]))
	summaryAt := len(s.b) - 9 - summaryBytes
	runs, _ := binary.Uvarint(s.b[summaryAt+4+40:])

	s.is(0xEA, "INDEX")
	s.u32("bytes")
	for range runs {
		for range s.uvarint("checkpoints") {
			s.uvarint("index +")
			s.uvarint("offset +")
			s.take(32, "chain hash before")
		}
	}
	for range s.uvarint("kinds") {
		kind := juno.RecordKind(s.b[s.at])
		s.take(1, "kind %v", kind)
		for range s.uvarint("records") {
			s.uvarint("index +")
			s.uvarint("offset +")
		}
	}
	s.checksum(indexAt, s.seed+uint32(indexAt))
	if s.at != summaryAt {
		panic(fmt.Sprintf("index ends at %d, summary begins at %d", s.at, summaryAt))
	}
	s.summary(summaryAt)
}

func (s *specReader) summary(from int) {
	s.u32("index at")
	s.u64("tip")
	s.take(32, "chain hash")
	for range s.uvarint("runs") {
		s.uvarint("first entry")
		s.uvarint("last entry")
		s.uvarint("from byte")
		s.uvarint("to byte")
	}
	for range s.uvarint("states") {
		s.take(1, "kind %v", juno.RecordKind(s.b[s.at]))
		s.uvarint("offset")
	}
	for range s.uvarint("histories") {
		s.take(1, "kind %v", juno.RecordKind(s.b[s.at]))
		s.uvarint("first index")
		s.uvarint("last index")
	}
	s.u32("bytes of summary")
	s.checksum(from, s.seed+uint32(from))
	s.is(0xFE, "end mark")
}

// readSpec reads a whole directory by the package doc, and returns its dump and live entries.
func readSpec(t *testing.T, mem *vfs.Mem) (string, []juno.Entry) {
	t.Helper()
	names, err := mem.List(testDir)
	must(t, err)
	s := &specReader{}
	for _, name := range names {
		s.b, err = vfs.ReadFile(mem, filepath.Join(testDir, name), 1<<20)
		must(t, err)
		s.at = 0
		fmt.Fprintf(&s.out, "%s\n", name)
		if name == markerName {
			fmt.Fprintf(&s.out, "%6d %x\n%6d %x\n", 0, s.b[:36], 512, s.b[512:548])
			continue
		}
		s.segment()
		if s.at < len(s.b) && s.b[s.at] == 0xEA {
			s.footer()
		}
		if rest := bytes.Trim(s.b[s.at:], "\x00"); len(rest) > 0 {
			t.Fatalf("%s: %d bytes left over", name, len(rest))
		}
	}
	return s.out.String(), s.entries
}

// TestSpec compares what logs hold with what a reader sees that knows the package doc only.
func TestSpec(t *testing.T) {
	for seed := range uint64(20) {
		mem := vfs.NewMem()
		l := mustCreate(t, testOptions(mem))
		m := &model{start: testStart()}
		g := newGenerator(seed)
		appended := 0
		for range 60 {
			b := g.batch(m, 0)
			must(t, l.AppendSync(b))
			m = m.after(b)
			appended += len(b.Entries)
		}
		must(t, l.Close())
		r, err := Verify(VerifyOptions{FS: mem, Dir: testDir})
		must(t, err)
		if got := r.Entries + r.DeadEntries; got != int64(appended) {
			t.Fatalf("seed %d: %d entries verified, want %d", seed, got, appended)
		}
		_, entries := readSpec(t, mem)
		if len(entries) != len(m.entries) {
			t.Fatalf("seed %d: %d entries, want %d", seed, len(entries), len(m.entries))
		}
		for i := range entries {
			if !sameEntry(&entries[i], &m.entries[i]) {
				t.Fatalf("seed %d: got %+v, want %+v", seed, entries[i], m.entries[i])
			}
		}
	}
}

// TestGolden pins the format: these bytes must be readable for ever. Rewrite them only together
// with a new version number.
func TestGolden(t *testing.T) {
	mem := vfs.NewMem()
	o := testOptions(mem)
	o.SegmentBytes = 900
	l := mustCreate(t, o)
	entry := func(i, term, time int, payload string) juno.Entry {
		return juno.Entry{
			Index: juno.Index(i), Term: juno.Term(term), Time: juno.Millis(time),
			Type: juno.EntryCommand, Payload: []byte(payload),
		}
	}
	for _, b := range []Batch{
		{
			Entries: []juno.Entry{
				entry(1, 1, 1000, "a"), entry(2, 1, 1300, "bc"), entry(3, 2, 1300, ""),
			},
			Records: []juno.Record{
				{Kind: juno.RecordHardState, Index: 3, Bytes: []byte("hard")},
				{Kind: juno.RecordProof, Index: 2, Bytes: []byte("proof")},
			},
		},
		{Truncate: true, TruncateTo: 2, Entries: []juno.Entry{entry(3, 3, 1200, "d")}},
		{Entries: []juno.Entry{entry(4, 3, 1200, "e"), entry(5, 3, 1100, "f")}},
		{Records: []juno.Record{
			{Kind: juno.RecordHardState, Index: 5, Bytes: []byte("harder")},
			{Kind: juno.RecordProof, Index: 5, Bytes: []byte("proof")},
		}},
		{Entries: []juno.Entry{entry(6, 3, 2000, strings.Repeat("long ", 50))}},
	} {
		must(t, l.AppendSync(&b))
	}
	must(t, l.Close())
	got, _ := readSpec(t, mem)
	path := filepath.Join("testdata", "format.golden")
	if *rewrite {
		must(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i, line := range gotLines {
		if i >= len(wantLines) || line != wantLines[i] {
			t.Fatalf("line %d: got %q, want %q", i+1, line, append(wantLines, "nothing")[i])
		}
	}
	if len(gotLines) != len(wantLines) {
		t.Fatalf("%d lines, want %d", len(gotLines), len(wantLines))
	}
}
