package zmq

import (
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	zmq4 "github.com/pebbe/zmq4"

	"juno"
)

// door is the socket that others come in by: a ROUTER, which names every connection and says of
// every frame where it came from. It belongs to the loop.
type door struct {
	e         *engine
	cfg       *Config
	admission *admission
	sock      *zmq4.Socket
	watch     *watch
	peers     map[juno.NodeID]*peer
	conns     map[string]*inbound // by the name that the socket gave the connection
	blocked   []*inbound          // their queues were full when we last tried
	retry     time.Time           // when to try them again
	sweep     time.Time
	refused   atomic.Uint64 // handshakes of strangers, hellos that were refused, bad frames
}

// inbound is a connection that somebody else made and that has said hello.
type inbound struct {
	d       *door
	name    string
	purpose purpose
	key     juno.PublicKey
	node    juno.NodeID // 0 for a client
	peer    *peer       // nil for a client, and for a node that is no peer any more
	admits  bool        // what it sends is heard
	heard   bool        // since the last sweep

	mu      sync.Mutex
	replies queue
	known   bool // the loop has it on a list
	gone    bool
}

func newDoor(e *engine, cfg *Config, a *admission) (*door, string, error) {
	endpoint, ipv6, err := bindAddress(cfg.Listen)
	if err != nil {
		return nil, "", err
	}
	d := &door{
		e: e, cfg: cfg, admission: a,
		peers: make(map[juno.NodeID]*peer), conns: make(map[string]*inbound),
	}
	if d.sock, err = e.ctx.NewSocket(zmq4.ROUTER); err != nil {
		return nil, "", fmt.Errorf("zmq: open a socket: %w", err)
	}
	secret := curveSecret(cfg.Key)
	err = errors.Join(
		setCommon(d.sock, e.frameBytesMax),
		// The door takes in whatever comes, and the loop behind it drops what it cannot take: a
		// full queue would be worse than none, because libzmq 4.3 ends the process where a
		// connection breaks while received frames wait in one (its issue 4364), which a member
		// could bring about on purpose.
		d.sock.SetSndhwm(doorFramesMax), d.sock.SetRcvhwm(0),
		d.sock.SetIpv6(ipv6), d.sock.SetBacklog(listenBacklog),
		d.sock.SetRouterMandatory(1),
		d.sock.SetCurveServer(1), d.sock.SetCurveSecretkey(secret.z85()),
		d.sock.SetZapDomain("juno"))
	if err == nil {
		err = e.porter.watch(e.ctx, d.sock, "inproc://door", d.event)
	}
	if err != nil {
		_ = d.sock.Close()
		return nil, "", fmt.Errorf("zmq: set up a socket: %w", err)
	}
	if err := d.sock.Bind(endpoint); err != nil {
		_ = d.sock.Close()
		return nil, "", fmt.Errorf("zmq: listen on %s: %w", cfg.Listen, err)
	}
	address, err := d.sock.GetLastEndpoint()
	if err == nil {
		d.watch, err = newWatch(d.sock, e.wake)
	}
	if err != nil {
		_ = d.sock.Close()
		return nil, "", fmt.Errorf("zmq: listen on %s: %w", cfg.Listen, err)
	}
	d.sweep = time.Now().Add(sweepEvery)
	e.remind(d.sweep)
	return d, address[len("tcp://"):], nil
}

// listenBacklog is how many connections the system takes before we do. A cluster that starts
// makes two for each pair of nodes at once.
const listenBacklog = 512

// event counts strangers; it runs on the porter's goroutine.
func (d *door) event(event zmq4.Event, _ int) {
	switch event {
	case zmq4.EVENT_HANDSHAKE_FAILED_AUTH, zmq4.EVENT_HANDSHAKE_FAILED_PROTOCOL,
		zmq4.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
		d.refused.Add(1)
	}
}

// receive takes what arrived, for a limited while, and says whether there may be more.
func (d *door) receive() (more bool) {
	for frames, bytes := 0, 0; frames < receiveFramesMax && bytes < receiveBytesMax; frames++ {
		name, err := d.sock.RecvBytes(zmq4.DONTWAIT)
		if err != nil {
			return false
		}
		c := d.conns[string(name)]
		n, ok := 0, false
		if c == nil {
			n, ok = d.receiveHello(string(name))
		} else {
			n, ok = d.receiveFrame(c)
		}
		if !ok {
			d.refused.Add(1)
		}
		bytes += n
	}
	return true
}

// single says whether the part just read was the last of its message. What is left of a message
// of several parts is thrown away: read as the next message it would begin with a connection's
// name, made up by whoever sent it.
func (d *door) single() bool {
	single := true
	for {
		more, err := d.sock.GetRcvmore()
		if err != nil || !more {
			return single && err == nil
		}
		single = false
		if _, err := d.sock.RecvBytes(zmq4.DONTWAIT); err != nil {
			return false
		}
	}
}

func (d *door) receiveFrame(c *inbound) (n int, ok bool) {
	frame, err := d.sock.RecvBytes(zmq4.DONTWAIT)
	if !d.single() || err != nil || !c.admits {
		return len(frame), false
	}
	c.heard = true
	if c.purpose != purposeClient {
		c.peer.framesIn.Add(1)
		c.peer.bytesIn.Add(uint64(len(frame)))
		d.cfg.Deliver(c.node, frame)
		return len(frame), true
	}
	d.cfg.Serve(c.key, frame, c.reply)
	return len(frame), true
}

func (d *door) receiveHello(name string) (n int, ok bool) {
	frame, metadata, err := d.sock.RecvBytesWithMetadata(zmq4.DONTWAIT, userIDProperty)
	if !d.single() || err != nil {
		return len(frame), false
	}
	h, version, err := parseHello(frame)
	if version == 0 || (err != nil && version == protocolVersion) {
		return len(frame), false
	}
	a := answer{cluster: d.cfg.Cluster, from: d.cfg.ID, software: d.cfg.Software}
	if version != protocolVersion {
		a.verdict, a.reason = verdictVersion, fmt.Sprintf(
			"you speak version %d, this node speaks %d", version, protocolVersion)
	} else {
		a.verdict, a.reason = d.judge(&h, metadata[userIDProperty])
	}
	if a.verdict == verdictWelcome {
		d.enroll(name, &h)
	}
	_ = d.send(name, appendAnswer(nil, &a))
	return len(frame), a.verdict == verdictWelcome
}

// judge decides about a hello; curve is the key that the handshake proved.
func (d *door) judge(h *hello, curve string) (verdict, string) {
	m := d.admission.who(h.key)
	switch {
	case h.cluster != d.cfg.Cluster:
		return verdictCluster, fmt.Sprintf("this is a node of %s, you are of %s",
			d.cfg.Cluster.Short(), h.cluster.Short())
	case h.to != 0 && h.to != d.cfg.ID:
		return verdictNode, fmt.Sprintf("this is %s, not %s", d.cfg.ID, h.to)
	case m == (member{}) || hex.EncodeToString(m.curve[:]) != curve:
		return verdictIdentity, fmt.Sprintf("key %s is not the one of this connection", h.key.ID())
	case h.purpose != purposeClient && m.node != h.from:
		return verdictIdentity, fmt.Sprintf("key %s is not the key of %s here", h.key.ID(), h.from)
	case h.purpose == purposeClient && (!m.client || d.cfg.Serve == nil):
		return verdictIdentity, fmt.Sprintf("key %s is no client's here", h.key.ID())
	case h.purpose == purposeClient && !d.roomFor(h.key):
		return verdictFull, fmt.Sprintf("%d connections of clients, %d of one client at most",
			ClientsMax, ClientConnsMax)
	}
	return verdictWelcome, ""
}

// enroll remembers a connection that said hello.
func (d *door) enroll(name string, h *hello) {
	c := &inbound{d: d, name: name, purpose: h.purpose, key: h.key, node: h.from, heard: true}
	if h.purpose != purposeClient {
		// A node has one connection for each purpose; the older one is broken or forgotten.
		for _, old := range d.conns {
			if old.node == h.from && old.purpose == h.purpose {
				d.remove(old)
			}
		}
	}
	d.conns[name] = c
	d.recheck(c)
	if c.peer == nil {
		return
	}
	for _, l := range c.peer.links {
		l.hurry()
	}
}

// recheck decides anew whether what a connection sends is heard. A node that is not heard any more
// is told, because it would go on talking; libzmq has no way to close one connection of many.
func (d *door) recheck(c *inbound) {
	m, before := d.admission.who(c.key), c.admits
	c.peer, c.admits = nil, m.client
	if c.purpose != purposeClient {
		c.peer = d.peers[c.node]
		c.admits = c.peer != nil && m.node == c.node
		if before && !c.admits {
			_ = d.send(c.name, appendAnswer(nil, &answer{
				cluster: d.cfg.Cluster, from: d.cfg.ID, software: d.cfg.Software,
				verdict: verdictIdentity,
				reason: fmt.Sprintf("key %s is not the key of %s here any more",
					c.key.ID(), c.node),
			}))
		}
	}
}

// setPeers makes the door hear these peers and no others.
func (d *door) setPeers(peers map[juno.NodeID]*peer) {
	d.peers = peers
	d.recheckAll()
}

func (d *door) recheckAll() {
	for _, c := range d.conns {
		d.recheck(c)
	}
}

// roomFor says whether a client may have another connection. If not, it looks which of the
// present ones are dead, so that the next attempt may find room.
func (d *door) roomFor(key juno.PublicKey) bool {
	all, own := 0, 0
	for range 2 {
		all, own = 0, 0
		for _, c := range d.conns {
			if c.purpose != purposeClient {
				continue
			}
			all++
			if c.key == key {
				own++
			}
		}
		if all < ClientsMax && own < ClientConnsMax {
			return true
		}
		d.removeDead(func(*inbound) bool { return true })
	}
	return false
}

// removeDead sends nothing to every client's connection that suspect names; the socket refuses
// where there is no connection any more.
func (d *door) removeDead(suspect func(*inbound) bool) {
	for _, c := range d.conns {
		if c.purpose == purposeClient && suspect(c) &&
			d.send(c.name, nil) == zmq4.EHOSTUNREACH {
			d.remove(c)
		}
	}
}

func (d *door) remove(c *inbound) {
	c.mu.Lock()
	c.gone, c.replies = true, queue{}
	c.mu.Unlock()
	delete(d.conns, c.name)
}

// tick sends to clients whose queues were full, and sweeps.
func (d *door) tick(now time.Time) {
	if len(d.blocked) > 0 && !now.Before(d.retry) {
		blocked := d.blocked
		d.blocked = nil
		for _, c := range blocked {
			d.flush(c)
		}
	}
	if !now.Before(d.sweep) {
		d.removeDead(func(c *inbound) bool { return !c.heard })
		for _, c := range d.conns {
			c.heard = false
		}
		d.sweep = now.Add(sweepEvery)
	}
	d.e.remind(d.sweep)
	if len(d.blocked) > 0 {
		d.e.remind(d.retry)
	}
}

// send hands one frame to the socket.
func (d *door) send(name string, frame []byte) error {
	if _, err := d.sock.Send(name, zmq4.SNDMORE|zmq4.DONTWAIT); err != nil {
		return err
	}
	_, err := d.sock.SendBytes(frame, zmq4.DONTWAIT)
	return err
}

// reply puts a frame on its way to a client, from any goroutine.
func (c *inbound) reply(response []byte) {
	if len(response) == 0 || len(response) > c.d.e.frameBytesMax {
		return
	}
	c.mu.Lock()
	full := c.replies.len() > 0 && c.replies.bytes+len(response) > replyBytesMax
	if c.gone || full || c.replies.len() >= laneFramesMax {
		c.mu.Unlock()
		return
	}
	c.replies.push(response)
	tell := !c.known
	c.known = true
	c.mu.Unlock()
	if tell {
		c.d.e.replyReady(c)
	}
}

// next takes a reply.
func (c *inbound) next() (frame []byte, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.replies.len() == 0 {
		c.known = false
		return nil, false
	}
	return c.replies.frames[c.replies.head], true
}

// sent forgets the reply that next returned.
func (c *inbound) sent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.replies.len() > 0 {
		c.replies.pop()
	}
}

// flush sends a client what waits for it.
func (d *door) flush(c *inbound) {
	for sent := 0; sent < sendBytesMax; {
		frame, ok := c.next()
		if !ok {
			return
		}
		switch err := d.send(c.name, frame); err {
		case nil:
			c.sent()
			sent += len(frame) + frameCost
		case zmq4.Errno(eagain):
			// The socket does not say when one of its queues has room again.
			d.blocked = append(d.blocked, c)
			d.retry = time.Now().Add(replyRetry)
			d.e.remind(d.retry)
			return
		default:
			d.remove(c)
			return
		}
	}
	d.e.replyReady(c)
}

func (d *door) close() {
	d.watch.close()
	_ = d.sock.Close()
}
