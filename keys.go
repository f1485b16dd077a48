package juno

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Sizes of keys and signatures, RFC 8032.
const (
	PublicKeyBytes = 32
	SeedBytes      = 32
	SignatureBytes = 64
	KeyIDBytes     = 8
)

// PublicKey is an ed25519 public key. Any 32 bytes are one; Check says whether they are good.
type PublicKey [PublicKeyBytes]byte

// Signature is an ed25519 signature.
type Signature [SignatureBytes]byte

// KeyID is the short name of a public key: the first eight bytes of its SHA-256. A keyring holds
// at most one key under an id, so a collision cannot be used. The zero KeyID means "none".
type KeyID [KeyIDBytes]byte

// String returns 16 hexadecimal digits.
func (k KeyID) String() string { return hex.EncodeToString(k[:]) }

// ParseKeyID reads what KeyID.String prints.
func ParseKeyID(s string) (k KeyID, err error) {
	if err := parseHex(k[:], s); err != nil {
		return KeyID{}, fmt.Errorf("key id %.80q: %w", s, err)
	}
	return k, nil
}

// String returns 64 hexadecimal digits.
func (p PublicKey) String() string { return hex.EncodeToString(p[:]) }

// ParsePublicKey reads what PublicKey.String prints. It does not check that the point is on the
// curve: a key that is not simply never verifies anything.
func ParsePublicKey(s string) (p PublicKey, err error) {
	if err := parseHex(p[:], s); err != nil {
		return PublicKey{}, fmt.Errorf("public key %.80q: %w", s, err)
	}
	return p, nil
}

// ID returns the short name of the key.
func (p PublicKey) ID() (k KeyID) {
	sum := sha256.Sum256(p[:])
	copy(k[:], sum[:])
	return k
}
