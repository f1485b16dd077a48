package zmq

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// PeerStatus is how it stands with a peer. All counts are since the peer was last set.
type PeerStatus struct {
	Peer
	Connected   bool      // both connections to it are up
	Since       time.Time // when Connected last changed
	Problem     error     // why it is not connected, for people; wraps one of the errors above
	Software    string    // what it said it runs; empty until it answered once
	FramesOut   uint64    // handed to libzmq
	BytesOut    uint64
	FramesIn    uint64
	BytesIn     uint64
	Dropped     uint64 // refused by a full lane, pushed out of it, or lost with a connection
	Queued      [LaneCount]int
	QueuedBytes [LaneCount]int
}

// peer is another node: the two connections we make to it, and what came from it.
type peer struct {
	Peer
	links    [2]*link // urgent, bulk
	told     func(PeerStatus)
	framesIn atomic.Uint64
	bytesIn  atomic.Uint64

	mu        sync.Mutex // guards what the loop writes and Status reads
	connected bool
	since     time.Time
	problem   error
	software  string
}

func (n *Endpoint) newPeer(p Peer) *peer {
	q := &peer{Peer: p, told: n.cfg.Changed, since: time.Now()}
	q.problem = fmt.Errorf("%s at %s: %w", p.ID, p.Address, ErrConnecting)
	for i, purpose := range []purpose{purposeUrgent, purposeBulk} {
		q.links[i] = &link{
			e: n.e, purpose: purpose, secret: n.secret, public: n.public, changed: q.changed,
			target: target{
				name:    fmt.Sprintf("%s at %s", p.ID, p.Address),
				node:    p.ID,
				address: p.Address,
				curve:   n.admission.who(p.Key).curve,
			},
			hello: hello{
				purpose: purpose, cluster: n.cfg.Cluster, from: n.cfg.ID, to: p.ID,
				key: n.cfg.Key.Public(), software: n.cfg.Software,
			},
			box: outbox{limit: n.cfg.LaneBytesMax},
		}
	}
	return q
}

// link returns the connection that a lane's frames go over.
func (p *peer) link(lane Lane) *link {
	if lane < LaneEntries {
		return p.links[0]
	}
	return p.links[1]
}

// start and close run on the loop.
func (p *peer) start() {
	for _, l := range p.links {
		l.start()
	}
}

func (p *peer) close() {
	for _, l := range p.links {
		l.close(ErrClosed)
	}
}

// changed draws the sum of the two connections, on the loop.
func (p *peer) changed() {
	connected, problem := true, error(nil)
	for _, l := range p.links {
		connected = connected && l.up()
		// One that knows what is wrong says more than one that still tries.
		if problem == nil || (errors.Is(problem, ErrConnecting) && l.problem != nil) {
			problem = l.problem
		}
	}
	p.mu.Lock()
	news := connected != p.connected || text(problem) != text(p.problem)
	if connected != p.connected {
		p.since = time.Now()
	}
	p.connected, p.problem, p.software = connected, problem, p.links[0].software
	p.mu.Unlock()
	if news && p.told != nil {
		p.told(p.status())
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (p *peer) status() PeerStatus {
	p.mu.Lock()
	s := PeerStatus{
		Peer: p.Peer, Connected: p.connected, Since: p.since, Problem: p.problem,
		Software: p.software, FramesIn: p.framesIn.Load(), BytesIn: p.bytesIn.Load(),
	}
	p.mu.Unlock()
	for _, l := range p.links {
		s.FramesOut += l.framesOut.Load()
		s.BytesOut += l.bytesOut.Load()
		s.Dropped += l.box.waiting(&s.Queued, &s.QueuedBytes)
	}
	return s
}
