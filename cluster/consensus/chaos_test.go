package consensus_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"juno"
)

var (
	chaosSeeds = flag.Int("chaos.seeds", 60, "how many random schedules to run")
	chaosFrom  = flag.Int("chaos.from", 1, "the first of them")
)

// TestChaos runs random schedules: messages are lost, doubled and reordered, links are cut, nodes
// crash and lose what was not synced. Nothing may fork, and after everything heals all must go
// on. The simulator of cluster/sim does much more; this is what finds a mistake within seconds.
func TestChaos(t *testing.T) {
	for seed := *chaosFrom; seed < *chaosFrom+*chaosSeeds; seed++ {
		c := newChaos(uint64(seed), noMutant)
		c.play()
		if len(c.w.faults) > 0 {
			t.Fatalf("seed %d (n=%d):\n%s\n%s", seed, c.n, strings.Join(c.w.faults, "\n"), c.tail())
		}
	}
}

// chaos is one random schedule.
type chaos struct {
	w      *world
	n      int
	seed   uint64
	next   int // number of the next command
	epochs bool
	evil   *adversary

	scripted bool   // by script instead of seed; the rest is zeros
	script   []byte // what is left of it
}

func newChaos(seed uint64, mutant mutant) *chaos {
	return newChaosOf(&chaos{seed: seed * 0x9e3779b97f4a7c15}, mutant)
}

// newChaosOf starts a cluster on the source of randomness in c.
func newChaosOf(c *chaos, mutant mutant) *chaos {
	sizes := []int{1, 2, 3, 4, 4, 4, 5, 6, 7}
	c.n = sizes[c.below(len(sizes))]
	c.epochs = c.below(3) == 0
	limits := scenarioLimits()
	limits.Revolution = true
	limits.CacheEntriesMax = c.below(20)
	limits.BatchEntriesMax = 1 + c.below(5)
	limits.BufferMax = 1 + c.below(6)
	limits.RingVotes = 2 + c.below(6)
	limits.SyncBytesMax = 100 + c.below(2000)
	if c.below(4) == 0 {
		limits.RotateEvery = uint64(3 + c.below(5))
	}
	c.w = newWorld(c.n, c.below(2), limits, mutant)
	if c.n >= 4 && c.below(3) != 0 {
		c.evil = &adversary{c: c, id: c.n}
		if c.scripted {
			c.evil.id = 1 + c.below(c.n)
		}
		c.w.node(c.evil.id).byz = true
	}
	for _, n := range c.w.nodes {
		if !n.byz {
			c.must(n.start())
		}
	}
	return c
}

// below returns a random number: of the script, or splitmix64.
func (c *chaos) below(n int) int {
	if c.scripted {
		return c.read(n)
	}
	c.seed += 0x9e3779b97f4a7c15
	z := c.seed
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) % uint64(n))
}

// read takes one byte of the script, two if one is too small.
func (c *chaos) read(n int) int {
	v := 0
	for most := 1; most < n; most <<= 8 {
		if len(c.script) > 0 {
			v, c.script = v<<8|int(c.script[0]), c.script[1:]
		}
	}
	return v % n
}

func (c *chaos) must(err error) {
	if err != nil {
		c.w.fault("%v", err)
	}
}

// play runs the whole schedule.
func (c *chaos) play() {
	c.run(400)
	if len(c.w.faults) == 0 {
		c.heal()
	}
	c.w.oracle.check(c.w, c.w.configs())
}

func (c *chaos) run(steps int) {
	for range steps {
		c.step()
		if len(c.w.faults) > 0 {
			return
		}
	}
}

func (c *chaos) step() {
	w := c.w
	if c.evil != nil && c.below(3) == 0 {
		c.evil.act()
	}
	n := w.nodes[c.below(len(w.nodes))]
	if n.byz {
		return
	}
	switch k := c.below(100); {
	case k < 45:
		c.deliverSome()
	case k < 60:
		for range 1 + c.below(8) {
			for _, n := range w.nodes {
				n.tick()
			}
		}
	case k < 66:
		n.tick()
	case k < 76:
		c.propose(n)
	case k < 79:
		c.crash(n)
	case k < 86:
		if n.down {
			c.must(n.start())
		}
	case k < 89:
		n.hold = true
	case k < 93:
		c.sync(n)
	case k < 96:
		other := w.nodes[c.below(len(w.nodes))]
		w.cuts[[2]int{n.id, other.id}] = true
	case k < 99:
		clear(w.cuts)
	default:
		if c.epochs {
			c.reconfigure(n)
		}
	}
}

func (c *chaos) sync(n *node) {
	n.hold = false
	if !n.down && !n.byz {
		n.sync()
		n.advance()
	}
}

// deliverSome delivers, loses or doubles some of what is on the wire, mostly in order.
func (c *chaos) deliverSome() {
	for range 1 + c.below(40) {
		if len(c.w.wire) == 0 {
			return
		}
		i := 0
		if c.below(4) == 0 {
			i = c.below(len(c.w.wire))
		}
		p := c.w.wire[i]
		if c.below(30) != 0 { // else it comes twice
			c.w.wire = slices.Delete(c.w.wire, i, i+1)
		}
		if c.below(12) != 0 { // else it is lost
			_ = c.w.receive(p)
		}
	}
}

func (c *chaos) propose(n *node) {
	if n.down || n.byz {
		return
	}
	for range 1 + c.below(4) {
		c.next++
		name := fmt.Sprintf("c%d", c.next)
		if c.below(3) == 0 {
			n.pool.add(batchOf(name, 1+c.below(4))...)
		} else {
			n.pool.add(juno.Entry{Type: juno.EntryCommand, Payload: []byte(name)})
		}
	}
	n.core.Propose(n.now)
	n.advance()
}

func (c *chaos) crash(n *node) {
	down := 0
	for _, n := range c.w.nodes {
		if n.down && !n.byz {
			down++
		}
	}
	if !n.down && down <= len(c.w.nodes)/2 {
		n.crash()
	}
}

// reconfigure proposes a random membership.
func (c *chaos) reconfigure(n *node) {
	if n.down {
		return
	}
	present := n.core.Status().Config
	next := *present
	next.Epoch++
	next.Voters, next.Observers = nil, nil
	for _, n := range c.w.nodes {
		if c.below(4) != 0 {
			next.Voters = append(next.Voters, memberOf(n.id))
		} else {
			next.Observers = append(next.Observers, memberOf(n.id))
		}
	}
	if len(next.Voters) == 0 || (c.evil != nil && len(next.Voters) < 4) {
		return // one of fewer than four cannot be tolerated to lie
	}
	next.FirstLeader = next.Voters[c.below(len(next.Voters))].ID
	change := &juno.ConfigChange{Previous: present.Hash(), Next: next}
	n.pool.add(juno.Entry{Type: juno.EntryConfig, Payload: change.Payload()})
	n.core.Propose(n.now)
	n.advance()
}

// heal repairs everything and wants all to make progress.
func (c *chaos) heal() {
	clear(c.w.cuts)
	for _, n := range c.w.nodes {
		if n.down && !n.byz {
			c.must(n.start())
		}
		c.sync(n)
	}
	goal := juno.Index(0)
	for i := range 6000 {
		for _, n := range c.w.nodes {
			n.tick()
		}
		c.w.settle(func(packet) bool { return true })
		if c.evil != nil && i%3 == 0 {
			c.evil.act()
		}
		if i == 300 {
			for _, n := range c.w.nodes {
				if n.byz {
					continue
				}
				goal = max(goal, n.core.Status().Committed.Index+1)
			}
			for _, n := range c.w.nodes {
				c.propose(n)
			}
		}
		if len(c.w.faults) > 0 || (i > 300 && c.done(goal)) {
			return
		}
	}
	for _, n := range c.w.nodes {
		if !n.byz {
			c.w.log("%s", describeStatus(n.core.Status()))
		}
	}
	c.w.fault("no progress after everything healed: want %d committed everywhere", goal)
}

func (c *chaos) done(goal juno.Index) bool {
	for _, n := range c.w.nodes {
		if !n.byz && n.core.Status().Committed.Index < goal {
			return false
		}
	}
	return true
}

// tail returns the end of the trace.
func (c *chaos) tail() string {
	all := c.w.trace.String()
	return all[max(0, len(all)-6000):]
}
