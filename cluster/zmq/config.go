package zmq

import (
	"errors"
	"fmt"
	"time"

	"juno"
)

// Limits and times.
const (
	// FrameBytesDefault is the longest frame unless Config says otherwise: the longest message
	// of the consensus core has 24 MiB.
	FrameBytesDefault = 25 << 20
	// ClientSessionsMax bounds the client connections of one endpoint. One costs about 50 KiB.
	ClientSessionsMax = 1024
	// SessionsPerClientMax bounds the connections of one client to one endpoint. Several
	// programs may share a key, and a client may reconnect before its old connection times out.
	SessionsPerClientMax = 16

	// laneFramesMax bounds a lane in frames: short frames cost more than their bytes.
	laneFramesMax = 1 << 16
	// disconnectedBytesMax bounds a lane of a peer that is not connected. Most of its frames
	// are obsolete by the time the peer is back; the newest few may still be useful.
	disconnectedBytesMax = 256 << 10
	// replyBytesMax bounds the queued replies of one session. Replies beyond it are dropped.
	replyBytesMax = 16 << 20

	// High-water marks of libzmq's own send queues, in frames. Priorities have no effect there,
	// so the queues are short; they are long enough that a frame rarely waits for the I/O thread.
	urgentFramesMax  = 64
	bulkFramesMax    = 16
	sessionFramesMax = 64

	// What one connection may send or receive before it is another connection's turn.
	flushBytesMax    = 1 << 20
	receiveFramesMax = 256
	receiveBytesMax  = 4 << 20
	// frameOverheadBytes is the cost of a frame beside its bytes, counted in bytes sent.
	frameOverheadBytes = 1 << 10

	backoffMin       = 10 * time.Millisecond // before the first retry; doubles up to backoffMax
	backoffMax       = time.Second
	connectTimeout   = 2 * time.Second  // of TCP, and of a lookup with its probe
	handshakeTimeout = 5 * time.Second  // from connect to the answer to the hello
	heartbeatEvery   = 2 * time.Second  // ZMTP PING, sent by the connecting side
	heartbeatTimeout = 3 * time.Second  // the connecting side closes without a PONG
	heartbeatTTL     = 5 * time.Second  // the listening side closes without another PING
	peerCheckEvery   = time.Second      // an outbound connection looks for a rejection
	sweepEvery       = 15 * time.Second // the listener looks for client sessions that ended
	replyRetryEvery  = time.Millisecond // a reply is tried again when libzmq's queue was full
)

// laneBytesDefault bounds the lanes. A vote has a few hundred bytes, an AppendEntries with a full
// batch a few MiB, and a message that lets a node catch up at most 16 MiB.
var laneBytesDefault = [LaneCount]int{1 << 20, 8 << 20, 64 << 20, 32 << 20}

// Peer is another node of the cluster.
type Peer struct {
	ID      juno.NodeID
	Address string         // "host:port" that the node listens on
	Key     juno.PublicKey // the node's key
}

// Config describes an endpoint.
type Config struct {
	Cluster  juno.ClusterID
	ID       juno.NodeID
	Key      juno.PrivateKey // this node's key
	Software string          // name of this program for peers; at most SoftwareBytesMax bytes
	// Listen is "host:port". The host is an IP address, a name that resolves to an address of
	// this machine, a network interface, or empty for all interfaces. Port 0 selects a free port.
	Listen string
	Peers  []Peer // may include this node, which is ignored

	// Deliver is called with every frame of a peer, always from the same goroutine, and must
	// return soon. Deliver owns the frame.
	Deliver func(from juno.NodeID, frame []byte)
	// Serve is called with every request of a client, from the goroutine of Deliver. reply may
	// be called from any goroutine, at any time, any number of times. It never blocks, and does
	// nothing once the client has disconnected. A response must not change afterwards. If Serve
	// is nil, clients are refused.
	Serve func(client juno.PublicKey, request []byte, reply func(response []byte))
	// OnChange, if not nil, is called when both connections to a peer are up, when one breaks,
	// and when one fails for another reason than before; from the goroutine of Deliver.
	OnChange func(PeerStatus)

	FrameBytesMax int            // 0: FrameBytesDefault; a longer frame ends its connection
	LaneBytesMax  [LaneCount]int // 0: a default of 1 to 64 MiB
}

func (c *Config) check() error {
	switch {
	case c.ID == 0:
		return fmt.Errorf("zmq: listen: Config.ID is 0; expected a node ID")
	case c.Deliver == nil:
		return fmt.Errorf("zmq: listen: Config.Deliver is nil")
	case c.FrameBytesMax < 0:
		return fmt.Errorf("zmq: listen: Config.FrameBytesMax is %d; expected 0 or more",
			c.FrameBytesMax)
	}
	return checkSoftware("listen", c.Software)
}

// checkSoftware checks a program's name for an operation.
func checkSoftware(operation, software string) error {
	if len(software) > SoftwareBytesMax {
		return fmt.Errorf("zmq: %s: software name has %d bytes; expected at most %d",
			operation, len(software), SoftwareBytesMax)
	}
	return nil
}

// withDefaults replaces limits that are 0 by their defaults.
func withDefaults(frame int, lanes [LaneCount]int) (int, [LaneCount]int) {
	if frame == 0 {
		frame = FrameBytesDefault
	}
	// A hello must fit under every limit.
	frame = max(frame, helloBytesMax)
	for i := range lanes {
		if lanes[i] == 0 {
			lanes[i] = laneBytesDefault[i]
		}
	}
	return frame, lanes
}

// Reasons why there is no connection. The errors that wrap them name the peer, its address, what
// was expected, what was found, and what to do.
var (
	// ErrUnreachable: there is no TCP connection, or the remote end is not a Juno node.
	ErrUnreachable = errors.New("unreachable")
	// ErrWrongKey: the remote end does not hold the expected key.
	ErrWrongKey = errors.New("wrong key")
	// ErrNotAdmitted: the remote node does not admit the local key.
	ErrNotAdmitted = errors.New("not admitted")
	// ErrVersion: the remote node speaks another version of the protocol.
	ErrVersion = errors.New("other protocol version")
	// ErrCluster: the remote node belongs to another cluster.
	ErrCluster = errors.New("other cluster")
	// ErrIdentity: the remote node is not the expected one, or the local key is not the key that
	// the remote node expects of this node or client.
	ErrIdentity = errors.New("other identity")
	// ErrTooManyConns: the remote node has reached its limit of client connections.
	ErrTooManyConns = errors.New("too many connections")
	// ErrLost: an established connection broke.
	ErrLost = errors.New("connection lost")
	// ErrConnecting: the first attempt has not ended yet.
	ErrConnecting = errors.New("still connecting")
	// ErrClosed: the connection or the endpoint was closed.
	ErrClosed = errors.New("closed")
)
