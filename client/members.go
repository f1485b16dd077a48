package client

import (
	"juno"
	"juno/cluster/rpc"
	"juno/verify"
)

// members is what the client knows of the membership. A value never changes.
type members struct {
	*verify.ProvenMembership                     // of the newest epoch that is proven
	all                      *verify.Memberships // from the genesis on
	config                   *juno.EpochConfig
}

func newMembers(all *verify.Memberships) *members {
	newest := all.Newest()
	return &members{ProvenMembership: newest, all: all, config: newest.Config()}
}

// after returns the members of the next epoch, if e proves them.
func (m *members) after(e *juno.EpochChange) (*members, error) {
	all := m.all.Clone()
	if err := all.Extend(e); err != nil {
		return nil, err
	}
	return newMembers(all), nil
}

// learn follows the membership as far as an Info proves it. It returns whether the client should
// ask that node for more, and whether the epoch has changed.
func (c *Client) learn(l *link, i *rpc.Info, frame []byte) (more, changed bool) {
	c.mu.Lock()
	at := c.members
	known := c.epoch()
	c.mu.Unlock()
	if at == nil {
		if i.Genesis == nil {
			return true, false
		}
		all, err := verify.FromGenesis(i.Genesis, c.cfg.Cluster)
		if err != nil {
			c.accuse(l.node.ID, BadProof, [][]byte{frame}, "its genesis: %v", err)
			return false, false
		}
		at = newMembers(all)
	}
	first := int(at.config.Epoch)
	var proven []juno.EpochChange // from the end of epoch first on
	for k := range i.Epochs {
		e := &i.Epochs[k]
		if e.Certificate.Term.Epoch() != at.config.Epoch {
			continue // of an epoch that we know already, or a gap: the next Hello asks again
		}
		next, err := at.after(e)
		if err != nil {
			c.accuse(l.node.ID, BadProof, [][]byte{frame}, "its end of epoch %d: %v",
				at.config.Epoch, err)
			return false, false
		}
		at, proven = next, append(proven, *e)
	}
	c.mu.Lock()
	changed = c.members == nil || at.config.Epoch > c.members.config.Epoch
	if changed {
		c.members = at
		// Another node may have told us a part of that meanwhile.
		c.epochs = append(c.epochs, proven[len(c.epochs)-first:]...)
	}
	// Ask on only if this brought us further: a node that claims an epoch which it does not prove
	// is not asked for ever.
	more = i.Epoch > c.epoch() && at.config.Epoch > known
	c.mu.Unlock()
	return more, changed
}

// epoch is the newest one that is proven. The caller holds mu.
func (c *Client) epoch() uint32 {
	if c.members == nil {
		return 0
	}
	return c.members.config.Epoch
}

// Members returns the newest membership that is proven; nil before any is. It must not be changed.
func (c *Client) Members() *juno.EpochConfig {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.members == nil {
		return nil
	}
	return c.members.config
}

// leader returns whom the voters take for the leader: of the highest term that at least one
// correct voter is in. The caller holds mu and knows the members.
func (c *Client) leader() juno.NodeID {
	cfg := c.members.config
	var best juno.Term
	for _, v := range cfg.Voters {
		l := c.links[v.ID]
		if l == nil || l.term.Epoch() != cfg.Epoch || l.term <= best {
			continue
		}
		same := 0
		for _, w := range cfg.Voters {
			if o := c.links[w.ID]; o != nil && o.term.Epoch() == cfg.Epoch && o.term >= l.term {
				same++
			}
		}
		if c.members.Correct(same) {
			best = l.term
		}
	}
	if best == 0 {
		best = juno.TermOf(cfg.Epoch, 0)
	}
	return cfg.Leader(best)
}
