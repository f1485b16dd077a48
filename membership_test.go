package juno

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// TestQuorumTable is the table of docs/SPECIFICATION.md §3.1.
func TestQuorumTable(t *testing.T) {
	for _, c := range [][3]int{
		{1, 0, 1},
		{2, 0, 2},
		{3, 0, 2},
		{4, 1, 3},
		{5, 1, 4},
		{6, 1, 4},
		{7, 2, 5},
		{8, 2, 6},
		{9, 2, 6},
		{10, 3, 7},
		{11, 3, 8},
		{12, 3, 8},
		{13, 4, 9},
		{16, 5, 11},
		{20, 6, 14},
		{31, 10, 21},
		{100, 33, 67},
	} {
		if f, q := Faulty(c[0]), Quorum(c[0]); f != c[1] || q != c[2] {
			t.Errorf("n=%d: f=%d q=%d, want f=%d q=%d", c[0], f, q, c[1], c[2])
		}
	}
	if f := Faulty(0); f != 0 {
		t.Errorf("f of nobody is %d", f)
	}
}

// TestQuorumsMeet is what quorums are for: two of them share a correct voter, the correct voters
// alone are one, and there is no smaller one that would do.
func TestQuorumsMeet(t *testing.T) {
	for n := 1; n <= VotersMax; n++ {
		f, q := Faulty(n), Quorum(n)
		if 2*q-n < f+1 {
			t.Errorf("n=%d: quorums of %d share %d voters, %d can be faulty", n, q, 2*q-n, f)
		}
		if n-f < q {
			t.Errorf("n=%d: %d correct voters are no quorum of %d", n, n-f, q)
		}
		if 2*(q-1)-n >= f+1 {
			t.Errorf("n=%d: %d voters would do, the quorum is %d", n, q-1, q)
		}
		if 3*f >= n || 3*(f+1) < n {
			t.Errorf("n=%d: f=%d", n, f)
		}
	}
}

func TestLeader(t *testing.T) {
	for n := 1; n <= 13; n++ {
		c := testGenesis(n).Config
		for _, first := range c.Voters {
			c.FirstLeader = first.ID
			if got := c.Leader(TermOf(3, 0)); got != first.ID {
				t.Errorf("n=%d: round 0 is led by %s, want %s", n, got, first.ID)
			}
			seen := make(map[NodeID]bool)
			for round := uint32(math.MaxUint32 - 5); round != 40; round++ {
				l := c.Leader(TermOf(0, round))
				at := c.voterIndex(l)
				want := (uint64(c.voterIndex(first.ID)) + uint64(round)) % uint64(n)
				if uint64(at) != want {
					t.Fatalf("n=%d: round %d is led by voter %d, want %d", n, round, at, want)
				}
				seen[l] = true
			}
			if len(seen) != n {
				t.Errorf("n=%d: %d voters lead", n, len(seen))
			}
		}
	}
}

func TestMembers(t *testing.T) {
	c := testGenesis(4).Config
	if m, voting, ok := c.Member(3); !ok || !voting || m.ID != 3 {
		t.Errorf("member 3: %v %t %t", m, voting, ok)
	}
	if m, voting, ok := c.Member(200); !ok || voting || m.ID != 200 {
		t.Errorf("member 200: %v %t %t", m, voting, ok)
	}
	if _, _, ok := c.Member(5); ok {
		t.Error("there is a member 5")
	}
	if _, ok := c.Voter(200); ok {
		t.Error("an observer votes")
	}
	ring, err := c.Keyring(testGenesis(4).ID())
	if err != nil {
		t.Fatal(err)
	}
	for subject, role := range map[string]Role{
		"node1": RoleNode, "node200": RoleNode,
		"ada": RoleAdmin,
	} {
		if keys := ring.Current(subject, 1<<40); len(keys) != 1 || keys[0].Role != role {
			t.Errorf("keys of %s: %v", subject, keys)
		}
	}
}

func TestMembershipCheck(t *testing.T) {
	for want, change := range map[string]func(*EpochConfig){
		"":                func(*EpochConfig) {},
		"0 voters":        func(c *EpochConfig) { c.Voters = nil },
		"first leader":    func(c *EpochConfig) { c.FirstLeader = 200 },
		"can never sign":  func(c *EpochConfig) { c.AdminThreshold = 3 },
		"-1 of 2 admins":  func(c *EpochConfig) { c.AdminThreshold = -1 },
		"every 0 entries": func(c *EpochConfig) { c.CheckpointEvery = 0 },
		"must be sorted":  func(c *EpochConfig) { slices.Reverse(c.Voters) },
		"sorted, each once": func(c *EpochConfig) {
			c.Observers = append(c.Observers, c.Observers[0])
		},
		"admins must be":    func(c *EpochConfig) { slices.Reverse(c.Admins) },
		"both votes":        func(c *EpochConfig) { c.Observers[0].ID = 2 },
		"each once":         func(c *EpochConfig) { c.Voters[0].ID = 0; c.FirstLeader = 0 },
		"exists already":    func(c *EpochConfig) { c.Voters[1].Public = c.Voters[0].Public },
		"as a key of":       func(c *EpochConfig) { c.Admins[1].Public = c.Voters[0].Public },
		"control character": func(c *EpochConfig) { c.Voters[0].Address = "a\r\nb" },
		"at most 256": func(c *EpochConfig) {
			c.Voters[0].Address = strings.Repeat("a", 257)
		},
		"admin: name": func(c *EpochConfig) { c.Admins[0].Name = "" },
	} {
		c := testGenesis(4).Config
		change(&c)
		err := c.Check()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got error %v", want, err)
		}
	}
}

func TestGenesisCheck(t *testing.T) {
	for want, change := range map[string]func(*Genesis){
		"":                  func(*Genesis) {},
		"epoch 1":           func(g *Genesis) { g.Config.Epoch = 1 },
		"created at -1":     func(g *Genesis) { g.Created = -1 },
		"there twice":       func(g *Genesis) { g.Clients[1].Name = "alice" },
		"has role node":     func(g *Genesis) { g.Clients[1].Role = RoleNode },
		"0 bytes":           func(g *Genesis) { g.Clients[1].Name = "" },
		"small order":       func(g *Genesis) { g.Clients[1].Public = PublicKey{} },
		"node1: public key": func(g *Genesis) { g.Config.Voters[0].Public = PublicKey{1} },
		"not a point":       func(g *Genesis) { g.Config.Admins[0].Public = PublicKey{2} },
		"exists already":    func(g *Genesis) { g.Clients[1].Public = g.Clients[0].Public },
		"at most 10000":     func(g *Genesis) { g.Clients = make([]ClientKey, 10_001) },
		"membership":        func(g *Genesis) { g.Config.Voters = nil },
	} {
		g := testGenesis(4)
		change(g)
		err := g.Check()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got error %v", want, err)
		}
	}
}

// TestGenesisID wants everything in a genesis to be in its name.
func TestGenesisID(t *testing.T) {
	names := map[ClusterID]string{testGenesis(4).ID(): "as it is"}
	for what, change := range map[string]func(*Genesis){
		"created": func(g *Genesis) { g.Created++ },
		"nonce":   func(g *Genesis) { g.Nonce[31]++ },
		"open":    func(g *Genesis) { g.Open = true },
		"voter":   func(g *Genesis) { g.Config.Voters[3].Address += "0" },
		"client":  func(g *Genesis) { g.Clients[1].Role = RoleOperator },
	} {
		g := testGenesis(4)
		change(g)
		if other, taken := names[g.ID()]; taken {
			t.Errorf("another %s gives the same id as %s", what, other)
		}
		names[g.ID()] = what
	}
}
