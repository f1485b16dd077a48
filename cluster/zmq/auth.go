package zmq

import (
	"crypto/sha512"
	"fmt"
	"math/big"
	"slices"

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
