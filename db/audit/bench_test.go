package audit

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"juno"
)

// transfers returns a log of n transfers: signed one by one, or in batches of size.
func transfers(n, size int) *ledger {
	l := newLedger()
	for i := range 100 {
		l.single(fmt.Sprintf("AdjustAccount a%d 1%%1", i))
	}
	text := func(i int) string {
		return fmt.Sprintf("transfer(a%d->a%d, 1%%1)", i%100, (i*7+1)%100)
	}
	for i := 0; i < n; {
		if size <= 1 {
			l.single(text(i))
			i++
			continue
		}
		l.batch(size, func(j int) string { return text(i + j) })
		i += size
	}
	return l
}

func (l *ledger) run(b *testing.B, o Options) {
	o.Genesis, o.Start = l.genesis, l.start()
	b.ResetTimer()
	for range b.N {
		a, err := New(o)
		if err != nil {
			b.Fatal(err)
		}
		for i := 0; i < len(l.entries); i += 1024 {
			a.Entries(l.entries[i:min(i+1024, len(l.entries))])
		}
		findings, err := a.Finish()
		if err != nil {
			b.Fatal(err)
		}
		for _, f := range findings {
			if !f.OK {
				b.Fatal(&f)
			}
		}
	}
	b.ReportMetric(float64(len(l.entries)*b.N)/b.Elapsed().Seconds(), "entries/s")
}

func BenchmarkSignedOneByOne(b *testing.B) {
	transfers(40_000, 1).run(b, Options{Signatures: true})
}

func BenchmarkSignedInBatches(b *testing.B) {
	transfers(100_000, 1000).run(b, Options{Signatures: true})
}
func BenchmarkReplay(b *testing.B) { transfers(100_000, 1000).run(b, Options{Replay: true}) }
func BenchmarkSignaturesReplay(b *testing.B) {
	transfers(100_000, 1000).run(b, Options{Signatures: true, Replay: true})
}

// BenchmarkVerifyLimit is what the machine does when it verifies signatures and nothing else.
func BenchmarkVerifyLimit(b *testing.B) {
	l := transfers(4096, 1)
	b.ResetTimer()
	var group sync.WaitGroup
	const each = 8192
	for range b.N {
		for range runtime.GOMAXPROCS(0) {
			group.Add(1)
			go func() {
				defer group.Done()
				batch := juno.NewBatchVerifier(jobSignatures)
				for n := 0; n < each; n += jobSignatures {
					for i := range jobSignatures {
						c, _ := juno.ParseCommand(l.entries[100+i].Payload)
						e := c.Envelope()
						m := juno.AppendSigningBytes(nil, e.Kind, l.genesis.ID(), e.Body)
						batch.Add(l.client.Public(), m, e.Signature)
					}
					batch.Verify()
				}
			}()
		}
		group.Wait()
	}
	b.ReportMetric(float64(each*runtime.GOMAXPROCS(0)*b.N)/b.Elapsed().Seconds(), "signatures/s")
}

func BenchmarkChain(b *testing.B) {
	l := transfers(200_000, 1000)
	b.ResetTimer()
	for range b.N {
		c := NewChain(l.start(), l.tip().Index+1)
		var group sync.WaitGroup
		half := len(l.entries) / 2
		for _, part := range [][]juno.Chained{l.entries[:half], l.entries[half:]} {
			group.Add(1)
			go func() {
				defer group.Done()
				for i := 0; i < len(part); i += 4096 {
					c.Stretch(part[i:min(i+4096, len(part))])
				}
			}()
		}
		group.Wait()
		if f := c.Finish(); !f.OK {
			b.Fatal(&f)
		}
	}
	b.ReportMetric(float64(len(l.entries)*b.N)/b.Elapsed().Seconds(), "entries/s")
}
