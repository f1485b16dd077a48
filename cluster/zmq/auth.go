package zmq

import (
	"cmp"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"sync"

	zmq4 "github.com/pebbe/zmq4"

	"juno"
)

// curveKey is an X25519 key, public or secret, as CURVE uses it.
type curveKey [32]byte

// z85 returns the key in Z85, the text form that libzmq's options take (ZeroMQ RFC 32).
func (k curveKey) z85() string { return zmq4.Z85encode(string(k[:])) }

// fieldPrime is 2^255 - 19.
var fieldPrime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))

// curvePublic returns the X25519 public key of an ed25519 public key: the u-coordinate
// (1+y)/(1-y) of the point, RFC 7748 §4.1. All inputs are public, so math/big need not run in
// constant time. One call takes about 30 µs, the check of the key included.
func curvePublic(p juno.PublicKey) (k curveKey, err error) {
	if err := p.Check(); err != nil {
		return curveKey{}, err
	}
	little := p
	little[31] &= 0x7f // the topmost bit is the sign of x; u does not depend on it
	slices.Reverse(little[:])
	y, one := new(big.Int).SetBytes(little[:]), big.NewInt(1)
	// 1-y has an inverse: y = 1 is the neutral element, which Check rejects.
	u := new(big.Int).ModInverse(new(big.Int).Mod(new(big.Int).Sub(one, y), fieldPrime), fieldPrime)
	if u == nil {
		panic(fmt.Sprintf("zmq: convert public key %s: it passed Check, but y is 1", p))
	}
	u.Mul(u, new(big.Int).Add(one, y)).Mod(u, fieldPrime).FillBytes(k[:])
	slices.Reverse(k[:])
	return k, nil
}

// curveSecret returns the X25519 secret key of an ed25519 private key: the clamped scalar of
// RFC 8032 §5.1.5.
func curveSecret(private juno.PrivateKey) (k curveKey) {
	seed := private.Seed()
	sum := sha512.Sum512(seed[:])
	copy(k[:], sum[:])
	k[0] &= 248
	k[31] &= 127
	k[31] |= 64
	return k
}

// checkCurve returns an error if the libzmq that the program is linked with lacks CURVE.
func checkCurve() error {
	if zmq4.HasCurve() {
		return nil
	}
	major, minor, patch := zmq4.Version()
	return fmt.Errorf("zmq: libzmq %d.%d.%d was built without CURVE encryption; "+
		"install a libzmq built with libsodium, such as Debian's libzmq5", major, minor, patch)
}

// principal is what one ed25519 key is allowed to connect as. A key may be a peer's key and a
// client's key at once.
type principal struct {
	curve  curveKey
	node   juno.NodeID // 0: not a peer
	client bool
}

// allowlist holds the keys that may connect. The CURVE handshake looks up the curve key, because
// it knows no other; the hello looks up the ed25519 key.
//
// Two ed25519 keys, P and -P, share one curve key. Registering -P gains an attacker nothing: the
// handshake needs the secret of P. The owner of P could send a hello as -P, an identity that
// another client registered and cannot use.
type allowlist struct {
	mu         sync.RWMutex
	principals map[juno.PublicKey]principal
	curveKeys  map[curveKey]bool
}

// allows reports whether a curve key may connect.
func (a *allowlist) allows(k curveKey) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.curveKeys[k]
}

// lookup returns the principal of a key, or the zero principal if the key is not in the list.
func (a *allowlist) lookup(key juno.PublicKey) principal {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.principals[key]
}

// setPeers replaces the peers. It leaves out unusable keys and returns the error of the first.
func (a *allowlist) setPeers(peers []Peer) (err error) {
	next := make(map[juno.PublicKey]principal, len(peers))
	for _, peer := range peers {
		p := principal{node: peer.ID}
		var bad error
		if p.curve, bad = a.curveKeyOf(peer.Key); bad != nil {
			err = cmp.Or(err, fmt.Errorf("zmq: set peers: key of %s: %w", peer.ID, bad))
			continue
		}
		next[peer.Key] = p
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, old := range a.principals {
		if old.client {
			p := next[key]
			p.curve, p.client = old.curve, true
			next[key] = p
		}
	}
	a.replace(next)
	return err
}

// setClients replaces the clients; unusable keys are as in setPeers.
func (a *allowlist) setClients(keys []juno.PublicKey) (err error) {
	next := make(map[juno.PublicKey]principal, len(keys))
	for _, key := range keys {
		p := principal{client: true}
		var bad error
		if p.curve, bad = a.curveKeyOf(key); bad != nil {
			err = cmp.Or(err, fmt.Errorf("zmq: set clients: key %s: %w", key.ID(), bad))
			continue
		}
		next[key] = p
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, old := range a.principals {
		if old.node != 0 {
			p := next[key]
			p.curve, p.node = old.curve, old.node
			next[key] = p
		}
	}
	a.replace(next)
	return err
}

// curveKeyOf returns the curve key of an ed25519 key. It converts only keys that are not in the
// list yet: long lists are set often, with few changes.
func (a *allowlist) curveKeyOf(key juno.PublicKey) (curveKey, error) {
	if p := a.lookup(key); p != (principal{}) {
		return p.curve, nil
	}
	return curvePublic(key)
}

func (a *allowlist) replace(principals map[juno.PublicKey]principal) {
	a.principals = principals
	a.curveKeys = make(map[curveKey]bool, len(principals))
	for _, p := range principals {
		a.curveKeys[p.curve] = true
	}
}

// Names and numbers of ZAP, the ZeroMQ Authentication Protocol (ZeroMQ RFC 27).
const (
	// zapAddress is where libzmq sends its requests. There is one for each context, and every
	// engine has a context of its own.
	zapAddress       = "inproc://zeromq.zap.01"
	zapDomain        = "juno" // libzmq asks only for sockets that have a domain
	zapVersion       = "1.0"
	zapRequestParts  = 7
	zapStatusOK      = "200"
	zapStatusFailure = "400"
	// zapUserID is the metadata property of a received frame that holds the user ID of its
	// connection.
	zapUserID = "User-Id"
)

// handleZAP answers one request: version, request ID, domain, address, routing ID, mechanism and
// credentials, which for CURVE are the client's curve key. The reply is version, request ID,
// status, text, user ID and metadata. Our user IDs are curve keys in hexadecimal.
func handleZAP(zap *zmq4.Socket, allows func(curveKey) bool) {
	parts, err := zap.RecvMessageBytes(zmq4.DONTWAIT)
	if err != nil {
		return
	}
	var id []byte
	if len(parts) > 1 {
		id = parts[1]
	}
	status, text, user := zapReply(parts, allows)
	// The reply stays within this process, so no network error can occur.
	_, _ = zap.SendMessage(zapVersion, id, status, text, user, "")
}

func zapReply(parts [][]byte, allows func(curveKey) bool) (status, text, user string) {
	if len(parts) != zapRequestParts ||
		string(parts[5]) != "CURVE" || len(parts[6]) != len(curveKey{}) {
		return zapStatusFailure, "not a CURVE handshake", ""
	}
	key := curveKey(parts[6])
	if !allows(key) {
		return zapStatusFailure, "key not admitted", ""
	}
	return zapStatusOK, "OK", hex.EncodeToString(key[:])
}
