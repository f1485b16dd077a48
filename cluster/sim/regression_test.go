package sim

import "testing"

// regressions are seeds that once found a bug that no scenario of cluster/consensus showed then.
// Most bugs that the simulator found became scenarios there, which do not depend on how plans are
// made.
var regressions = []struct {
	seed uint64
	bug  string
}{
	{884, "a certificate in the middle of a client batch: no term could begin there"},
	{1_009_424, "only a liar was asked for the chain to the base of the term"},
	{2_002_156, "entries of a term that was over stood in the way of what is final"},
	{
		2_004_324,
		"of the simulator: a liar led with two elections, and what the term had decided counts",
	},
	{2_011_912, "of the simulator: a damaged node came late to a checkpoint and heard no other"},
	{1_005_497, "of the simulator: a node that lost its disk voted in an epoch of before"},
	{1_019_239, "the same, with a key that was older than the lost one"},
	{
		5_006_827,
		"a leader did not ask for the end of its epoch, which was another entry than its own; " +
			"what it could not read made it want to ask, and its next heartbeat forget",
	},
	{6_006_485, "the same, and it asked a liar alone"},
	{5_016_990, "of the simulator: a state was installed after a newer one had been offered"},
	{
		7_013_105,
		"a node that had executed and archived more than it had accepted did not start again",
	},
}

// TestRegressions runs the seeds again.
func TestRegressions(t *testing.T) {
	for _, r := range regressions {
		result := Run(PlanOf(r.seed), false)
		if err := result.check(); err != nil {
			t.Errorf("seed %d, once %s: %v", r.seed, r.bug, err)
		}
	}
}
