package measure

import (
	"fmt"
	"sync"
	"time"
)

// Plan says how often and how long a measure runs.
type Plan struct {
	Samples int           // runs of one measure, at least 1
	Warmup  time.Duration // before each sample, not counted
	Length  time.Duration // of one sample
}

// Op is one acknowledged operation of one client; it returns how many units (transfers, reads)
// it was worth. Clients are numbered from 0 and call concurrently.
type Op func(client int, pairs *Pairs) (units int, err error)

// Loop runs the closed loop of all clients for every sample of the plan and returns the result
// with its name left empty.
func (p Plan) Loop(clients int, op Op) (Result, error) {
	pairs := make([]*Pairs, clients)
	for c := range pairs {
		pairs[c] = NewPairs(uint64(c) + 1)
	}
	result := Result{Clients: clients}
	var all []time.Duration
	for range p.Samples {
		if _, _, err := run(pairs, p.Warmup, op); err != nil {
			return Result{}, err
		}
		perSecond, latencies, err := run(pairs, p.Length, op)
		if err != nil {
			return Result{}, err
		}
		result.Samples = append(result.Samples, perSecond)
		all = append(all, latencies...)
	}
	result.P50, result.P99 = Percentile(all, 0.50), Percentile(all, 0.99)
	return result, nil
}

// run lets every client work until the time is over. Work that was begun in time counts, and so
// does the time that it took.
func run(pairs []*Pairs, length time.Duration, op Op) (float64, []time.Duration, error) {
	type outcome struct {
		units     int
		latencies []time.Duration
		err       error
	}
	outcomes := make([]outcome, len(pairs))
	var clients sync.WaitGroup
	start := time.Now()
	for c := range pairs {
		clients.Go(func() {
			out := &outcomes[c]
			for begin := start; begin.Sub(start) < length; {
				units, err := op(c, pairs[c])
				if err != nil {
					out.err = fmt.Errorf("client %d: %w", c, err)
					return
				}
				end := time.Now()
				out.units += units
				out.latencies = append(out.latencies, end.Sub(begin))
				begin = end
			}
		})
	}
	clients.Wait()
	elapsed := time.Since(start)
	units := 0
	var latencies []time.Duration
	for _, out := range outcomes {
		if out.err != nil {
			return 0, nil, out.err
		}
		units += out.units
		latencies = append(latencies, out.latencies...)
	}
	return float64(units) / elapsed.Seconds(), latencies, nil
}
