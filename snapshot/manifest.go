package snapshot

import (
	"bytes"
	"errors"
	"fmt"

	"juno"
)

// ErrCorrupt marks a snapshot or carrier whose bytes are not what was written.
var ErrCorrupt = errors.New("snapshot: corrupt")

const manifestVersion = 1

// certificateBytesMax bounds each certificate of a manifest: a hundred votes and their links.
const certificateBytesMax = 4 << 20

// Manifest says what a snapshot is of, and who says so.
type Manifest struct {
	Cluster   juno.ClusterID
	Pos       juno.Pos // the newest entry that is in the state
	Term      juno.Term
	Time      juno.Millis
	StateHash juno.Hash // of the elements, as db/state computes it
	Elements  uint64    // how many
	FileBytes uint64    // length of the state file
	FileHash  juno.Hash // SHA-256 of the state file
	Node      juno.NodeID
	// Certificate is the commit certificate of Pos or a later entry, detached, in canonical bytes;
	// empty if the node had none at hand.
	Certificate []byte
	// Checkpoint is what a quorum signed about the state hash at Pos, in the canonical bytes of
	// cluster/consensus; empty until there is one. Certify adds it.
	Checkpoint []byte
	Key        juno.KeyID
	Signature  juno.Signature
}

// Body returns the canonical bytes that are signed.
func (m *Manifest) Body() []byte {
	b := append(make([]byte, 0, 256+len(m.Certificate)+len(m.Checkpoint)), manifestVersion)
	b = juno.AppendPos(append(b, m.Cluster[:]...), m.Pos)
	b = juno.AppendU64(juno.AppendU64(b, uint64(m.Term)), uint64(m.Time))
	b = append(b, m.StateHash[:]...)
	b = juno.AppendU64(juno.AppendU64(b, m.Elements), m.FileBytes)
	b = juno.AppendU32(append(b, m.FileHash[:]...), uint32(m.Node))
	return juno.AppendBytes(juno.AppendBytes(b, m.Certificate), m.Checkpoint)
}

// Bytes returns the canonical bytes, signature included.
func (m *Manifest) Bytes() []byte {
	b := append(m.Body(), m.Key[:]...)
	return append(b, m.Signature[:]...)
}

// Envelope returns the signed body as a statement to be opened by a keyring of the epoch's nodes.
func (m *Manifest) Envelope() juno.Envelope {
	return juno.Envelope{
		Kind: juno.KindSnapshot, Key: m.Key, Body: m.Body(),
		Signature: m.Signature,
	}
}

// ParseManifest reads what Manifest.Bytes wrote.
func ParseManifest(b []byte) (*Manifest, error) {
	d := juno.NewDecoder(b)
	d.Version(manifestVersion, "manifest")
	m := &Manifest{
		Cluster: d.Hash(), Pos: d.Pos(), Term: juno.Term(d.U64()),
		Time: juno.Millis(d.U64()), StateHash: d.Hash(), Elements: d.U64(), FileBytes: d.U64(),
		FileHash: d.Hash(), Node: juno.NodeID(d.U32()),
	}
	m.Certificate = bytes.Clone(d.Bytes(certificateBytesMax))
	m.Checkpoint = bytes.Clone(d.Bytes(certificateBytesMax))
	copy(m.Key[:], d.Fixed(juno.KeyIDBytes))
	copy(m.Signature[:], d.Fixed(juno.SignatureBytes))
	if d.Err() == nil && (m.Time < 0 || m.Node == 0) {
		d.Fail("manifest of %s at time %d", m.Node, m.Time)
	}
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("%w: manifest: %w", ErrCorrupt, err)
	}
	return m, nil
}

// Check opens the manifest's signature with the keys of the epoch's nodes, and wants it to be of
// the ledger that ring belongs to.
func (m *Manifest) Check(ring *juno.Keyring) error {
	if m.Cluster != ring.Cluster() {
		return fmt.Errorf("snapshot at %s: of ledger %s, want %s", m.Pos, m.Cluster.Short(),
			ring.Cluster().Short())
	}
	v, err := ring.Open(m.Envelope(), m.Pos.Index)
	if err != nil {
		return fmt.Errorf("%w: snapshot at %s: %w", ErrCorrupt, m.Pos, err)
	}
	if s := v.Signer(); s.Role != juno.RoleNode || s.Subject != m.Node.String() {
		return fmt.Errorf("%w: snapshot at %s: of %s, signed by %s", ErrCorrupt, m.Pos, m.Node,
			s.Subject)
	}
	return nil
}

// Certified reports whether the certificate in the manifest proves that Pos is final: that a
// quorum of cfg committed it, or the entry right behind it. Without a certificate, or with one of
// a later entry, it is false and no error: the log between has to be asked. A certificate that is
// wrong is ErrCorrupt.
func (m *Manifest) Certified(cfg *juno.EpochConfig, ring *juno.Keyring) (bool, error) {
	if len(m.Certificate) == 0 {
		return false, nil
	}
	d := juno.NewDecoder(m.Certificate)
	c := d.Certificate()
	err := d.Done()
	if err == nil && (!c.Detached || c.Kind != juno.Commit) {
		err = fmt.Errorf("%s certificate, detached: %t; want a detached commit certificate", c.Kind,
			c.Detached)
	}
	if err == nil {
		err = c.Verify(cfg, ring, nil)
	}
	switch at := c.Pos; {
	case err != nil:
	case at.Index < m.Pos.Index, at.Index == m.Pos.Index && at.Hash != m.Pos.Hash,
		at.Index == m.Pos.Index+1 && c.PrevHash != m.Pos.Hash:
		err = fmt.Errorf("a certificate for %s proves nothing about %s", at, m.Pos)
	default:
		return at.Index <= m.Pos.Index+1, nil
	}
	return false, fmt.Errorf("%w: snapshot at %s: %w", ErrCorrupt, m.Pos, err)
}
