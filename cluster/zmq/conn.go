package zmq

import (
	"fmt"
	"sync"

	"juno"
)

// DialConfig describes a client's connection to a node.
type DialConfig struct {
	Cluster  juno.ClusterID
	Address  string          // "host:port" of the node
	Server   juno.PublicKey  // the node's key
	Key      juno.PrivateKey // the client's key, which the node must admit (SetClients)
	Software string          // name of this program; at most SoftwareBytesMax bytes

	// Receive is called with every frame of the node, always from the same goroutine, and must
	// return soon. Receive owns the frame.
	Receive func(frame []byte)
	// OnChange, if not nil, is called with nil when the connection is up, and with the reason
	// when it is not; from the goroutine of Receive.
	OnChange func(problem error)

	FrameBytesMax int // 0: FrameBytesDefault
	QueueBytesMax int // of queued requests; 0: 32 MiB
}

// Conn is a client's connection to one node. It reconnects until Close. Its methods may be called
// from any goroutine, but Close must not be called from Receive or OnChange.
type Conn struct {
	e             *engine
	out           *outboundConn
	frameBytesMax int

	mu      sync.Mutex
	problem error
}

// Dial begins to connect to a node and returns at once. Conn.Err returns the state.
func Dial(cfg DialConfig) (*Conn, error) {
	if cfg.Receive == nil {
		return nil, fmt.Errorf("zmq: dial %s: DialConfig.Receive is nil", cfg.Address)
	}
	if err := checkSoftware("dial "+cfg.Address, cfg.Software); err != nil {
		return nil, err
	}
	server, err := curvePublic(cfg.Server)
	if err != nil {
		return nil, fmt.Errorf("zmq: dial %s: DialConfig.Server: %w", cfg.Address, err)
	}
	public, err := curvePublic(cfg.Key.Public())
	if err != nil {
		return nil, fmt.Errorf("zmq: dial %s: DialConfig.Key: %w", cfg.Address, err)
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

// Send queues a request and returns at once. The request must not change afterwards. Send returns
// false if the request is empty or too long, or the queue is full. A request that was queued is
// lost if the connection breaks.
func (c *Conn) Send(request []byte) bool {
	if len(request) == 0 || len(request) > c.frameBytesMax {
		return false
	}
	return c.out.send(LaneCommands, request)
}

// Err returns nil while the connection is up, and otherwise the reason why it is not, which wraps
// one of the errors of this package.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.problem
}

// Close closes the connection and waits until all goroutines have ended. No callback is called
// afterwards. The error is always nil.
func (c *Conn) Close() error {
	c.e.close()
	return nil
}
