package audit

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"juno"
)

// CheckChain is the name of the check of the hash chain.
const CheckChain = "chain"

const (
	detailHash    = "the entry does not give the chain hash that the log has for it"
	detailMissing = "the entry is missing"
	detailKnown   = "the chain does not go through a position that is known from elsewhere"
)

// Chain checks the hash chain of stretches of entries that come in any order, also from many
// goroutines at once. It takes two hashes per entry, half a microsecond.
type Chain struct {
	mu      sync.Mutex
	finding juno.Finding
	start   juno.Pos
	known   []juno.Pos
	joints  []joint
}

// joint is where a stretch begins and ends.
type joint struct {
	first juno.Pos
	link  juno.EntryHeader // of the first entry
	last  juno.Pos
}

// NewChain returns a check of the entries that follow start, up to but not including to. The chain
// must go through the known positions.
func NewChain(start juno.Pos, to juno.Index, known ...juno.Pos) *Chain {
	return &Chain{
		finding: juno.Finding{Check: CheckChain, From: start.Index + 1, To: to, OK: true},
		start:   start, known: known,
	}
}

// Stretch checks consecutive entries, and keeps nothing of them.
func (c *Chain) Stretch(entries []juno.Chained) {
	if len(entries) == 0 {
		return
	}
	var bad *fault
	for i := 1; i < len(entries) && bad == nil; i++ {
		bad = follows(entries[i-1].Pos(), &entries[i])
	}
	j := joint{entries[0].Pos(), entries[0].Header(), entries[len(entries)-1].Pos()}
	c.mu.Lock()
	defer c.mu.Unlock()
	if bad != nil {
		keep(&c.finding, *bad)
	}
	c.finding.Items += uint64(len(entries))
	c.joints = append(c.joints, j)
	for _, p := range c.known {
		for i := range entries {
			if entries[i].Index == p.Index {
				c.compare(p, entries[i].Hash)
			}
		}
	}
}

// follows returns what is wrong with an entry, given the position before it.
func follows(before juno.Pos, e *juno.Chained) *fault {
	if e.Index != before.Index+1 {
		return &fault{
			before.Index + 1, fmt.Sprintf("entry %d", before.Index+1),
			fmt.Sprintf("entry %d", e.Index), detailMissing,
		}
	}
	if hash := e.ChainHash(before.Hash); hash != e.Hash {
		return &fault{e.Index, e.Hash.String(), hash.String(), detailHash}
	}
	return nil
}

// compare compares a known position with the hash that the log has there.
func (c *Chain) compare(known juno.Pos, hash juno.Hash) {
	if known.Hash != hash {
		keep(&c.finding, fault{known.Index, known.Hash.String(), hash.String(), detailKnown})
	}
}

// Damage notes that the log could not be read at an entry.
func (c *Chain) Damage(index juno.Index, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	keep(&c.finding, fault{index, "an entry that can be read", "damage", err.Error()})
}

// Finish joins the stretches and returns the outcome.
func (c *Chain) Finish() juno.Finding {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.SortFunc(c.joints, func(a, b joint) int {
		return cmp.Compare(a.first.Index, b.first.Index)
	})
	at := c.start
	for _, j := range c.joints {
		if j.first.Index != at.Index+1 {
			break
		}
		if hash := j.link.Chain(at.Hash, j.first.Index); hash != j.first.Hash {
			keep(&c.finding, fault{j.first.Index, j.first.Hash.String(), hash.String(), detailHash})
		}
		at = j.last
	}
	if at.Index+1 != c.finding.To {
		keep(&c.finding, fault{
			at.Index + 1, fmt.Sprintf("entry %d", at.Index+1), "",
			detailMissing,
		})
	}
	return c.finding
}
