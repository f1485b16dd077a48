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
	allowlist *allowlist
	sock      *zmq4.Socket
	watcher   *fdWatcher
	peers     map[juno.NodeID]*peer
	sessions  map[string]*session // by the name that the socket gave the connection
	blocked   []*session          // their queues were full when we last tried
	retryAt   time.Time           // when to try them again
	nextSweep time.Time
	refused   atomic.Uint64 // handshakes of strangers, hellos that were refused, bad frames
}

// inbound is a connection that somebody else made and that has said hello.
type session struct {
	l          *listener
	routingID  string
	purpose    purpose
	key        juno.PublicKey
	node       juno.NodeID // 0 for a client
	peer       *peer       // nil for a client, and for a node that is no peer any more
	authorized bool        // what it sends is heard
	active     bool        // since the last sweep

	mu        sync.Mutex
	replies   queue
	scheduled bool // the loop has it on a list
	closed    bool
}

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
		err = e.monitor.attach(e.ctx, l.sock, "inproc://door", l.handleMonitorEvent)
	}
	if err != nil {
		_ = l.sock.Close()
		return nil, "", fmt.Errorf("zmq: set up a socket: %w", err)
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

// listenBacklog is how many connections the system takes before we do. A cluster that starts
// makes two for each pair of nodes at once.
const listenBacklog = 512

// event counts strangers; it runs on the porter's goroutine.
func (l *listener) handleMonitorEvent(event zmq4.Event, _ int) {
	switch event {
	case zmq4.EVENT_HANDSHAKE_FAILED_AUTH, zmq4.EVENT_HANDSHAKE_FAILED_PROTOCOL,
		zmq4.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
		l.refused.Add(1)
	}
}

// receive takes what arrived, for a limited while, and says whether there may be more.
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

// single says whether the part just read was the last of its message. What is left of a message
// of several parts is thrown away: read as the next message it would begin with a connection's
// name, made up by whoever sent it.
func (l *listener) lastPart() bool {
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
	frame, metadata, err := l.sock.RecvBytesWithMetadata(zmq4.DONTWAIT, userIDProperty)
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
			"you speak version %d, this node speaks %d", version, protocolVersion)
	} else {
		a.code, a.reason = l.checkHello(&h, metadata[userIDProperty])
	}
	if a.code == codeWelcome {
		l.addSession(routingID, &h)
	}
	_ = l.send(routingID, appendAnswer(nil, &a))
	return len(frame), a.code == codeWelcome
}

// judge decides about a hello; curve is the key that the handshake proved.
func (l *listener) checkHello(h *hello, curve string) (answerCode, string) {
	m := l.allowlist.lookup(h.key)
	switch {
	case h.cluster != l.cfg.Cluster:
		return codeCluster, fmt.Sprintf("this is a node of %s, you are of %s",
			l.cfg.Cluster.Short(), h.cluster.Short())
	case h.to != 0 && h.to != l.cfg.ID:
		return codeNode, fmt.Sprintf("this is %s, not %s", l.cfg.ID, h.to)
	case m == (principal{}) || hex.EncodeToString(m.curve[:]) != curve:
		return codeIdentity, fmt.Sprintf("key %s is not the one of this connection", h.key.ID())
	case h.purpose != purposeClient && m.node != h.from:
		return codeIdentity, fmt.Sprintf("key %s is not the key of %s here", h.key.ID(), h.from)
	case h.purpose == purposeClient && (!m.client || l.cfg.Serve == nil):
		return codeIdentity, fmt.Sprintf("key %s is no client's here", h.key.ID())
	case h.purpose == purposeClient && !l.hasRoomFor(h.key):
		return codeFull, fmt.Sprintf("%d connections of clients, %d of one client at most",
			ClientSessionsMax, SessionsPerClientMax)
	}
	return codeWelcome, ""
}

// enroll remembers a connection that said hello.
func (l *listener) addSession(routingID string, h *hello) {
	s := &session{l: l, routingID: routingID, purpose: h.purpose, key: h.key, node: h.from, active: true}
	if h.purpose != purposeClient {
		// A node has one connection for each purpose; the older one is broken or forgotten.
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

// recheck decides anew whether what a connection sends is heard. A node that is not heard any more
// is told, because it would go on talking; libzmq has no way to close one connection of many.
func (l *listener) reauthorize(s *session) {
	m, before := l.allowlist.lookup(s.key), s.authorized
	s.peer, s.authorized = nil, m.client
	if s.purpose != purposeClient {
		s.peer = l.peers[s.node]
		s.authorized = s.peer != nil && m.node == s.node
		if before && !s.authorized {
			_ = l.send(s.routingID, appendAnswer(nil, &answer{
				cluster: l.cfg.Cluster, from: l.cfg.ID, software: l.cfg.Software,
				code: codeIdentity,
				reason: fmt.Sprintf("key %s is not the key of %s here any more",
					s.key.ID(), s.node),
			}))
		}
	}
}

// setPeers makes the door hear these peers and no others.
func (l *listener) setPeers(peers map[juno.NodeID]*peer) {
	l.peers = peers
	l.reauthorizeAll()
}

func (l *listener) reauthorizeAll() {
	for _, s := range l.sessions {
		l.reauthorize(s)
	}
}

// roomFor says whether a client may have another connection. If not, it looks which of the
// present ones are dead, so that the next attempt may find room.
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

// removeDead sends nothing to every client's connection that suspect names; the socket refuses
// where there is no connection any more.
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

// tick sends to clients whose queues were full, and sweeps.
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

// send hands one frame to the socket.
func (l *listener) send(routingID string, frame []byte) error {
	if _, err := l.sock.Send(routingID, zmq4.SNDMORE|zmq4.DONTWAIT); err != nil {
		return err
	}
	_, err := l.sock.SendBytes(frame, zmq4.DONTWAIT)
	return err
}

// reply puts a frame on its way to a client, from any goroutine.
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

// next takes a reply.
func (s *session) peekReply() (frame []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.replies.len() == 0 {
		s.scheduled = false
		return nil, false
	}
	return s.replies.frames[s.replies.head], true
}

// sent forgets the reply that next returned.
func (s *session) popReply() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.replies.len() > 0 {
		s.replies.pop()
	}
}

// flush sends a client what waits for it.
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
		case zmq4.Errno(eagain):
			// The socket does not say when one of its queues has room again.
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
