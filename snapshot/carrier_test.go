package snapshot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"juno"
)

// received collects what a carrier brings.
type received struct {
	genesis  *juno.Genesis
	manifest *Manifest
	elements []string
	entries  []juno.Entry
	records  []juno.Record
	steps    []string
	epochs   int
}

func (r *received) Genesis(g *juno.Genesis) error { r.genesis = g; return nil }
func (r *received) Epoch(*juno.EpochChange) error { r.epochs++; return nil }
func (r *received) Manifest(m *Manifest) error    { r.manifest = m; return nil }
func (r *received) Element(e Element) error {
	r.elements = append(r.elements, string(e.Key)+"="+string(e.Value))
	return nil
}
func (r *received) ManifestEnd() error { r.steps = append(r.steps, "state"); return nil }
func (r *received) Entries(all []juno.Entry) error {
	r.entries = append(r.entries, all...)
	return nil
}
func (r *received) Record(rec juno.Record) error { r.records = append(r.records, rec); return nil }
func (r *received) End() error                   { r.steps = append(r.steps, "end"); return nil }

func entries(from, n int) iter.Seq2[juno.Entry, error] {
	return func(yield func(juno.Entry, error) bool) {
		for i := range n {
			e := juno.Entry{
				Index: juno.Index(from + i), Term: 1, Time: 5, Type: juno.EntryNoop,
				Payload: []byte(strings.Repeat("x", i%7)),
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

func records(n int) iter.Seq2[juno.Record, error] {
	return func(yield func(juno.Record, error) bool) {
		for i := range n {
			if !yield(juno.Record{Kind: 0x20, Index: juno.Index(i), Bytes: []byte("proof")}, nil) {
				return
			}
		}
	}
}

func carrier(t testing.TB, elementCount, entryCount int) []byte {
	t.Helper()
	dir := t.TempDir()
	makeSnapshot(t, dir, 50, elementCount)
	s, err := openNewest(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var b bytes.Buffer
	err = Export(context.Background(), &b, Cargo{
		Genesis: testGenesis(), Snapshot: s,
		Entries: entries(51, entryCount), Records: records(2),
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCarrierRoundTrip(t *testing.T) {
	b := carrier(t, 30_000, 40_000)
	var got received
	if err := Import(context.Background(), bytes.NewReader(b), &got, nil); err != nil {
		t.Fatal(err)
	}
	if len(got.elements) != 30_000 || got.elements[29_999] != "a/029999=value 29999" {
		t.Errorf("%d elements, last %q", len(got.elements), got.elements[len(got.elements)-1])
	}
	if len(got.entries) != 40_000 || got.entries[0].Index != 51 || len(got.records) != 2 {
		t.Errorf("%d entries from %d, %d records", len(got.entries), got.entries[0].Index,
			len(got.records))
	}
	if got.genesis.ID() != testGenesis().ID() || got.manifest.Pos.Index != 50 ||
		!slices.Equal(got.steps, []string{"state", "end"}) {
		t.Errorf("genesis %s, manifest %s, steps %v", got.genesis.ID(), got.manifest.Pos, got.steps)
	}
}

func TestCarrierOfAWholeLog(t *testing.T) {
	var b bytes.Buffer
	err := Export(context.Background(), &b, Cargo{
		Genesis: testGenesis(), Entries: entries(1, 10),
		Records: records(0),
	})
	if err != nil {
		t.Fatal(err)
	}
	var got received
	if err := Import(context.Background(), &b, &got, nil); err != nil {
		t.Fatal(err)
	}
	if got.manifest != nil || len(got.entries) != 10 || !slices.Equal(got.steps, []string{"end"}) {
		t.Errorf("got %+v", got)
	}
}

// A carrier that was changed or cut anywhere never comes to its end, except where a changed bit of
// the zstd header changes nothing of what comes out.
func TestADamagedCarrierIsRefused(t *testing.T) {
	good := carrier(t, 10, 10)
	var want received
	if err := Import(context.Background(), bytes.NewReader(good), &want, nil); err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		var got received
		err := Import(context.Background(), bytes.NewReader(bad), &got, nil)
		if err == nil && !reflect.DeepEqual(got, want) {
			t.Fatalf("byte %d of %d flipped, and nobody noticed", i, len(good))
		}
	}
	for n := range good {
		var got received
		if Import(context.Background(), bytes.NewReader(good[:n]), &got, nil) == nil {
			t.Fatalf("cut to %d of %d bytes, and nobody noticed", n, len(good))
		}
	}
	var got received
	tail := append(bytes.Clone(good), "and more"...)
	if Import(context.Background(), bytes.NewReader(tail), &got, nil) == nil {
		t.Error("something follows the carrier, and nobody noticed")
	}
}

// frame is one frame as bytes, written by hand.
func frame(t frameType, body []byte) []byte {
	b := append(juno.AppendU32([]byte{byte(t)}, uint32(len(body))), body...)
	return juno.AppendU32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// handmade packs frames into a carrier with the right end.
func handmade(t testing.TB, elements, entries uint64, frames ...[]byte) []byte {
	t.Helper()
	contents := slices.Concat(frames...)
	sum := sha256.Sum256(contents)
	end := juno.AppendU64(juno.AppendU64(nil, elements), entries)
	return packed(t, append(contents, frame(frameEnd, append(end, sum[:]...))...))
}

// older makes a carrier of version 1 of one of version 2.
func older(carrier []byte) []byte {
	return append([]byte("juno carrier 1\n\x00"), carrier[len("juno carrier 1\n\x00"):]...)
}

// packed compresses the frames of a carrier.
func packed(t testing.TB, contents []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("juno carrier 2\n\x00")
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(contents); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// contents returns the frames of a carrier, unpacked.
func contents(t testing.TB, carrier []byte) []byte {
	t.Helper()
	rest, ok := bytes.CutPrefix(carrier, []byte("juno carrier 2\n\x00"))
	if !ok {
		t.Fatalf("a carrier begins with %q", carrier[:16])
	}
	z, err := zstd.NewReader(bytes.NewReader(rest))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCarrierGolden writes a carrier by hand, as the package doc says, and wants Export to write
// the same frames.
func TestCarrierGolden(t *testing.T) {
	g := testGenesis()
	entry := juno.Entry{Index: 1, Term: 2, Time: 3, Type: juno.EntryNoop, Payload: []byte("p")}
	var b bytes.Buffer
	err := Export(context.Background(), &b, Cargo{
		Genesis: g,
		Entries: func(yield func(juno.Entry, error) bool) { yield(entry, nil) },
		Records: func(yield func(juno.Record, error) bool) {
			yield(juno.Record{Kind: 0x20, Index: 1, Bytes: []byte("proof")}, nil)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	entryBytes, err := hex.DecodeString("0000000000000001" + "0000000000000002" +
		"0000000000000003" + "07" + "01" + "70")
	if err != nil {
		t.Fatal(err)
	}
	want := contents(t, handmade(t, 0, 1,
		frame(1, juno.AppendGenesis(nil, g)),
		frame(4, entryBytes),
		frame(5, append([]byte{0x20, 0, 0, 0, 0, 0, 0, 0, 1}, "proof"...))))
	if got := contents(t, b.Bytes()); !bytes.Equal(got, want) {
		t.Errorf("contents\n%x\nwant\n%x", got, want)
	}
	head := fmt.Sprintf("%x", contents(t, b.Bytes())[:5])
	if want := fmt.Sprintf("01%08x", len(juno.AppendGenesis(nil, g))); head != want {
		t.Errorf("the first frame begins with %s, want %s", head, want)
	}
}

// TestCarrierOrder wants everything to come in its order, in full and once.
func TestCarrierOrder(t *testing.T) {
	genesis := frame(frameGenesis, juno.AppendGenesis(nil, testGenesis()))
	m := testManifest(50)
	m.Elements = 2
	manifest := frame(frameManifest, m.Bytes())
	other := m
	other.Cluster[0] ^= 1
	element := func(key, value string) []byte {
		return juno.AppendText(juno.AppendText(nil, key), value)
	}
	both := frame(frameElements, append(element("a", "1"), element("b", "2")...))
	entry := func(index juno.Index) []byte {
		return juno.AppendEntry(nil, &juno.Entry{Index: index, Type: juno.EntryNoop})
	}
	one := func(index juno.Index) []byte { return frame(frameEntries, entry(index)) }
	recordOf := func(index juno.Index) []byte {
		return frame(frameRecord, append(juno.AppendU64([]byte{0x20}, uint64(index)), "proof"...))
	}
	record := recordOf(0)
	for name, c := range map[string]struct {
		elements, entries uint64
		frames            [][]byte
		want              string // part of the error; empty: accepted
	}{
		"whole": {2, 1, [][]byte{genesis, manifest, both, one(51), record}, ""},
		"in pieces": {2, 2, [][]byte{
			genesis, manifest, frame(3, element("a", "1")),
			frame(3, element("b", "2")), one(51), one(52),
		}, ""},
		"a log":          {0, 2, [][]byte{genesis, frame(4, append(entry(1), entry(2)...))}, ""},
		"only a genesis": {0, 0, [][]byte{genesis}, ""},
		"nothing":        {0, 0, nil, "end after frame(0)"},
		"no genesis":     {0, 1, [][]byte{one(1)}, "entries after frame(0)"},
		"genesis twice":  {0, 0, [][]byte{genesis, genesis}, "genesis after genesis"},
		"manifest twice": {
			2, 0,
			[][]byte{genesis, manifest, manifest, both},
			"manifest after manifest",
		},
		"manifest of another ledger": {
			2, 0,
			[][]byte{genesis, frame(2, other.Bytes()), both},
			"manifest of ledger",
		},
		"elements without manifest": {2, 0, [][]byte{genesis, both}, "without a manifest"},
		"elements after entries": {
			2, 1,
			[][]byte{genesis, manifest, one(51), both},
			"0 elements came, the manifest says 2",
		},
		"an element less": {
			1, 0,
			[][]byte{genesis, manifest, frame(3, element("a", "1"))},
			"1 elements came, the manifest says 2",
		},
		"elements out of order": {2, 0, [][]byte{
			genesis, manifest,
			frame(3, append(element("b", "1"), element("a", "2")...)),
		}, "not in order"},
		"an element twice": {2, 0, [][]byte{
			genesis, manifest, frame(3, element("a", "1")),
			frame(3, element("a", "2")),
		}, "not in order"},
		"an empty key": {
			1, 0,
			[][]byte{genesis, manifest, frame(3, element("", "1"))},
			"0 bytes of key",
		},
		"half an element": {
			2, 0,
			[][]byte{genesis, manifest, frame(3, element("a", "1")[:3])},
			"elements: malformed",
		},
		"nothing in a frame": {0, 0, [][]byte{genesis, frame(4, nil)}, "nothing in it"},
		"a gap":              {0, 2, [][]byte{genesis, one(1), one(3)}, "entry 3, want 2"},
		"an entry twice":     {0, 2, [][]byte{genesis, one(1), one(1)}, "entry 1, want 2"},
		"not from the first": {0, 1, [][]byte{genesis, one(2)}, "entry 2, want 1"},
		"not after the state": {
			2, 1,
			[][]byte{genesis, manifest, both, one(52)},
			"entry 52, want 51",
		},
		"entries after records": {0, 1, [][]byte{genesis, record, one(1)}, ""},
		"a record before its entry": {
			0, 1,
			[][]byte{genesis, recordOf(1), one(1)},
			"record of entry 1 before the entry",
		},
		"a record of no entry": {
			0, 1,
			[][]byte{genesis, one(1), recordOf(2)},
			"record of entry 2 before the entry",
		},
		"half an epoch": {
			0, 0,
			[][]byte{genesis, frame(frameEpoch, []byte{1})},
			"end of an epoch",
		},
		"an epoch after entries": {
			0, 1,
			[][]byte{genesis, one(1), frame(frameEpoch, []byte{1})},
			"epoch after entries",
		},
		"a short record": {
			0, 0,
			[][]byte{genesis, frame(5, make([]byte, 8))},
			"record of 8 bytes",
		},
		"a frame of no type": {
			0, 0,
			[][]byte{genesis, frame(9, []byte{1})},
			"frame(9) of 1 bytes",
		},
		"more elements": {
			3, 0,
			[][]byte{genesis, manifest, both},
			"2 elements and 0 entries came, the end says 3 and 0",
		},
		"fewer entries": {0, 0, [][]byte{genesis, one(1)}, "the end says 0 and 0"},
		"two ends": {
			0, 0,
			[][]byte{genesis, contents(t, handmade(t, 0, 0, genesis))[len(genesis):]},
			"something follows the end",
		},
		"a length beyond all": {
			0, 0,
			[][]byte{genesis, {4, 0xff, 0xff, 0xff, 0xff}},
			"entries of 4294967295 bytes, at most 8388608",
		},
	} {
		var got received
		b := handmade(t, c.elements, c.entries, c.frames...)
		err := Import(context.Background(), bytes.NewReader(b), &got, nil)
		ended := slices.Contains(got.steps, "end")
		switch {
		case c.want == "":
			if err != nil || !ended {
				t.Errorf("%s: %v", name, err)
			}
		case err == nil || ended || !errors.Is(err, ErrCorrupt):
			t.Errorf("%s: error %v, ended %t", name, err, ended)
		case !strings.Contains(err.Error(), c.want):
			t.Errorf("%s: error %q, want %q", name, err, c.want)
		}
	}
}

// TestCarrierVersion1 reads what earlier versions wrote: all records behind all entries, no epochs.
func TestCarrierVersion1(t *testing.T) {
	genesis := frame(frameGenesis, juno.AppendGenesis(nil, testGenesis()))
	entry := frame(frameEntries, juno.AppendEntry(nil, &juno.Entry{Index: 1, Type: juno.EntryNoop}))
	record := frame(frameRecord, append(juno.AppendU64([]byte{0x20}, 9), "proof"...))
	epoch := frame(frameEpoch, []byte{1})
	for want, frames := range map[string][][]byte{
		"":                     {genesis, entry, record},
		"entries after record": {genesis, record, entry},
		"epoch after genesis":  {genesis, epoch},
	} {
		entries := uint64(1)
		if want == "epoch after genesis" {
			entries = 0
		}
		b := older(handmade(t, 0, entries, frames...))
		err := Import(context.Background(), bytes.NewReader(b), &received{}, nil)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// TestEveryByteInsideCounts changes each byte of the contents, where compression has no checksum of
// its own to notice.
func TestEveryByteInsideCounts(t *testing.T) {
	whole := contents(t, carrier(t, 2, 2))
	for i := range whole {
		bad := bytes.Clone(whole)
		bad[i] ^= 1
		err := Import(context.Background(), bytes.NewReader(packed(t, bad)), &received{}, nil)
		if !errors.Is(err, ErrCorrupt) {
			t.Fatalf("byte %d of %d flipped: %v", i, len(whole), err)
		}
	}
	// Frames whose checksums are right, but which are not those that the end is about.
	genesis := frame(frameGenesis, juno.AppendGenesis(nil, testGenesis()))
	other := testGenesis()
	other.Created++
	end := contents(t, handmade(t, 0, 0, genesis))[len(genesis):]
	swapped := append(frame(frameGenesis, juno.AppendGenesis(nil, other)), end...)
	err := Import(context.Background(), bytes.NewReader(packed(t, swapped)), &received{}, nil)
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "the contents have SHA-256") {
		t.Errorf("another genesis before the same end: %v", err)
	}
	// And one whose checksum is wrong while the end is right.
	wrong := bytes.Clone(genesis)
	wrong[len(wrong)-1] ^= 1
	err = Import(context.Background(), bytes.NewReader(handmade(t, 0, 0, wrong)), &received{}, nil)
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("a wrong checksum: %v", err)
	}
}

// TestExportRefuses wants what Import would refuse never to be written.
func TestExportRefuses(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	makeSnapshot(t, dir, 50, 3)
	s, err := openNewest(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	otherGenesis := testGenesis()
	otherGenesis.Created++
	broken := errors.New("the log cannot be read")
	failing := func(yield func(juno.Entry, error) bool) { yield(juno.Entry{}, broken) }
	large := func(yield func(juno.Record, error) bool) {
		yield(juno.Record{Bytes: make([]byte, recordBytesMax+1)}, nil)
	}
	g, none := testGenesis(), records(0)
	for name, c := range map[string]Cargo{
		"entries from 2":       {Genesis: g, Entries: entries(2, 1), Records: none},
		"entries with a state": {Genesis: g, Snapshot: s, Entries: entries(52, 1), Records: none},
		"another ledger": {
			Genesis: otherGenesis, Snapshot: s, Entries: entries(51, 1), Records: none,
		},
		"a log that fails": {Genesis: g, Entries: failing, Records: none},
		"a large record":   {Genesis: g, Entries: entries(1, 1), Records: large},
	} {
		var b bytes.Buffer
		if err := Export(ctx, &b, c); err == nil {
			t.Errorf("%s: written", name)
		}
		if Import(ctx, &b, &received{}, nil) == nil {
			t.Errorf("%s: what was written is a carrier", name)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	whole := Cargo{Genesis: testGenesis(), Entries: entries(1, 1), Records: records(0)}
	if err := Export(cancelled, io.Discard, whole); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := Import(cancelled, bytes.NewReader(carrier(t, 1, 1)), &received{},
		nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := Export(ctx, &fullDisk{room: 40_000}, Cargo{
		Genesis: testGenesis(),
		Entries: randomEntries(20_000), Records: records(0),
	}); !errors.Is(err, errFull) {
		t.Errorf("a full disk: %v", err)
	}
}

var errFull = errors.New("disk full")

// fullDisk takes so many bytes and no more.
type fullDisk struct{ room int }

func (d *fullDisk) Write(b []byte) (int, error) {
	if d.room -= len(b); d.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}

// randomEntries cannot be compressed.
func randomEntries(n int) iter.Seq2[juno.Entry, error] {
	return func(yield func(juno.Entry, error) bool) {
		for i := range n {
			h := sha256.Sum256(juno.AppendU64(nil, uint64(i)))
			e := juno.Entry{Index: juno.Index(i + 1), Type: juno.EntryNoop, Payload: h[:]}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// stopping is a receiver that fails at its n-th call.
type stopping struct{ n int }

var errStopped = errors.New("receiver stopped")

func (r *stopping) step() error {
	if r.n--; r.n < 0 {
		return errStopped
	}
	return nil
}

func (r *stopping) Genesis(*juno.Genesis) error   { return r.step() }
func (r *stopping) Manifest(*Manifest) error      { return r.step() }
func (r *stopping) Element(Element) error         { return r.step() }
func (r *stopping) Epoch(*juno.EpochChange) error { return r.step() }
func (r *stopping) ManifestEnd() error            { return r.step() }
func (r *stopping) Entries([]juno.Entry) error    { return r.step() }
func (r *stopping) Record(juno.Record) error      { return r.step() }
func (r *stopping) End() error                    { return r.step() }

// TestReceiverMayStop wants the error of any call to end the import.
func TestReceiverMayStop(t *testing.T) {
	b := carrier(t, 3, 3)
	calls := 1 + 1 + 3 + 1 + 1 + 2 + 1
	for n := range calls {
		err := Import(context.Background(), bytes.NewReader(b), &stopping{n: n}, nil)
		if !errors.Is(err, errStopped) || errors.Is(err, ErrCorrupt) {
			t.Errorf("stopped at call %d: %v", n, err)
		}
	}
	err := Import(context.Background(), bytes.NewReader(b), &stopping{n: calls}, nil)
	if err != nil {
		t.Errorf("never stopped: %v", err)
	}
}

// TestImportMemory feeds lengths and windows that ask for more than is there.
func TestImportMemory(t *testing.T) {
	head := []byte("juno carrier 1\n\x00")
	// A zstd frame header that asks for a window of 2 GiB.
	window := append(bytes.Clone(head), 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00)
	huge := slices.Concat(frame(frameGenesis, juno.AppendGenesis(nil, testGenesis())),
		[]byte{byte(frameEntries)}, juno.AppendU32(nil, frameBytesMax))
	for name, b := range map[string][]byte{
		"a window of 2 GiB": window,
		"a frame of 8 MiB":  handmade(t, 0, 0, huge),
		"nothing behind":    head,
		"nothing":           nil,
		"not compressed":    append(bytes.Clone(head), "juno"...),
		"another version":   []byte("juno carrier 2\n\x00"),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := Import(context.Background(), bytes.NewReader(b), &received{}, nil)
		runtime.ReadMemStats(&after)
		if err == nil || !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
			t.Errorf("%s: %d MiB were allocated", name, grown>>20)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	m := testManifest(3)
	f.Add(m.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := ParseManifest(b); err == nil && !bytes.Equal(m.Bytes(), b) {
			t.Errorf("parsed, but formats to other bytes")
		}
	})
}

func FuzzImport(f *testing.F) {
	f.Add(carrier(f, 3, 3))
	f.Add(handmade(f, 0, 0, frame(frameGenesis, juno.AppendGenesis(nil, testGenesis()))))
	f.Fuzz(func(_ *testing.T, b []byte) {
		var got received
		_ = Import(context.Background(), bytes.NewReader(b), &got, nil)
	})
}

// FuzzFrames fuzzes what is inside: a fuzzer does not find its way through compression and
// checksums. The input is a list of frames: type, length (2), body.
func FuzzFrames(f *testing.F) {
	list := func(frames ...[]byte) (b []byte) {
		for _, one := range frames {
			body := one[5 : len(one)-4]
			b = append(b, one[0], byte(len(body)>>8), byte(len(body)))
			b = append(b, body...)
		}
		return b
	}
	m := testManifest(50)
	m.Elements = 1
	entry := juno.AppendEntry(nil, &juno.Entry{Index: 51, Type: juno.EntryNoop})
	f.Add(list(frame(frameGenesis, juno.AppendGenesis(nil, testGenesis())),
		frame(frameManifest, m.Bytes()), frame(frameElements, []byte("\x01a\x01b")),
		frame(frameEntries, entry), frame(frameRecord, make([]byte, 12))), uint64(1), uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, elements, entries uint64) {
		var frames [][]byte
		for len(b) >= 3 {
			n := min(int(b[1])<<8|int(b[2]), len(b)-3)
			frames = append(frames, frame(frameType(b[0]), b[3:3+n]))
			b = b[3+n:]
		}
		var got received
		err := Import(context.Background(), bytes.NewReader(handmade(t, elements, entries,
			frames...)), &got, nil)
		if err != nil {
			return
		}
		if uint64(len(got.elements)) != elements || uint64(len(got.entries)) != entries {
			t.Fatalf("%d elements and %d entries, the end says %d and %d", len(got.elements),
				len(got.entries), elements, entries)
		}
		for i := 1; i < len(got.entries); i++ {
			if got.entries[i].Index != got.entries[i-1].Index+1 {
				t.Fatalf("entry %d follows %d", got.entries[i].Index, got.entries[i-1].Index)
			}
		}
	})
}
