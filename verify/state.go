package verify

import (
	"errors"
	"fmt"

	"juno"
)

// ProvenState is the hash of what the ledger held right behind an entry.
type ProvenState struct {
	pos  juno.Pos
	hash juno.Hash
	how  string
}

// Pos returns the entry that the state is right behind.
func (s *ProvenState) Pos() juno.Pos { return s.pos }

// Hash returns the state hash; zero for the genesis, whose state follows from the genesis itself.
func (s *ProvenState) Hash() juno.Hash { return s.hash }

// String says how the state is proven: "checkpoint certificate of 3 of 4 voters".
func (s *ProvenState) String() string { return s.how }

// Genesis returns the state before the first entry.
func (m *Memberships) Genesis() *ProvenState {
	return &ProvenState{pos: juno.Pos{Hash: m.cluster}, how: "the genesis"}
}

// StateClaim is what a node says that the state behind an entry is.
type StateClaim struct {
	Pos  juno.Pos
	Hash juno.Hash
	// Node signed the claim: Envelope holds Pos and Hash in the bytes that it signed.
	Node     juno.NodeID
	Envelope juno.Envelope
	// Checkpoint is what a quorum signed about the state at Pos; nil if there is nothing.
	Checkpoint *juno.CheckpointCertificate
}

// ClaimError says that something is the word of one node, and no more. It is not the evidence that
// is wrong: it is not enough.
type ClaimError struct {
	What string // "the state at 4711/3fa0…"
	By   juno.NodeID
	Want string // "a checkpoint certificate of 3 of 4 voters of epoch 2"
}

// Error implements error.
func (e *ClaimError) Error() string {
	return fmt.Sprintf("%s is %s's word only: want %s", e.What, e.By, e.Want)
}

// State proves a state: by its checkpoint certificate, or, where the epoch that the entry lies in
// has a single voter, by that voter's signature. A ClaimError says that neither is there.
func (m *Memberships) State(s *StateClaim) (*ProvenState, error) {
	if s.Checkpoint == nil {
		return m.single(s)
	}
	k := s.Checkpoint
	if k.Pos() != s.Pos || k.StateRoot != s.Hash { // rule: checkpoint-state
		return nil,
			fmt.Errorf("the checkpoint certificate is for the state %s at %s, want %s at %s",
				k.StateRoot.Short(), k.Pos(), s.Hash.Short(), s.Pos)
	}
	proven, err := m.Checkpoint(k)
	if errors.Is(err, ErrNoMembership) {
		return nil, &ClaimError{
			What: "the state at " + s.Pos.String(), By: s.Node,
			Want: fmt.Sprintf("a proof of who voted in epoch %d, the epoch of its certificate",
				k.Epoch),
		}
	}
	return proven, err
}

// Checkpoint proves a state by its checkpoint certificate. A quorum that executed an entry also
// proves that the entry is committed.
func (m *Memberships) Checkpoint(k *juno.CheckpointCertificate) (*ProvenState, error) {
	of, err := m.inForce(k.Epoch, k.Pos())
	if err != nil {
		return nil, fmt.Errorf("checkpoint certificate at %s: %w", k.Pos(), err)
	}
	if err := k.Verify(of.config, of.ring); err != nil { // rule: checkpoint-certificate
		return nil, err
	}
	return &ProvenState{
		pos: k.Pos(), hash: k.StateRoot,
		how: fmt.Sprintf("checkpoint certificate of %d of the %d voters of epoch %d", len(k.Votes),
			len(of.config.Voters), k.Epoch),
	}, nil
}

// single proves a state by the signature of the only voter.
func (m *Memberships) single(s *StateClaim) (*ProvenState, error) {
	of := m.At(s.Pos.Index)
	voters := of.config.Voters
	if len(voters) > 1 { // rule: single-voter
		return nil, &ClaimError{
			What: "the state at " + s.Pos.String(), By: s.Node,
			Want: fmt.Sprintf("a checkpoint certificate of %d of the %d voters of epoch %d",
				of.config.Quorum(), len(voters), of.config.Epoch),
		}
	}
	opened := of.ring.OpenAll([]juno.Envelope{s.Envelope}, 0)
	if err := opened[0].By(voters[0].ID); err != nil { // rule: single-signature
		return nil, fmt.Errorf("the state at %s: want the signature of %s, the only voter: %w",
			s.Pos,
			voters[0].ID, err)
	}
	return &ProvenState{
		pos: s.Pos, hash: s.Hash, how: fmt.Sprintf("signature of %s, the only voter", voters[0].ID),
	}, nil
}

// Replayed is the state that executing the entries from s to a proven position gave. The caller has
// executed them, all of them and nothing else.
func (s *ProvenState) Replayed(to *ProvenPosition, hash juno.Hash) *ProvenState {
	return &ProvenState{
		pos: to.pos, hash: hash, how: fmt.Sprintf("replay from %s (%s)", s.pos, s.how),
	}
}
