package zmq

import (
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

// z85 returns the key in the text form that libzmq's options take, ZeroMQ RFC 32.
func (k curveKey) z85() string { return zmq4.Z85encode(string(k[:])) }

// fieldPrime is 2^255 - 19.
var fieldPrime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))

// curvePublic returns the X25519 public key that belongs to an ed25519 public key: the point's
// u = (1+y)/(1-y), RFC 7748 §4.1. Everything here is public, so that math/big may take as long
// as it likes; about 30 µs with the check.
func curvePublic(p juno.PublicKey) (k curveKey, err error) {
	if err := p.Check(); err != nil {
		return curveKey{}, err
	}
	little := p
	little[31] &= 0x7f // the topmost bit is the sign of x, which u does not need
	slices.Reverse(little[:])
	y, one := new(big.Int).SetBytes(little[:]), big.NewInt(1)
	// 1-y has an inverse: y = 1 is the neutral element, which Check refuses.
	u := new(big.Int).ModInverse(new(big.Int).Mod(new(big.Int).Sub(one, y), fieldPrime), fieldPrime)
	if u == nil {
		panic(fmt.Sprintf("zmq: public key %s passed its check and has y = 1", p))
	}
	u.Mul(u, new(big.Int).Add(one, y)).Mod(u, fieldPrime).FillBytes(k[:])
	slices.Reverse(k[:])
	return k, nil
}

// curveSecret returns the X25519 secret key that belongs to an ed25519 private key: the clamped
// scalar that ed25519 itself multiplies with, RFC 8032 §5.1.5.
func curveSecret(private juno.PrivateKey) (k curveKey) {
	seed := private.Seed()
	sum := sha512.Sum512(seed[:])
	copy(k[:], sum[:])
	k[0] &= 248
	k[31] &= 127
	k[31] |= 64
	return k
}

// checkCurve reports whether the libzmq that the program runs with can encrypt.
func checkCurve() error {
	if zmq4.HasCurve() {
		return nil
	}
	major, minor, patch := zmq4.Version()
	return fmt.Errorf("libzmq %d.%d.%d cannot encrypt: it was built without CURVE; "+
		"install one built with libsodium, such as Debian's libzmq5", major, minor, patch)
}

// member is who may connect under one ed25519 key. A key can be a peer's and a client's at once.
type principal struct {
	curve  curveKey
	node   juno.NodeID // 0: no peer
	client bool
}

// admission is the list of who may connect. The handshake asks it by curve key, because that is
// all the handshake knows, and the hello asks it by ed25519 key.
//
// Two ed25519 keys, P and -P, have one curve key. Somebody who registers -P of a client P gets
// nothing by it: the handshake takes P's secret. The owner of P could say hello as -P, an
// identity that somebody else registered for himself and cannot use.
type allowlist struct {
	mu         sync.RWMutex
	principals map[juno.PublicKey]principal
	curveKeys  map[curveKey]bool
}

// admits says whether somebody with that curve key may connect.
func (a *allowlist) allows(k curveKey) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.curveKeys[k]
}

// who returns what a key stands for; the zero member if nothing.
func (a *allowlist) lookup(key juno.PublicKey) principal {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.principals[key]
}

// setPeers replaces the peers, setClients the clients. A key that cannot be used is left out, and
// the first such is the error.
func (a *allowlist) setPeers(peers []Peer) (err error) {
	next := make(map[juno.PublicKey]principal, len(peers))
	for _, p := range peers {
		m := principal{node: p.ID}
		var bad error
		if m.curve, bad = a.curveKeyOf(p.Key); bad != nil {
			err = firstError(err, fmt.Errorf("zmq: %s: %w", p.ID, bad))
			continue
		}
		next[p.Key] = m
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, m := range a.principals {
		if m.client {
			n := next[key]
			n.curve, n.client = m.curve, true
			next[key] = n
		}
	}
	a.replace(next)
	return err
}

func (a *allowlist) setClients(keys []juno.PublicKey) (err error) {
	next := make(map[juno.PublicKey]principal, len(keys))
	for _, key := range keys {
		m := principal{client: true}
		var bad error
		if m.curve, bad = a.curveKeyOf(key); bad != nil {
			err = firstError(err, fmt.Errorf("zmq: client: %w", bad))
			continue
		}
		next[key] = m
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, m := range a.principals {
		if m.node != 0 {
			n := next[key]
			n.curve, n.node = m.curve, m.node
			next[key] = n
		}
	}
	a.replace(next)
	return err
}

// curveOf converts a key unless that was done before: a long list is set often, with few changes.
func (a *allowlist) curveKeyOf(key juno.PublicKey) (curveKey, error) {
	if m := a.lookup(key); m != (principal{}) {
		return m.curve, nil
	}
	return curvePublic(key)
}

func (a *allowlist) replace(principals map[juno.PublicKey]principal) {
	a.principals = principals
	a.curveKeys = make(map[curveKey]bool, len(principals))
	for _, m := range principals {
		a.curveKeys[m.curve] = true
	}
}

func firstError(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// zapAddress is where libzmq asks who may connect, ZeroMQ RFC 27 (ZAP). It is one address for
// each context, and every endpoint has a context of its own.
const zapAddress = "inproc://zeromq.zap.01"

// userIDProperty is where a frame says which curve key its connection was authenticated with.
const userIDProperty = "User-Id"

// serveZAP answers one request: a message of version, request id, domain, address, routing id,
// mechanism and credentials, which for CURVE is the caller's key. The answer is version, request
// id, status, text, user id and metadata. Our user ids are curve keys in hexadecimal.
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
	// The socket replies to whom it heard last, which is our own context, in memory.
	_, _ = zap.SendMessage("1.0", id, status, text, user, "")
}

func zapReply(parts [][]byte, allows func(curveKey) bool) (status, text, user string) {
	const fields = 7
	if len(parts) != fields || string(parts[5]) != "CURVE" || len(parts[6]) != len(curveKey{}) {
		return "400", "not a CURVE handshake", ""
	}
	key := curveKey(parts[6])
	if !allows(key) {
		return "400", "this key is not admitted", ""
	}
	return "200", "OK", hex.EncodeToString(key[:])
}
