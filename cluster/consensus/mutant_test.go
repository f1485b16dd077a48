//go:build mutant

package consensus_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"juno"
	"juno/cluster/consensus"
)

type mutant = consensus.Mutant

const noMutant = consensus.NoMutant

// newCore makes a core with a broken rule.
func newCore(m mutant, cfg consensus.Config, st *consensus.Stored, ports consensus.Ports,
	now juno.Millis,
) (*consensus.Core, error) {
	return consensus.NewMutant(m, cfg, st, ports, now)
}

var (
	mutantOnly  = flag.String("mutant", "", "look at this mutant only")
	mutantTrace = flag.Bool("mutant.trace", false, "print what happens to it")
)

// killers says what catches each mutant: a scenario, and what then happens in it that must not. The
// simulator hunts them all at random; here each has one that shows why the rule is there.
var killers = map[consensus.Mutant]struct{ scenario, fault string }{
	consensus.MutantOneRound:        {"b5_equivocation", "FORK"},
	consensus.MutantAnyTerm:         {"s1_fig8", "FORK"},
	consensus.MutantAmnesia:         {"s4_amnesia", "FORK"},
	consensus.MutantNaiveQuorum:     {"s5_quorum", "FORK"},
	consensus.MutantNoTermMatch:     {"f1b_term_match", "FORK"},
	consensus.MutantAfterConfig:     {"m2_drain", "LATENT"},
	consensus.MutantNoSeal:          {"n6_seal", "has committed 1, want 4"},
	consensus.MutantCountMessages:   {"b3_duplicate_votes", "does not count"},
	consensus.MutantNoElection:      {"n4_base", "LATENT"},
	consensus.MutantLosePrepare:     {"s4_amnesia", "leaves before HighQC at or above Prepared"},
	consensus.MutantVoteAfterLeave:  {"e3_left_behind", "after its new-term message"},
	consensus.MutantUnverifiedClaim: {"e4_unproven", "FORK"},
	consensus.MutantMaxByIndex:      {"f2_rank", "FORK"},
	consensus.MutantKeepHighQC:      {"f4_keep_high", "has committed 1, want 3"},
	consensus.MutantVoteEarly:       {"n1_normal", "leaves before entries up to Accepted"},
	consensus.MutantAdoptUnchecked:  {"y3_forged_proof", "FORK"},
	consensus.MutantForgetMuted:     {"f10_muted", "accepts 3/"},
	consensus.MutantAcceptAfter:     {"f12_after_config", "LATENT"},
	consensus.MutantAnyBase:         {"n4_base", "FORK"},
	consensus.MutantLeadTwice:       {"f8_restart", "evidence against node 1, which is correct"},
	consensus.MutantOverwrite:       {"r6_too_many_liars", "and has executed 2"},
	consensus.MutantLeaveAlone:      {"l5_runaway", "is in term 0.5, want 0.0"},
	consensus.MutantNewestOnly:      {"f11_ring", "has committed 1, want 2"},
	consensus.MutantUnthrottled:     {"f15_throttle", "messages, at most 60"},
	consensus.MutantOpenGate:        {"m2_gate", "leaves before EpochRecord"},
	consensus.MutantStay:            {"l10_disagreement", "is follower, want quarantined"},
	consensus.MutantAskHolders:      {"y2_only_liar", "node 4 has committed 0, want 3"},
	consensus.MutantKeepStale:       {"y2_stale_entries", "node 4 has committed 1, want 2"},
	consensus.MutantBaseOnly:        {"n4_other_base", "has committed 3, want 4"},
	consensus.MutantNewTermEarly:    {"e3_full_inbox", "leaves before HighQC = the new-term"},
}

// TestMutants shows that a broken rule is noticed, and for its own reason. Its log is the table of
// mutants and scenarios (go run ./internal/mutate test -v -run TestMutants ./cluster/consensus).
// That the scenarios are quiet otherwise TestScenarios shows.
func TestMutants(t *testing.T) {
	for _, m := range consensus.Mutants() {
		if *mutantOnly != "" && m.String() != *mutantOnly {
			continue
		}
		k, ok := killers[m]
		if !ok {
			t.Errorf("%s: nothing catches it", m)
			continue
		}
		faults := playScenario(t, filepath.Join("testdata", k.scenario+".txt"), m)
		i := slices.IndexFunc(faults, func(f string) bool { return strings.Contains(f, k.fault) })
		if i < 0 {
			t.Errorf("%s: %s notices %q, want %q", m, k.scenario, faults, k.fault)
			continue
		}
		t.Logf("%-17s %-19s %s", m, k.scenario, faults[i])
	}
}

// playScenario runs a script with a broken rule, and returns what it must not have come to.
func playScenario(t *testing.T, path string, m consensus.Mutant) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{mutant: m}
	for _, block := range strings.Split(string(b), "\n\n") {
		for _, line := range strings.Split(block, "\n") {
			if line == "----" {
				break
			}
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			cmd, args, err := datadriven.ParseLine(line)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			out := s.run(t, &datadriven.TestData{Cmd: cmd, CmdArgs: args, Pos: path})
			if *mutantTrace {
				t.Logf("%s\n%s", line, out)
			}
		}
	}
	s.world.oracle.check(s.world, s.world.configs())
	return s.world.faults
}
