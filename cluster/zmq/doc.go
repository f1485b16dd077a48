// Package zmq carries frames between the nodes of a cluster, and from clients to nodes, over
// ZeroMQ (libzmq, ZMTP 3.1). It knows nothing of what the frames say.
//
// # Concepts
//
// An [Endpoint] is a node's place on the network. It listens on one port, for peers and clients
// alike, and keeps two connections to every peer: an urgent one for votes and evidence, and a
// bulk one for entries and commands, so that a vote never stands behind megabytes of entries in
// a socket's buffer. A frame for a peer waits in the [Lane] that the sender names; within a
// connection the lower lane goes first. Node A's connections to B carry A's frames only; B's
// frames come over connections that B makes.
//
// A [Conn] is a client's connection to one node. Requests go out and frames come back over it.
//
// # Keys
//
// Every connection is encrypted and authenticated with CURVE (ZeroMQ RFC 26, CurveZMQ), both
// sides with long-term X25519 keys. No such key is stored or exchanged, because it follows from
// the ed25519 key that a node or client has anyway, by the birational map between the two forms
// of the curve (RFC 7748 §4.1):
//
//	public: u = (1 + y) / (1 - y) mod 2^255 - 19, where y is the ed25519 public key read as a
//	        little-endian number without its topmost bit; u as 32 bytes, little-endian
//	secret: SHA-512(seed)[0:32], with the bits 0, 1, 2 and 255 cleared and bit 254 set
//
// These are libsodium's crypto_sign_ed25519_pk_to_curve25519 and ..._sk_to_curve25519. A public
// key that [juno.PublicKey.Check] refuses has no curve key: with a point of small order anybody
// could finish the handshake.
//
// The same scalar signs and agrees on keys, which is to be done with care. A peer must be able
// to compute our curve key from our ed25519 public key alone, and everything computable that way
// has a secret that is a public function of the same scalar; so a key of its own domain would
// have to be published separately, signed, stored and rotated. The one scalar is acceptable here,
// because the two uses never meet: Ed25519 hashes the scalar's products together with a nonce
// that is derived from the other half of SHA-512(seed) and reveals nothing of them, CURVE uses
// X25519 only through HSalsa20 and never shows a raw shared point, and every signature of Juno's
// is over bytes that begin with a domain tag. Joint security of exactly this pair has been
// proven (E. Thormarker, "On using the same key pair for Ed25519 and an X25519 based KEM", IACR
// ePrint 2021/509). The keys P and -P have the same u; see admission for why that harms nobody.
//
// # Who gets in
//
// The keys of peers and of the clients given to [Endpoint.SetClients] are admitted in the CURVE
// handshake itself (ZAP, ZeroMQ RFC 27); a stranger's connection is closed before it can send a
// frame. Who sent a frame is decided by that key, never by what a frame claims.
//
// # Format
//
// A frame is one ZeroMQ message of one part. The first frame on a connection is the hello of
// whoever connected, the first one back is the answer; see hello and answer for the bytes. What
// follows is the user's, except that an empty frame means nothing: a node sends one now and then
// to learn whether a client is still there, and that another answer may come back to a node later,
// when its key is not admitted any more: then it connects anew, and learns how it stands.
//
// # Guarantees
//
// Frames of one lane arrive in order, each at most once, unchanged and from the node named.
// Frames are lost when a connection breaks, when a lane is full (Send says so) and when a vote is
// pushed out by newer votes; whoever needs a frame to arrive sends it again. Nothing blocks the
// caller: a peer that is slow, stopped or gone fills its own lanes only. All queues are bounded
// in frames and in bytes. A connection that breaks is made again, after 10 ms first and at least
// once a second; a peer that is silently dead is noticed within about five seconds.
//
// # What it does not do
//
// It does not repeat, persist or order frames across connections. It does not limit how often a
// client asks: Serve sees every request, and whoever is behind it refuses. It does not hold off
// a flood of TCP connections from strangers, which costs file descriptors and handshakes; that is
// for a firewall. Our own key cannot change while an endpoint is open: close it and listen again.
package zmq
