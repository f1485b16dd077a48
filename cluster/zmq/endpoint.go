package zmq

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"juno"
)

// Endpoint is a node's listener and its connections to peers. Its methods may be called from any
// goroutine, but Close must not be called from Deliver, Serve or OnChange.
type Endpoint struct {
	cfg       Config
	e         *engine
	listener  *listener
	allowlist *allowlist
	address   string
	secret    string // the local curve keys in Z85
	public    string

	setMu sync.Mutex // serializes SetPeers and SetClients
	peers atomic.Pointer[map[juno.NodeID]*peer]
}

// Listen returns an endpoint that listens and has begun to connect to its peers. It admits only
// peers until SetClients.
func Listen(cfg Config) (*Endpoint, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.FrameBytesMax, cfg.LaneBytesMax = withDefaults(cfg.FrameBytesMax, cfg.LaneBytesMax)
	n := &Endpoint{cfg: cfg, allowlist: &allowlist{}}
	public, err := curvePublic(cfg.Key.Public())
	if err != nil {
		return nil, fmt.Errorf("zmq: listen: Config.Key: %w", err)
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

// Address returns the "host:port" that the endpoint listens on, with the port that was selected.
func (n *Endpoint) Address() string { return n.address }

// Send queues a frame for a peer and returns at once. The frame must not change afterwards. Send
// returns false if there is no such peer, the frame is empty or too long, or the lane is full;
// the lane of votes drops its oldest frames instead. A frame that was queued may still be lost.
func (n *Endpoint) Send(to juno.NodeID, lane Lane, frame []byte) bool {
	p := (*n.peers.Load())[to]
	if p == nil || lane >= LaneCount || len(frame) == 0 || len(frame) > n.cfg.FrameBytesMax {
		return false
	}
	return p.conn(lane).send(lane, frame)
}

// SetPeers replaces the peers. It connects to new peers, closes the connections to removed ones,
// and reconnects to those whose address or key has changed. The list may include this node, which
// is ignored. A peer whose key is unusable is left out, and the error of the first is returned.
func (n *Endpoint) SetPeers(peers []Peer) error {
	n.setMu.Lock()
	defer n.setMu.Unlock()
	others := slices.DeleteFunc(slices.Clone(peers), func(p Peer) bool { return p.ID == n.cfg.ID })
	err := n.allowlist.setPeers(others)
	old, next := *n.peers.Load(), make(map[juno.NodeID]*peer, len(others))
	var added, removed []*peer
	for _, p := range others {
		switch before := old[p.ID]; {
		case n.allowlist.lookup(p.Key).node != p.ID: // unusable, or another peer's key too
			err = cmp.Or(err, fmt.Errorf(
				"zmq: set peers: %s has the key of another peer; expected one key each", p.ID))
		case next[p.ID] != nil:
			err = cmp.Or(err, fmt.Errorf("zmq: set peers: %s is in the list twice", p.ID))
		case before != nil && before.Peer == p:
			next[p.ID] = before
		default:
			next[p.ID] = n.newPeer(p)
			added = append(added, next[p.ID])
		}
	}
	for id, p := range old {
		if next[id] != p {
			removed = append(removed, p)
		}
	}
	n.peers.Store(&next)
	n.e.post(func() {
		n.listener.setPeers(maps.Clone(next))
		for _, p := range removed {
			p.close()
		}
		for _, p := range added {
			p.start()
		}
	})
	return err
}

// SetClients replaces the keys of the clients that may connect. Requests under a removed key are
// refused from then on. An unusable key is left out, and the error of the first is returned. A
// new key costs 30 µs, a key that was in the list before much less.
func (n *Endpoint) SetClients(keys []juno.PublicKey) error {
	n.setMu.Lock()
	defer n.setMu.Unlock()
	err := n.allowlist.setClients(keys)
	n.e.post(n.listener.reauthorizeAll)
	return err
}

// Status returns the status of every peer, sorted by ID.
func (n *Endpoint) Status() []PeerStatus {
	var all []PeerStatus
	for _, p := range *n.peers.Load() {
		all = append(all, p.status())
	}
	slices.SortFunc(all, func(a, b PeerStatus) int { return int(a.ID) - int(b.ID) })
	return all
}

// Refused returns the number of handshakes, hellos and frames that were refused.
func (n *Endpoint) Refused() uint64 { return n.listener.refused.Load() }

// Close closes all connections and waits until all goroutines have ended. Queued frames are lost.
// No callback is called afterwards. The error is always nil.
func (n *Endpoint) Close() error {
	n.e.close()
	return nil
}

// PeerStatus is the state of the connections to a peer. Its counts begin when SetPeers adds or
// changes the peer.
type PeerStatus struct {
	Peer
	Connected   bool      // both connections to the peer are up
	Since       time.Time // when Connected last changed
	Problem     error     // nil if Connected; wraps one of the errors of this package
	Software    string    // name of the peer's program; empty before its first answer
	FramesOut   uint64    // passed to libzmq
	BytesOut    uint64
	FramesIn    uint64
	BytesIn     uint64
	Dropped     uint64 // frames that a full lane refused or dropped, or a disconnect lost
	Queued      [LaneCount]int
	QueuedBytes [LaneCount]int
}

// peer is another node: the two connections to it, and counts of the frames from it.
type peer struct {
	Peer
	conns    [2]*outboundConn // urgent, bulk
	onChange func(PeerStatus)
	framesIn atomic.Uint64
	bytesIn  atomic.Uint64

	mu        sync.Mutex // guards the fields that the loop writes and Status reads
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

// conn returns the connection that carries a lane.
func (p *peer) conn(lane Lane) *outboundConn {
	if lane < LaneEntries {
		return p.conns[0]
	}
	return p.conns[1]
}

// start runs on the loop.
func (p *peer) start() {
	for _, c := range p.conns {
		c.start()
	}
}

// close runs on the loop.
func (p *peer) close() {
	for _, c := range p.conns {
		c.close(ErrClosed)
	}
}

// update combines the states of the two connections. It runs on the loop.
func (p *peer) update() {
	connected, problem := true, error(nil)
	for _, c := range p.conns {
		connected = connected && c.up()
		// A problem that was found says more than an attempt that still runs.
		if problem == nil || (errors.Is(problem, ErrConnecting) && c.problem != nil) {
			problem = c.problem
		}
	}
	p.mu.Lock()
	changed := connected != p.connected || fmt.Sprint(problem) != fmt.Sprint(p.problem)
	if connected != p.connected {
		p.since = time.Now()
	}
	p.connected, p.problem, p.software = connected, problem, p.conns[0].software
	p.mu.Unlock()
	if changed && p.onChange != nil {
		p.onChange(p.status())
	}
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
