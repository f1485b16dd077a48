package juno

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
)

// ErrNotApproved: a change lacks the approvals that its membership asks for, or has bad ones.
var ErrNotApproved = errors.New("not approved")

// Approval is the signature of one key under a change: an administrator's consent, or a new
// key's proof that somebody has its secret.
type Approval struct {
	Key       KeyID
	Signature Signature
}

// approvalsMax bounds the approvals of one change: one per admin, or one per key of a membership.
const approvalsMax = VotersMax + observersMax + adminsMax

// appendApprovals appends a count, then per approval the key id (8) and the signature (64).
func appendApprovals(b []byte, all []Approval) []byte {
	b = AppendUvarint(b, uint64(len(all)))
	for _, a := range all {
		b = append(append(b, a.Key[:]...), a.Signature[:]...)
	}
	return b
}

// approvals reads what appendApprovals wrote; the keys must ascend.
func (d *Decoder) approvals(most int) []Approval {
	var all []Approval
	for i := range d.Count(most) {
		if d.err != nil {
			return nil
		}
		a := Approval{}
		copy(a.Key[:], d.Fixed(KeyIDBytes))
		copy(a.Signature[:], d.Fixed(SignatureBytes))
		if i > 0 && bytes.Compare(all[i-1].Key[:], a.Key[:]) >= 0 {
			d.fail("approvals are not in the order of their keys")
		}
		all = append(all, a)
	}
	return all
}

// addApproval puts the approval of key into its place, replacing an earlier one.
func addApproval(all []Approval, key PrivateKey, cluster ClusterID, kind Kind, body []byte,
) []Approval {
	e := Seal(key, cluster, kind, body)
	at := 0
	for at < len(all) && bytes.Compare(all[at].Key[:], e.Key[:]) < 0 {
		at++
	}
	if at < len(all) && all[at].Key == e.Key {
		all[at].Signature = e.Signature
		return all
	}
	all = append(all, Approval{})
	copy(all[at+1:], all[at:])
	all[at] = Approval{Key: e.Key, Signature: e.Signature}
	return all
}

// checkApprovals wants every approval to be of an admin of cfg, and enough of them.
func checkApprovals(cfg *EpochConfig, cluster ClusterID, kind Kind, body []byte, all []Approval,
) error {
	if cfg.AdminThreshold == 0 {
		return fmt.Errorf("%w: epoch %d has no administrators who could", ErrNotApproved, cfg.Epoch)
	}
	if len(all) < cfg.AdminThreshold {
		return fmt.Errorf("%w: %d approvals, epoch %d wants %d",
			ErrNotApproved, len(all), cfg.Epoch, cfg.AdminThreshold)
	}
	ring, err := cfg.Keyring(cluster)
	if err != nil {
		return err
	}
	envelopes := make([]Envelope, len(all))
	for i, a := range all {
		envelopes[i] = Envelope{Kind: kind, Key: a.Key, Body: body, Signature: a.Signature}
	}
	for i, o := range ring.OpenAll(envelopes, 0) {
		if o.Err != nil {
			return fmt.Errorf("%w: %w", ErrNotApproved, o.Err)
		}
		if r := o.Verified.Signer(); r.Role != RoleAdmin {
			return fmt.Errorf("%w: key %s of %s is no administrator's",
				ErrNotApproved, all[i].Key, r.Subject)
		}
	}
	return nil
}

const configTag = "juno1/config"

// Hash returns the name of a membership: SHA-256 of "juno1/config" and its canonical bytes.
func (c *EpochConfig) Hash() Hash { return sha256.Sum256(AppendConfig([]byte(configTag), c)) }

// publicKeys returns the keys of all members and admins, under their ids.
func (c *EpochConfig) publicKeys() map[KeyID]PublicKey {
	keys := make(map[KeyID]PublicKey, len(c.Voters)+len(c.Observers)+len(c.Admins))
	for _, m := range c.Voters {
		keys[m.Public.ID()] = m.Public
	}
	for _, m := range c.Observers {
		keys[m.Public.ID()] = m.Public
	}
	for _, a := range c.Admins {
		keys[a.Public.ID()] = a.Public
	}
	return keys
}

// ConfigChange ends an epoch and says who the members of the next one are (docs/SPECIFICATION.md,
// M1).
//
// Canonical bytes, the payload of an entry of type EntryConfig: version (1), hash of the present
// membership (32), the next membership (AppendConfig), proofs of possession (count, then key id
// (8) and signature (64) each: one of every key that the present membership does not know),
// approvals of present administrators (likewise). Both lists ascend by key id; the signed bytes
// are everything before the first list.
type ConfigChange struct {
	Previous  Hash // EpochConfig.Hash of the membership that it ends
	Next      EpochConfig
	Possessed []Approval
	Approvals []Approval
}

const configChangeVersion = 1

func (c *ConfigChange) body() []byte {
	b := append(make([]byte, 0, 512), configChangeVersion)
	return AppendConfig(append(b, c.Previous[:]...), &c.Next)
}

// Approve adds the signature of an administrator of the present membership.
func (c *ConfigChange) Approve(admin PrivateKey, cluster ClusterID) {
	c.Approvals = addApproval(c.Approvals, admin, cluster, KindConfig, c.body())
}

// Possess adds the proof of possession of a key that is new in the next membership.
func (c *ConfigChange) Possess(key PrivateKey, cluster ClusterID) {
	c.Possessed = addApproval(c.Possessed, key, cluster, KindProof, c.body())
}

// Payload returns the canonical bytes.
func (c *ConfigChange) Payload() []byte {
	return appendApprovals(appendApprovals(c.body(), c.Possessed), c.Approvals)
}

// ParseConfigChange reads the payload of an entry of type EntryConfig.
func ParseConfigChange(payload []byte) (*ConfigChange, error) {
	d := NewDecoder(payload)
	d.Version(configChangeVersion, "membership change")
	c := &ConfigChange{Previous: d.Hash(), Next: *d.Config()}
	c.Possessed, c.Approvals = d.approvals(approvalsMax), d.approvals(approvalsMax)
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("membership change: %w", err)
	}
	return c, nil
}

// Verify checks a change against the membership in force: that it follows it, that enough of its
// administrators approve, and that every new key is in somebody's possession.
func (c *ConfigChange) Verify(present *EpochConfig, cluster ClusterID) error {
	if c.Next.Epoch != present.Epoch+1 || c.Previous != present.Hash() {
		return fmt.Errorf("membership of epoch %d on top of %s: the present one is epoch %d, %s",
			c.Next.Epoch, c.Previous.Short(), present.Epoch, present.Hash().Short())
	}
	if err := checkApprovals(present, cluster, KindConfig, c.body(), c.Approvals); err != nil {
		return err
	}
	known, fresh := present.publicKeys(), c.Next.publicKeys()
	message := AppendSigningBytes(nil, KindProof, cluster, c.body())
	for _, p := range c.Possessed {
		public, ok := fresh[p.Key]
		if _, old := known[p.Key]; old || !ok || !VerifySignature(public, message, p.Signature) {
			return fmt.Errorf("proof of possession of key %s: %w", p.Key, ErrBadSignature)
		}
		if err := public.Check(); err != nil {
			return fmt.Errorf("membership of epoch %d: %w", c.Next.Epoch, err)
		}
		delete(fresh, p.Key)
	}
	for id := range known { // order: deleting from a map commutes
		delete(fresh, id)
	}
	if len(fresh) > 0 {
		return fmt.Errorf("%d new keys without a proof of possession: %w", len(fresh),
			ErrNotApproved)
	}
	return nil
}

// modeReasonBytesMax bounds the words that go with a halt.
const modeReasonBytesMax = 1024

// ModeChange halts or resumes the ledger (docs/SPECIFICATION.md, H1).
//
// Canonical bytes, the payload of an entry of type EntryMode: version (1), halted (1), nonce
// (uvarint, above that of every mode change before it), reason (text), approvals of
// administrators (count, then key id (8) and signature (64) each, ascending by key id, over
// everything before the count).
type ModeChange struct {
	Halted    bool
	Nonce     uint64
	Reason    string // for people; may be empty
	Approvals []Approval
}

const modeChangeVersion = 1

func (m *ModeChange) body() []byte {
	b := AppendBool([]byte{modeChangeVersion}, m.Halted)
	return AppendText(AppendUvarint(b, m.Nonce), m.Reason)
}

// Approve adds the signature of an administrator.
func (m *ModeChange) Approve(admin PrivateKey, cluster ClusterID) {
	m.Approvals = addApproval(m.Approvals, admin, cluster, KindMode, m.body())
}

// Payload returns the canonical bytes.
func (m *ModeChange) Payload() []byte { return appendApprovals(m.body(), m.Approvals) }

// ParseModeChange reads the payload of an entry of type EntryMode.
func ParseModeChange(payload []byte) (*ModeChange, error) {
	d := NewDecoder(payload)
	d.Version(modeChangeVersion, "mode change")
	m := &ModeChange{Halted: d.Bool(), Nonce: d.Uvarint(), Reason: d.Text(modeReasonBytesMax)}
	m.Approvals = d.approvals(adminsMax)
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("mode change: %w", err)
	}
	return m, nil
}

// Verify checks a change of the mode against the membership in force and the nonce of the mode
// change before it.
func (m *ModeChange) Verify(present *EpochConfig, cluster ClusterID, newest uint64) error {
	if m.Nonce <= newest {
		return fmt.Errorf("mode change %d: change %d was made already; use a higher number",
			m.Nonce, newest)
	}
	return checkApprovals(present, cluster, KindMode, m.body(), m.Approvals)
}
