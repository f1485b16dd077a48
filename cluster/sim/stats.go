package sim

import (
	"slices"

	"juno"
)

// Count is something that runs count, so that a campaign can show what it went through.
type Count int

// What is counted.
const (
	Events Count = iota
	Messages
	Commits        // entries of the one history
	Terms          // in which a correct node signed a vote or a new-term message
	Epochs         // beyond the first
	MembersChanged // epochs with other voters than the one before
	KeysChanged    // epochs in which a node has another key than in the one before
	Kills          // of a process, its machine going on
	PowerFailures  // of a machine
	WritesLost     // power failures amid a write: what was not synced may be gone
	DisksLost      // whole ones
	BitsFlipped    // in a log, which must be found at the next start
	StatesDamaged  // of nodes that executed wrongly from some entry on
	Reborn         // nodes that lost a disk and got another key
	Quarantines    // nodes that found themselves contradicted
	Partitions     // and cut links
	Strikes        // of the adversarial scheduler
	Halted         // nodes that a halt reached
	Resumed        // nodes that went on after that
	Certified      // checkpoints, once for each node
	Dropped        // logs cut below a checkpoint
	Installed      // states that a node took from another one
	Freezes        // processes that got no processor for a while
	Crowds         // messages that came while more were waiting
	Lies           // messages that one of the adversary's nodes made up
	Convictions    // pieces of evidence that correct nodes found
	Answers        // believed by a client
	Batches        // of clients
	KeyOps         // of clients: another key
	Observed       // entries that nodes without a vote executed
	TwinRuns       // runs with two processes that share a key
	WALRuns        // runs on package wal
	RealRuns       // runs with ed25519
	counts
)

var countNames = [counts]string{
	Events: "events", Messages: "messages", Commits: "commits", Terms: "terms",
	Epochs: "epochs", MembersChanged: "epochs with other voters",
	KeysChanged: "epochs with another node key", Kills: "processes killed",
	PowerFailures: "power failures", WritesLost: "power failures amid a write",
	DisksLost: "disks lost", BitsFlipped: "bits flipped in a log", StatesDamaged: "states damaged",
	Reborn: "nodes back under another key", Quarantines: "quarantines", Partitions: "partitions",
	Strikes: "strikes at a bad moment", Halted: "nodes halted", Resumed: "nodes resumed",
	Certified: "checkpoints certified", Dropped: "logs dropped", Installed: "states transferred",
	Freezes: "processes frozen", Crowds: "messages in a full inbox",
	Lies: "Byzantine acts", Convictions: "evidence", Answers: "answers believed",
	Batches: "client batches", KeyOps: "client keys changed",
	Observed: "entries of observers", TwinRuns: "runs with twins", WALRuns: "runs on the real log",
	RealRuns: "runs with ed25519",
}

// Counts returns everything that is counted.
func Counts() []Count {
	all := make([]Count, counts)
	for i := range all {
		all[i] = Count(i)
	}
	return all
}

// String says what is counted.
func (c Count) String() string { return countNames[c] }

// Stats is what happened in a run, or in many.
type Stats struct {
	Counts [counts]int
	Healed Micros // how long it took to make progress after healing
	End    Micros // how long the run was
}

// Add sums up, but takes the longest of the spans.
func (s *Stats) Add(o *Stats) {
	for i, n := range o.Counts {
		s.Counts[i] += n
	}
	s.Healed, s.End = max(s.Healed, o.Healed), max(s.End, o.End)
}

// count notes that something happened.
func (w *World) count(c Count) { w.Stats.Counts[c]++ }

// sum counts what is known at the end of a run only.
func (w *World) sum() {
	s := &w.Stats
	s.Healed, s.End = w.now-w.plan.Chaos, w.now
	o := w.oracle
	s.Counts[Commits] = len(o.golden) - 1
	s.Counts[Terms] = len(o.terms)
	s.Counts[Epochs] = len(o.configs) - 1
	for i := 1; i < len(o.configs); i++ {
		before, now := o.configs[i-1], o.configs[i]
		if !sameVoters(before, now) {
			w.count(MembersChanged)
		}
		if rekeyed(before, now) {
			w.count(KeysChanged)
		}
	}
	for _, style := range w.plan.Styles {
		if style == styleTwins {
			s.Counts[TwinRuns] = 1
		}
	}
	if w.plan.WAL {
		s.Counts[WALRuns] = 1
	}
	if w.plan.Real {
		s.Counts[RealRuns] = 1
	}
}

func sameVoters(a, b *juno.EpochConfig) bool { return slices.Equal(voters(a), voters(b)) }

// rekeyed reports whether a node has one key in a and another one in b.
func rekeyed(a, b *juno.EpochConfig) bool {
	for _, m := range slices.Concat(b.Voters, b.Observers) {
		if old, _, ok := a.Member(m.ID); ok && old.Public != m.Public {
			return true
		}
	}
	return false
}
