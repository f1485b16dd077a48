package juno

import "fmt"

// Checkpoint is what a voter signs after it executed an entry that all nodes take a snapshot at
// (a checkpoint message of PBFT §4.3).
//
// Signed bytes: version (1), epoch (4), index (8), chain hash (32), state root (32), node (4).
type Checkpoint struct {
	Epoch     uint32 // of the entry's term
	Index     Index
	Hash      Hash // chain hash at Index
	StateRoot Hash // of everything that execution up to Index gave
	Node      NodeID
}

const checkpointVersion = 1

// Body returns the canonical bytes, which are what the node signs.
func (p *Checkpoint) Body() []byte {
	b := AppendU32(append(make([]byte, 0, 96), checkpointVersion), p.Epoch)
	b = append(AppendU64(b, uint64(p.Index)), p.Hash[:]...)
	return AppendU32(append(b, p.StateRoot[:]...), uint32(p.Node))
}

// Envelope returns the checkpoint as a statement to be opened by a Keyring.
func (p *Checkpoint) Envelope(key KeyID, signature Signature) Envelope {
	return Envelope{Kind: KindSnapshot, Key: key, Body: p.Body(), Signature: signature}
}

// Checkpoint reads what Checkpoint.Body wrote.
func (d *Decoder) Checkpoint() Checkpoint {
	d.Version(checkpointVersion, "checkpoint")
	p := Checkpoint{Epoch: d.U32(), Index: Index(d.U64()), Hash: d.Hash()}
	p.StateRoot, p.Node = d.Hash(), NodeID(d.U32())
	if d.Err() == nil && (p.Node == 0 || p.Index == 0) {
		d.Fail("checkpoint of %s at %d", p.Node, p.Index)
	}
	return p
}

// CheckpointCertificate proves a state: a quorum of an epoch computed the same one. It is the
// signature under the cluster's snapshot at its index.
//
// Canonical bytes: version (1), epoch (4), index (8), chain hash (32), state root (32), votes
// (count, then node (4), key id (8), signature (64) each, ascending by node).
type CheckpointCertificate struct {
	Epoch     uint32
	Index     Index
	Hash      Hash
	StateRoot Hash
	Votes     []CheckpointVote
}

// CheckpointVote is one node's signature under a checkpoint.
type CheckpointVote struct {
	Node      NodeID
	Key       KeyID
	Signature Signature
}

// Pos returns the position that the state is of.
func (k *CheckpointCertificate) Pos() Pos { return Pos{Index: k.Index, Hash: k.Hash} }

// Checkpoint returns what the node of a vote has signed.
func (k *CheckpointCertificate) Checkpoint(v *CheckpointVote) Checkpoint {
	return Checkpoint{
		Epoch: k.Epoch, Index: k.Index, Hash: k.Hash, StateRoot: k.StateRoot, Node: v.Node,
	}
}

// Check verifies everything but the signatures: a quorum of distinct voters of cfg.
func (k *CheckpointCertificate) Check(cfg *EpochConfig) error {
	if k.Epoch != cfg.Epoch {
		return fmt.Errorf("checkpoint at %s of epoch %d: want epoch %d", k.Pos(), k.Epoch,
			cfg.Epoch)
	}
	for i, v := range k.Votes {
		if _, ok := cfg.Voter(v.Node); !ok || (i > 0 && k.Votes[i-1].Node >= v.Node) {
			return fmt.Errorf("checkpoint at %s: the vote of %s does not count", k.Pos(), v.Node)
		}
	}
	if len(k.Votes) < cfg.Quorum() {
		return fmt.Errorf("checkpoint at %s: %d votes, want %d", k.Pos(), len(k.Votes),
			cfg.Quorum())
	}
	return nil
}

// Verify is Check, and the signatures under the keys of the epoch.
func (k *CheckpointCertificate) Verify(cfg *EpochConfig, ring *Keyring) error {
	if err := k.Check(cfg); err != nil {
		return err
	}
	envelopes := make([]Envelope, len(k.Votes))
	for i := range k.Votes {
		v := &k.Votes[i]
		p := k.Checkpoint(v)
		envelopes[i] = p.Envelope(v.Key, v.Signature)
	}
	for i, o := range ring.OpenAll(envelopes, 0) {
		if err := o.By(k.Votes[i].Node); err != nil {
			return fmt.Errorf("checkpoint at %s: vote of %s: %w", k.Pos(), k.Votes[i].Node, err)
		}
	}
	return nil
}

// AppendCheckpointCertificate appends the canonical bytes of k.
func AppendCheckpointCertificate(b []byte, k *CheckpointCertificate) []byte {
	b = AppendU32(append(b, checkpointVersion), k.Epoch)
	b = append(AppendU64(b, uint64(k.Index)), k.Hash[:]...)
	b = AppendUvarint(append(b, k.StateRoot[:]...), uint64(len(k.Votes)))
	for i := range k.Votes {
		v := &k.Votes[i]
		b = append(AppendU32(b, uint32(v.Node)), v.Key[:]...)
		b = append(b, v.Signature[:]...)
	}
	return b
}

// CheckpointCertificate reads what AppendCheckpointCertificate wrote. It checks the form only.
func (d *Decoder) CheckpointCertificate() *CheckpointCertificate {
	d.Version(checkpointVersion, "checkpoint certificate")
	k := &CheckpointCertificate{Epoch: d.U32(), Index: Index(d.U64()), Hash: d.Hash()}
	k.StateRoot = d.Hash()
	for range d.Count(VotersMax) {
		if d.Err() != nil {
			return k
		}
		v := CheckpointVote{Node: NodeID(d.U32())}
		copy(v.Key[:], d.Fixed(KeyIDBytes))
		copy(v.Signature[:], d.Fixed(SignatureBytes))
		k.Votes = append(k.Votes, v)
	}
	return k
}

// Record returns what a log keeps of it.
func (k *CheckpointCertificate) Record() Record {
	return Record{
		Kind: RecordCheckpoint, Index: k.Index, Bytes: AppendCheckpointCertificate(nil, k),
	}
}

// ParseCheckpointCertificate reads the bytes of a RecordCheckpoint.
func ParseCheckpointCertificate(b []byte) (*CheckpointCertificate, error) {
	d := NewDecoder(b)
	k := d.CheckpointCertificate()
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("checkpoint certificate: %w", err)
	}
	return k, nil
}
