package embedded

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"juno"
	"juno/datadir"
)

// The benchmarks run a cluster of four voters in this process: every node has a log and a state of
// its own on the disk, syncs every batch, and verifies every signature.

// BenchmarkClusterMany submits commands that are signed one by one.
func BenchmarkClusterMany(b *testing.B) { benchmarkCluster(b, juno.Single, 8000) }

// BenchmarkClusterBatch submits client batches of 8000 commands.
func BenchmarkClusterBatch(b *testing.B) { benchmarkCluster(b, juno.Batch, 8000) }

func benchmarkCluster(b *testing.B, mode juno.Mode, size int) {
	w := newTown(b, 4, datadir.Options{})
	lead := w.leader()
	w.submit(lead, 100, mode)
	texts := make([]string, size)
	for i := range texts {
		texts[i] = fmt.Sprintf("transfer(a%d->b%d, 1%%1)", i%100, i%100)
	}
	done, began := 0, time.Now()
	for b.Loop() {
		outcomes, err := w.client[lead-1].Submit(b.Context(), texts, mode, nil)
		if err != nil {
			b.Fatal(err)
		}
		for i := range outcomes {
			if outcomes[i].Err != nil {
				b.Fatal(outcomes[i].Err)
			}
		}
		done += size
	}
	took := time.Since(began)
	b.ReportMetric(float64(done)/took.Seconds(), "commands/s")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkClusterIdle submits one command at a time to a cluster that does nothing else.
func BenchmarkClusterIdle(b *testing.B) {
	for _, c := range []struct {
		name string
		far  bool
	}{{"leader", false}, {"follower", true}} {
		b.Run(c.name, func(b *testing.B) {
			w := newTown(b, 4, datadir.Options{})
			through := w.leader()
			if c.far {
				through = through%4 + 1
			}
			w.submit(through, 20, juno.Single)
			var all []time.Duration
			for b.Loop() {
				began := time.Now()
				w.submit(through, 1, juno.Single)
				all = append(all, time.Since(began))
			}
			slices.Sort(all)
			at := func(share float64) float64 {
				return all[int(share*float64(len(all)-1))].Seconds() * 1000
			}
			b.ReportMetric(at(0.5), "p50-ms")
			b.ReportMetric(at(0.99), "p99-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkCryptoLimit is what the machine could do at most if there were nothing but signatures:
// one to make and four to verify for every command, on all cores.
func BenchmarkCryptoLimit(b *testing.B) {
	const nodes, batch = 4, 512
	key := juno.NewPrivateKey([juno.SeedBytes]byte{1})
	message := make([]byte, 120)
	b.RunParallel(func(pb *testing.PB) {
		v := juno.NewBatchVerifier(batch)
		for pb.Next() {
			signatures := make([]juno.Signature, batch)
			for i := range signatures {
				message[0] = 1
				signatures[i] = key.Sign(message)
			}
			for range nodes {
				for i := range signatures {
					v.Add(key.Public(), message, signatures[i])
				}
				v.Verify()
			}
		}
	})
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "commands/s")
	b.ReportMetric(0, "ns/op")
}
