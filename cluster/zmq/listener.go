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

// listener is the ROUTER socket that peers and clients connect to. A ROUTER gives each connection
// a routing ID and puts it before every frame. The loop owns the listener.
type listener struct {
	e         *engine
	cfg       *Config
	allowlist *allowlist
	sock      *zmq4.Socket
	watcher   *fdWatcher
	peers     map[juno.NodeID]*peer
	sessions  map[string]*session // by routing ID
	blocked   []*session          // libzmq's queue was full
	retryAt   time.Time           // when to flush the blocked sessions
	nextSweep time.Time
	refused   atomic.Uint64 // handshakes, hellos and frames
}

// session is a connection to the listener whose hello was accepted.
type session struct {
	l          *listener
	routingID  string
	purpose    purpose
	key        juno.PublicKey
	node       juno.NodeID // 0 for a client
	peer       *peer       // nil for a client, and for a node that is not a peer any more
	authorized bool        // its frames are accepted
	active     bool        // a frame has arrived since the last sweep

	mu        sync.Mutex
	replies   queue
	scheduled bool // the loop will flush the session
	closed    bool
}

// newListener returns a listener and the "host:port" that it is bound to.
func newListener(e *engine, cfg *Config, a *allowlist) (*listener, string, error) {
	uri, ipv6, err := bindURI(cfg.Listen)
	if err != nil {
		return nil, "", err
	}
	l := &listener{
		e: e, cfg: cfg, allowlist: a,
		peers: make(map[juno.NodeID]*peer), sessions: make(map[string]*session),
	}
	if l.sock, err = e.ctx.NewSocket(zmq4.ROUTER); err != nil {
		return nil, "", fmt.Errorf("zmq: listen on %s: create a socket: %w", cfg.Listen, err)
	}
	secret := curveSecret(cfg.Key)
	err = errors.Join(
		setCommonOptions(l.sock, e.frameBytesMax, sessionFramesMax, ipv6),
		l.sock.SetBacklog(listenBacklog), l.sock.SetRouterMandatory(1),
		l.sock.SetCurveServer(1), l.sock.SetCurveSecretkey(secret.z85()),
		l.sock.SetZapDomain(zapDomain))
	if err == nil {
		err = e.monitor.attach(e.ctx, l.sock, "inproc://listener", l.handleMonitorEvent)
	}
	if err != nil {
		_ = l.sock.Close()
		return nil, "", fmt.Errorf("zmq: listen on %s: configure a socket: %w", cfg.Listen, err)
	}
	if err := l.sock.Bind(uri); err != nil {
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
	l.nextSweep = time.Now().Add(sweepEvery)
	e.wakeAt(l.nextSweep)
	return l, address[len("tcp://"):], nil
}

// listenBacklog is the TCP backlog. When a cluster starts, every peer makes two connections at
// once; 512 are enough for two hundred peers.
const listenBacklog = 512

// handleMonitorEvent counts failed handshakes. It runs on the monitor's goroutine.
func (l *listener) handleMonitorEvent(event zmq4.Event, _ int) {
	switch event {
	case zmq4.EVENT_HANDSHAKE_FAILED_AUTH, zmq4.EVENT_HANDSHAKE_FAILED_PROTOCOL,
		zmq4.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
		l.refused.Add(1)
	}
}

// receive handles frames that have arrived, up to a limit, and reports whether there may be more.
func (l *listener) receive() (more bool) {
	for frames, bytes := 0, 0; frames < receiveFramesMax && bytes < receiveBytesMax; frames++ {
		routingID, err := l.sock.RecvBytes(zmq4.DONTWAIT)
		if err != nil {
			return false
		}
		s := l.sessions[string(routingID)]
		n, ok := 0, false
		if s == nil {
			n, ok = l.handleHello(string(routingID))
		} else {
			n, ok = l.handleFrame(s)
		}
		if !ok {
			l.refused.Add(1)
		}
		bytes += n
	}
	return true
}

// lastPart reports whether the part just received was the last of its message. It discards all
// parts that follow: read as the next message, the first of them would be taken for a routing ID,
// and the sender would choose it.
func (l *listener) lastPart() bool {
	last := true
	for {
		more, err := l.sock.GetRcvmore()
		if err != nil || !more {
			return last && err == nil
		}
		last = false
		if _, err := l.sock.RecvBytes(zmq4.DONTWAIT); err != nil {
			return false
		}
	}
}

func (l *listener) handleFrame(s *session) (n int, ok bool) {
	frame, err := l.sock.RecvBytes(zmq4.DONTWAIT)
	if !l.lastPart() || err != nil || !s.authorized {
		return len(frame), false
	}
	s.active = true
	if s.purpose != purposeClient {
		s.peer.framesIn.Add(1)
		s.peer.bytesIn.Add(uint64(len(frame)))
		l.cfg.Deliver(s.node, frame)
		return len(frame), true
	}
	l.cfg.Serve(s.key, frame, s.reply)
	return len(frame), true
}

func (l *listener) handleHello(routingID string) (n int, ok bool) {
	frame, metadata, err := l.sock.RecvBytesWithMetadata(zmq4.DONTWAIT, zapUserID)
	if !l.lastPart() || err != nil {
		return len(frame), false
	}
	h, version, err := parseHello(frame)
	if version == 0 || (err != nil && version == protocolVersion) {
		return len(frame), false
	}
	a := answer{cluster: l.cfg.Cluster, from: l.cfg.ID, software: l.cfg.Software}
	if version != protocolVersion {
		a.code, a.reason = codeVersion, fmt.Sprintf(
			"protocol version %d; this node expects %d", version, protocolVersion)
	} else {
		a.code, a.reason = l.checkHello(&h, metadata[zapUserID])
	}
	if a.code == codeOK {
		l.addSession(routingID, &h)
	}
	_ = l.send(routingID, appendAnswer(nil, &a))
	return len(frame), a.code == codeOK
}

// checkHello decides on a hello, and returns a reason if it refuses. curve is the key that the
// CURVE handshake has proven, in hexadecimal.
func (l *listener) checkHello(h *hello, curve string) (answerCode, string) {
	p := l.allowlist.lookup(h.key)
	switch {
	case h.cluster != l.cfg.Cluster:
		return codeCluster, fmt.Sprintf("hello for cluster %s; this node belongs to %s",
			h.cluster.Short(), l.cfg.Cluster.Short())
	case h.to != 0 && h.to != l.cfg.ID:
		return codeNode, fmt.Sprintf("hello for %s; this node is %s", h.to, l.cfg.ID)
	case p == (principal{}) || hex.EncodeToString(p.curve[:]) != curve:
		return codeIdentity, fmt.Sprintf("key %s is not the key of the handshake", h.key.ID())
	case h.purpose != purposeClient && p.node != h.from:
		return codeIdentity, fmt.Sprintf("key %s is not the key of %s here", h.key.ID(), h.from)
	case h.purpose == purposeClient && (!p.client || l.cfg.Serve == nil):
		return codeIdentity, fmt.Sprintf("key %s is not the key of a client here", h.key.ID())
	case h.purpose == purposeClient && !l.hasRoomFor(h.key):
		return codeTooManyConns, fmt.Sprintf(
			"too many client connections; expected at most %d, and %d of one client",
			ClientSessionsMax, SessionsPerClientMax)
	}
	return codeOK, ""
}

// addSession adds a connection whose hello was accepted.
func (l *listener) addSession(routingID string, h *hello) {
	s := &session{
		l: l, routingID: routingID, purpose: h.purpose, key: h.key, node: h.from, active: true,
	}
	if h.purpose != purposeClient {
		// A node has one connection for each purpose, so an older one is dead.
		for _, old := range l.sessions {
			if old.node == h.from && old.purpose == h.purpose {
				l.remove(old)
			}
		}
	}
	l.sessions[routingID] = s
	l.reauthorize(s)
	if s.peer == nil {
		return
	}
	for _, c := range s.peer.conns {
		c.retryNow()
	}
}

// reauthorize decides anew whether the frames of a session are accepted. A node that has lost its
// authorization is sent an answer that says so; it reconnects then. A ROUTER cannot close one of
// its connections.
func (l *listener) reauthorize(s *session) {
	p, before := l.allowlist.lookup(s.key), s.authorized
	s.peer, s.authorized = nil, p.client
	if s.purpose != purposeClient {
		s.peer = l.peers[s.node]
		s.authorized = s.peer != nil && p.node == s.node
		if before && !s.authorized {
			_ = l.send(s.routingID, appendAnswer(nil, &answer{
				cluster: l.cfg.Cluster, from: l.cfg.ID, software: l.cfg.Software,
				code: codeIdentity,
				reason: fmt.Sprintf("key %s is no longer the key of %s here",
					s.key.ID(), s.node),
			}))
		}
	}
}

// setPeers replaces the peers whose frames are accepted.
func (l *listener) setPeers(peers map[juno.NodeID]*peer) {
	l.peers = peers
	l.reauthorizeAll()
}

func (l *listener) reauthorizeAll() {
	for _, s := range l.sessions {
		l.reauthorize(s)
	}
}

// hasRoomFor reports whether a client may have another session. If not, it removes the sessions
// that have ended and counts once more.
func (l *listener) hasRoomFor(key juno.PublicKey) bool {
	all, own := 0, 0
	for range 2 {
		all, own = 0, 0
		for _, s := range l.sessions {
			if s.purpose != purposeClient {
				continue
			}
			all++
			if s.key == key {
				own++
			}
		}
		if all < ClientSessionsMax && own < SessionsPerClientMax {
			return true
		}
		l.removeDisconnected(func(*session) bool { return true })
	}
	return false
}

// removeDisconnected removes those of the selected client sessions that have ended. It sends an
// empty frame to find out: the socket refuses one without a connection (ZMQ_ROUTER_MANDATORY).
func (l *listener) removeDisconnected(selected func(*session) bool) {
	for _, s := range l.sessions {
		if s.purpose == purposeClient && selected(s) &&
			l.send(s.routingID, nil) == zmq4.EHOSTUNREACH {
			l.remove(s)
		}
	}
}

func (l *listener) remove(s *session) {
	s.mu.Lock()
	s.closed, s.replies = true, queue{}
	s.mu.Unlock()
	delete(l.sessions, s.routingID)
}

// tick flushes the blocked sessions and sweeps, when it is time.
func (l *listener) tick(now time.Time) {
	if len(l.blocked) > 0 && !now.Before(l.retryAt) {
		blocked := l.blocked
		l.blocked = nil
		for _, s := range blocked {
			l.flush(s)
		}
	}
	if !now.Before(l.nextSweep) {
		l.removeDisconnected(func(s *session) bool { return !s.active })
		for _, s := range l.sessions {
			s.active = false
		}
		l.nextSweep = now.Add(sweepEvery)
	}
	l.e.wakeAt(l.nextSweep)
	if len(l.blocked) > 0 {
		l.e.wakeAt(l.retryAt)
	}
}

// send passes one frame to the socket.
func (l *listener) send(routingID string, frame []byte) error {
	if _, err := l.sock.Send(routingID, zmq4.SNDMORE|zmq4.DONTWAIT); err != nil {
		return err
	}
	_, err := l.sock.SendBytes(frame, zmq4.DONTWAIT)
	return err
}

// reply queues a frame for a client. Any goroutine may call it.
func (s *session) reply(response []byte) {
	if len(response) == 0 || len(response) > s.l.e.frameBytesMax {
		return
	}
	s.mu.Lock()
	full := s.replies.len() > 0 && s.replies.bytes+len(response) > replyBytesMax
	if s.closed || full || s.replies.len() >= laneFramesMax {
		s.mu.Unlock()
		return
	}
	s.replies.push(response)
	mustSchedule := !s.scheduled
	s.scheduled = true
	s.mu.Unlock()
	if mustSchedule {
		s.l.e.scheduleSession(s)
	}
}

// peekReply returns the first queued reply. Without one the session is no longer scheduled.
func (s *session) peekReply() (frame []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.replies.len() == 0 {
		s.scheduled = false
		return nil, false
	}
	return s.replies.frames[s.replies.head], true
}

// popReply removes the reply that peekReply returned.
func (s *session) popReply() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.replies.len() > 0 {
		s.replies.pop()
	}
}

// flush sends the queued replies of a session, up to a limit.
func (l *listener) flush(s *session) {
	for sent := 0; sent < flushBytesMax; {
		frame, ok := s.peekReply()
		if !ok {
			return
		}
		switch err := l.send(s.routingID, frame); err {
		case nil:
			s.popReply()
			sent += len(frame) + frameOverheadBytes
		case eagain:
			// A ROUTER does not report when the queue of one connection has room again.
			l.blocked = append(l.blocked, s)
			l.retryAt = time.Now().Add(replyRetryEvery)
			l.e.wakeAt(l.retryAt)
			return
		default:
			l.remove(s)
			return
		}
	}
	l.e.scheduleSession(s)
}

func (l *listener) close() {
	l.watcher.close()
	_ = l.sock.Close()
}
