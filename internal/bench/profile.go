package bench

import (
	"errors"
	"os"
	"path/filepath"

	"juno"
)

// profileNodes writes the CPU profiles of all nodes under the bursts of `many`, and under those of
// `batch`, as many-node1.prof and so on. A cluster of its own for each: a profile is that of a
// whole process.
func (b *bench) profileNodes() error {
	if err := os.MkdirAll(b.plan.profiles, 0o755); err != nil {
		return err
	}
	return errors.Join(b.profileLoad("many", juno.Single), b.profileLoad("batch", juno.Batch))
}

func (b *bench) profileLoad(word string, mode juno.Mode) error {
	c, err := b.startCluster(b.path("profile-"+word), mainNodes,
		filepath.Join(b.plan.profiles, word+"-"))
	if err != nil {
		return err
	}
	g := b.burst(c, "cluster-profile", mode)
	_, err = g.sample(g)
	return errors.Join(err, c.stop(), os.RemoveAll(c.dir))
}
