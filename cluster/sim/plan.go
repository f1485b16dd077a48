package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"juno"
	"juno/cluster/consensus"
)

// Plan is everything that is decided before a run begins. PlanOf derives it from a seed; a test may
// change it. A run is a function of its plan alone.
type Plan struct {
	Seed   uint64
	Mutant Mutant // rule that every correct node breaks; NoMutant but in tests of the rules

	Voters    int // of epoch 0
	Spares    int // observers of epoch 0, which may become voters
	Byzantine int // nodes of the adversary, all of them voters of epoch 0
	Clients   int

	Chaos Micros // duration of faults; then everything heals
	Limit Micros // time in which the cluster must make progress after that

	Limits          consensus.Limits
	CheckpointEvery uint64
	Real            bool // ed25519 instead of the fast signatures
	WAL             bool // package wal on a disk in memory instead of the fast one
	Credulous       bool // clients believe the first answer (B8); for a test of the checks

	Net    Net
	Disk   Disk
	Faults Faults
	Moves  []string // of the adversary, besides the styles
	Styles []style  // of the nodes of the adversary
}

// Net configures the network.
type Net struct {
	DelayMin, DelayMax Micros
	SlowPermille       int    // of messages that take up to SlowMax
	SlowMax            Micros // so they overtake each other, and arrive in other terms
	LossPermille       int
	DupPermille        int
	// CrowdPermille of the messages find more of them waiting behind: the host asks the core for a
	// Ready only after the last.
	CrowdPermille int
}

// Disk configures the disks.
type Disk struct {
	SyncMin, SyncMax Micros
}

// Faults configures the faults of correct nodes, as mean distances in time; 0 is never.
type Faults struct {
	CrashEvery     Micros
	PartitionEvery Micros
	// CutPermille is how often the adversarial scheduler strikes when a node has just formed a
	// certificate, signed a prepare, signed a new-term message, led or committed.
	CutPermille int
	EpochEvery  Micros // changes of the membership
	HaltEvery   Micros // halts, and resumes
	FreezeEvery Micros // processes that get no processor for a while
	ClockSkew   Micros // between the clocks of two nodes
	Late        Micros // when one node starts for the first time; the others do at once
	// LoseDisk lets one node that the adversary does not own lose its disk, Corrupt lets one
	// compute a wrong state from some moment on. Either counts as faulty.
	LoseDisk, Corrupt bool
}

// PlanOf derives a plan from a seed: the size of the cluster, the limits of the core, the faults
// and the adversary are all drawn at random.
func PlanOf(seed uint64) Plan {
	rng := rand.New(rand.NewPCG(seed, 0x706c616e))
	p := Plan{Seed: seed, Limit: 60 * second}
	sizes := []int{4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 6, 6, 7, 7, 7, 10, 1, 4, 4, 7}
	return p.fill(rng, sizes[seed%uint64(len(sizes))])
}

// PlanFor is PlanOf for a cluster of n voters.
func PlanFor(seed uint64, n int) Plan {
	rng := rand.New(rand.NewPCG(seed, 0x706c616e))
	p := Plan{Seed: seed, Limit: 60 * second}
	return p.fill(rng, n)
}

func (p Plan) fill(rng *rand.Rand, n int) Plan {
	p.Voters, p.Clients = n, 2+rng.IntN(4)
	if rng.IntN(3) == 0 {
		p.Spares = 1 + rng.IntN(2)
	}
	p.Byzantine = juno.Faulty(n)
	if p.Byzantine > 0 && rng.IntN(3) == 0 {
		p.Byzantine = rng.IntN(p.Byzantine + 1)
	}
	p.Chaos = between(rng, 2*second, 5*second)
	if n > 7 {
		p.Chaos /= 2
	}
	p.Real = rng.IntN(100) == 0
	p.WAL = rng.IntN(8) == 0
	p.fillLimits(rng)
	p.fillNet(rng)
	p.fillFaults(rng)
	p.fillAdversary(rng)
	if rng.IntN(4) == 0 { // drawn last, so that plans without it stay what they were
		p.Faults.FreezeEvery = between(rng, 200*millisecond, 2*second)
	}
	return p
}

func (p *Plan) fillLimits(rng *rand.Rand) {
	l := consensus.DefaultLimits()
	l.InFlightMax = 1 + rng.IntN(4)
	l.WindowEntriesMax = 32 << rng.IntN(4)
	l.BatchEntriesMax = 2 << rng.IntN(4)
	l.BatchBytesMax = 1 << (9 + rng.IntN(6))
	l.BatchTarget = 1 + rng.IntN(8)
	l.CacheEntriesMax = rng.IntN(4) * 16
	l.HeartbeatTicks = uint64(2 + rng.IntN(4))
	l.ElectionTicks = uint64(8 + rng.IntN(18))
	l.BackoffMax = 2 + rng.IntN(3)
	l.ForwardTicks = uint64(5 + rng.IntN(20))
	l.ComplainTicks = uint64(60 + rng.IntN(100))
	l.SyncTicks = uint64(1 + rng.IntN(4))
	l.RingVotes = 16 << rng.IntN(3)
	l.RingTerms = 2 + rng.IntN(3)
	l.BufferMax = 4 << rng.IntN(4)
	l.SyncBytesMax = 2 << (9 + rng.IntN(8))
	if rng.IntN(3) == 0 {
		l.ClockAheadMax = 100
	}
	if rng.IntN(6) == 0 {
		l.RotateEvery = uint64(10 + rng.IntN(40))
	}
	l.Revolution = rng.IntN(4) == 0
	p.Limits = l
	p.CheckpointEvery = 1 << 40
	if rng.IntN(3) > 0 {
		p.CheckpointEvery = uint64(4 << rng.IntN(4))
	}
}

func (p *Plan) fillNet(rng *rand.Rand) {
	p.Net = Net{DelayMin: 100, DelayMax: between(rng, millisecond, 15*millisecond)}
	if rng.IntN(2) == 0 {
		p.Net.LossPermille = rng.IntN(120)
	}
	if rng.IntN(2) == 0 {
		p.Net.DupPermille = rng.IntN(80)
	}
	if rng.IntN(2) == 0 {
		p.Net.SlowPermille = rng.IntN(100)
		p.Net.SlowMax = between(rng, 50*millisecond, 2*second)
	}
	if rng.IntN(3) == 0 {
		p.Net.CrowdPermille = 100 << rng.IntN(4)
	}
	p.Disk = Disk{SyncMin: 50, SyncMax: between(rng, 100, 8*millisecond)}
	if rng.IntN(5) == 0 {
		p.Disk.SyncMax *= 20
	}
}

func (p *Plan) fillFaults(rng *rand.Rand) {
	sometimes := func(oneIn int, low, high Micros) Micros {
		if rng.IntN(oneIn) != 0 {
			return 0
		}
		return between(rng, low, high)
	}
	p.Faults = Faults{
		CrashEvery:     sometimes(2, 200*millisecond, 3*second),
		PartitionEvery: sometimes(2, 200*millisecond, 2*second),
		EpochEvery:     sometimes(3, 300*millisecond, 2*second),
		HaltEvery:      sometimes(12, 500*millisecond, 2*second),
		ClockSkew:      sometimes(3, millisecond, second),
		Late:           sometimes(4, p.Chaos/4, p.Chaos),
	}
	if rng.IntN(4) != 0 {
		p.Faults.CutPermille = 1 << rng.IntN(9)
	}
	if p.Byzantine < juno.Faulty(p.Voters) {
		p.Faults.LoseDisk = rng.IntN(2) == 0
		p.Faults.Corrupt = !p.Faults.LoseDisk
		p.WAL = p.WAL || p.Faults.LoseDisk && rng.IntN(3) == 0 // some disks are damaged, not gone
		p.CheckpointEvery = min(p.CheckpointEvery, 32)         // so that damage comes to light
	}
}

func (p *Plan) fillAdversary(rng *rand.Rand) {
	for range p.Byzantine {
		p.Styles = append(p.Styles, style(rng.IntN(int(styles))))
	}
	all := moveNames()
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	switch {
	case p.Byzantine == 0:
	case rng.IntN(3) == 0: // the ones that belong together
		p.Moves = []string{"echo", "usurp", "fork", "seal", "invalid", "new-term"}
	default:
		p.Moves = all[:1+rng.IntN(len(all))]
	}
}

// between draws a span.
func between(rng *rand.Rand, low, high Micros) Micros {
	return low + Micros(rng.Int64N(int64(high-low)+1))
}

// String describes the plan in a few lines.
func (p *Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d voters, %d spares, %d clients, %s of faults", p.Seed, p.Voters,
		p.Spares, p.Clients, p.Chaos)
	if p.Mutant != NoMutant {
		fmt.Fprintf(&b, ", mutant %s", p.Mutant)
	}
	fmt.Fprintf(&b, "\nnetwork %+v\ndisk %+v, wal %v, ed25519 %v\nfaults %+v\n", p.Net, p.Disk,
		p.WAL, p.Real, p.Faults)
	fmt.Fprintf(&b, "limits %+v, checkpoints every %d\n", p.Limits, p.CheckpointEvery)
	fmt.Fprintf(&b, "adversary %v: %s", p.Styles, strings.Join(p.Moves, " "))
	return b.String()
}

// String prints seconds with three decimals.
func (m Micros) String() string {
	return fmt.Sprintf("%d.%03ds", m/second, m%second/millisecond)
}
