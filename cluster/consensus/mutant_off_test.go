//go:build !mutant

package consensus_test

import (
	"juno"
	"juno/cluster/consensus"
)

// mutant names a broken rule. Without the build tag mutant there is none.
type mutant struct{}

var noMutant mutant

// newCore makes a core. With the build tag mutant it can break a rule.
func newCore(_ mutant, cfg consensus.Config, st *consensus.Stored, ports consensus.Ports,
	now juno.Millis,
) (*consensus.Core, error) {
	return consensus.New(cfg, st, ports, now)
}
