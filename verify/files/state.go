package files

import (
	"context"
	"errors"
	"fmt"

	"juno"
	"juno/db/audit"
	"juno/db/state"
	"juno/snapshot"
	"juno/verify"
)

// claimOf returns what a manifest says of the state, in the bytes that its node signed.
func claimOf(m *snapshot.Manifest) (*verify.StateClaim, error) {
	c := &verify.StateClaim{Pos: m.Pos, Hash: m.StateHash, Node: m.Node, Envelope: m.Envelope()}
	if len(m.Checkpoint) > 0 {
		k, err := juno.ParseCheckpointCertificate(m.Checkpoint)
		if err != nil {
			return nil, fmt.Errorf("snapshot at %s: %w", m.Pos, err)
		}
		c.Checkpoint = k
	}
	return c, nil
}

// proveState proves the state that a manifest names.
func proveState(m *verify.Memberships, of *snapshot.Manifest) (*verify.ProvenState, error) {
	if of.Cluster != m.Cluster() { // rule: manifest-ledger
		return nil, fmt.Errorf("snapshot at %s: of ledger %s, want %s", of.Pos, of.Cluster,
			m.Cluster())
	}
	claim, err := claimOf(of)
	if err != nil {
		return nil, err
	}
	return m.State(claim)
}

// contents is a snapshot that was read: its elements give the state hash that its manifest names.
type contents struct {
	manifest *snapshot.Manifest
	memory   *audit.Memory
	state    *verify.ProvenState // nil if it is only claimed
	claim    error               // why it is
	finding  juno.Finding
}

// readSnapshot verifies a snapshot's signature, its file, its elements against its state hash, and
// how its state is proven. The error says that it could not be carried out.
func readSnapshot(
	ctx context.Context, l snapshot.Listed, m *verify.Memberships,
) (*contents, error) {
	c := &contents{}
	if l.Err == nil {
		l.Err = checkSigner(l.Manifest, m)
	}
	s, err := snapshot.Open(ctx, l, nil)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		c.finding = bad(checkSnapshot, l.Index, "the bytes that were signed", "other bytes", err)
		return c, nil
	}
	defer s.Close()
	memory, hash, err := load(s)
	if err != nil {
		c.finding = bad(checkSnapshot, l.Index, "elements of a state", "other bytes", err)
		return c, nil
	}
	if hash != s.Manifest.StateHash { // rule: snapshot-elements
		c.finding = bad(checkSnapshot, l.Index, s.Manifest.StateHash.String(), hash.String(),
			errors.New("the elements give another state hash than the manifest names"))
		return c, nil
	}
	c.manifest, c.memory = s.Manifest, memory
	c.state, err = proveState(m, s.Manifest)
	var claim *verify.ClaimError
	switch {
	case errors.As(err, &claim):
		c.claim = err
	case err != nil:
		c.finding = bad(checkSnapshot, l.Index, "a proof of its state", "one that is not", err)
		return c, nil
	}
	how := fmt.Sprintf("%s's word only", s.Manifest.Node)
	if c.state != nil {
		how = c.state.String()
	}
	c.finding = juno.Finding{
		Check: checkSnapshot, From: l.Index, To: l.Index + 1, Items: s.Manifest.Elements, OK: true,
		Detail: fmt.Sprintf("%d elements, state hash %s: %s", s.Manifest.Elements, hash.Short(),
			how),
	}
	return c, nil
}

// checkSigner wants a manifest to be signed by the node that it names. The key of a node of an
// epoch that is not proven here is not known: whoever signed then, it is a claim.
func checkSigner(of *snapshot.Manifest, m *verify.Memberships) error {
	ring, err := m.NodeKeys()
	if err != nil {
		return err
	}
	err = of.Check(ring)
	if errors.Is(err, juno.ErrUnknownKey) {
		if _, proof := proveState(m, of); proof != nil {
			return nil // and the finding says that nothing proves the state
		}
	}
	return err
}

// load reads a snapshot's elements into memory, and returns their state hash.
func load(s *snapshot.Snapshot) (*audit.Memory, juno.Hash, error) {
	memory, set := audit.NewMemory(), &state.SetHash{}
	for e, err := range s.Elements() {
		if err != nil {
			return nil, juno.Hash{}, err
		}
		set.Add(e.Key, e.Value)
		memory.Put([]byte(string(e.Key)), []byte(string(e.Value)))
	}
	return memory, set.Hash(), nil
}
