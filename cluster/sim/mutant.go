//go:build mutant

package sim

import (
	"juno"
	"juno/cluster/consensus"
)

// testCommand runs the tests of this build.
const testCommand = "go run ./internal/mutate test"

// Mutant is a rule of the core that is broken on purpose.
type Mutant struct{ consensus.Mutant }

// NoMutant breaks no rule.
var NoMutant = Mutant{consensus.NoMutant}

// parseMutant reads the name of a mutant.
func parseMutant(name string) (Mutant, error) {
	m, err := consensus.ParseMutant(name)
	return Mutant{m}, err
}

// newCore makes a core that breaks a rule.
func newCore(m Mutant, cfg consensus.Config, st *consensus.Stored, ports consensus.Ports,
	now juno.Millis,
) (*consensus.Core, error) {
	return consensus.NewMutant(m.Mutant, cfg, st, ports, now)
}

// harmfulMutants returns the mutants of which nodes of the adversary may be. Those behind
// consensus.MutantStay hurt only the node that breaks the rule.
func harmfulMutants() []Mutant {
	all := consensus.Mutants()[:consensus.MutantStay]
	harmful := make([]Mutant, len(all))
	for i, m := range all {
		harmful[i] = Mutant{m}
	}
	return harmful
}

// breaksTermMatch reports whether votes count at entries of older terms.
func (m Mutant) breaksTermMatch() bool {
	return m.Mutant == consensus.MutantNoTermMatch || m.Mutant == consensus.MutantAnyTerm
}

func (m Mutant) breaksQuorum() bool { return m.Mutant == consensus.MutantNaiveQuorum }

func (m Mutant) votesAfterLeaving() bool { return m.Mutant == consensus.MutantVoteAfterLeave }
