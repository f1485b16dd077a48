package verify

import (
	"errors"
	"fmt"

	"juno"
)

// ErrEvidence: evidence that everything else rests upon is wrong.
var ErrEvidence = errors.New("wrong evidence")

// ErrPin: the evidence is of another ledger than the caller pinned.
var ErrPin = errors.New("another ledger")

// ProvenMembership is the membership of one epoch, proven from the genesis. It is never changed.
type ProvenMembership struct {
	cluster juno.ClusterID
	config  *juno.EpochConfig
	ring    *juno.Keyring
	// begin is the entry that began the epoch, the last of the one before: the epoch's own entries
	// lie behind it. {0, cluster} for epoch 0.
	begin juno.Pos
	time  juno.Millis // of that entry
}

// Config returns the membership. It is shared and must not be changed.
func (m *ProvenMembership) Config() *juno.EpochConfig { return m.config }

// Begin returns the position behind which the epoch's entries lie.
func (m *ProvenMembership) Begin() juno.Pos { return m.begin }

func newMembership(
	cluster juno.ClusterID, c *juno.EpochConfig, begin juno.Pos, t juno.Millis,
) (*ProvenMembership, error) {
	ring, err := c.Keyring(cluster)
	if err != nil {
		return nil, fmt.Errorf("membership of epoch %d: %w", c.Epoch, err)
	}
	return &ProvenMembership{cluster: cluster, config: c, ring: ring, begin: begin, time: t}, nil
}

// next proves the membership that follows, from the end of this epoch.
func (m *ProvenMembership) next(e *juno.EpochChange) (*ProvenMembership, error) {
	if e.Certificate == nil {
		return nil, fmt.Errorf("the entry that ends epoch %d has no certificate", m.config.Epoch)
	}
	if !e.Certificate.Detached || e.Certificate.Kind != juno.Commit { // rule: epoch-commit
		return nil, fmt.Errorf("want a detached commit certificate of epoch %d, found a %s "+
			"certificate", m.config.Epoch, e.Certificate.Kind)
	}
	at := juno.Pos{Index: e.Entry.Index, Hash: e.Entry.ChainHash(e.Prev)}
	if at != e.Certificate.Pos { // rule: epoch-entry
		return nil, fmt.Errorf("the certificate is for %s, the entry is at %s", e.Certificate.Pos,
			at)
	}
	if e.Entry.Type != juno.EntryConfig { // rule: epoch-config
		return nil, fmt.Errorf("entry %d is of type %s, want %s", at.Index, e.Entry.Type,
			juno.EntryConfig)
	}
	if at.Index <= m.begin.Index { // rule: epoch-order
		return nil, fmt.Errorf("epoch %d ends at %d, but begins behind %d", m.config.Epoch,
			at.Index,
			m.begin.Index)
	}
	if at.Index == 1 && e.Prev != m.cluster { // rule: epoch-first
		return nil, fmt.Errorf("entry 1 follows %s, want the ledger's hash %s", e.Prev, m.cluster)
	}
	if e.Entry.Time < m.time { // rule: epoch-time
		return nil, fmt.Errorf("epoch %d ends at %s, before it begins at %s", m.config.Epoch,
			e.Entry.Time, m.time)
	}
	if err := checkHeaders(e.Certificate); err != nil {
		return nil, err
	}
	if err := e.Certificate.Verify(m.config, m.ring, nil); err != nil { // rule: epoch-certificate
		return nil, err
	}
	change, err := juno.ParseConfigChange(e.Entry.Payload)
	if err != nil {
		return nil, err
	}
	if err := change.Verify(m.config, m.cluster); err != nil { // rule: epoch-approvals
		return nil, err
	}
	return newMembership(m.cluster, &change.Next, at, e.Entry.Time)
}

// epochsMax bounds the epochs of one ledger that are kept in memory.
const epochsMax = 1 << 16

// Memberships are the memberships of a ledger's epochs, from epoch 0 on, each proven by the one
// before. It is not safe for concurrent use while it is extended.
type Memberships struct {
	cluster juno.ClusterID
	pinned  bool
	all     []*ProvenMembership
}

// FromGenesis begins with the membership of a genesis. pinned is the ledger that the caller
// expects, ErrPin otherwise; zero stands for any, and Pinned says so. It costs 10 µs for each key.
func FromGenesis(g *juno.Genesis, pinned juno.ClusterID) (*Memberships, error) {
	if err := g.Check(); err != nil {
		return nil, err
	}
	cluster := g.ID()
	if pinned != (juno.ClusterID{}) && pinned != cluster { // rule: pin
		return nil, fmt.Errorf("%w: it is of ledger %s, expected %s", ErrPin, cluster, pinned)
	}
	first, err := newMembership(cluster, &g.Config, juno.Pos{Hash: cluster}, 0)
	if err != nil {
		return nil, err
	}
	return &Memberships{
		cluster: cluster, pinned: pinned != (juno.ClusterID{}), all: []*ProvenMembership{first},
	}, nil
}

// Extend proves the membership of the next epoch. After an error nothing has changed.
func (m *Memberships) Extend(e *juno.EpochChange) error {
	newest := m.Newest()
	if len(m.all) == epochsMax {
		return fmt.Errorf("end of epoch %d: more than %d epochs", newest.config.Epoch, epochsMax)
	}
	next, err := newest.next(e)
	if err != nil {
		return fmt.Errorf("end of epoch %d: %w", newest.config.Epoch, err)
	}
	m.all = append(m.all, next)
	return nil
}

// ExtendAll proves memberships from the ends of epochs, in order. Those that are proven already are
// passed over if they are the same, and refused if they are not.
func (m *Memberships) ExtendAll(all []juno.EpochChange) error {
	for i := range all {
		e := &all[i]
		if e.Certificate == nil {
			return errors.New("the end of an epoch has no certificate")
		}
		epoch := e.Certificate.Term.Epoch()
		if int64(epoch)+1 < int64(len(m.all)) {
			at := juno.Pos{Index: e.Entry.Index, Hash: e.Entry.ChainHash(e.Prev)}
			if ended := m.all[epoch+1].begin; at != ended { // rule: epoch-twice
				return fmt.Errorf("end of epoch %d: at %s, and at %s", epoch, ended, at)
			}
			continue
		}
		if err := m.Extend(e); err != nil {
			return err
		}
	}
	return nil
}

// Cluster returns the ledger's identity.
func (m *Memberships) Cluster() juno.ClusterID { return m.cluster }

// Pinned reports whether the caller expected this very ledger. If not, the evidence is about some
// ledger with that genesis: anybody can make one.
func (m *Memberships) Pinned() bool { return m.pinned }

// Newest returns the membership of the newest epoch that is proven.
func (m *Memberships) Newest() *ProvenMembership { return m.all[len(m.all)-1] }

// Of returns the membership of an epoch, nil if it is not proven.
func (m *Memberships) Of(epoch uint32) *ProvenMembership {
	if int64(epoch) >= int64(len(m.all)) {
		return nil
	}
	return m.all[epoch]
}

// At returns the membership whose epoch an entry at index belongs to, as far as ends of epochs are
// proven: the entry that ends an epoch is the last of that epoch.
func (m *Memberships) At(index juno.Index) *ProvenMembership {
	for i := len(m.all) - 1; i > 0; i-- {
		if m.all[i].begin.Index < index {
			return m.all[i]
		}
	}
	return m.all[0]
}

// inForce wants a position to lie in the epoch: behind the entry that began it, at or before the
// one that ended it, if that is proven.
func (m *Memberships) inForce(epoch uint32, at juno.Pos) (*ProvenMembership, error) {
	of := m.Of(epoch)
	if of == nil {
		return nil, fmt.Errorf("%w of epoch %d: the newest one that is proven is of epoch %d",
			ErrNoMembership, epoch, m.Newest().config.Epoch)
	}
	if at.Index <= of.begin.Index { // rule: epoch-begin
		return nil, fmt.Errorf("epoch %d begins behind %d", epoch, of.begin.Index)
	}
	if next := m.Of(epoch + 1); next != nil {
		if at.Index > next.begin.Index { // rule: epoch-end
			return nil, fmt.Errorf("epoch %d ended at %d", epoch, next.begin.Index)
		}
		if at.Index == next.begin.Index && at != next.begin { // rule: epoch-end-hash
			return nil, fmt.Errorf("epoch %d ended at %s", epoch, next.begin)
		}
	}
	return of, nil
}

// ErrNoMembership: evidence is of an epoch whose membership is not proven.
var ErrNoMembership = errors.New("no proven membership")

// NodeKeys returns the keys of all nodes of all proven epochs. Whatever one of them signed is a
// claim of that node, no more.
func (m *Memberships) NodeKeys() (*juno.Keyring, error) {
	var records []juno.KeyRecord
	known := make(map[juno.KeyID]bool)
	for _, p := range m.all {
		for _, r := range p.ring.Records() {
			if !known[r.ID] {
				known[r.ID] = true
				records = append(records, r)
			}
		}
	}
	return juno.NewKeyring(m.cluster, records)
}

// Clone returns memberships that can be extended while others read these.
func (m *Memberships) Clone() *Memberships {
	c := *m
	c.all = append(make([]*ProvenMembership, 0, len(m.all)+1), m.all...)
	return &c
}
