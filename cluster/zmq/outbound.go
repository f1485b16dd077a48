package zmq

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	zmq4 "github.com/pebbe/zmq4"

	"juno"
)

// linkState is how far a connection that we make has come.
type connState uint8

const (
	connBackoff        connState = iota // until the next attempt
	connResolving                       // the name is looked up, and after a failure the port is tried
	connConnecting                      // libzmq connects
	connHandshaking                     // there is a TCP connection
	connAwaitingAnswer                  // it is encrypted; our hello waits for its answer
	connUp
	connClosed
)

// target is who is at the other end of a link.
type target struct {
	name    string // for messages: "node3 at 127.0.0.1:7003"
	node    juno.NodeID
	address string
	curve   curveKey
}

// link is one connection that we make, and make again whenever it breaks. Every attempt has a
// socket of its own, so that whatever arrives on a socket comes from one connection, beginning
// with its hello; libzmq's own reconnecting would not tell where one ends and the next begins.
//
// The loop owns everything but the outbox and the counters.
type outboundConn struct {
	e        *engine
	purpose  purpose
	target   target
	secret   string // our curve keys, Z85
	public   string
	hello    hello
	onFrame  func(frame []byte) // frames that come back; nil on a peer's link
	onChange func()             // after up or problem changed

	outbox    outbox
	framesOut atomic.Uint64
	bytesOut  atomic.Uint64

	sock        *zmq4.Socket
	interest    zmq4.State
	attempt     int       // the one that sock belongs to
	state       connState // of the attempt
	deadline    time.Time // when patience with the state ends
	backoff     time.Duration
	probe       bool   // find out why the last attempt failed to connect
	peerSeen    bool   // the other end was heard of during the attempt
	pending     []byte // taken from the outbox and not yet sent
	sendBlocked bool   // libzmq's queue is full
	problem     error  // nil when up
	software    string // of the other end, once it answered
}

func (c *outboundConn) up() bool { return c.state == connUp }

// start begins the first attempt.
func (c *outboundConn) start() {
	c.e.conns[c] = true
	c.problem = fmt.Errorf("%s: %w", c.target.name, ErrConnecting)
	c.resolve()
}

// lookup turns the host into an IP address, off the loop: libzmq would do it on the thread that
// carries everybody's frames.
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
				c.probe = true // cheaper than a socket, until somebody listens
			default:
				c.connect(uri, ipv6)
			}
		})
	})
}

// connect makes a socket and lets libzmq connect it. The hello is the first frame in its queue.
func (c *outboundConn) connect(uri string, ipv6 bool) {
	c.setState(connConnecting, handshakeTimeout)
	if err := c.openSocket(uri, ipv6); err != nil {
		c.fail(err)
		return
	}
	c.updateInterest()
}

func (c *outboundConn) openSocket(uri string, ipv6 bool) (err error) {
	if c.sock, err = c.e.ctx.NewSocket(zmq4.DEALER); err != nil {
		return fmt.Errorf("zmq: open a socket: %w", err)
	}
	queueMax := bulkFramesMax
	if c.purpose == purposeUrgent {
		queueMax = urgentFramesMax
	}
	s := c.sock
	err = errors.Join(
		setCommonOptions(s, c.e.frameBytesMax), setHeartbeatOptions(s),
		s.SetSndhwm(queueMax), s.SetRcvhwm(0), // no bound, for the reason at the door
		s.SetReconnectIvl(-1), s.SetConnectTimeout(connectTimeout),
		s.SetIpv6(ipv6),
		s.SetCurveServerkey(c.target.curve.z85()),
		s.SetCurvePublickey(c.public), s.SetCurveSecretkey(c.secret))
	if err != nil {
		return fmt.Errorf("zmq: set up a socket: %w", err)
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
	monitor := fmt.Sprintf("inproc://link-%d", c.e.monitorSerial)
	if err := c.e.monitor.attach(c.e.ctx, s, monitor, handle); err != nil {
		return err
	}
	if err := s.Connect(uri); err != nil {
		return fmt.Errorf("%w: connect to %s: %w", ErrUnreachable, uri, err)
	}
	switch _, err := s.SendBytes(appendHello(nil, &c.hello), zmq4.DONTWAIT); {
	case errors.Is(err, zmq4.Errno(eagain)): // it was refused already, and the queue with it
		return fmt.Errorf("%w: connect to %s: refused; is the address right, and does the node "+
			"run?", ErrUnreachable, uri)
	case err != nil:
		return fmt.Errorf("zmq: send hello: %w", err)
	}
	return nil
}

func (c *outboundConn) setState(s connState, patience time.Duration) {
	c.state = s
	c.deadline = time.Time{}
	if patience > 0 {
		c.deadline = time.Now().Add(patience)
		c.e.wakeAt(c.deadline)
	}
}

// event is what libzmq says of the connection.
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
		c.fail(fmt.Errorf("%w (status %d): it does not know the key %s; "+
			"is it a member or a registered client there?", ErrNotAdmitted, value, c.hello.key.ID()))
	case zmq4.EVENT_HANDSHAKE_FAILED_PROTOCOL, zmq4.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
		c.fail(fmt.Errorf("%w: whoever listens there does not hold the key expected, "+
			"or is no Juno node; are address and key of the same node?", ErrWrongKey))
	case zmq4.EVENT_CLOSED:
		if c.state == connConnecting {
			c.scheduleRetry()
			c.probe = true // the next attempt finds out why
		}
	case zmq4.EVENT_DISCONNECTED:
		c.fail(c.disconnectError())
	}
}

// brokenIn says what it means that the connection broke in this state.
func (c *outboundConn) disconnectError() error {
	switch c.state {
	case connHandshaking:
		return fmt.Errorf("%w: it closed the connection in the handshake; does it hold the key "+
			"expected, and is it a Juno node?", ErrWrongKey)
	case connUp:
		return fmt.Errorf("%w: the other side closed it, or was silent for %s",
			ErrLost, heartbeatTimeout)
	default:
		return fmt.Errorf("%w: it closed before it answered", ErrLost)
	}
}

// tick ends waiting.
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
		c.fail(fmt.Errorf("%w: it accepts connections and says nothing for %s; is it stopped, "+
			"overloaded, or no Juno node?", ErrUnreachable, handshakeTimeout))
	case connUp:
		c.receive()
		if c.up() {
			c.setState(connUp, peerCheckEvery)
		}
	}
}

// hurry tries at once: the other end has just been heard of. An attempt that began before it was
// there may hang or fail; then another one follows without a pause, once. Until there is a
// connection the other end hears nothing from us, and if a quorum needs it, it has to ask for every
// entry.
func (c *outboundConn) retryNow() {
	again := c.state == connResolving && !c.peerSeen
	if c.state == connBackoff || again {
		c.backoff = 0
		c.probe = false
		c.resolve()
	}
	c.peerSeen = c.state < connUp
}

// fail ends an attempt or a connection, and plans the next one.
func (c *outboundConn) fail(why error) {
	if c.state == connClosed || c.state == connBackoff {
		return
	}
	problem := fmt.Errorf("%s: %w", c.target.name, why)
	news := c.problem == nil || c.problem.Error() != problem.Error()
	c.scheduleRetry()
	c.problem = problem
	if news {
		c.onChange()
	}
}

// pause ends an attempt and plans the next one.
func (c *outboundConn) scheduleRetry() {
	c.closeSocket()
	if c.peerSeen {
		c.peerSeen, c.backoff = false, 0
	}
	c.backoff = min(max(2*c.backoff, backoffMin), backoffMax)
	c.setState(connBackoff, c.backoff)
}

// drop closes the socket and forgets what was on its way.
func (c *outboundConn) closeSocket() {
	c.attempt++ // whatever the old socket still says is not heard
	if c.sock != nil {
		_ = c.e.setInterest(c, 0)
		_ = c.sock.Close()
		c.sock = nil
	}
	c.outbox.setDisconnected()
	c.pending, c.sendBlocked = nil, false
}

// close ends the link for good.
func (c *outboundConn) close(why error) {
	if c.state == connClosed {
		return
	}
	c.closeSocket()
	c.state = connClosed
	c.problem = fmt.Errorf("%s: %w", c.target.name, why)
	delete(c.e.conns, c)
	c.onChange()
}

// polledFor serves the socket.
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

// poll asks for what the link needs: answers until it is up, and always on a client's link.
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

// receiveSome takes what came back: the answer to our hello first.
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
			c.fail(fmt.Errorf("%w: it sends messages of several parts", ErrVersion))
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

// greeted reads the answer to our hello.
func (c *outboundConn) handleAnswer(frame []byte) {
	a, version, err := parseAnswer(frame)
	if version != 0 && version != protocolVersion {
		c.fail(fmt.Errorf("%w: it speaks version %d, we speak %d; "+
			"run the same release on both", ErrVersion, version, protocolVersion))
		return
	}
	if err != nil {
		c.fail(fmt.Errorf("%w: its answer does not read: %w", ErrVersion, err))
		return
	}
	c.software = a.software
	if why := c.checkAnswer(&a); why != nil {
		c.fail(why)
		return
	}
	c.backoff = 0
	c.peerSeen = false
	c.problem = nil
	if c.onFrame == nil {
		c.setState(connUp, peerCheckEvery)
	} else {
		c.setState(connUp, 0) // what comes is read at once
	}
	c.updateInterest()
	if c.outbox.setConnected() {
		c.e.scheduleConn(c)
	}
	c.onChange()
}

// dismissed reads what a peer says when it has welcomed us before: that it does not hear us any
// more, and why. It has nothing else to say, and whatever it sends waits here without a bound.
func (c *outboundConn) handleRejection(frame []byte) {
	a, _, err := parseAnswer(frame)
	if err != nil || a.code == codeWelcome {
		c.fail(fmt.Errorf("%w: it sends frames on a connection of ours", ErrVersion))
		return
	}
	c.fail(c.checkAnswer(&a))
}

// judge returns why the answer is none that we can live with.
func (c *outboundConn) checkAnswer(a *answer) error {
	kinds := [codeCount]error{
		codeVersion: ErrVersion, codeCluster: ErrCluster, codeNode: ErrIdentity,
		codeIdentity: ErrIdentity, codeFull: ErrTooManyConns,
	}
	switch {
	case a.code != codeWelcome:
		return fmt.Errorf("%w: it says: %s", kinds[a.code], a.reason)
	case a.cluster != c.hello.cluster:
		return fmt.Errorf("%w: it belongs to %s, we to %s",
			ErrCluster, a.cluster.Short(), c.hello.cluster.Short())
	case c.target.node != 0 && a.from != c.target.node:
		return fmt.Errorf("%w: %s answers", ErrIdentity, a.from)
	}
	return nil
}

// How much one connection may send or receive before the others have their turn.
const (
	flushBytesMax    = 1 << 20
	receiveFramesMax = 256
	receiveBytesMax  = 4 << 20
)

// flush sends what waits until libzmq's queue is full, and says whether there is more to send
// at once.
func (c *outboundConn) flush() (more bool) {
	for sent := 0; c.up() && !c.sendBlocked; {
		if c.pending == nil {
			var ok bool
			if c.pending, ok = c.outbox.pop(); !ok {
				return false
			}
		}
		_, err := c.sock.SendBytes(c.pending, zmq4.DONTWAIT)
		if err == zmq4.Errno(eagain) {
			c.sendBlocked = true
			c.updateInterest()
			return false
		}
		if err != nil {
			c.fail(fmt.Errorf("%w: send: %w", ErrLost, err))
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

// frameCost is what a frame costs beside its bytes, in bytes.
const frameOverheadBytes = 1 << 10

// send puts a frame in a lane, from any goroutine.
func (c *outboundConn) send(lane Lane, frame []byte) bool {
	accepted, mustSchedule := c.outbox.push(lane, frame)
	if mustSchedule {
		c.e.scheduleConn(c)
	}
	return accepted
}
