package cluster

import (
	"runtime"
	"sync/atomic"

	"juno"
)

// verifyBatchMax is how many signatures are checked together. A larger batch is not cheaper per
// signature, and all of it waits for its last one.
const verifyBatchMax = 512

// admission checks the signatures of proposals, away from the core. While it is busy with one
// batch the next one collects, so that batches grow with the load by themselves.
type admission struct {
	in  chan *Proposal
	out chan<- []*Proposal
	// batch verifies; it remembers the keys that it has seen. Owned by run.
	batch *juno.BatchVerifier
	// ring is the keyring as of some moment lately; never changed once it is stored here. The
	// core's validator judges every entry again, against the keyring at its own index.
	ring atomic.Pointer[juno.Keyring]
	// tip is the newest index of the log, lately.
	tip atomic.Uint64
	// config is the membership in force, lately.
	config atomic.Pointer[juno.EpochConfig]
	// seen, if not nil, is told of the signatures that are good, so that they are not verified
	// again when they come back in the leader's entries.
	seen *seen
}

// run works until stop is closed; proposals that are still waiting then are turned away, for the
// reason that the node stops for.
func (a *admission) run(stop <-chan struct{}, reason func() error) {
	waiting := make([]*Proposal, 0, verifyBatchMax)
	for {
		select {
		case p := <-a.in:
			waiting = append(waiting[:0], p)
		case <-stop:
			a.drain(reason())
			return
		}
		waiting = a.gather(waiting)
		if good := a.verify(waiting); len(good) > 0 {
			select {
			case a.out <- good:
			case <-stop:
				turnAway(good, reason())
				a.drain(reason())
				return
			}
		}
	}
}

// gather adds to waiting what can be had without waiting. A signature in a batch of sixteen costs
// a third of one by itself, so whoever is about to hand a proposal over, such as all the clients
// that were just answered, is given the core first. Where nobody is, that takes no time.
func (a *admission) gather(waiting []*Proposal) []*Proposal {
	for yielded := false; len(waiting) < verifyBatchMax; {
		select {
		case p := <-a.in:
			waiting = append(waiting, p)
			yielded = false
		default:
			if yielded {
				return waiting
			}
			runtime.Gosched()
			yielded = true
		}
	}
	return waiting
}

// verify returns the proposals whose signatures are good, and ends the others.
func (a *admission) verify(waiting []*Proposal) []*Proposal {
	good := make([]*Proposal, 0, len(waiting))
	signed := make([]*Proposal, 0, len(waiting))
	envelopes := make([]juno.Envelope, 0, len(waiting))
	hashes := make([]juno.Hash, 0, len(waiting))
	ring, at := a.ring.Load(), juno.Index(a.tip.Load()+1)
	for _, p := range waiting {
		if p.byAdmins() {
			if err := a.approve(p); err != nil {
				p.ticket.finish(nil, err)
				continue
			}
			good = append(good, p)
			continue
		}
		hash, known := a.known(&p.envelope, ring, at)
		if known {
			good = append(good, p)
			continue
		}
		signed, envelopes = append(signed, p), append(envelopes, p.envelope)
		hashes = append(hashes, hash)
	}
	for i, o := range ring.OpenAllWith(a.batch, envelopes, at) {
		if o.Err != nil {
			signed[i].ticket.finish(nil, o.Err)
			continue
		}
		if a.seen != nil {
			a.seen.add(hashes[i])
		}
		good = append(good, signed[i])
	}
	return good
}

// known reports whether a client's signature was found good before, under a key that is still
// valid: its command came twice, from an impatient client or from other nodes as well. The hash
// is what it is remembered by.
func (a *admission) known(
	e *juno.Envelope, ring *juno.Keyring, at juno.Index,
) (hash juno.Hash, known bool) {
	if a.seen == nil {
		return hash, false
	}
	signer, err := ring.Signer(e.Key, at)
	if err != nil {
		return hash, false // the ring will say so again
	}
	message := juno.AppendSigningBytes(make([]byte, 0, 64+len(e.Body)), e.Kind, ring.Cluster(),
		e.Body)
	hash = signatureHash(signer.Public, message, e.Signature)
	return hash, a.seen.has(hash)
}

// approve checks what administrators have signed against the membership in force. The log's
// Validator judges it again, at its place.
func (a *admission) approve(p *Proposal) error {
	config, cluster := a.config.Load(), a.ring.Load().Cluster()
	if p.membership != nil {
		return p.membership.Verify(config, cluster)
	}
	return p.mode.Verify(config, cluster, 0)
}

// drain turns away what nobody will look at any more.
func (a *admission) drain(reason error) {
	for {
		select {
		case p := <-a.in:
			p.ticket.finish(nil, reason)
		default:
			return
		}
	}
}

func turnAway(all []*Proposal, err error) {
	for _, p := range all {
		p.ticket.finish(nil, err)
	}
}
