package juno

import (
	"fmt"
	"slices"
)

// Limits of a membership.
const (
	// VotersMax bounds a cluster: votes cost n² messages, and beyond a hundred voters another
	// way of collecting them is needed (docs/SPECIFICATION.md §2.4).
	VotersMax       = 100
	observersMax    = 1000
	adminsMax       = 100
	addressBytesMax = 256
)

// Member is one node of an epoch.
type Member struct {
	ID      NodeID
	Address string // where its peers reach it, "127.0.0.1:7001"; may be empty in a cluster of one
	Public  PublicKey
}

// Admin is a key that changes the membership, together with AdminThreshold-1 others.
type Admin struct {
	Name   string
	Public PublicKey
}

// EpochConfig is the membership of one epoch. It never changes; a config entry ends the epoch
// and begins the next one.
type EpochConfig struct {
	Epoch          uint32
	Voters         []Member // sorted by ID, 1 to VotersMax
	Observers      []Member // sorted by ID; they follow the log and never vote
	Admins         []Admin  // sorted by Name
	AdminThreshold int      // how many admins must sign a change; 0 freezes the membership
	FirstLeader    NodeID   // leads round 0
	// CheckpointEvery is how many entries lie between two snapshots that all nodes sign.
	CheckpointEvery uint64
}

// Quorum returns q = ceil((n+f+1)/2) for n voters: two sets of q meet in at least f+1 voters,
// so in a correct one (docs/SPECIFICATION.md, F3).
func Quorum(n int) int { return (n + Faulty(n) + 2) / 2 }

// Faulty returns f = floor((n-1)/3), how many of n voters may do anything at all.
func Faulty(n int) int { return max(0, (n-1)/3) }

// Quorum returns the number of voters that decide in this epoch.
func (c *EpochConfig) Quorum() int { return Quorum(len(c.Voters)) }

// Faulty returns how many Byzantine voters this epoch survives.
func (c *EpochConfig) Faulty() int { return Faulty(len(c.Voters)) }

// Leader returns who leads a term: the voters take turns, from FirstLeader on. It is a function,
// so nobody can nominate himself (docs/SPECIFICATION.md, F6).
func (c *EpochConfig) Leader(t Term) NodeID {
	first := uint64(max(0, c.voterIndex(c.FirstLeader)))
	// In 64 bits: on a machine with 32-bit ints a large round would be negative.
	return c.Voters[(first+uint64(t.Round()))%uint64(len(c.Voters))].ID
}

func (c *EpochConfig) voterIndex(id NodeID) int {
	return slices.IndexFunc(c.Voters, func(m Member) bool { return m.ID == id })
}

// Voter returns the voting member with that id.
func (c *EpochConfig) Voter(id NodeID) (Member, bool) {
	if i := c.voterIndex(id); i >= 0 {
		return c.Voters[i], true
	}
	return Member{}, false
}

// Member returns the voter or observer with that id.
func (c *EpochConfig) Member(id NodeID) (m Member, voting, ok bool) {
	if m, ok = c.Voter(id); ok {
		return m, true, true
	}
	i := slices.IndexFunc(c.Observers, func(m Member) bool { return m.ID == id })
	if i < 0 {
		return Member{}, false, false
	}
	return c.Observers[i], false, true
}

// Keyring returns the keys of this epoch's nodes and admins, valid at every index: which epoch
// a statement belongs to, its term says.
func (c *EpochConfig) Keyring(cluster ClusterID) (*Keyring, error) {
	var records []KeyRecord
	add := func(subject string, role Role, p PublicKey) {
		records = append(records, KeyRecord{ID: p.ID(), Subject: subject, Role: role, Public: p})
	}
	for _, m := range c.Voters {
		add(m.ID.String(), RoleNode, m.Public)
	}
	for _, m := range c.Observers {
		add(m.ID.String(), RoleNode, m.Public)
	}
	for _, a := range c.Admins {
		add(a.Name, RoleAdmin, a.Public)
	}
	return NewKeyring(cluster, records)
}

// Check reports the first thing that is wrong with the membership.
func (c *EpochConfig) Check() error {
	switch {
	case len(c.Voters) < 1 || len(c.Voters) > VotersMax:
		return fmt.Errorf("membership: %d voters, want 1 to %d", len(c.Voters), VotersMax)
	case len(c.Observers) > observersMax || len(c.Admins) > adminsMax:
		return fmt.Errorf("membership: %d observers and %d admins, at most %d and %d",
			len(c.Observers), len(c.Admins), observersMax, adminsMax)
	case c.AdminThreshold < 0 || c.AdminThreshold > len(c.Admins):
		return fmt.Errorf("membership: %d of %d admins can never sign",
			c.AdminThreshold, len(c.Admins))
	case c.voterIndex(c.FirstLeader) < 0:
		return fmt.Errorf("membership: first leader %s is no voter", c.FirstLeader)
	case c.CheckpointEvery == 0:
		return fmt.Errorf("membership: checkpoints every 0 entries")
	case !sortedMembers(c.Voters) || !sortedMembers(c.Observers) || !c.sortedAdmins():
		return fmt.Errorf("membership: members and admins must be sorted, each once")
	}
	for _, m := range c.Observers {
		if c.voterIndex(m.ID) >= 0 {
			return fmt.Errorf("membership: %s both votes and observes", m.ID)
		}
	}
	if err := c.checkNames(); err != nil {
		return fmt.Errorf("membership: %w", err)
	}
	_, err := c.Keyring(ClusterID{}) // no key twice
	return err
}

func (c *EpochConfig) checkNames() error {
	for _, m := range slices.Concat(c.Voters, c.Observers) {
		if len(m.Address) > addressBytesMax {
			return fmt.Errorf("address of %s: %d bytes, at most %d",
				m.ID, len(m.Address), addressBytesMax)
		}
		if err := checkLine(m.Address); err != nil {
			return fmt.Errorf("address of %s: %w", m.ID, err)
		}
	}
	for _, a := range c.Admins {
		if err := CheckName(a.Name); err != nil {
			return fmt.Errorf("admin: %w", err)
		}
	}
	return nil
}

// checkKeys reports the first key that no honest key generator can have made, see
// PublicKey.Check. Check leaves this out: it costs 10 µs a key, and once is enough for a key.
func (c *EpochConfig) checkKeys() error {
	for _, m := range slices.Concat(c.Voters, c.Observers) {
		if err := m.Public.Check(); err != nil {
			return fmt.Errorf("%s: %w", m.ID, err)
		}
	}
	for _, a := range c.Admins {
		if err := a.Public.Check(); err != nil {
			return fmt.Errorf("admin %s: %w", a.Name, err)
		}
	}
	return nil
}

func sortedMembers(all []Member) bool {
	for i, m := range all {
		if m.ID == 0 || (i > 0 && all[i-1].ID >= m.ID) {
			return false
		}
	}
	return true
}

func (c *EpochConfig) sortedAdmins() bool {
	for i, a := range c.Admins {
		if i > 0 && c.Admins[i-1].Name >= a.Name {
			return false
		}
	}
	return true
}

const configVersion = 1

// AppendConfig appends the canonical bytes of c: version (1), epoch (4), voters, observers (each a
// count, then id (4), address (text), public key (32)), admins (count, then name (text), key),
// admin threshold (uvarint), first leader (4), checkpoint interval (uvarint).
func AppendConfig(b []byte, c *EpochConfig) []byte {
	b = AppendU32(append(b, configVersion), c.Epoch)
	b = appendMembers(b, c.Voters)
	b = appendMembers(b, c.Observers)
	b = AppendUvarint(b, uint64(len(c.Admins)))
	for _, a := range c.Admins {
		b = append(AppendText(b, a.Name), a.Public[:]...)
	}
	b = AppendUvarint(b, uint64(c.AdminThreshold))
	b = AppendU32(b, uint32(c.FirstLeader))
	return AppendUvarint(b, c.CheckpointEvery)
}

func appendMembers(b []byte, all []Member) []byte {
	b = AppendUvarint(b, uint64(len(all)))
	for _, m := range all {
		b = AppendText(AppendU32(b, uint32(m.ID)), m.Address)
		b = append(b, m.Public[:]...)
	}
	return b
}

// Config reads what AppendConfig wrote, and checks it.
func (d *Decoder) Config() *EpochConfig {
	d.Version(configVersion, "membership")
	c := &EpochConfig{Epoch: d.U32()}
	c.Voters, c.Observers = d.members(VotersMax), d.members(observersMax)
	for range d.Count(adminsMax) {
		if d.err != nil {
			return c
		}
		a := Admin{Name: d.Text(NameBytesMax)}
		copy(a.Public[:], d.Fixed(PublicKeyBytes))
		c.Admins = append(c.Admins, a)
	}
	c.AdminThreshold = d.Count(adminsMax)
	c.FirstLeader = NodeID(d.U32())
	c.CheckpointEvery = d.Uvarint()
	if d.err == nil {
		if err := c.Check(); err != nil {
			d.fail("%v", err)
		}
	}
	return c
}

func (d *Decoder) members(most int) []Member {
	var all []Member
	for range d.Count(most) {
		if d.err != nil {
			return nil
		}
		m := Member{ID: NodeID(d.U32()), Address: d.Text(addressBytesMax)}
		copy(m.Public[:], d.Fixed(PublicKeyBytes))
		all = append(all, m)
	}
	return all
}
