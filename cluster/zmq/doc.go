// Package zmq carries frames between the nodes of a cluster, and between clients and nodes, over
// ZeroMQ (libzmq, ZMTP 3.1). It does not interpret the frames.
//
// # Concepts
//
// An [Endpoint] is a node's listener and its connections to peers. It listens on one port for
// peers and clients, and makes two connections to every peer: an urgent one for votes and
// evidence, and a bulk one for entries and commands. So a vote never queues behind megabytes of
// entries in a socket buffer. The sender names the [Lane] of a frame; within a connection lower
// lanes go first. Node A's connections to B carry frames of A only; B makes its own. A [Conn] is a
// client's connection to one node: it carries requests, and the responses to them.
//
//	here              | elsewhere
//	------------------|---------------------------------------------------------------------
//	Endpoint          | a transport; what ZeroMQ calls an endpoint, "tcp://…", is a uri here
//	frame             | a ZeroMQ message of one part
//	lane              | traffic class, priority queue
//	listener          | ROUTER socket, CURVE server
//	session           | routing ID of a ROUTER, connection that was accepted
//	outboundConn, Conn| DEALER socket, CURVE client; its backoff replaces ZMQ_RECONNECT_IVL
//	hello, answer     | handshake of the application, after HELLO to READY of CURVE
//	allowlist         | what a ZAP handler looks up; pinned public keys in TLS
//	socketMonitor     | zmq_socket_monitor, and the ZAP handler
//	engine            | event loop, reactor
//	signaler          | signaler of libzmq, self-pipe
//	fdWatcher         | ZMQ_FD with ZMQ_EVENTS, edge-triggered
//
// # Keys
//
// Every connection is encrypted and authenticated with CURVE (ZeroMQ RFC 26, CurveZMQ), by
// long-term X25519 keys of both sides. These keys are neither stored nor exchanged. They follow
// from the ed25519 keys of nodes and clients by the birational map between the two forms of the
// curve (RFC 7748 §4.1):
//
//	public: u = (1 + y) / (1 - y) mod 2^255 - 19, where y is the ed25519 public key read as a
//	        little-endian number without its topmost bit; u as 32 bytes, little-endian
//	secret: SHA-512(seed)[0:32], with the bits 0, 1, 2 and 255 cleared and bit 254 set
//
// These are libsodium's crypto_sign_ed25519_pk_to_curve25519 and ..._sk_to_curve25519. A public
// key that [juno.PublicKey.Check] rejects has no curve key: with a point of small order anybody
// could complete the handshake.
//
// One scalar both signs and agrees on keys, which needs care. A peer must be able to compute a
// curve key from the ed25519 public key alone, and the secret of every key computed that way is a
// public function of the same scalar. A key of a separate domain would have to be published,
// signed, stored and rotated. The shared scalar is acceptable because the two uses never meet.
// Ed25519 hashes the products of the scalar with a nonce derived from the other half of
// SHA-512(seed), and reveals nothing of them. CURVE uses X25519 only through HSalsa20 and never
// reveals a raw shared point. Every signature of Juno is over bytes that begin with a domain tag.
// Joint security of exactly this pair has been proven (E. Thormarker, "On using the same key pair
// for Ed25519 and an X25519 based KEM", IACR ePrint 2021/509). The keys P and -P have the same u;
// see allowlist for why that is harmless.
//
// # Admission
//
// The CURVE handshake (ZAP, ZeroMQ RFC 27) admits the keys of peers and of the clients given to
// [Endpoint.SetClients]. A connection under any other key is closed before it can send a frame.
// That key, and not the content of a frame, decides which node or client sent it.
//
// # Format
//
// A frame is one ZeroMQ message of one part. The first frame of the connecting side is the hello;
// the first frame of the listening side is the answer. See appendHello and appendAnswer for the
// bytes. All later frames belong to the caller, with two exceptions. A node sends a client an
// empty frame to find out whether its connection has ended. A node sends a peer a second answer
// when it no longer admits the peer's key; the peer reconnects, and learns the reason.
//
// # Guarantees
//
// Frames of one lane arrive in order, at most once, unchanged, and from the node named. Frames are
// lost when a connection breaks, when a lane is full (Send returns false) and when newer votes
// push out older ones; the caller repeats what must arrive. Nothing blocks the caller: a peer that
// is slow, stopped or gone fills only its own lanes. All send queues are bounded in frames and
// bytes. A broken connection is made again after 10 ms at first, and after a second at most. A
// dead peer is noticed within about five seconds.
//
// # Non-goals
//
// The package does not repeat, persist or order frames across connections. It does not limit the
// request rate of a client: Serve sees every request. It does not stop a flood of TCP connections,
// each of which costs a file descriptor and a handshake; that is the task of a firewall. The local
// key cannot change while an endpoint is open: close the endpoint and listen again.
package zmq
