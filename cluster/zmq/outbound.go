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
type linkState uint8

const (
	linkIdle    linkState = iota // until the next attempt
	linkLookup                   // the name is looked up, and after a failure the port is tried
	linkConnect                  // libzmq connects
	linkShake                    // there is a TCP connection
	linkGreet                    // it is encrypted; our hello waits for its answer
	linkUp
	linkClosed
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
type link struct {
	e       *engine
	purpose purpose
	target  target
	secret  string // our curve keys, Z85
	public  string
	hello   hello
	receive func(frame []byte) // frames that come back; nil on a peer's link
	changed func()             // after up or problem changed

	box       outbox
	framesOut atomic.Uint64
	bytesOut  atomic.Uint64

	sock     *zmq4.Socket
	polled   zmq4.State
	attempt  int       // the one that sock belongs to
	state    linkState // of the attempt
	until    time.Time // when patience with the state ends
	delay    time.Duration
	explain  bool   // find out why the last attempt failed to connect
	heard    bool   // the other end was heard of during the attempt
	held     []byte // taken from the outbox and not yet sent
	blocked  bool   // libzmq's queue is full
	problem  error  // nil when up
	software string // of the other end, once it answered
}

func (l *link) up() bool { return l.state == linkUp }

// start begins the first attempt.
func (l *link) start() {
	l.e.links[l] = true
	l.problem = fmt.Errorf("%s: %w", l.target.name, ErrConnecting)
	l.lookup()
}

// lookup turns the host into an IP address, off the loop: libzmq would do it on the thread that
// carries everybody's frames.
func (l *link) lookup() {
	l.attempt++
	attempt := l.attempt
	l.enter(linkLookup, handshakeTimeout)
	address, explain := l.target.address, l.explain
	l.explain = false
	if endpoint, ipv6, ok := literalAddress(address); ok && !explain {
		l.connect(endpoint, ipv6)
		return
	}
	l.e.helpers.Go(func() {
		endpoint, ipv6, err := findAddress(l.e.background, address, explain)
		l.e.post(func() {
			switch {
			case l.attempt != attempt || l.state != linkLookup:
			case err != nil:
				l.fail(fmt.Errorf("%w: %w; is the address right, and does the node run?",
					ErrUnreachable, err))
				l.explain = true // cheaper than a socket, until somebody listens
			default:
				l.connect(endpoint, ipv6)
			}
		})
	})
}

// connect makes a socket and lets libzmq connect it. The hello is the first frame in its queue.
func (l *link) connect(endpoint string, ipv6 bool) {
	l.enter(linkConnect, handshakeTimeout)
	if err := l.open(endpoint, ipv6); err != nil {
		l.fail(err)
		return
	}
	l.poll()
}

func (l *link) open(endpoint string, ipv6 bool) (err error) {
	if l.sock, err = l.e.ctx.NewSocket(zmq4.DEALER); err != nil {
		return fmt.Errorf("zmq: open a socket: %w", err)
	}
	queueMax := bulkFramesMax
	if l.purpose == purposeUrgent {
		queueMax = urgentFramesMax
	}
	s := l.sock
	err = errors.Join(
		setCommon(s, l.e.frameBytesMax), setHeartbeat(s),
		s.SetSndhwm(queueMax), s.SetRcvhwm(0), // no bound, for the reason at the door
		s.SetReconnectIvl(-1), s.SetConnectTimeout(connectTimeout),
		s.SetIpv6(ipv6),
		s.SetCurveServerkey(l.target.curve.z85()),
		s.SetCurvePublickey(l.public), s.SetCurveSecretkey(l.secret))
	if err != nil {
		return fmt.Errorf("zmq: set up a socket: %w", err)
	}
	l.e.serial++
	attempt := l.attempt
	tell := func(event zmq4.Event, value int) {
		l.e.post(func() {
			if l.attempt == attempt {
				l.event(event, value)
			}
		})
	}
	monitor := fmt.Sprintf("inproc://link-%d", l.e.serial)
	if err := l.e.porter.watch(l.e.ctx, s, monitor, tell); err != nil {
		return err
	}
	if err := s.Connect(endpoint); err != nil {
		return fmt.Errorf("%w: connect to %s: %w", ErrUnreachable, endpoint, err)
	}
	switch _, err := s.SendBytes(appendHello(nil, &l.hello), zmq4.DONTWAIT); {
	case errors.Is(err, zmq4.Errno(eagain)): // it was refused already, and the queue with it
		return fmt.Errorf("%w: connect to %s: refused; is the address right, and does the node "+
			"run?", ErrUnreachable, endpoint)
	case err != nil:
		return fmt.Errorf("zmq: send hello: %w", err)
	}
	return nil
}

func (l *link) enter(s linkState, patience time.Duration) {
	l.state = s
	l.until = time.Time{}
	if patience > 0 {
		l.until = time.Now().Add(patience)
		l.e.remind(l.until)
	}
}

// event is what libzmq says of the connection.
func (l *link) event(event zmq4.Event, value int) {
	switch event {
	case zmq4.EVENT_CONNECTED:
		if l.state == linkConnect {
			l.state = linkShake
		}
	case zmq4.EVENT_HANDSHAKE_SUCCEEDED:
		if l.state <= linkShake {
			l.state = linkGreet
		}
	case zmq4.EVENT_HANDSHAKE_FAILED_AUTH:
		l.fail(fmt.Errorf("%w (status %d): it does not know the key %s; "+
			"is it a member or a registered client there?", ErrStranger, value, l.hello.key.ID()))
	case zmq4.EVENT_HANDSHAKE_FAILED_PROTOCOL, zmq4.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
		l.fail(fmt.Errorf("%w: whoever listens there does not hold the key expected, "+
			"or is no Juno node; are address and key of the same node?", ErrWrongKey))
	case zmq4.EVENT_CLOSED:
		if l.state == linkConnect {
			l.pause()
			l.explain = true // the next attempt finds out why
		}
	case zmq4.EVENT_DISCONNECTED:
		l.fail(l.brokenIn())
	}
}

// brokenIn says what it means that the connection broke in this state.
func (l *link) brokenIn() error {
	switch l.state {
	case linkShake:
		return fmt.Errorf("%w: it closed the connection in the handshake; does it hold the key "+
			"expected, and is it a Juno node?", ErrWrongKey)
	case linkUp:
		return fmt.Errorf("%w: the other side closed it, or was silent for %s",
			ErrLost, heartbeatTimeout)
	default:
		return fmt.Errorf("%w: it closed before it answered", ErrLost)
	}
}

// tick ends waiting.
func (l *link) tick(now time.Time) {
	switch {
	case l.until.IsZero():
		return
	case now.Before(l.until):
		l.e.remind(l.until)
		return
	}
	switch l.state {
	case linkIdle:
		l.lookup()
	case linkLookup, linkConnect:
		l.fail(fmt.Errorf("%w: no TCP connection within %s", ErrUnreachable, handshakeTimeout))
	case linkShake, linkGreet:
		l.fail(fmt.Errorf("%w: it accepts connections and says nothing for %s; is it stopped, "+
			"overloaded, or no Juno node?", ErrUnreachable, handshakeTimeout))
	case linkUp:
		l.receiveSome()
		if l.up() {
			l.enter(linkUp, lookEvery)
		}
	}
}

// hurry tries at once: the other end has just been heard of. An attempt that began before it was
// there may hang or fail; then another one follows without a pause, once. Until there is a
// connection the other end hears nothing from us, and if a quorum needs it, it has to ask for every
// entry.
func (l *link) hurry() {
	again := l.state == linkLookup && !l.heard
	if l.state == linkIdle || again {
		l.delay = 0
		l.explain = false
		l.lookup()
	}
	l.heard = l.state < linkUp
}

// fail ends an attempt or a connection, and plans the next one.
func (l *link) fail(why error) {
	if l.state == linkClosed || l.state == linkIdle {
		return
	}
	problem := fmt.Errorf("%s: %w", l.target.name, why)
	news := l.problem == nil || l.problem.Error() != problem.Error()
	l.pause()
	l.problem = problem
	if news {
		l.changed()
	}
}

// pause ends an attempt and plans the next one.
func (l *link) pause() {
	l.drop()
	if l.heard {
		l.heard, l.delay = false, 0
	}
	l.delay = min(max(2*l.delay, retryFirst), retryMost)
	l.enter(linkIdle, l.delay)
}

// drop closes the socket and forgets what was on its way.
func (l *link) drop() {
	l.attempt++ // whatever the old socket still says is not heard
	if l.sock != nil {
		_ = l.e.poll(l, 0)
		_ = l.sock.Close()
		l.sock = nil
	}
	l.box.disconnected()
	l.held, l.blocked = nil, false
}

// close ends the link for good.
func (l *link) close(why error) {
	if l.state == linkClosed {
		return
	}
	l.drop()
	l.state = linkClosed
	l.problem = fmt.Errorf("%s: %w", l.target.name, why)
	delete(l.e.links, l)
	l.changed()
}

// polledFor serves the socket.
func (l *link) polledFor(events zmq4.State) {
	if events&zmq4.POLLIN != 0 {
		l.receiveSome()
	}
	if events&zmq4.POLLOUT != 0 && l.blocked {
		l.blocked = false
		l.poll()
		l.e.readyToSend(l)
	}
}

// poll asks for what the link needs: answers until it is up, and always on a client's link.
func (l *link) poll() {
	if l.sock == nil {
		return
	}
	var events zmq4.State
	if !l.up() || l.receive != nil {
		events |= zmq4.POLLIN
	}
	if l.blocked {
		events |= zmq4.POLLOUT
	}
	if err := l.e.poll(l, events); err != nil {
		l.fail(err)
	}
}

// receiveSome takes what came back: the answer to our hello first.
func (l *link) receiveSome() {
	for range receiveFramesMax {
		if l.sock == nil {
			return
		}
		frame, err := l.sock.RecvBytes(zmq4.DONTWAIT)
		if err != nil {
			return
		}
		if more, err := l.sock.GetRcvmore(); err != nil || more {
			l.fail(fmt.Errorf("%w: it sends messages of several parts", ErrVersion))
			return
		}
		switch {
		case !l.up():
			l.greeted(frame)
		case l.receive == nil:
			l.dismissed(frame)
		case len(frame) > 0:
			l.receive(frame)
		}
	}
}

// greeted reads the answer to our hello.
func (l *link) greeted(frame []byte) {
	a, version, err := parseAnswer(frame)
	if version != 0 && version != protocolVersion {
		l.fail(fmt.Errorf("%w: it speaks version %d, we speak %d; "+
			"run the same release on both", ErrVersion, version, protocolVersion))
		return
	}
	if err != nil {
		l.fail(fmt.Errorf("%w: its answer does not read: %w", ErrVersion, err))
		return
	}
	l.software = a.software
	if why := l.judge(&a); why != nil {
		l.fail(why)
		return
	}
	l.delay = 0
	l.heard = false
	l.problem = nil
	if l.receive == nil {
		l.enter(linkUp, lookEvery)
	} else {
		l.enter(linkUp, 0) // what comes is read at once
	}
	l.poll()
	if l.box.connected() {
		l.e.readyToSend(l)
	}
	l.changed()
}

// dismissed reads what a peer says when it has welcomed us before: that it does not hear us any
// more, and why. It has nothing else to say, and whatever it sends waits here without a bound.
func (l *link) dismissed(frame []byte) {
	a, _, err := parseAnswer(frame)
	if err != nil || a.verdict == verdictWelcome {
		l.fail(fmt.Errorf("%w: it sends frames on a connection of ours", ErrVersion))
		return
	}
	l.fail(l.judge(&a))
}

// judge returns why the answer is none that we can live with.
func (l *link) judge(a *answer) error {
	kinds := [verdictCount]error{
		verdictVersion: ErrVersion, verdictCluster: ErrCluster, verdictNode: ErrIdentity,
		verdictIdentity: ErrIdentity, verdictFull: ErrBusy,
	}
	switch {
	case a.verdict != verdictWelcome:
		return fmt.Errorf("%w: it says: %s", kinds[a.verdict], a.reason)
	case a.cluster != l.hello.cluster:
		return fmt.Errorf("%w: it belongs to %s, we to %s",
			ErrCluster, a.cluster.Short(), l.hello.cluster.Short())
	case l.target.node != 0 && a.from != l.target.node:
		return fmt.Errorf("%w: %s answers", ErrIdentity, a.from)
	}
	return nil
}

// How much one connection may send or receive before the others have their turn.
const (
	sendBytesMax     = 1 << 20
	receiveFramesMax = 256
	receiveBytesMax  = 4 << 20
)

// flush sends what waits until libzmq's queue is full, and says whether there is more to send
// at once.
func (l *link) flush() (more bool) {
	for sent := 0; l.up() && !l.blocked; {
		if l.held == nil {
			var ok bool
			if l.held, ok = l.box.pop(); !ok {
				return false
			}
		}
		_, err := l.sock.SendBytes(l.held, zmq4.DONTWAIT)
		if err == zmq4.Errno(eagain) {
			l.blocked = true
			l.poll()
			return false
		}
		if err != nil {
			l.fail(fmt.Errorf("%w: send: %w", ErrLost, err))
			return false
		}
		l.framesOut.Add(1)
		l.bytesOut.Add(uint64(len(l.held)))
		sent += len(l.held) + frameCost
		l.held = nil
		if sent > sendBytesMax {
			return true
		}
	}
	return false
}

// frameCost is what a frame costs beside its bytes, in bytes.
const frameCost = 1 << 10

// send puts a frame in a lane, from any goroutine.
func (l *link) send(lane Lane, frame []byte) bool {
	accepted, tell := l.box.push(lane, frame)
	if tell {
		l.e.readyToSend(l)
	}
	return accepted
}
