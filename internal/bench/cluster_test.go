package bench

import (
	"slices"
	"testing"

	"juno/internal/cli"
)

func TestClusterSizes(t *testing.T) {
	if got, err := clusterSizes("8,1,4,4"); err != nil || !slices.Equal(got, []int{1, 4, 8}) {
		t.Errorf("got %v and %v, want 1, 4, 8", got, err)
	}
	if got, err := clusterSizes(""); err != nil || len(got) != 0 {
		t.Errorf("got %v and %v, want none", got, err)
	}
	for _, text := range []string{"0", "21", "4,", "four", "-4"} {
		if got, err := clusterSizes(text); cli.Code(err) != cli.ExitUsage {
			t.Errorf("%q: got %v and %v, want a usage error", text, got, err)
		}
	}
}
