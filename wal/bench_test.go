package wal

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"juno"
	"juno/internal/vfs"
)

// benchPayloadBytes is about what a transfer in a client batch takes.
const benchPayloadBytes = 100

// benchEntries returns n entries behind tip, with payloads that do not repeat.
func benchEntries(tip juno.Index, n int) []juno.Entry {
	entries := make([]juno.Entry, n)
	payloads := make([]byte, n*benchPayloadBytes)
	for i := range entries {
		p := payloads[i*benchPayloadBytes : (i+1)*benchPayloadBytes]
		for j := range p {
			p[j] = byte(int(tip)*31 + i*7 + j*j)
		}
		entries[i] = juno.Entry{
			Index: tip + juno.Index(i) + 1, Term: 1, Time: juno.Millis(tip) + 1_700_000_000_000,
			Type: juno.EntryCommand, Payload: p,
		}
	}
	return entries
}

// discard is a disk that takes no time.
type discard struct{ vfs.FS }

func (d discard) OpenReadWrite(name string) (vfs.File, error) {
	f, err := d.FS.OpenReadWrite(name)
	return discardFile{f}, err
}

type discardFile struct{ vfs.File }

func (discardFile) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (discardFile) Sync() error                            { return nil }
func (discardFile) Allocate(int64) error                   { return nil }
func (discardFile) Truncate(int64) error                   { return nil }

// BenchmarkEncode measures the writer without a disk: validation, chain hash, framing, index.
func BenchmarkEncode(b *testing.B) {
	for _, batch := range []int{1, 64, 1024} {
		b.Run(strconv.Itoa(batch), func(b *testing.B) {
			o := testOptions(discard{vfs.NewMem()})
			o.SegmentBytes = SegmentBytesMax
			l := mustCreate(b, o)
			entries := benchEntries(0, batch)
			n := 0
			for b.Loop() {
				for i := range entries {
					entries[i].Index = l.LastIndex() + juno.Index(i) + 1
				}
				must(b, l.AppendSync(&Batch{Entries: entries}))
				if n += batch; l.encoder.end > SegmentBytesMax-1<<20 {
					l = mustCreate(b, Options{
						FS: discard{vfs.NewMem()}, Dir: testDir, Cluster: testCluster,
						SegmentBytes: SegmentBytesMax,
					})
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

// BenchmarkAppendSync measures durable batches on the disk of the machine.
func BenchmarkAppendSync(b *testing.B) {
	for _, batch := range []int{1, 16, 256, 2048} {
		b.Run(strconv.Itoa(batch), func(b *testing.B) {
			o := Options{FS: vfs.OS{}, Dir: b.TempDir(), Cluster: testCluster}
			l := mustCreate(b, o)
			n := 0
			for b.Loop() {
				tip := l.LastIndex()
				must(b, l.AppendSync(&Batch{
					Entries: benchEntries(tip, batch),
					Records: []juno.Record{{
						Kind: juno.RecordAccepted, Index: tip,
						Bytes: make([]byte, 48),
					}},
				}))
				n += batch
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
			must(b, l.Close())
		})
	}
}

// big is what bigLog has made; TestMain removes it.
var big Options

func TestMain(m *testing.M) {
	code := m.Run()
	if big.Dir != "" {
		_ = os.RemoveAll(big.Dir) // a temporary directory: the system removes what is left
	}
	os.Exit(code)
}

// bigLog makes, once, a log of bigLogEntries in batches of 256.
func bigLog(b *testing.B) Options {
	b.Helper()
	if big.Dir != "" {
		return big
	}
	const n = bigLogEntries
	dir, err := os.MkdirTemp("", "juno-wal")
	must(b, err)
	o := Options{FS: vfs.OS{}, Dir: dir, Cluster: testCluster}
	big = o
	l := mustCreate(b, o)
	for l.LastIndex() < juno.Index(n) {
		tip := l.LastIndex()
		entries := benchEntries(tip, min(256, n-int(tip)))
		must(b, l.Append(&Batch{
			Entries: entries,
			Records: []juno.Record{{Kind: juno.RecordProof, Index: tip, Bytes: make([]byte, 300)}},
		}))
	}
	o.Held = l.Tip()
	must(b, l.Close())
	big = o
	size := int64(0)
	names, err := o.FS.List(dir)
	must(b, err)
	for _, name := range names {
		info, err := o.FS.Stat(filepath.Join(dir, name))
		must(b, err)
		size += info.Bytes
	}
	b.Logf("%d entries with payloads of %d bytes: %d files, %.1f bytes per entry",
		n, benchPayloadBytes, len(names), float64(size)/float64(n))
	return o
}

const bigLogEntries = 1_000_000

func BenchmarkOpen(b *testing.B) {
	for _, held := range []bool{true, false} {
		b.Run(fmt.Sprintf("held=%v", held), func(b *testing.B) {
			o := bigLog(b)
			if !held {
				o.Held = juno.Pos{}
			}
			for b.Loop() {
				l := mustOpen(b, o)
				must(b, l.Close())
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	o := bigLog(b)
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			n := int64(0)
			for b.Loop() {
				r, err := Verify(VerifyOptions{FS: o.FS, Dir: o.Dir, Workers: workers})
				must(b, err)
				n += r.Entries
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

func BenchmarkRead(b *testing.B) {
	l := mustOpen(b, bigLog(b))
	i := juno.Index(1)
	next := func() juno.Index {
		i = (i*2862933555777941757 + 3037000493) % bigLogEntries
		return i + 1
	}
	b.Run("Entry", func(b *testing.B) {
		for b.Loop() {
			if _, err := l.Entry(next()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Pos", func(b *testing.B) {
		for b.Loop() {
			if _, err := l.Pos(next()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Find", func(b *testing.B) {
		for b.Loop() {
			if _, err := l.Find(juno.RecordProof, min(next(), bigLogEntries-256)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("last10", func(b *testing.B) {
		for b.Loop() {
			for _, err := range l.EntriesBackward(bigLogEntries-9, bigLogEntries+1) {
				must(b, err)
			}
		}
	})
	scan := func(b *testing.B, chain bool) {
		n := 0
		for b.Loop() {
			if chain {
				for _, err := range l.Chain(1, bigLogEntries+1) {
					must(b, err)
					n++
				}
				continue
			}
			for _, err := range l.Entries(1, bigLogEntries+1) {
				must(b, err)
				n++
			}
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
	}
	b.Run("Entries", func(b *testing.B) { scan(b, false) })
	b.Run("Chain", func(b *testing.B) { scan(b, true) })
	must(b, l.Close())
}
