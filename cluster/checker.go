package cluster

import (
	"errors"
	"runtime"
	"sync"

	"juno"
	"juno/cluster/consensus"
)

// incoming is a verified message of a peer, for the loop.
type incoming struct {
	from    juno.NodeID
	message consensus.Checked
	// behind says instead that the peer speaks in an epoch that is not known here.
	behind bool
	// refused says instead why its bytes or signatures are bad.
	refused error
}

// checker decodes and verifies frames, outside the loop: votes and evidence on one goroutine, the
// newest first, entries and commands on another, so that a decision never waits for a batch.
type checker struct {
	node *Node
	seen *seen
	out  chan incoming
	stop <-chan struct{}
}

// stepsAhead is how many verified messages can wait for the loop. If the queue is full the checker
// waits, and the inbox bounds the frames that arrive meanwhile.
const stepsAhead = 256

func (c *checker) pass(in incoming) {
	select {
	case c.out <- in:
	case <-c.stop:
	}
}

// runUrgent checks votes and evidence until the node ends.
func (c *checker) runUrgent() {
	v := newVerifier(c.node.members, c.seen)
	for {
		select {
		case <-c.node.inbox.urgent:
		case <-c.stop:
			return
		}
		c.checkAll(v, c.node.inbox.takeUrgent())
	}
}

// pendingCheck is a message whose signatures are being verified.
type pendingCheck struct {
	from    juno.NodeID
	message consensus.Checked
	refused error
}

// checkAll verifies the signatures of several messages as one batch.
func (c *checker) checkAll(v *verifier, all []arrival) {
	var pending []pendingCheck
	var checks []check
	for _, a := range all {
		m, err := consensus.Decode(a.frame[1:])
		if err != nil {
			c.pass(incoming{from: a.from, refused: err})
			continue
		}
		if vote, ok := m.(*consensus.Vote); ok && c.node.addsNothing(a.from, vote) {
			continue
		}
		var g collector
		checked, _ := consensus.Check(m, &g) // g accepts everything, see run
		checks, err = v.prepare(checks, g.all, len(pending))
		pending = append(pending, pendingCheck{a.from, checked, err})
	}
	for i, ok := range v.run(checks) {
		if p := &pending[checks[i].statement]; !ok && p.refused == nil {
			p.refused = juno.ErrBadSignature
		}
	}
	for _, p := range pending {
		c.pass(incoming{
			from: p.from, message: p.message, refused: p.refused,
			behind: errors.Is(p.refused, consensus.ErrUnknownEpoch),
		})
	}
}

// runBulk checks entries and commands until the node ends.
func (c *checker) runBulk() {
	v := newVerifier(c.node.members, c.seen)
	for {
		select {
		case <-c.node.inbox.bulk:
		case <-c.stop:
			return
		}
		for all := c.node.inbox.takeBulk(); len(all) > 0; all = c.node.inbox.takeBulk() {
			for _, a := range all {
				c.takeBulk(v, a)
			}
			select {
			case <-c.stop:
				return
			default:
			}
		}
	}
}

func (c *checker) takeBulk(v *verifier, a arrival) {
	switch frameKind(a.frame[0]) {
	case frameMessage:
		c.checkEntries(v, a)
	case frameProposals:
		all, err := parseProposals(a.frame)
		if err != nil {
			c.pass(incoming{from: a.from, refused: err})
			return
		}
		c.node.takeForwarded(a.from, all)
	case frameAsk:
		select {
		case c.node.server.asks <- a:
		default: // the peer will ask again
		}
	case framePiece:
		c.node.takePiece(a)
	}
}

// checkEntries verifies a message with entries, and the signatures of the clients in them. A bad
// signature of a client does not stop the message: the core must see it, to accuse the leader that
// signed the entries.
func (c *checker) checkEntries(v *verifier, a arrival) {
	m, err := consensus.Decode(a.frame[1:])
	if err != nil {
		c.pass(incoming{from: a.from, refused: err})
		return
	}
	checked, err := consensus.Check(m, v)
	if err != nil {
		c.pass(incoming{
			from: a.from, refused: err, behind: errors.Is(err, consensus.ErrUnknownEpoch),
		})
		return
	}
	switch m := m.(type) {
	case *consensus.Append:
		c.verifyClients(m.Entries)
	case *consensus.SyncReply:
		c.verifyClients(m.Entries)
	}
	c.pass(incoming{from: a.from, message: checked})
}

// clientChunkMin is how many signatures are worth a goroutine of their own: a batch of that size
// costs hardly more per signature than a larger one.
const clientChunkMin = 256

// verifyClients verifies the clients' signatures of entries, so that the validator finds them in
// seen.
func (c *checker) verifyClients(entries []juno.Entry) {
	checks := c.clientChecks(entries)
	chunk := max(clientChunkMin, (len(checks)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for len(checks) > chunk {
		part := checks[:chunk]
		wg.Go(func() { c.verifyPart(part) })
		checks = checks[chunk:]
	}
	c.verifyPart(checks)
	wg.Wait()
}

// verifyPart verifies signatures chunk by chunk: on a node with one processor or less the loop must
// not wait for a whole batch before it can send a heartbeat or a vote.
func (c *checker) verifyPart(checks []check) {
	if len(checks) == 0 {
		return // a heartbeat
	}
	v := c.node.verifiers.Get().(*verifier)
	defer c.node.verifiers.Put(v)
	for len(checks) > 0 {
		n := min(len(checks), clientChunkMin)
		v.run(checks[:n])
		checks = checks[n:]
		runtime.Gosched()
	}
}

// clientChecks returns the signatures among entries that were not verified before. A key that the
// keyring does not know yet is left to the validator.
func (c *checker) clientChecks(entries []juno.Entry) []check {
	ring := c.node.admission.ring.Load()
	var checks []check
	var message []byte
	for i := range entries {
		envelope, signed := clientEnvelope(&entries[i])
		if !signed {
			continue
		}
		record, known := ring.Lookup(envelope.Key)
		if !known {
			continue
		}
		message = juno.AppendSigningBytes(message[:0], envelope.Kind, c.node.cfg.Cluster,
			envelope.Body)
		h := signatureHash(record.Public, message, envelope.Signature)
		if !c.seen.has(h) {
			checks = append(checks, check{public: record.Public, envelope: &envelope, hash: h})
		}
	}
	return checks
}
