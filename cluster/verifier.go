package cluster

import (
	"fmt"
	"sync/atomic"

	"juno"
	"juno/cluster/consensus"
)

// members knows the keys of every epoch since the genesis. It grows while others read.
type members struct {
	cluster juno.ClusterID
	rings   atomic.Pointer[[]*juno.Keyring] // by epoch; never changed once it is stored here
}

func newMembers(cluster juno.ClusterID, genesis *juno.EpochConfig) (*members, error) {
	m := &members{cluster: cluster}
	m.rings.Store(&[]*juno.Keyring{})
	return m, m.add(genesis)
}

// add adds the next membership. A known one changes nothing.
func (m *members) add(config *juno.EpochConfig) error {
	rings := *m.rings.Load()
	switch n := uint32(len(rings)); {
	case config.Epoch < n:
		return nil
	case config.Epoch > n:
		return fmt.Errorf("membership of epoch %d: the next one is epoch %d", config.Epoch, n)
	}
	ring, err := config.Keyring(m.cluster)
	if err != nil {
		return err
	}
	all := append(rings[:len(rings):len(rings)], ring)
	m.rings.Store(&all)
	return nil
}

// verifier is a consensus.Verifier that stores verified signatures. One goroutine may use it.
type verifier struct {
	members *members
	seen    *seen
	batch   *juno.BatchVerifier
	message []byte
}

func newVerifier(m *members, s *seen) *verifier {
	return &verifier{members: m, seen: s, batch: juno.NewBatchVerifier(verifyBatchMax)}
}

// check is one signature to be verified.
type check struct {
	public    juno.PublicKey
	envelope  *juno.Envelope
	hash      juno.Hash
	statement int // number of its message, if there are several
}

// Verify implements consensus.Verifier.
func (v *verifier) Verify(all []consensus.Statement) error {
	checks, err := v.prepare(nil, all, 0)
	if err != nil {
		return err
	}
	for i, ok := range v.run(checks) {
		if !ok {
			return fmt.Errorf("key %s: %w", checks[i].envelope.Key, juno.ErrBadSignature)
		}
	}
	return nil
}

// prepare finds the keys of statements, and adds the signatures that must be verified.
func (v *verifier) prepare(checks []check, all []consensus.Statement, of int) ([]check, error) {
	for i := range all {
		s := &all[i]
		record, err := v.signer(s)
		if err != nil {
			return checks, err
		}
		v.message = juno.AppendSigningBytes(v.message[:0], s.Envelope.Kind, v.members.cluster,
			s.Envelope.Body)
		h := signatureHash(record.Public, v.message, s.Envelope.Signature)
		if !v.seen.has(h) {
			checks = append(checks, check{record.Public, &s.Envelope, h, of})
		}
	}
	return checks, nil
}

// run verifies signatures as one batch, and stores the good ones.
func (v *verifier) run(checks []check) []bool {
	for i := range checks {
		c := &checks[i]
		v.message = juno.AppendSigningBytes(v.message[:0], c.envelope.Kind, v.members.cluster,
			c.envelope.Body)
		v.batch.Add(c.public, v.message, c.envelope.Signature)
	}
	good := v.batch.Verify()
	for i, ok := range good {
		if ok {
			v.seen.add(checks[i].hash)
		}
	}
	return good
}

// signer returns the key that a statement names, if it belongs to the node that the statement
// names, so that no node can speak for another (B1).
func (v *verifier) signer(s *consensus.Statement) (juno.KeyRecord, error) {
	rings := *v.members.rings.Load()
	if s.Anywhere {
		for i := len(rings) - 1; i >= 0; i-- {
			if r, known := rings[i].Lookup(s.Envelope.Key); known && isBy(s, &r) == nil {
				return r, nil
			}
		}
		return juno.KeyRecord{}, fmt.Errorf("key %s: %w", s.Envelope.Key, juno.ErrUnknownKey)
	}
	var ring *juno.Keyring
	switch {
	case s.Members != nil:
		var err error
		if ring, err = s.Members.Keyring(v.members.cluster); err != nil {
			return juno.KeyRecord{}, err
		}
	case s.Epoch >= uint32(len(rings)):
		return juno.KeyRecord{}, fmt.Errorf("epoch %d, known are [0,%d): %w", s.Epoch, len(rings),
			consensus.ErrUnknownEpoch)
	default:
		ring = rings[s.Epoch]
	}
	r, known := ring.Lookup(s.Envelope.Key)
	if !known {
		return r, fmt.Errorf("key %s: %w", s.Envelope.Key, juno.ErrUnknownKey)
	}
	return r, isBy(s, &r)
}

func isBy(s *consensus.Statement, signer *juno.KeyRecord) error {
	switch {
	case s.Node == 0 && signer.Role != juno.RoleAdmin:
		return fmt.Errorf("signed by %s, want an administrator", signer.Subject)
	case s.Node == 0:
		return nil
	case signer.Role != juno.RoleNode || signer.Subject != s.Node.String():
		return fmt.Errorf("statement of %s is signed by %s", s.Node, signer.Subject)
	}
	return nil
}

// collector is a consensus.Verifier that accepts everything, and collects the statements. Its user
// verifies them before the message is used.
type collector struct{ all []consensus.Statement }

// Verify implements consensus.Verifier.
func (g *collector) Verify(all []consensus.Statement) error {
	g.all = append(g.all, all...)
	return nil
}
