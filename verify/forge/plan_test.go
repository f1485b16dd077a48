package forge

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"juno"
)

// planner draws the memberships of a world, one after the other.
type planner struct {
	rng  *rand.Rand
	keys map[juno.KeyID]juno.PrivateKey
	// generations counts the rotations of each node's key.
	generations map[juno.NodeID]int
	newest      juno.NodeID
	admins      int
}

func newPlanner(rng *rand.Rand) *planner {
	return &planner{
		rng: rng, keys: make(map[juno.KeyID]juno.PrivateKey),
		generations: make(map[juno.NodeID]int),
	}
}

// know notes a key that somebody in the world has.
func (p *planner) know(k juno.PrivateKey) juno.PublicKey {
	public := k.Public()
	p.keys[public.ID()] = k
	return public
}

func (p *planner) member(id juno.NodeID) juno.Member {
	return juno.Member{
		ID: id, Address: fmt.Sprintf("127.0.0.1:%d", 7000+id),
		Public: p.know(nodeKey(id, p.generations[id])),
	}
}

func (p *planner) newMember() juno.Member {
	p.newest++
	return p.member(p.newest)
}

func (p *planner) newAdmin() juno.Admin {
	name := fmt.Sprintf("admin%d", p.admins)
	p.admins++
	return juno.Admin{Name: name, Public: p.know(adminKey(name))}
}

// first draws the membership of the genesis.
func (p *planner) first() juno.EpochConfig {
	c := juno.EpochConfig{CheckpointEvery: 5 + p.rng.Uint64N(8)}
	voters := []int{1, 4, 4, 4, 4, 4, 7, 7}[p.rng.IntN(8)]
	for range voters {
		c.Voters = append(c.Voters, p.newMember())
	}
	for range p.rng.IntN(3) {
		c.Observers = append(c.Observers, p.newMember())
	}
	admins := 3 + p.rng.IntN(3)
	for range admins {
		c.Admins = append(c.Admins, p.newAdmin())
	}
	c.AdminThreshold = 2 + p.rng.IntN(admins-2)
	c.FirstLeader = c.Voters[p.rng.IntN(voters)].ID
	return c
}

// next draws the membership that follows another one.
func (p *planner) next(present *juno.EpochConfig) juno.EpochConfig {
	c := *present
	c.Epoch++
	c.Voters, c.Observers = slices.Clone(c.Voters), slices.Clone(c.Observers)
	c.Admins = slices.Clone(c.Admins)
	for range 1 + p.rng.IntN(2) {
		p.change(&c)
	}
	slices.SortFunc(c.Voters, byID)
	slices.SortFunc(c.Observers, byID)
	slices.SortFunc(c.Admins, func(a, b juno.Admin) int { return cmp.Compare(a.Name, b.Name) })
	c.FirstLeader = c.Voters[p.rng.IntN(len(c.Voters))].ID
	return c
}

func byID(a, b juno.Member) int { return cmp.Compare(a.ID, b.ID) }

// change makes one of the changes that administrators make.
func (p *planner) change(c *juno.EpochConfig) {
	switch p.rng.IntN(10) {
	case 0, 1: // a node is replaced by one with a new disk
		c.Voters[p.rng.IntN(len(c.Voters))] = p.newMember()
	case 2: // the key of a node is rotated
		p.rotate(c, p.rng.IntN(len(c.Voters)))
	case 3: // all keys are
		for i := range c.Voters {
			p.rotate(c, i)
		}
	case 4: // all nodes are replaced
		for i := range c.Voters {
			c.Voters[i] = p.newMember()
		}
	case 5:
		c.Observers = append(c.Observers, p.newMember())
	case 6:
		if n := len(c.Observers); n > 0 { // an observer votes from now on
			i := p.rng.IntN(n)
			c.Voters = append(c.Voters, c.Observers[i])
			c.Observers = slices.Delete(c.Observers, i, i+1)
		}
	case 7:
		if n := len(c.Observers); n > 0 {
			i := p.rng.IntN(n)
			c.Observers = slices.Delete(c.Observers, i, i+1)
		}
	case 8: // an administrator is replaced
		c.Admins[p.rng.IntN(len(c.Admins))] = p.newAdmin()
	case 9:
		c.CheckpointEvery = 5 + p.rng.Uint64N(8)
	}
}

func (p *planner) rotate(c *juno.EpochConfig, voter int) {
	id := c.Voters[voter].ID
	p.generations[id]++
	c.Voters[voter] = p.member(id)
}

// stealing draws which keys the forger has. Observers' keys are all stolen, and those of nodes and
// keys that are out of service, as far as what is stolen stays below a quorum of every epoch:
// whoever has an old quorum can write its epoch anew. lying are those of them that stay at or below
// f voters of every epoch, which is what the protocol promises to survive.
func (p *planner) stealing(configs []juno.EpochConfig, spare []int) (stolen, lying []juno.KeyID) {
	last := &configs[len(configs)-1]
	var retired, active, observing []juno.KeyID
	seen := make(map[juno.KeyID]bool)
	votes := make(map[juno.KeyID]bool)
	for i := range configs {
		for _, m := range configs[i].Voters {
			id := m.Public.ID()
			if votes[id] = true; seen[id] {
				continue
			}
			seen[id] = true
			if v, ok := last.Voter(m.ID); ok && v.Public == m.Public {
				active = append(active, id)
			} else {
				retired = append(retired, id)
			}
		}
	}
	for i := range configs {
		for _, m := range configs[i].Observers {
			if id := m.Public.ID(); !votes[id] && !seen[id] {
				seen[id] = true
				observing = append(observing, id)
			}
		}
	}
	count := make([]int, len(configs))
	// steal takes a key if it stays at or below a limit in every epoch.
	steal := func(id juno.KeyID, limit func(epoch int) int) bool {
		for e := range configs {
			if votesIn(&configs[e], id) && count[e]+1 > limit(e) {
				return false
			}
		}
		for e := range configs {
			if votesIn(&configs[e], id) {
				count[e]++
			}
		}
		return true
	}
	pool := slices.Concat(active, retired)
	p.rng.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
	for _, id := range pool {
		if steal(id, func(e int) int { return configs[e].Faulty() }) {
			lying = append(lying, id)
		}
	}
	stolen = append(stolen, lying...)
	for _, id := range retired {
		if !slices.Contains(stolen, id) &&
			steal(id, func(e int) int { return configs[e].Quorum() - 1 }) {
			stolen = append(stolen, id)
		}
	}
	for e := range configs {
		spare[e] = configs[e].Quorum() - 1 - count[e]
	}
	return append(stolen, observing...), lying
}

// votesIn reports whether a key is that of a voter of an epoch.
func votesIn(c *juno.EpochConfig, id juno.KeyID) bool {
	return slices.ContainsFunc(c.Voters, func(m juno.Member) bool { return m.Public.ID() == id })
}

// stealingAdmins draws which administrators' keys the forger has: one below the threshold of every
// epoch, and those of removed administrators first.
func (p *planner) stealingAdmins(configs []juno.EpochConfig) []juno.KeyID {
	var pool, stolen []juno.KeyID
	for i := range configs {
		for _, a := range configs[i].Admins {
			if id := a.Public.ID(); !slices.Contains(pool, id) {
				pool = append(pool, id)
			}
		}
	}
	has := func(c *juno.EpochConfig, id juno.KeyID) bool {
		return slices.ContainsFunc(c.Admins, func(a juno.Admin) bool { return a.Public.ID() == id })
	}
	count := make([]int, len(configs))
	for _, id := range pool {
		fits := true
		for e := range configs {
			fits = fits && (!has(&configs[e], id) || count[e]+1 < configs[e].AdminThreshold)
		}
		if !fits {
			continue
		}
		stolen = append(stolen, id)
		for e := range configs {
			if has(&configs[e], id) {
				count[e]++
			}
		}
	}
	return stolen
}
