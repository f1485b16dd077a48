package audit

import (
	"fmt"

	"juno"
	"juno/db/state"
)

// CheckProofs is the name of the check of commit certificates.
const CheckProofs = "proofs"

// windowEntries is how far behind the newest entry a certificate may speak of entries: twice as
// many as can be in flight (docs/SPECIFICATION.md, N1). 81 bytes each.
const windowEntries = 128 << 10

// proofs checks commit certificates against the entries.
type proofs struct {
	finding juno.Finding
	cluster juno.ClusterID
	pool    *pool
	// epochs are the memberships met so far.
	epochs map[uint32]*membership

	start  juno.Pos
	last   juno.Index
	hashes []juno.Hash // of the newest windowEntries entries, at index modulo windowEntries
	links  []juno.EntryHeader

	waiting []*juno.QuorumCertificate // for entries that are not there yet
	covered juno.Index                // newest entry that a certificate commits
}

type membership struct {
	config *juno.EpochConfig
	ring   *juno.Keyring
}

func newProofs(prefix *state.Prefix, pool *pool, o *Options) *proofs {
	p := &proofs{
		finding: juno.Finding{Check: CheckProofs, From: o.From, OK: true}, cluster: o.Genesis.ID(),
		pool: pool, epochs: make(map[uint32]*membership), start: o.Start, last: o.Start.Index,
		hashes: make([]juno.Hash, windowEntries), links: make([]juno.EntryHeader, windowEntries),
	}
	p.join(prefix.Config())
	return p
}

// join notes a membership.
func (p *proofs) join(c *juno.EpochConfig) {
	ring, err := c.Keyring(p.cluster)
	if err != nil {
		p.pool.keep(&p.finding, fault{p.last, "a membership", "none", err.Error()})
		return
	}
	p.epochs[c.Epoch] = &membership{c, ring}
}

// entry notes the next entry, and checks what waited for it.
func (p *proofs) entry(e *juno.Chained, link juno.EntryHeader) {
	p.last = e.Index
	p.hashes[e.Index%windowEntries], p.links[e.Index%windowEntries] = e.Hash, link
	if e.Type == juno.EntryConfig {
		// Whether the administrators signed it, the check of signatures says.
		if c, err := juno.ParseConfigChange(e.Payload); err == nil {
			p.join(&c.Next)
		}
	}
	rest := p.waiting[:0]
	for _, c := range p.waiting {
		if furthest(c) <= p.last {
			p.check(c)
		} else {
			rest = append(rest, c)
		}
	}
	clear(p.waiting[len(rest):])
	p.waiting = rest
}

// HashAt returns the chain hash of an entry in the window, or of the start.
func (p *proofs) HashAt(i juno.Index) (juno.Hash, bool) {
	if i == p.start.Index {
		return p.start.Hash, true
	}
	if i < p.start.Index || i > p.last || i+windowEntries <= p.last {
		return juno.Hash{}, false
	}
	return p.hashes[i%windowEntries], true
}

// HeaderAt returns an entry in the window, without its payload.
func (p *proofs) HeaderAt(i juno.Index) (juno.EntryHeader, bool) {
	if _, ok := p.HashAt(i); !ok || i == p.start.Index {
		return juno.EntryHeader{}, false
	}
	return p.links[i%windowEntries], true
}

// furthest returns the newest entry that a certificate speaks of.
func furthest(c *juno.QuorumCertificate) juno.Index {
	most := c.Pos.Index
	for i := range c.Votes {
		if v := &c.Votes[i]; v.Prepared != nil {
			most = max(most, v.Prepared.Index)
		}
	}
	return most
}

// certificate checks a certificate, or lets it wait.
func (p *proofs) certificate(c *juno.QuorumCertificate) {
	switch {
	case c.Pos.Index < p.finding.From:
	case furthest(c) > p.last:
		p.waiting = append(p.waiting, c)
	default:
		p.check(c)
	}
}

func (p *proofs) check(c *juno.QuorumCertificate) {
	m := p.epochs[c.Term.Epoch()]
	err := error(nil)
	switch hash, ok := p.HashAt(c.Pos.Index); {
	case m == nil:
		err = fmt.Errorf("certificate of term %s: no membership of its epoch", c.Term)
	case c.Kind != juno.Commit:
		err = fmt.Errorf("%s certificate, want one of a commit", c.Kind)
	case !ok || hash != c.Pos.Hash:
		err = fmt.Errorf("certificate at %s, the log has hash %s there", c.Pos, hash.Short())
	default:
		err = c.Check(m.config, p)
	}
	if err == nil {
		err = p.votes(c, m)
	}
	if err != nil {
		p.pool.keep(&p.finding, fault{
			c.Pos.Index, "a valid commit certificate", "one that is not",
			err.Error(),
		})
		return
	}
	p.finding.Items++
	p.covered = max(p.covered, c.Pos.Index)
}

// votes queues the signatures of a certificate's votes.
func (p *proofs) votes(c *juno.QuorumCertificate, m *membership) error {
	for i := range c.Votes {
		v := &c.Votes[i]
		r, known := m.ring.Lookup(v.Key)
		if !known || r.Role != juno.RoleNode || r.Subject != v.Node.String() {
			return fmt.Errorf("certificate at %s: vote of %s under key %s, which is not that "+
				"node's", c.Pos, v.Node, v.Key)
		}
		e := v.Envelope()
		p.pool.add(item{public: r.Public, index: c.Pos.Index, finding: &p.finding, what: r.Subject},
			p.cluster, &e)
	}
	return nil
}

// finish checks what still waits: for entries that never came.
func (p *proofs) finish() {
	for _, c := range p.waiting {
		p.check(c)
	}
	p.waiting = nil
}

// conclude says how far the log is proven, when all signatures are verified.
func (p *proofs) conclude() {
	open := p.last - max(p.covered, p.finding.From-1)
	if p.finding.OK && p.last >= p.finding.From && open > 0 {
		p.finding.Detail = fmt.Sprintf("the last %d entries are not proven to be committed", open)
	}
}
