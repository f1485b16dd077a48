package zmq

import (
	"errors"
	"fmt"
	"time"

	"juno"
)

// Limits and times that nobody has to set.
const (
	// FrameBytesDefault is the longest frame unless Config says otherwise: the longest message
	// of the consensus core (24 MiB) with room to spare.
	FrameBytesDefault = 25 << 20
	// ClientsMax bounds the connections of clients to one endpoint. One costs about 50 KiB.
	ClientSessionsMax = 1024
	// ClientConnsMax bounds the connections of one client to one endpoint: several programs may
	// share a key, and a client that lost its connection makes another before we notice.
	SessionsPerClientMax = 16

	// laneFramesMax bounds a lane in frames, so that empty-ish frames do not make it endless.
	laneFramesMax = 1 << 16
	// downBytesMax bounds a lane of a peer that is not connected. What waits now is old by the
	// time it comes back; the last few frames may still be of use.
	disconnectedBytesMax = 256 << 10
	// replyBytesMax bounds what waits for one client; replies beyond it are dropped.
	replyBytesMax = 16 << 20

	// Frames in libzmq's own queues, in which no lane can overtake another. Long enough that
	// the two threads need not wake each other for every frame, short enough that a lane decides.
	urgentFramesMax  = 64
	bulkFramesMax    = 16
	sessionFramesMax = 64

	backoffMin       = 10 * time.Millisecond // after a connection broke or could not be made
	backoffMax       = time.Second           // doubled up to here
	connectTimeout   = 2 * time.Second       // for TCP
	handshakeTimeout = 5 * time.Second       // from the beginning to the answer to our hello
	heartbeatEvery   = 2 * time.Second       // ZMTP PING by whoever made the connection
	heartbeatTimeout = 3 * time.Second       // without PONG the connection is dead
	heartbeatTTL     = 5 * time.Second       // without PING the connection is dead
	peerCheckEvery   = time.Second           // a link looks whether the peer still hears it
	sweepEvery       = 15 * time.Second      // the door looks for clients that are gone
	replyRetryEvery  = time.Millisecond      // for a client whose queue was full
)

// laneBytesDefault bounds the lanes. A vote has a few hundred bytes; an AppendEntries of a full
// batch has a few MiB, an answer that brings a node up to date up to 16 MiB.
var laneBytesDefault = [LaneCount]int{1 << 20, 8 << 20, 64 << 20, 32 << 20}

// Peer is another node of the cluster.
type Peer struct {
	ID      juno.NodeID
	Address string         // "host:port", where it listens
	Key     juno.PublicKey // its node key
}

// Config says what an endpoint is.
type Config struct {
	Cluster  juno.ClusterID
	ID       juno.NodeID
	Key      juno.PrivateKey // our node key
	Software string          // of this program, shown to peers; at most SoftwareBytesMax bytes
	// Listen is "host:port". The host is an IP address, a name that resolves to one of ours, a
	// network interface, or nothing for all of them; port 0 picks a free one.
	Listen string
	Peers  []Peer // may hold ourselves, which is left out

	// Deliver gets every frame of a peer, from one goroutine, and must not block it for long.
	// The frame is Deliver's to keep.
	Deliver func(from juno.NodeID, frame []byte)
	// Serve gets every request of a client, from the same goroutine. reply may be called from
	// any goroutine, now or later, any number of times; it never blocks, and does nothing once
	// the client is gone. A response must not change afterwards. Nil: no clients.
	Serve func(client juno.PublicKey, request []byte, reply func(response []byte))
	// Changed, if set, is told when the connections to a peer come up, break, or fail for
	// another reason than before; from the goroutine of Deliver.
	OnChange func(PeerStatus)

	FrameBytesMax int            // 0 is FrameBytesDefault; longer frames cut the connection
	LaneBytesMax  [LaneCount]int // 0 is a default of a few MiB, see laneBytesDefault
}

func (c *Config) check() error {
	switch {
	case c.ID == 0:
		return fmt.Errorf("zmq: listen: no node id")
	case len(c.Software) > SoftwareBytesMax:
		return fmt.Errorf("zmq: listen: software text of %d bytes, at most %d",
			len(c.Software), SoftwareBytesMax)
	case c.Deliver == nil:
		return fmt.Errorf("zmq: listen: nobody to deliver to")
	case c.FrameBytesMax < 0:
		return fmt.Errorf("zmq: listen: frames of at most %d bytes", c.FrameBytesMax)
	}
	return nil
}

// withDefaults returns the limits, filled in.
func withDefaults(frame int, lanes [LaneCount]int) (int, [LaneCount]int) {
	if frame == 0 {
		frame = FrameBytesDefault
	}
	// A hello must fit whatever the limit.
	frame = max(frame, helloBytesMax)
	for i := range lanes {
		if lanes[i] == 0 {
			lanes[i] = laneBytesDefault[i]
		}
	}
	return frame, lanes
}

// Why a connection is not there. The texts around them name the peer, its address, what was
// expected and what to do.
var (
	// ErrUnreachable: no TCP connection, or nobody who speaks our protocol at the other end.
	ErrUnreachable = errors.New("unreachable")
	// ErrWrongKey: whoever is at that address does not hold the key that was expected.
	ErrWrongKey = errors.New("wrong key")
	// ErrStranger: the other node does not admit our key.
	ErrNotAdmitted = errors.New("not admitted")
	// ErrVersion: the other node speaks another version of the protocol.
	ErrVersion = errors.New("other protocol version")
	// ErrCluster: the other node belongs to another cluster.
	ErrCluster = errors.New("other cluster")
	// ErrIdentity: the other node is another one than was meant, or takes us for another.
	ErrIdentity = errors.New("other identity")
	// ErrBusy: the other node has as many connections as it takes.
	ErrTooManyConns = errors.New("too many connections")
	// ErrLost: there was a connection and it broke.
	ErrLost = errors.New("connection lost")
	// ErrConnecting: there was no time yet to find out.
	ErrConnecting = errors.New("still connecting")
	// ErrClosed: the connection or the endpoint was closed.
	ErrClosed = errors.New("closed")
)
