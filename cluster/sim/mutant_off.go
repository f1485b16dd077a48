//go:build !mutant

package sim

import (
	"fmt"

	"juno"
	"juno/cluster/consensus"
)

// testCommand runs the tests of this build.
const testCommand = "go test"

// Mutant is a rule of the core that is broken on purpose. In this build there is none: see
// internal/mutate.
type Mutant struct{}

// NoMutant breaks no rule.
var NoMutant Mutant

// String returns the name of the mutant.
func (Mutant) String() string { return "none" }

// parseMutant reads the name of a mutant.
func parseMutant(name string) (Mutant, error) {
	return NoMutant, fmt.Errorf("mutant %.40q: this build has none; run %s",
		name, "go run ./internal/mutate test")
}

func newCore(_ Mutant, cfg consensus.Config, st *consensus.Stored, ports consensus.Ports,
	now juno.Millis,
) (*consensus.Core, error) {
	return consensus.New(cfg, st, ports, now)
}

// harmfulMutants returns the mutants of which nodes of the adversary may be: here these keep all
// rules of the core, and do harm in other ways only.
func harmfulMutants() []Mutant { return []Mutant{NoMutant} }

func (Mutant) breaksTermMatch() bool { return false }

func (Mutant) breaksQuorum() bool { return false }

func (Mutant) votesAfterLeaving() bool { return false }
