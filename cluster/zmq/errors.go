package zmq

import "errors"

// Why a connection is not there. The texts around them name the peer, its address, what was
// expected and what to do.
var (
	// ErrUnreachable: no TCP connection, or nobody who speaks our protocol at the other end.
	ErrUnreachable = errors.New("unreachable")
	// ErrWrongKey: whoever is at that address does not hold the key that was expected.
	ErrWrongKey = errors.New("wrong key")
	// ErrStranger: the other node does not admit our key.
	ErrStranger = errors.New("not admitted")
	// ErrVersion: the other node speaks another version of the protocol.
	ErrVersion = errors.New("other protocol version")
	// ErrCluster: the other node belongs to another cluster.
	ErrCluster = errors.New("other cluster")
	// ErrIdentity: the other node is another one than was meant, or takes us for another.
	ErrIdentity = errors.New("other identity")
	// ErrBusy: the other node has as many connections as it takes.
	ErrBusy = errors.New("too many connections")
	// ErrLost: there was a connection and it broke.
	ErrLost = errors.New("connection lost")
	// ErrConnecting: there was no time yet to find out.
	ErrConnecting = errors.New("still connecting")
	// ErrClosed: the connection or the endpoint was closed.
	ErrClosed = errors.New("closed")
)
