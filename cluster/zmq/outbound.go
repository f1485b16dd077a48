package zmq

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	zmq4 "github.com/pebbe/zmq4"

	"juno"
)

// connState is the state of an outbound connection.
type connState uint8

const (
	connBackoff        connState = iota // waits before the next attempt
	connResolving                       // looks up the host; after a failure also probes the port
	connConnecting                      // libzmq connects
	connHandshaking                     // TCP is up; the CURVE handshake runs
	connAwaitingAnswer                  // encrypted; waits for the answer to the hello
	connUp
	connClosed
)

// target is the remote end of an outbound connection.
type target struct {
	name    string      // for messages: "node3 at 127.0.0.1:7003"
	node    juno.NodeID // 0: any
	address string
	curve   curveKey
}

// outboundConn is a connection that this side makes, and makes again when it breaks. Every attempt
// has a socket of its own, so all frames of a socket are of one connection, and the first is the
// answer to the hello. With libzmq's own reconnects, one connection could not be told from the
// next.
//
// The loop owns all fields but the outbox and the counters.
type outboundConn struct {
	e        *engine
	purpose  purpose
	target   target
	secret   string // the local curve keys in Z85
	public   string
	hello    hello
	onFrame  func(frame []byte) // called with received frames; nil for a peer, which sends none
	onChange func()             // called after state or problem has changed

	outbox    outbox
	framesOut atomic.Uint64
	bytesOut  atomic.Uint64

	sock        *zmq4.Socket // of the present attempt
	interest    zmq4.State   // the events that the loop handles
	attempt     int          // number of the present attempt
	state       connState
	deadline    time.Time // of the state; zero: none
	backoff     time.Duration
	probe       bool   // the next attempt finds out why the last one could not connect
	peerSeen    bool   // the peer has connected to this node during the attempt
	pending     []byte // taken from the outbox, not yet sent
	sendBlocked bool   // libzmq's queue is full
	problem     error  // nil when up
	software    string // name of the remote program; empty before its first answer
}

func (c *outboundConn) up() bool { return c.state == connUp }

// start begins the first attempt.
func (c *outboundConn) start() {
	c.e.conns[c] = true
	c.problem = fmt.Errorf("%s: %w", c.target.name, ErrConnecting)
	c.resolve()
}

// resolve begins an attempt: it looks up the host on a goroutine of its own. libzmq would do so on
// the I/O thread of all connections.
func (c *outboundConn) resolve() {
	c.attempt++
	attempt := c.attempt
	c.setState(connResolving, handshakeTimeout)
	address, probe := c.target.address, c.probe
	c.probe = false
	if uri, ipv6, ok := literalURI(address); ok && !probe {
		c.connect(uri, ipv6)
		return
	}
	c.e.lookups.Go(func() {
		uri, ipv6, err := resolveURI(c.e.lookupCtx, address, probe)
		c.e.post(func() {
			switch {
			case c.attempt != attempt || c.state != connResolving:
			case err != nil:
				c.fail(fmt.Errorf("%w: %w; is the address right, and does the node run?",
					ErrUnreachable, err))
				c.probe = true // costs less than a socket, until the node listens
			default:
				c.connect(uri, ipv6)
			}
		})
	})
}

// connect opens a socket and makes libzmq connect it.
func (c *outboundConn) connect(uri string, ipv6 bool) {
	c.setState(connConnecting, handshakeTimeout)
	if err := c.openSocket(uri, ipv6); err != nil {
		c.fail(err)
		return
	}
	c.updateInterest()
}

// openSocket opens the socket of an attempt, and queues the hello as its first frame.
func (c *outboundConn) openSocket(uri string, ipv6 bool) (err error) {
	if c.sock, err = c.e.ctx.NewSocket(zmq4.DEALER); err != nil {
		return fmt.Errorf("create a socket: %w", err)
	}
	queueMax := bulkFramesMax
	if c.purpose == purposeUrgent {
		queueMax = urgentFramesMax
	}
	s := c.sock
	err = errors.Join(
		setCommonOptions(s, c.e.frameBytesMax, queueMax, ipv6), setHeartbeatOptions(s),
		s.SetReconnectIvl(-1), s.SetConnectTimeout(connectTimeout),
		s.SetCurveServerkey(c.target.curve.z85()),
		s.SetCurvePublickey(c.public), s.SetCurveSecretkey(c.secret))
	if err != nil {
		return fmt.Errorf("configure a socket: %w", err)
	}
	c.e.monitorSerial++
	attempt := c.attempt
	handle := func(event zmq4.Event, value int) {
		c.e.post(func() {
			if c.attempt == attempt {
				c.handleMonitorEvent(event, value)
			}
		})
	}
	monitor := fmt.Sprintf("inproc://outbound-%d", c.e.monitorSerial)
	if err := c.e.monitor.attach(c.e.ctx, s, monitor, handle); err != nil {
		return err
	}
	if err := s.Connect(uri); err != nil {
		return fmt.Errorf("%w: connect to %s: %w", ErrUnreachable, uri, err)
	}
	switch _, err := s.SendBytes(appendHello(nil, &c.hello), zmq4.DONTWAIT); {
	case errors.Is(err, eagain): // TCP was refused already, and libzmq has removed the queue
		return fmt.Errorf("%w: connect to %s: refused; is the address right, and does the node "+
			"run?", ErrUnreachable, uri)
	case err != nil:
		return fmt.Errorf("send the hello: %w", err)
	}
	return nil
}

// setState enters a state that ends after a timeout; 0 for none.
func (c *outboundConn) setState(s connState, timeout time.Duration) {
	c.state = s
	c.deadline = time.Time{}
	if timeout > 0 {
		c.deadline = time.Now().Add(timeout)
		c.e.wakeAt(c.deadline)
	}
}

// handleMonitorEvent handles libzmq's reports on the socket of the present attempt.
func (c *outboundConn) handleMonitorEvent(event zmq4.Event, value int) {
	switch event {
	case zmq4.EVENT_CONNECTED:
		if c.state == connConnecting {
			c.state = connHandshaking
		}
	case zmq4.EVENT_HANDSHAKE_SUCCEEDED:
		if c.state <= connHandshaking {
			c.state = connAwaitingAnswer
		}
	case zmq4.EVENT_HANDSHAKE_FAILED_AUTH:
		c.fail(fmt.Errorf("%w: the node refused key %s (ZAP status %d); is it the key of a member "+
			"or of a registered client there?", ErrNotAdmitted, c.hello.key.ID(), value))
	case zmq4.EVENT_HANDSHAKE_FAILED_PROTOCOL, zmq4.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
		c.fail(fmt.Errorf("%w: the remote end does not hold the expected key, or is not a Juno "+
			"node; do address and key belong to the same node?", ErrWrongKey))
	case zmq4.EVENT_CLOSED:
		if c.state == connConnecting {
			c.scheduleRetry()
			c.probe = true
		}
	case zmq4.EVENT_DISCONNECTED:
		c.fail(c.disconnectError())
	}
}

// disconnectError returns what a disconnect means in the present state.
func (c *outboundConn) disconnectError() error {
	switch c.state {
	case connHandshaking:
		return fmt.Errorf("%w: the remote end closed the connection during the handshake; does it "+
			"hold the expected key, and is it a Juno node?", ErrWrongKey)
	case connUp:
		return fmt.Errorf("%w: the remote end closed it, or was silent for %s",
			ErrLost, heartbeatTimeout)
	default:
		return fmt.Errorf("%w: the remote end closed it before it answered the hello", ErrLost)
	}
}

// tick ends the present state if its deadline has passed.
func (c *outboundConn) tick(now time.Time) {
	switch {
	case c.deadline.IsZero():
		return
	case now.Before(c.deadline):
		c.e.wakeAt(c.deadline)
		return
	}
	switch c.state {
	case connBackoff:
		c.resolve()
	case connResolving, connConnecting:
		c.fail(fmt.Errorf("%w: no TCP connection within %s", ErrUnreachable, handshakeTimeout))
	case connHandshaking, connAwaitingAnswer:
		c.fail(fmt.Errorf("%w: the remote end accepted the connection but did not answer within "+
			"%s; is it stopped, overloaded, or not a Juno node?", ErrUnreachable, handshakeTimeout))
	case connUp:
		c.receive()
		if c.up() {
			c.setState(connUp, peerCheckEvery)
		}
	}
}

// retryNow connects without further backoff, because the peer has just connected to this node. An
// attempt that began before the peer was up may hang or fail, so another one follows at once, but
// only once. The peer receives no frame of this node before there is a connection; if a quorum
// needs the peer, it would have to fetch every entry.
func (c *outboundConn) retryNow() {
	again := c.state == connResolving && !c.peerSeen
	if c.state == connBackoff || again {
		c.backoff = 0
		c.probe = false
		c.resolve()
	}
	c.peerSeen = c.state < connUp
}

// fail ends the present attempt or connection because of err, and schedules the next attempt.
func (c *outboundConn) fail(err error) {
	if c.state == connClosed || c.state == connBackoff {
		return
	}
	problem := fmt.Errorf("%s: %w", c.target.name, err)
	changed := c.problem == nil || c.problem.Error() != problem.Error()
	c.scheduleRetry()
	c.problem = problem
	if changed {
		c.onChange()
	}
}

// scheduleRetry ends the present attempt and schedules the next one.
func (c *outboundConn) scheduleRetry() {
	c.closeSocket()
	if c.peerSeen {
		c.peerSeen, c.backoff = false, 0
	}
	c.backoff = min(max(2*c.backoff, backoffMin), backoffMax)
	c.setState(connBackoff, c.backoff)
}

// closeSocket closes the socket and drops the queued frames.
func (c *outboundConn) closeSocket() {
	c.attempt++ // events of the old socket are ignored from here on
	if c.sock != nil {
		_ = c.e.setInterest(c, 0)
		_ = c.sock.Close()
		c.sock = nil
	}
	c.outbox.setDisconnected()
	c.pending, c.sendBlocked = nil, false
}

// close ends the connection for good.
func (c *outboundConn) close(err error) {
	if c.state == connClosed {
		return
	}
	c.closeSocket()
	c.state = connClosed
	c.problem = fmt.Errorf("%s: %w", c.target.name, err)
	delete(c.e.conns, c)
	c.onChange()
}

// handleEvents handles events of the socket.
func (c *outboundConn) handleEvents(events zmq4.State) {
	if events&zmq4.POLLIN != 0 {
		c.receive()
	}
	if events&zmq4.POLLOUT != 0 && c.sendBlocked {
		c.sendBlocked = false
		c.updateInterest()
		c.e.scheduleConn(c)
	}
}

// updateInterest selects the events that the connection needs. A peer's connection receives only
// until it is up, a client's connection always.
func (c *outboundConn) updateInterest() {
	if c.sock == nil {
		return
	}
	var events zmq4.State
	if !c.up() || c.onFrame != nil {
		events |= zmq4.POLLIN
	}
	if c.sendBlocked {
		events |= zmq4.POLLOUT
	}
	if err := c.e.setInterest(c, events); err != nil {
		c.fail(err)
	}
}

// receive handles frames that have arrived, up to a limit.
func (c *outboundConn) receive() {
	for range receiveFramesMax {
		if c.sock == nil {
			return
		}
		frame, err := c.sock.RecvBytes(zmq4.DONTWAIT)
		if err != nil {
			return
		}
		if more, err := c.sock.GetRcvmore(); err != nil || more {
			c.fail(fmt.Errorf("%w: the remote end sent a message of several parts; expected one",
				ErrVersion))
			return
		}
		switch {
		case !c.up():
			c.handleAnswer(frame)
		case c.onFrame == nil:
			c.handleRejection(frame)
		case len(frame) > 0:
			c.onFrame(frame)
		}
	}
}

// handleAnswer handles the answer to the hello.
func (c *outboundConn) handleAnswer(frame []byte) {
	a, version, err := parseAnswer(frame)
	if version != 0 && version != protocolVersion {
		c.fail(fmt.Errorf("%w: the remote end speaks version %d; expected %d; "+
			"run the same release on both", ErrVersion, version, protocolVersion))
		return
	}
	if err != nil {
		c.fail(fmt.Errorf("%w: parse the answer to the hello: %w", ErrVersion, err))
		return
	}
	c.software = a.software
	if err := c.checkAnswer(&a); err != nil {
		c.fail(err)
		return
	}
	c.backoff = 0
	c.peerSeen = false
	c.problem = nil
	if c.onFrame == nil {
		c.setState(connUp, peerCheckEvery)
	} else {
		c.setState(connUp, 0) // the loop receives frames as they arrive
	}
	c.updateInterest()
	if c.outbox.setConnected() {
		c.e.scheduleConn(c)
	}
	c.onChange()
}

// handleRejection handles a frame of a peer after its first answer. A peer may only send another
// answer, which refuses the session. Any other frame ends the connection, because the receive
// queue is unbounded.
func (c *outboundConn) handleRejection(frame []byte) {
	a, _, err := parseAnswer(frame)
	if err != nil || a.code == codeOK {
		c.fail(fmt.Errorf("%w: the remote end sent a frame; expected none after its answer",
			ErrVersion))
		return
	}
	c.fail(c.checkAnswer(&a))
}

// checkAnswer returns an error if the answer refuses the hello, or is of another node.
func (c *outboundConn) checkAnswer(a *answer) error {
	kinds := [codeCount]error{
		codeVersion: ErrVersion, codeCluster: ErrCluster, codeNode: ErrIdentity,
		codeIdentity: ErrIdentity, codeTooManyConns: ErrTooManyConns,
	}
	switch {
	case a.code != codeOK:
		return fmt.Errorf("%w: the node refused the hello: %s", kinds[a.code], a.reason)
	case a.cluster != c.hello.cluster:
		return fmt.Errorf("%w: the node belongs to cluster %s; expected %s",
			ErrCluster, a.cluster.Short(), c.hello.cluster.Short())
	case c.target.node != 0 && a.from != c.target.node:
		return fmt.Errorf("%w: %s answered; expected %s", ErrIdentity, a.from, c.target.node)
	}
	return nil
}

// flush sends queued frames until libzmq's queue is full, up to a limit. It reports whether more
// can be sent at once.
func (c *outboundConn) flush() (more bool) {
	for sent := 0; c.up() && !c.sendBlocked; {
		if c.pending == nil {
			var ok bool
			if c.pending, ok = c.outbox.pop(); !ok {
				return false
			}
		}
		_, err := c.sock.SendBytes(c.pending, zmq4.DONTWAIT)
		if err == eagain {
			c.sendBlocked = true
			c.updateInterest()
			return false
		}
		if err != nil {
			c.fail(fmt.Errorf("%w: send a frame: %w", ErrLost, err))
			return false
		}
		c.framesOut.Add(1)
		c.bytesOut.Add(uint64(len(c.pending)))
		sent += len(c.pending) + frameOverheadBytes
		c.pending = nil
		if sent > flushBytesMax {
			return true
		}
	}
	return false
}

// send queues a frame. Any goroutine may call it.
func (c *outboundConn) send(lane Lane, frame []byte) bool {
	accepted, mustSchedule := c.outbox.push(lane, frame)
	if mustSchedule {
		c.e.scheduleConn(c)
	}
	return accepted
}
