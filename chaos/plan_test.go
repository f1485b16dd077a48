//go:build linux

package chaos

import (
	"math/rand/v2"
	"time"

	"juno"
)

// plan is what a seed decides before a round begins: at most f nodes are faulty for good.
type plan struct {
	nodes  int
	liar   juno.NodeID // 0: nobody
	damage juno.NodeID // whose log is damaged
	full   juno.NodeID // whose disk is full for a while
	lasts  time.Duration
}

func draw(seed uint64, n int, lasts time.Duration) plan {
	rng := rand.New(rand.NewPCG(seed, 1<<40))
	order := rng.Perm(n)
	p := plan{nodes: n, lasts: lasts}
	next := func() juno.NodeID {
		id := juno.NodeID(order[0] + 1)
		order = order[1:]
		return id
	}
	budget := (n - 1) / 3
	if budget > 0 && rng.IntN(3) > 0 {
		p.liar = next()
		budget--
	}
	if budget > 0 && rng.IntN(3) > 0 {
		p.damage = next()
	}
	if rng.IntN(2) == 0 {
		p.full = next()
	}
	return p
}
