package sim

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	seedsFlag   = flag.Int("seeds", 0, "run so many seeds; 0 is what make test can bear")
	fromFlag    = flag.Uint64("from", 1, "first seed")
	workersFlag = flag.Int("workers", runtime.GOMAXPROCS(0), "seeds to run side by side")
	twiceFlag   = flag.Int("twice", 1, "run every n-th seed twice, both the same; 0 for none")
	saveFlag    = flag.Bool("save", false, "write traces of failures to testdata/failures")
)

const (
	// sliceSeeds is what make test runs: half a minute on two cores.
	sliceSeeds = 400
	// failuresMax is how many failures a campaign shows before it gives up.
	failuresMax = 10
	// traceTail is how many lines of the trace of a failure are printed.
	traceTail = 60
)

// TestCampaign runs many seeds, and shows what they went through. Every one must hold all
// invariants and make progress after healing, give its clients answers that a plain ledger could
// have given, and happen twice in the same way.
func TestCampaign(t *testing.T) {
	n := *seedsFlag
	if n == 0 {
		n = sliceSeeds
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // a world is small and makes much garbage
	c := newCampaign(t, n)
	for o := range c.outcomes() {
		c.take(o)
		if c.failures > failuresMax {
			t.Error("too many failures, the rest is not run")
			break
		}
	}
	t.Logf("\n%s", c.summary())
	if *seedsFlag == 0 {
		c.checkCounts()
	}
}

// campaign is a number of seeds and what became of them.
type campaign struct {
	t        *testing.T
	seeds    int
	began    time.Time
	shown    time.Time // when progress was printed last
	done     int
	runs     int
	checked  int // histories
	failures int
	total    Stats
	sizes    map[int]*sizeStats // by number of voters
	print    uint64             // of all runs
}

// sizeStats is what happened in clusters of one size.
type sizeStats struct {
	seeds, failures, byzantine int
	total                      Stats
}

// outcome is what became of one seed.
type outcome struct {
	result Result
	err    error
	runs   int
}

func newCampaign(t *testing.T, seeds int) *campaign {
	return &campaign{
		t: t, seeds: seeds, began: time.Now(), shown: time.Now(), sizes: make(map[int]*sizeStats),
	}
}

// outcomes runs the seeds side by side, each in a world of its own, and yields what became of them
// in their order.
func (c *campaign) outcomes() func(yield func(*outcome) bool) {
	return func(yield func(*outcome) bool) {
		workers := max(1, *workersFlag)
		slots := make([]chan *outcome, workers) // worker i runs every workers-th seed
		quit := make(chan struct{})
		var wait sync.WaitGroup
		for i := range slots {
			slots[i] = make(chan *outcome, 64)
			wait.Go(func() {
				for at := i; at < c.seeds; at += workers {
					select {
					case slots[i] <- c.run(*fromFlag + uint64(at)):
					case <-quit:
						return
					}
				}
			})
		}
		for at := range c.seeds {
			if !yield(<-slots[at%workers]) {
				break
			}
		}
		close(quit)
		wait.Wait()
	}
}

// run runs one seed, once or twice, and checks it.
func (c *campaign) run(seed uint64) *outcome {
	o := &outcome{result: Run(planOf(c.t, seed), false), runs: 1}
	o.err = o.result.check()
	if *twiceFlag > 0 && seed%uint64(*twiceFlag) == 0 {
		again := Run(planOf(c.t, seed), false)
		if o.runs++; o.err == nil && again.Digest != o.result.Digest {
			o.err = fmt.Errorf("two runs differ: %x and %x", o.result.Digest, again.Digest)
		}
	}
	return o
}

// take adds the next seed to what is known.
func (c *campaign) take(o *outcome) {
	p := &o.result.Plan
	c.done, c.runs = c.done+1, c.runs+o.runs
	c.print = mix(c.print, o.result.Digest)
	c.total.Add(&o.result.Stats)
	size := c.sizes[p.Voters]
	if size == nil {
		size = &sizeStats{}
		c.sizes[p.Voters] = size
	}
	size.seeds++
	size.total.Add(&o.result.Stats)
	if p.Byzantine > 0 {
		size.byzantine++
	}
	if o.result.Violation == nil {
		c.checked++
	}
	if o.err != nil {
		size.failures++
		c.failures++
		c.report(o)
	}
	const every = 5 * time.Second
	if now := time.Now(); *seedsFlag > 0 && now.Sub(c.shown) >= every {
		c.shown = now
		fmt.Fprintf(os.Stderr, "%s %d of %d seeds, %d failures, %.1f seeds/s\n",
			now.Format(time.TimeOnly), c.done, c.seeds, c.failures,
			float64(c.done)/now.Sub(c.began).Seconds())
	}
}

// report shows how a seed failed.
func (c *campaign) report(o *outcome) {
	c.t.Helper()
	p := o.result.Plan
	trace := Run(p, true).Trace
	if *saveFlag {
		c.save(&p, o.err, trace)
	}
	c.t.Errorf("seed %d: %v\nreplay: %s\n%s\n%s\n%s", p.Seed, o.err, replay(p.Seed), p.String(),
		TraceHeader, strings.Join(trace[max(0, len(trace)-traceTail):], "\n"))
}

// save writes the whole trace of a failure.
func (c *campaign) save(p *Plan, failure error, trace []string) {
	c.t.Helper()
	dir := filepath.Join("testdata", "failures")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		c.t.Fatal(err)
	}
	name := filepath.Join(dir, fmt.Sprintf("seed-%d.txt", p.Seed))
	text := fmt.Sprintf("%v\n%s\n%s\n%s\n%s\n", failure, replay(p.Seed), p.String(), TraceHeader,
		strings.Join(trace, "\n"))
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
	c.t.Logf("the trace is in %s", name)
}

// checkCounts shows that nothing of what a plan can hold is forgotten by the generator.
func (c *campaign) checkCounts() {
	for _, count := range Counts() {
		if c.total.Counts[count] == 0 {
			c.t.Errorf("%d seeds went through no %s", c.done, count)
		}
	}
}
