package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

const (
	// soakLoops are the closed loops of the long run.
	soakLoops = 64
	// soakParts is how many stretches the long run is told in.
	soakParts = 10
	// soakLook is how often the memory of the nodes is looked at.
	soakLook = time.Second
)

// soak keeps a cluster under load for long, and measures the largest node in every tenth of that
// time: what grows for ever is seen, and what a node keeps ready levels off.
func (b *bench) soak() error {
	c, err := b.startCluster(b.path("soak"), mainNodes, "")
	if err != nil {
		return err
	}
	r := result{
		Name: "juno/cluster-soak", Unit: "bytes", Nodes: c.size, Clients: soakLoops,
		Note: fmt.Sprintf("VmRSS of the largest node in each tenth of %s of closed loops",
			b.plan.soak),
	}
	load := b.inFlight(c, "", soakLoops)
	ended := make(chan error, 1)
	var rate float64
	go func() {
		var err error
		rate, err = b.run(load, b.plan.soak, b.oneByOne(c), false)
		ended <- err
	}()
	r.Samples, err = b.watchMemory(c)
	err = errors.Join(err, <-ended)
	if err == nil {
		r.Note += fmt.Sprintf(", %.0f commands/s", rate)
		b.results = append(b.results, r)
	}
	return errors.Join(err, c.stop(), os.RemoveAll(c.dir))
}

// watchMemory returns the most that a node had in each part of the time.
func (b *bench) watchMemory(c *processes) ([]float64, error) {
	look := time.NewTicker(soakLook)
	defer look.Stop()
	most := make([]float64, soakParts)
	for start := time.Now(); ; {
		part := int(time.Since(start) * soakParts / b.plan.soak)
		if part >= soakParts {
			return most, nil
		}
		bytes, err := c.largest()
		if err != nil {
			return nil, err
		}
		most[part] = max(most[part], float64(bytes))
		select {
		case <-look.C:
		case <-b.ctx.Done():
			return nil, context.Cause(b.ctx)
		}
	}
}

// largest returns the resident memory of the largest node.
func (c *processes) largest() (int64, error) {
	most := int64(0)
	for _, n := range c.nodes {
		bytes, err := residentBytes(strconv.Itoa(n.process.Process.Pid))
		if err != nil {
			return 0, err
		}
		most = max(most, bytes)
	}
	return most, nil
}
