package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"juno"
	"juno/internal/cli"
)

const (
	// clusterNodesMax is the largest cluster of the prototype's table.
	clusterNodesMax = 20
	// mainNodes is the size that is measured in every way.
	mainNodes = 4
	// largeSamples is how many samples larger clusters get at most: they share the same cores, so
	// that each burst takes long.
	largeSamples = 2
	// clusterBurst is how many commands `many` and `batch` are given at once, as in the demo.
	clusterBurst = 8000
	// clusterPartMax bounds every part: one size, the kills, the profiles; clusterLargeMax one
	// larger size.
	clusterPartMax  = 2 * time.Minute
	clusterLargeMax = 75 * time.Second
)

// clusterInFlight are the closed loops, those of the peers.
var clusterInFlight = []int{64, 512, 2000}

// cluster measures clusters of several sizes one after the other. Their nodes are processes of
// juno server, made by juno init; the load comes from this process, through package remote. What
// fails or takes too long is told among the results, and the rest goes on.
func (b *bench) cluster() error {
	sizes, err := clusterSizes(b.plan.nodes)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(b.ctx, b.plan.within)
	defer cancel()
	for _, nodes := range sizes {
		b.attempt(ctx, "cluster-size", nodes, func(b *bench) error { return b.clusterOf(nodes) })
		if nodes == mainNodes && b.plan.kills > 0 {
			b.attempt(ctx, "cluster-failover", nodes, (*bench).failover)
		}
		if nodes == mainNodes && b.plan.profiles != "" {
			b.attempt(ctx, "cluster-profile", nodes, (*bench).profileNodes)
		}
	}
	if b.plan.soak > 0 {
		b.attemptWithin(b.ctx, b.plan.soak+clusterPartMax, "cluster-soak", mainNodes,
			(*bench).soak)
	}
	return b.ctx.Err()
}

// clusterSizes reads a list such as "1,4,8".
func clusterSizes(text string) ([]int, error) {
	var sizes []int
	if text == "" {
		return nil, nil
	}
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > clusterNodesMax {
			return nil, cli.Usagef("nodes %.40q: want numbers from 1 to %d, such as 1,4,8", text,
				clusterNodesMax)
		}
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	return slices.Compact(sizes), nil
}

// attempt takes one part of the measures within its time. If it fails that is a result as well.
func (b *bench) attempt(ctx context.Context, name string, nodes int, part func(*bench) error) {
	within := clusterPartMax
	if nodes > mainNodes {
		within = clusterLargeMax
	}
	b.attemptWithin(ctx, within, name, nodes, part)
}

func (b *bench) attemptWithin(
	ctx context.Context, within time.Duration, name string, nodes int, part func(*bench) error,
) {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	inner := *b
	inner.ctx = ctx
	err := part(&inner)
	b.results = inner.results
	took := time.Since(begin).Round(time.Second)
	if err != nil {
		b.say("juno/%s of %d nodes failed after %s: %v", name, nodes, took, err)
		b.results = append(b.results, result{
			Name: "juno/" + name, Unit: "failure", Nodes: nodes, Samples: []float64{},
			Failure: fmt.Sprintf("after %s: %v", took, err),
		})
		return
	}
	b.say("juno/%s of %d nodes took %s", name, nodes, took)
}

// clusterOf measures one size.
func (b *bench) clusterOf(nodes int) error {
	c, err := b.startCluster(b.path(fmt.Sprintf("cluster%d", nodes)), nodes, "")
	if err != nil {
		return err
	}
	var gauges []*gauge
	if nodes <= mainNodes {
		for _, clients := range clusterInFlight {
			gauges = append(gauges, b.inFlight(c, "cluster-many", clients))
		}
	} else {
		b.plan.samples = min(b.plan.samples, largeSamples)
	}
	gauges = append(gauges, b.burst(c, "cluster-many", juno.Single),
		b.burst(c, "cluster-batch", juno.Batch), b.clusterCrypto(nodes))
	if nodes == mainNodes {
		gauges = append(gauges, b.inFlight(c, "cluster-idle", 1))
	}
	err = b.rounds(gauges...)
	if err == nil {
		err = b.clusterMemory(c)
	}
	return errors.Join(err, c.stop(), os.RemoveAll(c.dir))
}

// burst is a gauge of clusterBurst commands given at once, again and again.
func (b *bench) burst(c *processes, name string, mode juno.Mode) *gauge {
	r := result{
		Name: "juno/" + name, Unit: "commands/s", Clients: clusterBurst, Nodes: c.size,
		Note: fmt.Sprintf("bursts of %d, given at once by one client, as the shell's many and "+
			"batch test:%d; p50 and p99 are from the burst's begin to the acknowledgement of a "+
			"command", clusterBurst, clusterBurst),
	}
	texts := slices.Repeat([]string{clusterTransfer}, clusterBurst)
	g := &gauge{result: r, noCPU: true}
	g.sample = func(g *gauge) (float64, error) {
		if c.size <= mainNodes {
			if _, err := c.bursts(b.ctx, g, texts, mode, b.plan.warmup, false); err != nil {
				return 0, err
			}
		}
		return c.bursts(b.ctx, g, texts, mode, b.plan.length, true)
	}
	return g
}

// bursts submits until the time is over, and returns commands per second.
func (c *processes) bursts(
	ctx context.Context, g *gauge, texts []string, mode juno.Mode, length time.Duration,
	counts bool,
) (float64, error) {
	start := time.Now()
	units := 0
	for begin := start; begin.Sub(start) < length; begin = time.Now() {
		acknowledged := make([]time.Duration, 0, len(texts))
		outcomes, err := c.clients[0].Submit(ctx, texts, mode, func(done, _ int) {
			now := time.Since(begin)
			for len(acknowledged) < done {
				acknowledged = append(acknowledged, now)
			}
		})
		if err == nil {
			err = executed(outcomes)
		}
		if err != nil {
			return 0, err
		}
		units += len(texts)
		if counts {
			g.latencies = append(g.latencies, acknowledged...)
		}
	}
	return float64(units) / time.Since(start).Seconds(), nil
}

// inFlight is a gauge of a closed loop of so many single commands.
func (b *bench) inFlight(c *processes, name string, clients int) *gauge {
	r := result{
		Name: "juno/" + name, Unit: "commands/s", Clients: clients, Nodes: c.size,
		Note: fmt.Sprintf("closed loops: each sends its next command when its last one is "+
			"acknowledged by f+1 nodes; keys of clients, each with its own connections: %d",
			min(clients, len(c.clients))),
	}
	return b.elsewhere(r, clients, b.oneByOne(c))
}

// oneByOne is one command of a client, signed by itself and acknowledged.
func (b *bench) oneByOne(c *processes) loopOp {
	return func(i int, draw *pairs) (int, error) {
		return 1, c.submit(b.ctx, i, draw.text(loadAccounts))
	}
}

// elsewhere is a gauge of clients whose work is done by other processes: the processor time of
// this one says nothing about it.
func (b *bench) elsewhere(r result, clients int, op loopOp) *gauge {
	g := b.loop(r, clients, op)
	g.noCPU = true
	return g
}

// clusterCrypto is the limit of commands that are signed each by itself: signed once, and
// verified by every node, on the cores that all nodes share.
func (b *bench) clusterCrypto(nodes int) *gauge {
	r := result{
		Name: "juno/cluster-crypto", Unit: "commands/s", Nodes: nodes,
		Note: fmt.Sprintf("all cores sign once, and verify %d at once for each node; no disk",
			cryptoBatch),
	}
	return b.cryptoGauge(r, func(s *cryptoClient) error {
		s.sign()
		for range nodes {
			if err := s.verify(); err != nil {
				return err
			}
		}
		return nil
	})
}

// clusterMemory measures the largest node after the runs.
func (b *bench) clusterMemory(c *processes) error {
	largest, err := c.largest()
	if err != nil {
		return err
	}
	b.results = append(b.results, result{
		Name: "juno/cluster-memory", Unit: "bytes", Nodes: c.size,
		Samples: []float64{float64(largest)}, Note: "VmRSS of the largest node",
	})
	return nil
}
