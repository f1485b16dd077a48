package verify

import (
	"juno"
)

// Opens checks that a statement is signed by that node of the epoch, with the node's own key.
// batch, which is empty, is the caller's: it remembers keys from one call to the next.
func (m *ProvenMembership) Opens(
	batch *juno.BatchVerifier, node juno.NodeID, e juno.Envelope,
) error {
	return m.ring.OpenAllWith(batch, []juno.Envelope{e}, 0)[0].By(node)
}

// Correct reports whether one of so many distinct voters must be correct, so that what they all
// say is true: f+1 of them.
func (m *ProvenMembership) Correct(voters int) bool { return voters > m.config.Faulty() }

// CorrectMin is the least number of voters that Correct accepts.
func (m *ProvenMembership) CorrectMin() int { return m.config.Faulty() + 1 }

// Quorum reports whether so many distinct voters are a quorum: any two share a correct voter.
func (m *ProvenMembership) Quorum(voters int) bool { return voters >= m.config.Quorum() }

// Certified checks a detached certificate of either kind against the membership of the epoch in
// which its position lies. That of a prepare certificate need not be committed: the certificate
// says that no other position of its term can be.
func (m *Memberships) Certified(c *juno.QuorumCertificate) error {
	of, err := m.inForce(c.Term.Epoch(), c.Pos)
	if err == nil {
		err = checkHeaders(c)
	}
	if err != nil {
		return err
	}
	return c.Verify(of.config, of.ring, nil)
}
