package audit

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"juno"
	"juno/verify"
)

// CheckProofs is the name of the check of commit certificates and ends of epochs.
const CheckProofs = "proofs"

const (
	// windowEntries is how far behind the newest entry a certificate may speak of entries: twice as
	// many as can be in flight. 81 bytes each.
	windowEntries = 128 << 10
	// waitingMax bounds the certificates that wait for entries or for a membership. A node has a
	// few of them behind its newest entry; whoever writes files may have written millions.
	waitingMax = 64 << 10
	// jobAttestations is how many certificates are proven in one batch.
	jobAttestations = 256
)

// proofs checks commit certificates against the entries, under memberships that package verify has
// proven. The entries say where epochs end, but never who votes in the next one.
type proofs struct {
	finding juno.Finding
	pool    *pool
	members *verify.Memberships
	window  *window
	// ends are the Config entries on the chain, by the epoch that they end.
	ends    map[uint32]juno.Pos
	waiting []*juno.QuorumCertificate // for entries or epochs that are not there yet
	// wake is the entry that the first of those with a membership waits for; 0 if there is none.
	wake    juno.Index
	dropped int                       // certificates that found no room to wait
	filling []*verify.Attestation     // certificates whose signatures are to be checked
	unknown map[uint32]*unprovenEpoch // epochs whose membership is not proven, at the end

	// Of the pool's mutex:
	newest *verify.ProvenPosition
}

// unprovenEpoch is what came under the name of an epoch that nobody has proven.
type unprovenEpoch struct {
	certificates int
	first        juno.Index
	nodes        map[juno.NodeID]bool
}

func newProofs(pool *pool, o *Options) *proofs {
	return &proofs{
		finding: juno.Finding{Check: CheckProofs, From: o.From, OK: true}, pool: pool,
		members: o.Members, window: newWindow(o.Start), ends: make(map[uint32]juno.Pos),
		unknown: make(map[uint32]*unprovenEpoch),
	}
}

// fail notes a fault. The workers of the pool may do so at the same time.
func (p *proofs) fail(at juno.Index, expected string, err error) {
	p.pool.keep(&p.finding, fault{at, expected, "one that is not", err.Error()})
}

// entry notes the next entry, and checks what waited for it.
func (p *proofs) entry(e *juno.Chained, header juno.EntryHeader) {
	p.window.add(e, header)
	if e.Type == juno.EntryConfig {
		if _, twice := p.ends[e.Term.Epoch()]; !twice {
			p.ends[e.Term.Epoch()] = e.Pos()
		}
	}
	if p.wake != 0 && e.Index >= p.wake {
		p.retry()
	}
}

// wait keeps a certificate until its entries and its membership are there.
func (p *proofs) wait(c *juno.QuorumCertificate) {
	if len(p.waiting) == waitingMax {
		p.dropped++
		return
	}
	p.waiting = append(p.waiting, c)
	p.wakeFor(c)
}

// wakeFor has retry called when the entries are there that a certificate speaks of. One whose
// membership is not proven waits for the end of its epoch.
func (p *proofs) wakeFor(c *juno.QuorumCertificate) {
	at := furthest(c)
	if p.members.Of(c.Term.Epoch()) != nil && (p.wake == 0 || at < p.wake) {
		p.wake = at
	}
}

// retry checks those of the waiting certificates whose entries and membership are there by now.
func (p *proofs) retry() {
	p.wake = 0
	p.waiting = slices.DeleteFunc(p.waiting, func(c *juno.QuorumCertificate) bool {
		ready := p.ready(c)
		if ready {
			p.check(c)
		} else {
			p.wakeFor(c)
		}
		return ready
	})
}

func (p *proofs) ready(c *juno.QuorumCertificate) bool {
	return furthest(c) <= p.window.last && p.members.Of(c.Term.Epoch()) != nil
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
		// It says less than any later one, and reports begin behind it.
	case p.ready(c):
		p.check(c)
	default:
		p.wait(c)
	}
}

// epoch notes the end of an epoch, and proves the membership of the next one if all before are
// proven.
func (p *proofs) epoch(e *juno.EpochChange) {
	if err := p.members.ExtendAll([]juno.EpochChange{*e}); err != nil {
		p.fail(e.Entry.Index, "the proven end of an epoch", err)
		return
	}
	p.retry()
}

// check judges a certificate, and has its signatures checked if nothing is wrong with it.
func (p *proofs) check(c *juno.QuorumCertificate) {
	const expected = "a valid commit certificate"
	if _, held := p.window.HashAt(c.Pos.Index); !held &&
		c.Pos.Index+windowEntries <= p.window.last {
		return // it came too late to be compared; the newer ones prove what is before them
	}
	end, ended := p.ends[c.Term.Epoch()]
	if ended && c.Pos.Index > end.Index { // rule: chain-epoch-end
		p.fail(c.Pos.Index, expected,
			fmt.Errorf("certificate of term %s at %s: epoch %d ended at %d",
				c.Term, c.Pos, c.Term.Epoch(), end.Index))
		return
	}
	a, err := p.members.Attest(c, p.window)
	if err != nil {
		p.fail(c.Pos.Index, expected, err)
		return
	}
	if p.filling = append(p.filling, a); len(p.filling) == jobAttestations {
		p.send()
	}
}

// send has the signatures of some certificates checked.
func (p *proofs) send() {
	if len(p.filling) > 0 {
		p.pool.jobs <- &job{attestations: p.filling, proofs: p}
		p.filling = nil
	}
}

// proven notes what came of some certificates. A worker calls it.
func (p *proofs) proven(all []verify.Outcome, of []*verify.Attestation) {
	p.pool.mu.Lock()
	defer p.pool.mu.Unlock()
	for i, o := range all {
		if o.Err != nil {
			keep(&p.finding, fault{
				of[i].Pos().Index, "a valid commit certificate", "one that is not", o.Err.Error(),
			})
			continue
		}
		p.finding.Items++
		if p.newest == nil || p.newest.Pos().Index < o.Position.Pos().Index {
			p.newest = o.Position
		}
	}
}

// finish checks what still waits, and that the chain goes through every end of an epoch.
func (p *proofs) finish() {
	for _, c := range p.waiting {
		if epoch := c.Term.Epoch(); p.members.Of(epoch) == nil {
			p.claim(epoch, c)
		} else {
			p.check(c)
		}
	}
	p.waiting = nil
	p.send()
	for epoch := uint32(1); p.members.Of(epoch) != nil; epoch++ {
		at := p.members.Of(epoch).Begin()
		if h, held := p.window.HashAt(at.Index); held && h != at.Hash { // rule: epoch-on-chain
			p.fail(at.Index, "the entry that a quorum of its epoch committed", fmt.Errorf(
				"epoch %d ended at %s, the log has hash %s there", epoch-1, at, h.Short()))
		}
		if on, held := p.ends[epoch-1]; held && on != at { // rule: epoch-entry-on-chain
			p.fail(on.Index, "the entry that a quorum of its epoch committed", fmt.Errorf(
				"epoch %d ended at %s, the log has its end at %s", epoch-1, at, on))
		}
	}
}

// claim notes a certificate of an epoch that nobody has proven.
func (p *proofs) claim(epoch uint32, c *juno.QuorumCertificate) {
	u := p.unknown[epoch]
	if u == nil {
		u = &unprovenEpoch{first: c.Pos.Index, nodes: make(map[juno.NodeID]bool)}
		p.unknown[epoch] = u
	}
	u.certificates++
	u.first = min(u.first, c.Pos.Index)
	for i := range c.Votes {
		u.nodes[c.Votes[i].Node] = true
	}
}

// conclude says how far the log is proven, when all signatures are verified.
func (p *proofs) conclude() {
	for _, epoch := range slices.Sorted(maps.Keys(p.unknown)) {
		u := p.unknown[epoch]
		at := u.first
		why := fmt.Sprintf("nothing proves that epoch %d ended", epoch-1)
		if end, held := p.ends[epoch-1]; held {
			at = min(at, end.Index+1)
			why = fmt.Sprintf("no quorum of epoch %d committed entry %d, which names its voters",
				epoch-1, end.Index)
		}
		keep(&p.finding, fault{
			at, fmt.Sprintf("a proven membership of epoch %d", epoch),
			fmt.Sprintf("%d certificates that %s claim to be of it", u.certificates,
				juno.NodeNames(slices.Sorted(maps.Keys(u.nodes)))), why,
		})
	}
	if p.dropped > 0 {
		keep(&p.finding, fault{
			p.window.last + 1, fmt.Sprintf("at most %d certificates ahead of the log", waitingMax),
			fmt.Sprintf("%d more", p.dropped), "they speak of entries that are not held",
		})
	}
	if open := p.open(); p.finding.OK && open > 0 {
		p.finding.Detail = fmt.Sprintf("the last %d entries are not proven to be committed", open)
	}
}

// open returns how many entries at the end no certificate proves.
func (p *proofs) open() juno.Index {
	covered := p.finding.From - 1
	if p.newest != nil {
		covered = max(covered, p.newest.Pos().Index)
	}
	return p.window.last - min(covered, p.window.last)
}

var errNoMembers = errors.New("audit: certificates need the memberships that verify proves")
