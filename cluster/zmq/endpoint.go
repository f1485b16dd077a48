package zmq

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"juno"
)

// Endpoint is a node's place on the network. Its methods may be called from any goroutine, except
// that Close must not be called from Deliver, Serve or Changed.
type Endpoint struct {
	cfg       Config
	e         *engine
	listener  *listener
	allowlist *allowlist
	address   string
	secret    string // our curve keys, Z85
	public    string

	setMu sync.Mutex // held by SetPeers and SetClients
	peers atomic.Pointer[map[juno.NodeID]*peer]
}

// Listen opens an endpoint, begins to listen and to connect to the peers. Nobody but the peers is
// admitted until SetClients.
func Listen(cfg Config) (*Endpoint, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.FrameBytesMax, cfg.LaneBytesMax = withDefaults(cfg.FrameBytesMax, cfg.LaneBytesMax)
	n := &Endpoint{cfg: cfg, allowlist: &allowlist{}}
	public, err := curvePublic(cfg.Key.Public())
	if err != nil {
		return nil, fmt.Errorf("zmq: our own key: %w", err)
	}
	n.secret, n.public = curveSecret(cfg.Key).z85(), public.z85()
	if n.e, err = newEngine(cfg.FrameBytesMax, n.allowlist.allows); err != nil {
		return nil, err
	}
	n.listener, n.address, err = newListener(n.e, &n.cfg, n.allowlist)
	n.e.listener = n.listener
	n.e.start()
	n.peers.Store(&map[juno.NodeID]*peer{})
	if err == nil {
		err = n.SetPeers(cfg.Peers)
	}
	if err != nil {
		n.e.close()
		return nil, err
	}
	return n, nil
}

// Address returns "host:port" that the endpoint listens on, with the port that was picked.
func (n *Endpoint) Address() string { return n.address }

// Send puts a frame on its way to a peer and returns at once. The frame must not change
// afterwards. False: there is no such peer, the frame is empty or too long, or the lane is full
// (a full lane of votes makes room by dropping its oldest). True is no promise that it arrives.
func (n *Endpoint) Send(to juno.NodeID, lane Lane, frame []byte) bool {
	p := (*n.peers.Load())[to]
	if p == nil || lane >= LaneCount || len(frame) == 0 || len(frame) > n.cfg.FrameBytesMax {
		return false
	}
	return p.conn(lane).send(lane, frame)
}

// SetPeers replaces the peers: connections to new ones are made, those to ones that are gone are
// closed, and where address or key changed they are made again. Ourselves may be in the list.
// A peer whose key cannot be used is left out, and the first such is the error.
func (n *Endpoint) SetPeers(peers []Peer) error {
	n.setMu.Lock()
	defer n.setMu.Unlock()
	others := slices.DeleteFunc(slices.Clone(peers), func(p Peer) bool { return p.ID == n.cfg.ID })
	err := n.allowlist.setPeers(others)
	old, next := *n.peers.Load(), make(map[juno.NodeID]*peer, len(others))
	var fresh, stale []*peer
	for _, p := range others {
		switch before := old[p.ID]; {
		case n.allowlist.lookup(p.Key).node != p.ID: // its key cannot be used, or is another's too
			err = firstError(err, fmt.Errorf("zmq: %s and another peer have one key", p.ID))
		case next[p.ID] != nil:
			err = firstError(err, fmt.Errorf("zmq: %s is in the list of peers twice", p.ID))
		case before != nil && before.Peer == p:
			next[p.ID] = before
		default:
			next[p.ID] = n.newPeer(p)
			fresh = append(fresh, next[p.ID])
		}
	}
	for id, p := range old {
		if next[id] != p {
			stale = append(stale, p)
		}
	}
	n.peers.Store(&next)
	n.e.post(func() {
		n.listener.setPeers(maps.Clone(next))
		for _, p := range stale {
			p.close()
		}
		for _, p := range fresh {
			p.start()
		}
	})
	return err
}

// SetClients replaces the keys of clients that may connect. A connection of one that is not among
// them any more is not heard from then on. A key that cannot be used is left out, and the first
// such is the error. A key that was in the list before costs little, a new one 30 µs.
func (n *Endpoint) SetClients(keys []juno.PublicKey) error {
	n.setMu.Lock()
	defer n.setMu.Unlock()
	err := n.allowlist.setClients(keys)
	n.e.post(n.listener.reauthorizeAll)
	return err
}

// Status tells how it stands with every peer, sorted by id.
func (n *Endpoint) Status() []PeerStatus {
	var all []PeerStatus
	for _, p := range *n.peers.Load() {
		all = append(all, p.status())
	}
	slices.SortFunc(all, func(a, b PeerStatus) int { return int(a.ID) - int(b.ID) })
	return all
}

// Refused counts the handshakes of strangers, hellos and frames that were refused.
func (n *Endpoint) Refused() uint64 { return n.listener.refused.Load() }

// Close ends all connections and waits until everything has stopped. Frames that still wait are
// lost. Nothing is delivered, served or told afterwards.
func (n *Endpoint) Close() error {
	n.e.close()
	return nil
}

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
	conns    [2]*outboundConn // urgent, bulk
	onChange func(PeerStatus)
	framesIn atomic.Uint64
	bytesIn  atomic.Uint64

	mu        sync.Mutex // guards what the loop writes and Status reads
	connected bool
	since     time.Time
	problem   error
	software  string
}

func (n *Endpoint) newPeer(p Peer) *peer {
	q := &peer{Peer: p, onChange: n.cfg.OnChange, since: time.Now()}
	q.problem = fmt.Errorf("%s at %s: %w", p.ID, p.Address, ErrConnecting)
	for i, purpose := range []purpose{purposeUrgent, purposeBulk} {
		q.conns[i] = &outboundConn{
			e: n.e, purpose: purpose, secret: n.secret, public: n.public, onChange: q.update,
			target: target{
				name:    fmt.Sprintf("%s at %s", p.ID, p.Address),
				node:    p.ID,
				address: p.Address,
				curve:   n.allowlist.lookup(p.Key).curve,
			},
			hello: hello{
				purpose: purpose, cluster: n.cfg.Cluster, from: n.cfg.ID, to: p.ID,
				key: n.cfg.Key.Public(), software: n.cfg.Software,
			},
			outbox: outbox{bytesMax: n.cfg.LaneBytesMax},
		}
	}
	return q
}

// link returns the connection that a lane's frames go over.
func (p *peer) conn(lane Lane) *outboundConn {
	if lane < LaneEntries {
		return p.conns[0]
	}
	return p.conns[1]
}

// start and close run on the loop.
func (p *peer) start() {
	for _, c := range p.conns {
		c.start()
	}
}

func (p *peer) close() {
	for _, c := range p.conns {
		c.close(ErrClosed)
	}
}

// changed draws the sum of the two connections, on the loop.
func (p *peer) update() {
	connected, problem := true, error(nil)
	for _, c := range p.conns {
		connected = connected && c.up()
		// One that knows what is wrong says more than one that still tries.
		if problem == nil || (errors.Is(problem, ErrConnecting) && c.problem != nil) {
			problem = c.problem
		}
	}
	p.mu.Lock()
	news := connected != p.connected || errorText(problem) != errorText(p.problem)
	if connected != p.connected {
		p.since = time.Now()
	}
	p.connected, p.problem, p.software = connected, problem, p.conns[0].software
	p.mu.Unlock()
	if news && p.onChange != nil {
		p.onChange(p.status())
	}
}

func errorText(err error) string {
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
	for _, c := range p.conns {
		s.FramesOut += c.framesOut.Load()
		s.BytesOut += c.bytesOut.Load()
		s.Dropped += c.outbox.addCounts(&s.Queued, &s.QueuedBytes)
	}
	return s
}
