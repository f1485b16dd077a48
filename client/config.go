package client

import (
	"errors"
	"fmt"
	"time"

	"juno"
)

// Node is where a node is reached.
type Node struct {
	ID      juno.NodeID
	Address string
	Key     juno.PublicKey
}

// Conn is a connection to one node. It makes itself again when it breaks.
type Conn interface {
	// Send hands over a frame, which must not change afterwards, and reports whether it is on its
	// way. It does not block.
	Send(frame []byte) bool
	// Close ends the connection. Nothing is received after it has returned.
	Close()
}

// Dial connects to a node. receive is called with every frame that comes, in order, from one
// goroutine at a time; the frame is the receiver's. changed is called with nil when the connection
// is up, and with the reason when it is not, from any goroutine: a reason that wraps ErrNotAdmitted
// or ErrWrongKey is told from the others. Dial does not wait for the node, and calls neither before
// it returns.
type Dial func(node Node, receive func(frame []byte), changed func(problem error)) (Conn, error)

// Config is what a Client is made of.
type Config struct {
	// Cluster is the ledger's id: all that has to be known in advance to believe anything.
	Cluster juno.ClusterID
	// Genesis may be nil: then nodes are asked for it.
	Genesis *juno.Genesis
	// Epochs prove the membership that is begun with, from the genesis on; those before it need not
	// be reached then. They may be old, or none. They need a Genesis.
	Epochs []juno.EpochChange
	// OnEpochs may be nil. It is told of all changes of the membership that are proven, from the
	// genesis on, whenever there are more of them than in Epochs, from any goroutine.
	OnEpochs func([]juno.EpochChange)
	// Nodes are where to begin; the other members follow from the membership, at the addresses
	// there. An address here goes before the one there.
	Nodes []Node
	// Key signs commands; the nodes know the client by it.
	Key juno.PrivateKey
	// Dial connects to nodes.
	Dial Dial
	// KeyPending, if not nil, reports whether another key was drawn for the client, which may be
	// in force by now. Await then does not wait for nodes that refuse the key.
	KeyPending func() bool
	// OnEvidence may be nil. It is told of every misbehaviour that is found, from any goroutine,
	// and returns at once.
	OnEvidence func(Evidence)
	// Timeout is how long a command is waited for if its context has no deadline; 0 is
	// DefaultTimeout.
	Timeout time.Duration
	// Session names this run of the client; 0: drawn at random. Two that run at a time must differ.
	Session uint64
}

// DefaultTimeout is how long a command is waited for: a few changes of leader.
const DefaultTimeout = 30 * time.Second

func (c *Config) check() error {
	switch {
	case c.Genesis != nil && c.Genesis.ID() != c.Cluster:
		return fmt.Errorf("the genesis is of ledger %s, want %s", c.Genesis.ID(), c.Cluster)
	case len(c.Nodes) == 0 && c.Genesis == nil:
		return errors.New("no node is named to begin with")
	case c.Dial == nil:
		return errors.New("a client needs Dial")
	}
	return nil
}

// Errors of outcomes and of calls.
var (
	// ErrNoQuorum: too few nodes answer to know.
	ErrNoQuorum = errors.New("too few nodes answer")
	// ErrClosed: the client was closed.
	ErrClosed = errors.New("the client is closed")
)
