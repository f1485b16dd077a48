package snapshot

import (
	"context"
	"encoding/binary"
	"io"
	"iter"
	"os"
	"testing"

	"juno"
)

// balances are n elements of the size of a balance.
func balances(n int) iter.Seq2[Element, error] {
	return func(yield func(Element, error) bool) {
		key, value := []byte("b0000000000\x00XXX"), make([]byte, 12)
		for i := range n {
			for j, d := 10, i; j > 0; j, d = j-1, d/10 {
				key[j] = byte('0' + d%10)
			}
			binary.BigEndian.PutUint64(value, uint64(i)*0x9e3779b97f4a7c15)
			if !yield(Element{Key: key, Value: value}, nil) {
				return
			}
		}
	}
}

const benchElements = 200_000

func perElement(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchElements), "ns/element")
}

func BenchmarkCreate(b *testing.B) {
	dir := b.TempDir()
	var size int64
	for b.Loop() {
		if _, err := Create(context.Background(), dir, testManifest(5), balances(benchElements),
			sign); err != nil {
			b.Fatal(err)
		}
		info, err := os.Stat(statePath(dir, 5))
		if err != nil {
			b.Fatal(err)
		}
		size = info.Size()
	}
	perElement(b)
	b.ReportMetric(float64(size)/benchElements, "bytes/element")
}

func benchSnapshot(b *testing.B) *Snapshot {
	b.Helper()
	dir := b.TempDir()
	if _, err := Create(context.Background(), dir, testManifest(5), balances(benchElements),
		sign); err != nil {
		b.Fatal(err)
	}
	s, err := openNewest(b, dir)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

func BenchmarkElements(b *testing.B) {
	s := benchSnapshot(b)
	for b.Loop() {
		for _, err := range s.Elements() {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	perElement(b)
}

type counted int64

func (c *counted) Write(b []byte) (int, error) { *c += counted(len(b)); return len(b), nil }

func BenchmarkExport(b *testing.B) {
	s := benchSnapshot(b)
	var size counted
	for b.Loop() {
		size = 0
		if err := Export(context.Background(), &size, Cargo{
			Genesis: testGenesis(), Snapshot: s,
			Entries: entries(6, 0), Records: records(0),
		}); err != nil {
			b.Fatal(err)
		}
	}
	perElement(b)
	b.ReportMetric(float64(size)/benchElements, "bytes/element")
}

type discard struct{ received }

func (discard) Element(Element) error      { return nil }
func (discard) Entries([]juno.Entry) error { return nil }

func BenchmarkImport(b *testing.B) {
	s := benchSnapshot(b)
	for b.Loop() {
		r, w := io.Pipe()
		go func() {
			w.CloseWithError(Export(context.Background(), w, Cargo{
				Genesis: testGenesis(), Snapshot: s, Entries: entries(6, 0), Records: records(0),
			}))
		}()
		if err := Import(context.Background(), r, &discard{}, nil); err != nil {
			b.Fatal(err)
		}
	}
	perElement(b)
}
