package consensus

import (
	"fmt"

	"juno"
)

// Keys is a Verifier for the memberships that were added to it. Add must not run at the same time
// as Verify; calls of Verify may.
type Keys struct {
	cluster juno.ClusterID
	rings   []*juno.Keyring // by epoch, from first on
	first   uint32
}

// NewKeys returns a Verifier that knows one membership.
func NewKeys(cluster juno.ClusterID, config *juno.EpochConfig) (*Keys, error) {
	ring, err := config.Keyring(cluster)
	if err != nil {
		return nil, err
	}
	return &Keys{cluster: cluster, rings: []*juno.Keyring{ring}, first: config.Epoch}, nil
}

// Add adds the next membership. A membership that is known or does not follow is an error and
// changes nothing.
func (k *Keys) Add(config *juno.EpochConfig) error {
	if next := k.first + uint32(len(k.rings)); config.Epoch != next {
		return fmt.Errorf("keys of epoch %d: the next one is epoch %d", config.Epoch, next)
	}
	ring, err := config.Keyring(k.cluster)
	if err == nil {
		k.rings = append(k.rings, ring)
	}
	return err
}

// Verify implements Verifier. All signatures under the keys of one membership are checked as one
// batch.
func (k *Keys) Verify(all []Statement) error {
	for len(all) > 0 {
		n := 1
		for n < len(all) && sameRing(&all[0], &all[n]) {
			n++
		}
		if err := k.verifyRun(all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

func sameRing(a, b *Statement) bool {
	return a.Epoch == b.Epoch && a.Members == b.Members && !a.Anywhere && !b.Anywhere
}

// verifyRun checks statements that belong to one membership.
func (k *Keys) verifyRun(all []Statement) error {
	if all[0].Anywhere {
		return k.verifyAnywhere(&all[0])
	}
	ring, err := k.ring(&all[0])
	if err != nil {
		return err
	}
	envelopes := make([]juno.Envelope, len(all))
	for i := range all {
		envelopes[i] = all[i].Envelope
	}
	for i, o := range ring.OpenAll(envelopes, 0) {
		if o.Err != nil {
			return o.Err
		}
		if err := all[i].isBy(o.Verified.Signer()); err != nil {
			return err
		}
	}
	return nil
}

// ring returns the keys of a statement's membership.
func (k *Keys) ring(s *Statement) (*juno.Keyring, error) {
	if s.Members != nil {
		return s.Members.Keyring(k.cluster)
	}
	if s.Epoch < k.first || s.Epoch-k.first >= uint32(len(k.rings)) {
		return nil, fmt.Errorf("epoch %d, known are [%d,%d): %w", s.Epoch, k.first,
			k.first+uint32(len(k.rings)), ErrUnknownEpoch)
	}
	return k.rings[s.Epoch-k.first], nil
}

// verifyAnywhere looks for the key in all memberships, the newest first.
func (k *Keys) verifyAnywhere(s *Statement) error {
	err := fmt.Errorf("key %s: %w", s.Envelope.Key, juno.ErrUnknownKey)
	for i := len(k.rings) - 1; i >= 0; i-- {
		if _, known := k.rings[i].Lookup(s.Envelope.Key); !known {
			continue
		}
		v, openErr := k.rings[i].Open(s.Envelope, 0)
		if openErr != nil {
			return openErr
		}
		if err = s.isBy(v.Signer()); err == nil {
			return nil
		}
	}
	return err
}

// isBy checks that a statement was signed by the node that it names, so that no node can speak for
// another (B1).
func (s *Statement) isBy(signer juno.KeyRecord) error {
	if s.Node == 0 {
		if signer.Role != juno.RoleAdmin {
			return fmt.Errorf("signed by %s, want an administrator", signer.Subject)
		}
		return nil
	}
	if signer.Role != juno.RoleNode || signer.Subject != s.Node.String() {
		return fmt.Errorf("statement of %s is signed by %s", s.Node, signer.Subject)
	}
	return nil
}
