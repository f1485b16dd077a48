package bench

import (
	"fmt"
	"sync"
	"syscall"
	"time"
)

// gauge is one measure that is taken sample by sample.
type gauge struct {
	result
	sample func(g *gauge) (float64, error)

	pairs     []*pairs // of the clients, for loops
	latencies []time.Duration
	units     int
	cpu       time.Duration
	noCPU     bool // of no interest
}

// rounds takes one sample of each gauge after the other, until each has all of them: what else
// goes on on the machine disturbs all of them alike, and shares of each other least.
// If one fails the others keep the samples that they have.
func (b *bench) rounds(gauges ...*gauge) error {
	err := b.sampleAll(gauges)
	for _, g := range gauges {
		if len(g.Samples) == 0 {
			continue
		}
		g.P50, g.P99 = percentile(g.latencies, 0.50), percentile(g.latencies, 0.99)
		if g.units > 0 && !g.noCPU {
			g.cpuMicros = float64(g.cpu.Nanoseconds()) / 1e3 / float64(g.units)
		}
		b.say("%-24s %10s %-14s p50 %s, cpu %s", g.Name, figures(g.median()), g.Unit, micros(g.P50),
			micros(g.cpuMicros))
		b.results = append(b.results, g.result)
	}
	return err
}

func (b *bench) sampleAll(gauges []*gauge) error {
	for range b.plan.samples {
		for _, g := range gauges {
			value, err := g.sample(g)
			if err != nil {
				return fmt.Errorf("%s, %d clients: %w", g.Name, g.Clients, err)
			}
			g.Samples = append(g.Samples, value)
		}
	}
	return nil
}

// loopOp is one acknowledged operation of one client; it returns how many units it was worth.
// Clients are numbered from 0 and call concurrently.
type loopOp func(client int, draw *pairs) (units int, err error)

// loop is a gauge of a closed loop: every client begins its next operation when its last one is
// acknowledged.
func (b *bench) loop(r result, clients int, op loopOp) *gauge {
	g := &gauge{result: r, pairs: make([]*pairs, clients)}
	for c := range g.pairs {
		g.pairs[c] = &pairs{state: uint64(c) + 1}
	}
	g.sample = func(g *gauge) (float64, error) {
		if _, err := b.run(g, b.plan.warmup, op, false); err != nil {
			return 0, err
		}
		return b.run(g, b.plan.length, op, true)
	}
	return g
}

// whole is a gauge of one long operation, which is a sample.
func (b *bench) whole(r result, op loopOp) *gauge {
	g := &gauge{result: r, pairs: []*pairs{{state: 1}}}
	g.sample = func(g *gauge) (float64, error) { return b.run(g, 1, op, true) }
	return g
}

// run lets every client work until the time is over, and returns units per second. Work that was
// begun in time counts, and so does the time that it took.
func (b *bench) run(g *gauge, length time.Duration, op loopOp, counts bool) (float64, error) {
	type outcome struct {
		units     int
		latencies []time.Duration
		err       error
	}
	outcomes := make([]outcome, len(g.pairs))
	var clients sync.WaitGroup
	start, used := time.Now(), cpuTime()
	for c := range g.pairs {
		clients.Go(func() {
			out := &outcomes[c]
			for begin := start; begin.Sub(start) < length && out.err == nil; {
				units, err := op(c, g.pairs[c])
				if err == nil {
					err = b.ctx.Err()
				}
				end := time.Now()
				out.err = err
				out.units += units
				out.latencies = append(out.latencies, end.Sub(begin))
				begin = end
			}
		})
	}
	clients.Wait()
	elapsed := time.Since(start)
	units := 0
	for _, out := range outcomes {
		if out.err != nil {
			return 0, out.err
		}
		units += out.units
		if counts {
			g.latencies = append(g.latencies, out.latencies...)
		}
	}
	if counts {
		g.units += units
		g.cpu += cpuTime() - used
	}
	return float64(units) / elapsed.Seconds(), nil
}

// cpuTime returns the time that this process has used on all cores.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // then cpu times are small and wrong, and nothing else
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// The accounts of the workload, which is that of bench/measure.
const (
	loadAccounts = 1000
	loadOpening  = 1_000_000 // units in each account before the clock starts
)

// pairs draws transfers; equal seeds draw equal transfers on every system. Client c has seed c+1.
type pairs struct{ state uint64 }

// next draws two different accounts of n.
func (p *pairs) next(n uint64) (from, to uint64) {
	from, to = p.draw()%n, p.draw()%(n-1)
	if to >= from {
		to++
	}
	return from, to
}

// draw is SplitMix64 (Steele, Lea, Flood 2014).
func (p *pairs) draw() uint64 {
	p.state += 0x9e3779b97f4a7c15
	z := p.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// text draws the command of one transfer between n accounts.
func (p *pairs) text(n uint64) string {
	from, to := p.next(n)
	return fmt.Sprintf("transfer(a%d->a%d, 1%%1)", from, to)
}

// texts draws a number of them.
func (p *pairs) texts(count int, n uint64) []string {
	all := make([]string, count)
	for i := range all {
		all[i] = p.text(n)
	}
	return all
}
