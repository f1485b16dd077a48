package consensus_test

import (
	"strings"
	"testing"

	"juno"
	"juno/cluster/consensus"
)

// FuzzCore lets bytes drive a running cluster of real cores: what is delivered, lost, doubled and
// reordered, who crashes, whose disk is slow, who presses the button, and what the liars say, who
// also repeat what others said with some bits changed. All that TestChaos checks is checked, and
// that no buffer grows beyond its bound. Nothing may panic, even where everybody else lies.
func FuzzCore(f *testing.F) {
	for seed := range 60 {
		c := &chaos{seed: uint64(seed+1) * 0x9e3779b97f4a7c15}
		b := make([]byte, 1500)
		for i := range b {
			b[i] = byte(c.below(256))
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > fuzzBytesMax {
			return
		}
		z := newFuzzed(b)
		z.play()
		if len(z.w.faults) > 0 {
			t.Fatalf("n=%d:\n%s\n%s", z.n, strings.Join(z.w.faults, "\n"), z.tail())
		}
	})
}

// fuzzBytesMax bounds a run; longer inputs show nothing that shorter ones cannot.
const fuzzBytesMax = 4000

// fuzzed is a random schedule that bytes decide about.
type fuzzed struct {
	*chaos
	alone bool // all but one lie
}

func newFuzzed(b []byte) *fuzzed {
	z := &fuzzed{chaos: newChaosOf(&chaos{script: b, scripted: true}, noMutant)}
	if z.alone = z.evil != nil && z.below(4) == 0; z.alone {
		for _, n := range z.w.nodes[1:] {
			n.byz = true
		}
		z.evil.id = 2
		if first := z.w.node(1); first.byz {
			first.byz = false
			z.must(first.start())
		}
	} else if z.evil == nil && z.n >= 4 {
		z.w.node(1 + z.below(z.n)).corrupt = z.below(2) == 0 // executes wrongly
	}
	return z
}

// play brings the cluster to where there is something to break, and then does what the bytes say.
func (z *fuzzed) play() {
	defer func() {
		if r := recover(); r != nil {
			z.w.fault("panic: %v", r)
			panic(r)
		}
	}()
	for i := range 60 { // enough to replace a leader who is silent
		n := z.w.nodes[i%len(z.w.nodes)]
		if i%10 == 0 {
			z.propose(n)
		}
		n.tick()
		z.w.settle(func(packet) bool { return true })
	}
	for len(z.script) > 0 && len(z.w.faults) == 0 {
		z.step()
		z.bounded()
	}
	if !z.alone {
		z.w.oracle.check(z.w, z.w.configs())
	}
}

func (z *fuzzed) step() {
	n := z.w.nodes[z.below(len(z.w.nodes))]
	if z.alone {
		z.evil.id = 2 + z.below(len(z.w.nodes)-1)
		z.evil.act()
	}
	switch k := z.below(24); {
	case n.byz || n.down || k > 6:
		z.chaos.step()
	case k == 0:
		z.prune(n)
	case k == 1:
		z.must(n.install())
	case k == 2:
		z.w.press(1+uint64(z.below(3)), 1, n.id)
	case k == 3:
		m := modePayload(z.below(2) == 0, uint64(z.below(4)))
		n.pool.add(juno.Entry{Type: juno.EntryMode, Payload: m.Payload()})
	case k == 4:
		n.core.Resign()
		n.advance()
	case k == 5:
		s := n.core.Status()
		z.w.revolt(s.Term, s.Leader, n.id)
	default:
		n.core.Behind(juno.NodeID(1 + z.below(len(z.w.nodes))))
	}
}

// prune archives the log of a node below a certified checkpoint, as a host may.
func (z *fuzzed) prune(n *node) {
	if at := min(n.certified, n.applied); !n.hold && at > n.disk.start.Index {
		n.prune(at)
	}
}

// bounded is I12.
func (z *fuzzed) bounded() {
	for _, n := range z.w.nodes {
		if n.byz || n.down {
			continue
		}
		if what := consensus.Excess(n.core); what != "" {
			z.w.fault("node %d keeps %s", n.id, what)
		}
	}
}
