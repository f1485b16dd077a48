package sim

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"juno/cluster/raft"
)

// killers says with which seed to begin to look for the death of each mutant. How many of so many
// seeds kill it is in docs/TESTING.md; the numbers come from TestHunt.
var killers = map[raft.Mutant]uint64{
	raft.MutantOneRound: 1, raft.MutantAnyTerm: 1, raft.MutantAmnesia: 3,
	raft.MutantNaiveQuorum: 3, raft.MutantNoTermMatch: 1, raft.MutantAfterConfig: 2,
	raft.MutantCountMessages: 1, raft.MutantNoElection: 1, raft.MutantLosePrepare: 1,
	raft.MutantVoteAfterLeave: 2, raft.MutantUnverifiedClaim: 98, raft.MutantKeepHigh: 1,
	raft.MutantVoteEarly: 1, raft.MutantAdoptUnchecked: 4, raft.MutantAcceptAfter: 17,
	raft.MutantWishLeaves: 1, raft.MutantUnthrottled: 4,
	raft.MutantOpenGate: 93, raft.MutantStay: 22, raft.MutantAnyBase: 359,
	raft.MutantLeadTwice: 59, raft.MutantReportEarly: 6, raft.MutantNoSeal: 249,
	raft.MutantForgetMuted: 2,
}

// killersMax is how many seeds from there on may be needed: a change of the core or of the plans
// moves the runs that kill, and should not move them far.
const killersMax = 150

// rare are the mutants that take more seeds than make test has time for, with the scenario of
// cluster/raft that kills each; TestMutants there plays them all.
var rare = map[raft.Mutant]string{
	raft.MutantMaxByIndex: "f2_rank", // one of 720 seeds once, none of 1500 later
	raft.MutantNewestOnly: "f11_ring",
	raft.MutantOverwrite:  "r6_too_many_liars", // two of 720 seeds once, none of 1200 later
	raft.MutantAskHolders: "y2_only_liar",      // once by seed 1,009,424
	raft.MutantKeepStale:  "y2_stale_entries",  // once by seed 2,002,156
	raft.MutantBaseOnly:   "n4_other_base",
}

// TestMutants shows that the simulator notices broken rules, and that it is quiet about the same
// seeds if none is broken.
func TestMutants(t *testing.T) {
	for _, m := range raft.Mutants() {
		seed, kills := killers[m]
		if _, known := rare[m]; known == kills {
			t.Errorf("%s: want it in one of the two tables", m)
		}
		if !kills {
			continue
		}
		t.Run(m.String(), func(t *testing.T) {
			from, rule := seed, ""
			for ; rule == "" && seed < from+killersMax; seed++ {
				rule = mutate(seed, m)
			}
			if rule == "" {
				t.Fatalf("it survives the seeds %d to %d", from, seed-1)
			}
			if rule := mutate(seed-1, raft.NoMutant); rule != "" {
				t.Errorf("seed %d breaks %s, and so it does without the mutant", seed-1, rule)
			}
			t.Logf("killed by seed %d: %s", seed-1, rule)
		})
	}
	for m, scenario := range rare {
		if _, err := os.Stat(filepath.Join("..", "raft", "testdata", scenario+".txt")); err != nil {
			t.Errorf("%s: %v", m, err)
		}
	}
}

var huntFlag = flag.Int("hunt", 0, "count which of so many seeds kill each mutant")

// TestHunt counts kills. What it prints goes into the table of killers and of docs/TESTING.md.
func TestHunt(t *testing.T) {
	if *huntFlag == 0 {
		t.Skip("no -hunt")
	}
	for _, m := range raft.Mutants() {
		if *mutantFlag != "" && m.String() != *mutantFlag {
			continue
		}
		kills, first := 0, uint64(0)
		rules := make(map[string]int)
		for seed := *fromFlag; seed < *fromFlag+uint64(*huntFlag); seed++ {
			rule := mutate(seed, m)
			if rule == "" {
				continue
			}
			kills++
			rules[rule]++
			if first == 0 {
				first = seed
			}
		}
		t.Logf("%-18s %4d of %d seeds, first %d, %v", m, kills, *huntFlag, first, rules)
	}
}

// mutate runs a seed with a broken rule, and returns the invariant that was broken, if one was.
func mutate(seed uint64, m raft.Mutant) string {
	p := PlanOf(seed)
	p.Mutant = m
	r := Run(p, false)
	switch {
	case r.Violation != nil:
		return r.Violation.Rule
	case checkHistory(r.History) != nil:
		return "linearizable"
	}
	return ""
}
