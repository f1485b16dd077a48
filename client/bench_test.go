package client

import (
	"context"
	"fmt"
	"testing"

	"juno"
)

// BenchmarkSubmit measures the client and the servers of four nodes together, in one process and
// without consensus or disk: what it costs to sign, to send, to answer and to believe.
func BenchmarkSubmit(b *testing.B) {
	for _, bench := range []struct {
		name string
		mode juno.Mode
		n    int
	}{{"single", juno.Single, 8000}, {"batch", juno.Batch, 8000}} {
		b.Run(bench.name, func(b *testing.B) {
			w := newWorld(b, 4)
			w.quick = true
			for _, n := range w.nodes {
				n.delay = 0
			}
			c := w.open()
			texts := adds(bench.n)
			b.ResetTimer()
			for b.Loop() {
				outcomes, err := c.Submit(context.Background(), texts, bench.mode, nil)
				if err != nil || outcomes[bench.n-1].Err != nil {
					b.Fatal(err, outcomes[bench.n-1].Err)
				}
			}
			b.ReportMetric(float64(b.N*bench.n)/b.Elapsed().Seconds(), "commands/s")
			b.StopTimer()
			c.Close()
		})
	}
}

// BenchmarkBelieve measures what the client does with the answers alone: two sheets of 256
// commands each are checked and counted, two more are only compared.
func BenchmarkBelieve(b *testing.B) {
	for _, size := range []int{1, 16, 256, 1024} {
		b.Run(fmt.Sprint(size), func(b *testing.B) { benchmarkBelieve(b, size) })
	}
}

func benchmarkBelieve(b *testing.B, size int) {
	w := newWorld(b, 4)
	c := w.open()
	items := make([]juno.AnswerItem, size)
	asked := make([]juno.Hash, size)
	for i := range items {
		items[i] = juno.AnswerItem{
			Request: juno.RequestID(i + 1), Index: juno.Index(i + 1), Time: 1,
			Result: juno.Result{Status: juno.StatusOK},
		}
	}
	sheets := make([]*juno.AnswerSheet, 4)
	var frames [][]byte
	for v := range sheets {
		sheets[v] = &juno.AnswerSheet{
			Node: juno.NodeID(v + 1), Client: c.KeyID(),
			Upto: juno.Pos{Index: 1}, Items: items,
		}
		juno.SignAnswers(nodeKey(juno.NodeID(v+1)), w.cluster, sheets[v:v+1])
		frames = append(frames, juno.AppendAnswerSheet(nil, sheets[v]))
	}
	for b.Loop() {
		wait := newWaiting(size, nil)
		c.mu.Lock()
		for i := range items {
			r := items[i].Request
			c.commands[r] = &command{request: r, asked: asked[i], wanted: []target{{wait, i}}}
		}
		c.mu.Unlock()
		for v := range frames {
			s := juno.NewDecoder(frames[v]).AnswerSheet()
			c.onAnswers(c.links[s.Node], s, frames[v])
		}
		<-wait.done
	}
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "commands/s")
	c.Close()
}
