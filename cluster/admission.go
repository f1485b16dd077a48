package cluster

import (
	"runtime"
	"sync/atomic"

	"juno"
)

// verifyBatchMax is how many signatures are checked together. A larger batch is not cheaper per
// signature, and all of it waits for its last one.
const verifyBatchMax = 512

// admission checks the signatures of proposals, outside the loop. While it verifies one batch the
// next one collects, so batches grow with the load.
type admission struct {
	in  chan *Proposal
	out chan<- []*Proposal
	// batch verifies signatures and caches the keys of earlier ones. It belongs to run.
	batch *juno.BatchVerifier
	// ring is a recent keyring; a stored keyring is never changed. The core's validator checks
	// every entry again, against the keyring at its own index.
	ring atomic.Pointer[juno.Keyring]
	// tip is a recent index of the end of the log.
	tip atomic.Uint64
	// config is a recent membership.
	config atomic.Pointer[juno.EpochConfig]
	// seen, if not nil, stores good signatures, so that they are not verified again when they come
	// back in the leader's entries.
	seen *seen
}

// run works until stop is closed. Proposals that still wait then are refused, with the reason for
// which the node stops.
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

// gather adds to waiting the proposals that can be had without waiting. A signature in a batch of
// sixteen costs a third of one by itself, so other goroutines that are about to submit, such as
// clients that were just answered, get the processor first. If there are none, that takes no time.
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

// verify returns the proposals with good signatures, and refuses the others.
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

// known reports whether a client's signature was verified before, under a key that is still valid:
// its command came twice, from the client itself or through other nodes. The hash is the
// signature's name in seen.
func (a *admission) known(
	e *juno.Envelope, ring *juno.Keyring, at juno.Index,
) (hash juno.Hash, known bool) {
	if a.seen == nil {
		return hash, false
	}
	signer, err := ring.Signer(e.Key, at)
	if err != nil {
		return hash, false // OpenAllWith returns the error again
	}
	message := juno.AppendSigningBytes(make([]byte, 0, 64+len(e.Body)), e.Kind, ring.Cluster(),
		e.Body)
	hash = signatureHash(signer.Public, message, e.Signature)
	return hash, a.seen.has(hash)
}

// approve checks the signatures of administrators against the membership in force. The log's
// Validator checks them again, at the index of the entry.
func (a *admission) approve(p *Proposal) error {
	config, cluster := a.config.Load(), a.ring.Load().Cluster()
	if p.membership != nil {
		return p.membership.Verify(config, cluster)
	}
	return p.mode.Verify(config, cluster, 0)
}

// drain refuses the proposals that are left in the queue.
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
