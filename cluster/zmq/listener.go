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
type listener struct {
	e         *engine
	cfg       *Config
	admission *admission
	sock      *zmq4.Socket
	watcher   *fdWatcher
	peers     map[juno.NodeID]*peer
	conns     map[string]*session // by the name that the socket gave the connection
	blocked   []*session          // their queues were full when we last tried
	retry     time.Time           // when to try them again
	sweep     time.Time
	refused   atomic.Uint64 // handshakes of strangers, hellos that were refused, bad frames
}

// inbound is a connection that somebody else made and that has said hello.
type session struct {
	d       *listener
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

func newListener(e *engine, cfg *Config, a *admission) (*listener, string, error) {
	endpoint, ipv6, err := bindURI(cfg.Listen)
	if err != nil {
		return nil, "", err
	}
	l := &listener{
		e: e, cfg: cfg, admission: a,
		peers: make(map[juno.NodeID]*peer), conns: make(map[string]*session),
	}
	if l.sock, err = e.ctx.NewSocket(zmq4.ROUTER); err != nil {
		return nil, "", fmt.Errorf("zmq: open a socket: %w", err)
	}
	secret := curveSecret(cfg.Key)
	err = errors.Join(
		setCommonOptions(l.sock, e.frameBytesMax),
		// The door takes in whatever comes, and the loop behind it drops what it cannot take: a
		// full queue would be worse than none, because libzmq 4.3 ends the process where a
		// connection breaks while received frames wait in one (its issue 4364), which a member
		// could bring about on purpose.
		l.sock.SetSndhwm(sessionFramesMax), l.sock.SetRcvhwm(0),
		l.sock.SetIpv6(ipv6), l.sock.SetBacklog(listenBacklog),
		l.sock.SetRouterMandatory(1),
		l.sock.SetCurveServer(1), l.sock.SetCurveSecretkey(secret.z85()),
		l.sock.SetZapDomain("juno"))
	if err == nil {
		err = e.monitor.watch(e.ctx, l.sock, "inproc://door", l.event)
	}
	if err != nil {
		_ = l.sock.Close()
		return nil, "", fmt.Errorf("zmq: set up a socket: %w", err)
	}
	if err := l.sock.Bind(endpoint); err != nil {
		_ = l.sock.Close()
		return nil, "", fmt.Errorf("zmq: listen on %s: %w", cfg.Listen, err)
	}
	address, err := l.sock.GetLastEndpoint()
	if err == nil {
		l.watcher, err = newFDWatcher(l.sock, e.wake)
	}
	if err != nil {
		_ = l.sock.Close()
		return nil, "", fmt.Errorf("zmq: listen on %s: %w", cfg.Listen, err)
	}
	l.sweep = time.Now().Add(sweepEvery)
	e.wakeAt(l.sweep)
	return l, address[len("tcp://"):], nil
}

// listenBacklog is how many connections the system takes before we do. A cluster that starts
// makes two for each pair of nodes at once.
const listenBacklog = 512

// event counts strangers; it runs on the porter's goroutine.
func (l *listener) event(event zmq4.Event, _ int) {
	switch event {
	case zmq4.EVENT_HANDSHAKE_FAILED_AUTH, zmq4.EVENT_HANDSHAKE_FAILED_PROTOCOL,
		zmq4.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
		l.refused.Add(1)
	}
}

// receive takes what arrived, for a limited while, and says whether there may be more.
func (l *listener) receive() (more bool) {
	for frames, bytes := 0, 0; frames < receiveFramesMax && bytes < receiveBytesMax; frames++ {
		name, err := l.sock.RecvBytes(zmq4.DONTWAIT)
		if err != nil {
			return false
		}
		c := l.conns[string(name)]
		n, ok := 0, false
		if c == nil {
			n, ok = l.receiveHello(string(name))
		} else {
			n, ok = l.receiveFrame(c)
		}
		if !ok {
			l.refused.Add(1)
		}
		bytes += n
	}
	return true
}

// single says whether the part just read was the last of its message. What is left of a message
// of several parts is thrown away: read as the next message it would begin with a connection's
// name, made up by whoever sent it.
func (l *listener) single() bool {
	single := true
	for {
		more, err := l.sock.GetRcvmore()
		if err != nil || !more {
			return single && err == nil
		}
		single = false
		if _, err := l.sock.RecvBytes(zmq4.DONTWAIT); err != nil {
			return false
		}
	}
}

func (l *listener) receiveFrame(c *session) (n int, ok bool) {
	frame, err := l.sock.RecvBytes(zmq4.DONTWAIT)
	if !l.single() || err != nil || !c.admits {
		return len(frame), false
	}
	c.heard = true
	if c.purpose != purposeClient {
		c.peer.framesIn.Add(1)
		c.peer.bytesIn.Add(uint64(len(frame)))
		l.cfg.Deliver(c.node, frame)
		return len(frame), true
	}
	l.cfg.Serve(c.key, frame, c.reply)
	return len(frame), true
}

func (l *listener) receiveHello(name string) (n int, ok bool) {
	frame, metadata, err := l.sock.RecvBytesWithMetadata(zmq4.DONTWAIT, userIDProperty)
	if !l.single() || err != nil {
		return len(frame), false
	}
	h, version, err := parseHello(frame)
	if version == 0 || (err != nil && version == protocolVersion) {
		return len(frame), false
	}
	a := answer{cluster: l.cfg.Cluster, from: l.cfg.ID, software: l.cfg.Software}
	if version != protocolVersion {
		a.verdict, a.reason = verdictVersion, fmt.Sprintf(
			"you speak version %d, this node speaks %d", version, protocolVersion)
	} else {
		a.verdict, a.reason = l.judge(&h, metadata[userIDProperty])
	}
	if a.verdict == verdictWelcome {
		l.enroll(name, &h)
	}
	_ = l.send(name, appendAnswer(nil, &a))
	return len(frame), a.verdict == verdictWelcome
}

// judge decides about a hello; curve is the key that the handshake proved.
func (l *listener) judge(h *hello, curve string) (verdict, string) {
	m := l.admission.who(h.key)
	switch {
	case h.cluster != l.cfg.Cluster:
		return verdictCluster, fmt.Sprintf("this is a node of %s, you are of %s",
			l.cfg.Cluster.Short(), h.cluster.Short())
	case h.to != 0 && h.to != l.cfg.ID:
		return verdictNode, fmt.Sprintf("this is %s, not %s", l.cfg.ID, h.to)
	case m == (member{}) || hex.EncodeToString(m.curve[:]) != curve:
		return verdictIdentity, fmt.Sprintf("key %s is not the one of this connection", h.key.ID())
	case h.purpose != purposeClient && m.node != h.from:
		return verdictIdentity, fmt.Sprintf("key %s is not the key of %s here", h.key.ID(), h.from)
	case h.purpose == purposeClient && (!m.client || l.cfg.Serve == nil):
		return verdictIdentity, fmt.Sprintf("key %s is no client's here", h.key.ID())
	case h.purpose == purposeClient && !l.roomFor(h.key):
		return verdictFull, fmt.Sprintf("%d connections of clients, %d of one client at most",
			ClientsMax, ClientConnsMax)
	}
	return verdictWelcome, ""
}

// enroll remembers a connection that said hello.
func (l *listener) enroll(name string, h *hello) {
	c := &session{d: l, name: name, purpose: h.purpose, key: h.key, node: h.from, heard: true}
	if h.purpose != purposeClient {
		// A node has one connection for each purpose; the older one is broken or forgotten.
		for _, old := range l.conns {
			if old.node == h.from && old.purpose == h.purpose {
				l.remove(old)
			}
		}
	}
	l.conns[name] = c
	l.recheck(c)
	if c.peer == nil {
		return
	}
	for _, c := range c.peer.conns {
		c.retryNow()
	}
}

// recheck decides anew whether what a connection sends is heard. A node that is not heard any more
// is told, because it would go on talking; libzmq has no way to close one connection of many.
func (l *listener) recheck(c *session) {
	m, before := l.admission.who(c.key), c.admits
	c.peer, c.admits = nil, m.client
	if c.purpose != purposeClient {
		c.peer = l.peers[c.node]
		c.admits = c.peer != nil && m.node == c.node
		if before && !c.admits {
			_ = l.send(c.name, appendAnswer(nil, &answer{
				cluster: l.cfg.Cluster, from: l.cfg.ID, software: l.cfg.Software,
				verdict: verdictIdentity,
				reason: fmt.Sprintf("key %s is not the key of %s here any more",
					c.key.ID(), c.node),
			}))
		}
	}
}

// setPeers makes the door hear these peers and no others.
func (l *listener) setPeers(peers map[juno.NodeID]*peer) {
	l.peers = peers
	l.recheckAll()
}

func (l *listener) recheckAll() {
	for _, c := range l.conns {
		l.recheck(c)
	}
}

// roomFor says whether a client may have another connection. If not, it looks which of the
// present ones are dead, so that the next attempt may find room.
func (l *listener) roomFor(key juno.PublicKey) bool {
	all, own := 0, 0
	for range 2 {
		all, own = 0, 0
		for _, c := range l.conns {
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
		l.removeDead(func(*session) bool { return true })
	}
	return false
}

// removeDead sends nothing to every client's connection that suspect names; the socket refuses
// where there is no connection any more.
func (l *listener) removeDead(suspect func(*session) bool) {
	for _, c := range l.conns {
		if c.purpose == purposeClient && suspect(c) &&
			l.send(c.name, nil) == zmq4.EHOSTUNREACH {
			l.remove(c)
		}
	}
}

func (l *listener) remove(c *session) {
	c.mu.Lock()
	c.gone, c.replies = true, queue{}
	c.mu.Unlock()
	delete(l.conns, c.name)
}

// tick sends to clients whose queues were full, and sweeps.
func (l *listener) tick(now time.Time) {
	if len(l.blocked) > 0 && !now.Before(l.retry) {
		blocked := l.blocked
		l.blocked = nil
		for _, c := range blocked {
			l.flush(c)
		}
	}
	if !now.Before(l.sweep) {
		l.removeDead(func(c *session) bool { return !c.heard })
		for _, c := range l.conns {
			c.heard = false
		}
		l.sweep = now.Add(sweepEvery)
	}
	l.e.wakeAt(l.sweep)
	if len(l.blocked) > 0 {
		l.e.wakeAt(l.retry)
	}
}

// send hands one frame to the socket.
func (l *listener) send(name string, frame []byte) error {
	if _, err := l.sock.Send(name, zmq4.SNDMORE|zmq4.DONTWAIT); err != nil {
		return err
	}
	_, err := l.sock.SendBytes(frame, zmq4.DONTWAIT)
	return err
}

// reply puts a frame on its way to a client, from any goroutine.
func (s *session) reply(response []byte) {
	if len(response) == 0 || len(response) > s.d.e.frameBytesMax {
		return
	}
	s.mu.Lock()
	full := s.replies.len() > 0 && s.replies.bytes+len(response) > replyBytesMax
	if s.gone || full || s.replies.len() >= laneFramesMax {
		s.mu.Unlock()
		return
	}
	s.replies.push(response)
	tell := !s.known
	s.known = true
	s.mu.Unlock()
	if tell {
		s.d.e.scheduleSession(s)
	}
}

// next takes a reply.
func (s *session) next() (frame []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.replies.len() == 0 {
		s.known = false
		return nil, false
	}
	return s.replies.frames[s.replies.head], true
}

// sent forgets the reply that next returned.
func (s *session) sent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.replies.len() > 0 {
		s.replies.pop()
	}
}

// flush sends a client what waits for it.
func (l *listener) flush(c *session) {
	for sent := 0; sent < flushBytesMax; {
		frame, ok := c.next()
		if !ok {
			return
		}
		switch err := l.send(c.name, frame); err {
		case nil:
			c.sent()
			sent += len(frame) + frameOverheadBytes
		case zmq4.Errno(eagain):
			// The socket does not say when one of its queues has room again.
			l.blocked = append(l.blocked, c)
			l.retry = time.Now().Add(replyRetryEvery)
			l.e.wakeAt(l.retry)
			return
		default:
			l.remove(c)
			return
		}
	}
	l.e.scheduleSession(c)
}

func (l *listener) close() {
	l.watcher.close()
	_ = l.sock.Close()
}
