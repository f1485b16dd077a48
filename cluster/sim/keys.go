package sim

import (
	"encoding/binary"
	"fmt"
	"sync"

	"juno"
	"juno/cluster/consensus"
)

// secretKey is a secret key with its holder.
type secretKey struct {
	private juno.PrivateKey
	public  juno.PublicKey
	id      juno.KeyID
	secret  uint64 // of the fast signatures
}

// rings caches the keys that all runs share: making one takes longer than a hundred events.
var rings = struct {
	sync.Mutex
	made map[[2]uint32]*secretKey
}{made: make(map[[2]uint32]*secretKey)}

// The holders of keys that are not nodes.
const (
	holderAdmin  = 1 << 16
	holderClient = 1 << 17
)

// secretKeyOf returns the key of a holder's generation, always the same one.
func secretKeyOf(holder, generation uint32) *secretKey {
	rings.Lock()
	defer rings.Unlock()
	name := [2]uint32{holder, generation}
	if s := rings.made[name]; s != nil {
		return s
	}
	var seed [juno.SeedBytes]byte
	binary.BigEndian.PutUint32(seed[:], holder)
	binary.BigEndian.PutUint32(seed[4:], generation)
	copy(seed[8:], "juno simulator")
	private := juno.NewPrivateKey(seed)
	s := &secretKey{private: private, public: private.Public()}
	s.id = s.public.ID()
	s.secret = mix(uint64(holder)<<32|uint64(generation), 0x9e3779b97f4a7c15)
	rings.made[name] = s
	return s
}

// mix is a step of a fast hash that tells values apart; nothing in the simulator attacks it.
func mix(h, word uint64) uint64 {
	h = (h ^ word) * 0xff51afd7ed558ccd
	return h ^ h>>32
}

// mixBytes folds bytes into a hash.
func mixBytes(h uint64, b []byte) uint64 {
	h = mix(h, uint64(len(b)))
	for len(b) >= 8 {
		h = mix(h, binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	for _, c := range b {
		h = mix(h, uint64(c))
	}
	return h
}

// keyBook knows the public keys of a run, and makes and checks signatures.
//
// The fast signatures are a keyed hash. They cannot be forged because no code tries: the adversary
// is only given the secret keys of its own nodes. With real set they are ed25519.
type keyBook struct {
	cluster juno.ClusterID
	real    bool
	byID    map[juno.KeyID]*secretKey
	// checked caches real signatures that are good: the same one is verified by every node.
	checked map[uint64]bool
}

func newKeyBook(real bool) *keyBook {
	return &keyBook{
		real: real, byID: make(map[juno.KeyID]*secretKey), checked: make(map[uint64]bool),
	}
}

// add makes a key known.
func (k *keyBook) add(s *secretKey) *secretKey {
	k.byID[s.id] = s
	return s
}

// signer signs as the holder of a secret key.
type signer struct {
	book *keyBook
	seal *secretKey
}

// Sign implements consensus.Signer.
func (s signer) Sign(kind juno.Kind, body []byte) (juno.KeyID, juno.Signature) {
	if s.book.real {
		e := juno.Seal(s.seal.private, s.book.cluster, kind, body)
		return s.seal.id, e.Signature
	}
	return s.seal.id, fastSignature(s.seal.secret, kind, body)
}

func fastSignature(secret uint64, kind juno.Kind, body []byte) (sig juno.Signature) {
	h := mixBytes(mix(secret, uint64(kind)), body)
	binary.LittleEndian.PutUint64(sig[:], h)
	binary.LittleEndian.PutUint64(sig[8:], mix(h, secret))
	return sig
}

// good reports whether an envelope was signed with a key.
func (k *keyBook) good(public juno.PublicKey, e *juno.Envelope, admin bool) bool {
	s := k.byID[e.Key]
	if s == nil || s.public != public {
		return false
	}
	if !k.real && !admin { // administrators sign through package juno, which has no fast signatures
		return e.Signature == fastSignature(s.secret, e.Kind, e.Body)
	}
	h := mixBytes(mixBytes(mix(s.secret, uint64(e.Kind)), e.Body), e.Signature[:])
	if good, known := k.checked[h]; known {
		return good
	}
	message := juno.AppendSigningBytes(nil, e.Kind, k.cluster, e.Body)
	k.checked[h] = juno.VerifySignature(public, message, e.Signature)
	return k.checked[h]
}

// verifier holds the keys that a node knows: a consensus.Verifier with the meaning of
// consensus.Keys.
type verifier struct {
	book    *keyBook
	configs []*juno.EpochConfig // by epoch, from 0 on
}

// add adds the next membership; a known one is ignored.
func (v *verifier) add(c *juno.EpochConfig) {
	if int(c.Epoch) == len(v.configs) {
		v.configs = append(v.configs, c)
	}
}

// Verify implements consensus.Verifier.
func (v *verifier) Verify(all []consensus.Statement) error {
	for i := range all {
		if err := v.verify(&all[i]); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) verify(s *consensus.Statement) error {
	if s.Anywhere {
		for i := len(v.configs) - 1; i >= 0; i-- {
			if v.signedUnder(v.configs[i], s) {
				return nil
			}
		}
		return fmt.Errorf("key %s: %w", s.Envelope.Key, juno.ErrUnknownKey)
	}
	config := s.Members
	if config == nil {
		if int(s.Epoch) >= len(v.configs) {
			return fmt.Errorf("epoch %d: %w", s.Epoch, consensus.ErrUnknownEpoch)
		}
		config = v.configs[s.Epoch]
	}
	if !v.signedUnder(config, s) {
		return fmt.Errorf("statement of node%d in epoch %d: %w", s.Node, s.Epoch,
			juno.ErrBadSignature)
	}
	return nil
}

func (v *verifier) signedUnder(config *juno.EpochConfig, s *consensus.Statement) bool {
	if s.Node != 0 {
		m, _, ok := config.Member(s.Node)
		return ok && v.book.good(m.Public, &s.Envelope, false)
	}
	for _, a := range config.Admins {
		if a.Public.ID() == s.Envelope.Key {
			return v.book.good(a.Public, &s.Envelope, true)
		}
	}
	return false
}
