package zmq

import (
	"fmt"
	"sync"

	"juno"
)

// DialConfig says how a client reaches a node.
type DialConfig struct {
	Cluster  juno.ClusterID
	Address  string          // "host:port" of the node
	Server   juno.PublicKey  // the node's key
	Key      juno.PrivateKey // the client's key, which the node must know (SetClients)
	Software string          // of this program; at most SoftwareBytesMax bytes

	// Receive gets every frame that comes back, from one goroutine, and must not block it for
	// long. The frame is Receive's to keep.
	Receive func(frame []byte)
	// Changed, if set, is told when the connection is up (nil) and why it is not; from the
	// goroutine of Receive.
	OnChange func(problem error)

	FrameBytesMax int // 0 is FrameBytesDefault
	QueueBytesMax int // of requests that wait; 0 is a default of 32 MiB
}

// Conn is a client's connection to one node. It is made, and made again whenever it breaks, until
// Close. Its methods may be called from any goroutine, except that Close must not be called from
// Receive or Changed.
type Conn struct {
	e             *engine
	out           *outboundConn
	frameBytesMax int

	mu      sync.Mutex
	problem error
}

// Dial begins to connect to a node and returns at once; Err says how that goes.
func Dial(cfg DialConfig) (*Conn, error) {
	switch {
	case cfg.Receive == nil:
		return nil, fmt.Errorf("zmq: dial %s: nobody to receive", cfg.Address)
	case len(cfg.Software) > SoftwareBytesMax:
		return nil, fmt.Errorf("zmq: dial %s: software text of %d bytes, at most %d",
			cfg.Address, len(cfg.Software), SoftwareBytesMax)
	}
	server, err := curvePublic(cfg.Server)
	if err != nil {
		return nil, fmt.Errorf("zmq: dial %s: the node's key: %w", cfg.Address, err)
	}
	public, err := curvePublic(cfg.Key.Public())
	if err != nil {
		return nil, fmt.Errorf("zmq: dial %s: our own key: %w", cfg.Address, err)
	}
	var lanes [LaneCount]int
	lanes[LaneCommands] = cfg.QueueBytesMax
	c := &Conn{}
	c.frameBytesMax, lanes = withDefaults(cfg.FrameBytesMax, lanes)
	if c.e, err = newEngine(c.frameBytesMax, nil); err != nil {
		return nil, err
	}
	c.out = &outboundConn{
		e: c.e, purpose: purposeClient, onFrame: cfg.Receive,
		secret: curveSecret(cfg.Key).z85(), public: public.z85(),
		target: target{name: "node at " + cfg.Address, address: cfg.Address, curve: server},
		hello: hello{
			purpose: purposeClient, cluster: cfg.Cluster, key: cfg.Key.Public(),
			software: cfg.Software,
		},
		outbox: outbox{bytesMax: lanes},
	}
	c.problem = fmt.Errorf("%s: %w", c.out.target.name, ErrConnecting)
	c.out.onChange = func() {
		c.mu.Lock()
		c.problem = c.out.problem
		c.mu.Unlock()
		if cfg.OnChange != nil {
			cfg.OnChange(c.out.problem)
		}
	}
	c.e.start()
	c.e.post(c.out.start)
	return c, nil
}

// Send puts a request on its way and returns at once. The request must not change afterwards.
// False: it is empty or too long, or too much waits already. True is no promise that it arrives:
// a request that was on its way when the connection broke is lost.
func (c *Conn) Send(request []byte) bool {
	if len(request) == 0 || len(request) > c.frameBytesMax {
		return false
	}
	return c.out.send(LaneCommands, request)
}

// Err returns nil while the connection is up, and else why it is not; it wraps one of the errors
// of this package.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.problem
}

// Close ends the connection and waits until everything has stopped. Nothing is received
// afterwards.
func (c *Conn) Close() error {
	c.e.close()
	return nil
}
