package juno

// KindRevolution is the kind of an administrator's demand for another leader
// (docs/SPECIFICATION.md, E6).
const KindRevolution Kind = 16

// Envelopes returns the approvals of the change as statements to be opened by a Keyring.
func (m *ModeChange) Envelopes() []Envelope {
	all := make([]Envelope, len(m.Approvals))
	for i, a := range m.Approvals {
		all[i] = Envelope{Kind: KindMode, Key: a.Key, Body: m.body(), Signature: a.Signature}
	}
	return all
}
