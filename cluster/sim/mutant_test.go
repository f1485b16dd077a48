//go:build mutant

package sim

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"juno/cluster/consensus"
)

// killers says with which seed to begin to look for the death of each mutant. How many of so many
// seeds kill it is in docs/TESTING.md; the numbers come from TestHunt.
var killers = map[consensus.Mutant]uint64{
	consensus.MutantOneRound: 1, consensus.MutantAnyTerm: 1, consensus.MutantAmnesia: 3,
	consensus.MutantNaiveQuorum: 3, consensus.MutantNoTermMatch: 1, consensus.MutantAfterConfig: 2,
	consensus.MutantCountMessages: 1, consensus.MutantNoElection: 1, consensus.MutantLosePrepare: 1,
	consensus.MutantVoteAfterLeave: 2, consensus.MutantUnverifiedClaim: 98,
	consensus.MutantKeepHighQC: 1,
	consensus.MutantVoteEarly:  1, consensus.MutantAdoptUnchecked: 4,
	consensus.MutantAcceptAfter: 17,
	consensus.MutantLeaveAlone:  1, consensus.MutantUnthrottled: 4,
	consensus.MutantOpenGate: 93, consensus.MutantStay: 22, consensus.MutantAnyBase: 359,
	consensus.MutantLeadTwice: 59, consensus.MutantNewTermEarly: 6, consensus.MutantNoSeal: 249,
	consensus.MutantForgetMuted: 2,
}

// killersMax is how many seeds from there on may be needed: a change of the core or of the plans
// moves the runs that kill, and should not move them far.
const killersMax = 150

// rare are the mutants that take more seeds than make test has time for, with the scenario of
// cluster/consensus that kills each; TestMutants there plays them all.
var rare = map[consensus.Mutant]string{
	consensus.MutantMaxByIndex: "f2_rank", // one of 720 seeds once, none of 1500 later
	consensus.MutantNewestOnly: "f11_ring",
	consensus.MutantOverwrite:  "r6_too_many_liars", // two of 720 seeds once, none of 1200 later
	consensus.MutantAskHolders: "y2_only_liar",      // once by seed 1,009,424
	consensus.MutantKeepStale:  "y2_stale_entries",  // once by seed 2,002,156
	consensus.MutantBaseOnly:   "n4_other_base",
}

// TestMutants shows that the simulator notices broken rules, and that it is quiet about the same
// seeds if none is broken.
func TestMutants(t *testing.T) {
	for _, m := range consensus.Mutants() {
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
			if rule := mutate(seed-1, consensus.NoMutant); rule != "" {
				t.Errorf("seed %d breaks %s, and so it does without the mutant", seed-1, rule)
			}
			t.Logf("killed by seed %d: %s", seed-1, rule)
		})
	}
	for m, scenario := range rare {
		if _, err := os.Stat(filepath.Join("..", "consensus", "testdata",
			scenario+".txt")); err != nil {
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
	for _, m := range consensus.Mutants() {
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
func mutate(seed uint64, m consensus.Mutant) string {
	p := PlanOf(seed)
	p.Mutant = Mutant{m}
	r := Run(p, false)
	switch {
	case r.Violation != nil:
		return r.Violation.Rule
	case checkHistory(r.History) != nil:
		return "linearizable"
	}
	return ""
}
