package juno

import (
	"crypto/sha256"
	"fmt"
)

// ClientKey is a client that the ledger knows from its first moment.
type ClientKey struct {
	Name   string
	Role   Role // RoleClient or RoleOperator
	Public PublicKey
}

// genesisClientsMax bounds the clients that a ledger can start with; more are registered later.
const genesisClientsMax = 10_000

// Genesis is what a ledger starts from. Its hash is the cluster's name in every signature and
// the chain hash before the first entry, so two ledgers can never be mixed up.
type Genesis struct {
	Created Millis
	Nonce   Hash // drawn at random, so that no two ledgers are equal
	// Open is the prototype's way: accounts are made by being paid, anyone may debit them, there
	// is no overdraft limit, and anyone may adjust a balance.
	Open    bool
	Config  EpochConfig
	Clients []ClientKey // in this order; every name once
}

const genesisVersion = 1

const genesisTag = "juno1/genesis"

// AppendGenesis appends the canonical bytes of g: version (1), created (8), nonce (32), open (1),
// membership, clients (count, then name (text), role (1), public key (32)).
func AppendGenesis(b []byte, g *Genesis) []byte {
	b = AppendU64(append(b, genesisVersion), uint64(g.Created))
	b = AppendBool(append(b, g.Nonce[:]...), g.Open)
	b = AppendConfig(b, &g.Config)
	b = AppendUvarint(b, uint64(len(g.Clients)))
	for _, c := range g.Clients {
		b = append(AppendText(b, c.Name), byte(c.Role))
		b = append(b, c.Public[:]...)
	}
	return b
}

// ParseGenesis reads what AppendGenesis wrote, and checks it.
func ParseGenesis(b []byte) (*Genesis, error) {
	d := NewDecoder(b)
	g := d.Genesis()
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("genesis: %w", err)
	}
	return g, nil
}

// Genesis reads what AppendGenesis wrote, and checks it.
func (d *Decoder) Genesis() *Genesis {
	d.Version(genesisVersion, "genesis")
	g := &Genesis{Created: Millis(d.U64()), Nonce: d.Hash(), Open: d.Bool()}
	g.Config = *d.Config()
	for range d.Count(genesisClientsMax) {
		if d.err != nil {
			return g
		}
		c := ClientKey{Name: d.Name(), Role: Role(d.U8())}
		copy(c.Public[:], d.Fixed(PublicKeyBytes))
		g.Clients = append(g.Clients, c)
	}
	if d.err == nil {
		if err := g.Check(); err != nil {
			d.fail("%v", err)
		}
	}
	return g
}

// Check reports the first thing that is wrong with the genesis. It costs 10 µs for each key.
func (g *Genesis) Check() error {
	if err := g.Config.Check(); err != nil {
		return fmt.Errorf("genesis: %w", err)
	}
	if err := g.Config.checkKeys(); err != nil {
		return fmt.Errorf("genesis: %w", err)
	}
	if len(g.Clients) > genesisClientsMax {
		return fmt.Errorf("genesis: %d clients, at most %d; the others are registered later",
			len(g.Clients), genesisClientsMax)
	}
	if g.Config.Epoch != 0 || g.Created < 0 {
		return fmt.Errorf("genesis: epoch %d created at %d, want epoch 0 and a time after 1970",
			g.Config.Epoch, g.Created)
	}
	names := make(map[string]bool, len(g.Clients))
	for _, c := range g.Clients {
		if err := CheckName(c.Name); err != nil {
			return fmt.Errorf("genesis: client: %w", err)
		}
		if names[c.Name] {
			return fmt.Errorf("genesis: client %q is there twice", c.Name)
		}
		if c.Role != RoleClient && c.Role != RoleOperator {
			return fmt.Errorf("genesis: client %s has role %s, want client or operator",
				c.Name, c.Role)
		}
		if err := c.Public.Check(); err != nil {
			return fmt.Errorf("genesis: client %s: %w", c.Name, err)
		}
		names[c.Name] = true
	}
	_, err := g.Keyring()
	return err
}

// ID returns the cluster's name: SHA-256 of "juno1/genesis" and the canonical bytes.
func (g *Genesis) ID() ClusterID {
	return sha256.Sum256(AppendGenesis([]byte(genesisTag), g))
}

// Keyring returns the clients' keys as they are before the first entry.
func (g *Genesis) Keyring() (*Keyring, error) {
	records := make([]KeyRecord, len(g.Clients))
	for i, c := range g.Clients {
		records[i] = KeyRecord{
			ID: c.Public.ID(), Subject: c.Name, Role: c.Role, Public: c.Public,
			From: 1,
		}
	}
	return NewKeyring(g.ID(), records)
}
