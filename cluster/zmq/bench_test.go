package zmq

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"juno"
)

// pong returns a world of two nodes in which the second calls f for every frame.
func pong(b *testing.B, f func(w *world, frame []byte)) *world {
	var w *world
	var ready atomic.Pointer[world]
	w = newWorld(b, 2, func(c *Config) {
		if c.ID == 2 {
			c.Deliver = func(_ juno.NodeID, frame []byte) { f(ready.Load(), frame) }
		}
	})
	ready.Store(w)
	w.connected(1, 2)
	return w
}

// BenchmarkRoundTrip measures a small frame and its echo on an idle loopback.
func BenchmarkRoundTrip(b *testing.B) {
	back := make(chan struct{}, 1)
	var w *world
	w = newWorld(b, 2, func(c *Config) {
		if c.ID == 1 {
			c.Deliver = func(juno.NodeID, []byte) { back <- struct{}{} }
			return
		}
		c.Deliver = func(_ juno.NodeID, frame []byte) { w.nodes[2].Send(1, LaneVotes, frame) }
	})
	w.connected(1, 2)
	frame := make([]byte, 200)
	var times []time.Duration
	for b.Loop() {
		start := time.Now()
		w.nodes[1].Send(2, LaneVotes, frame)
		<-back
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkStream measures one node that sends as fast as the other receives.
func BenchmarkStream(b *testing.B) {
	for _, test := range []struct {
		lane Lane
		size int
	}{
		{LaneVotes, 200},
		{LaneEntries, 200},
		{LaneEntries, 16 << 10},
		{LaneEntries, 1 << 20},
	} {
		b.Run(fmt.Sprintf("%s/%d", test.lane, test.size), func(b *testing.B) {
			var arrived atomic.Int64
			const window = 4096
			free := make(chan struct{}, window)
			w := pong(b, func(*world, []byte) {
				arrived.Add(1)
				free <- struct{}{}
			})
			most := max(4, min(window, (16<<20)/test.size))
			if test.lane == LaneVotes {
				most = min(most, 1024)
			}
			for range most {
				free <- struct{}{}
			}
			frame := make([]byte, test.size)
			b.SetBytes(int64(test.size))
			sent := int64(0)
			for b.Loop() {
				<-free
				if !w.nodes[1].Send(2, test.lane, frame) {
					b.Fatal("send: refused, want accepted")
				}
				sent++
			}
			for arrived.Load() < sent {
				<-free
			}
		})
	}
}
