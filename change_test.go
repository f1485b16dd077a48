package juno

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestConfigChange(t *testing.T) {
	g := testGenesis(4)
	present, cluster := &g.Config, g.ID()
	good := func() *ConfigChange { return testConfigChange(present, cluster) }
	parsed, err := ParseConfigChange(good().Payload())
	if err != nil {
		t.Fatal(err)
	}
	if err := parsed.Verify(present, cluster); err != nil {
		t.Fatal(err)
	}
	approve := func(c *ConfigChange) {
		c.Approvals = nil
		c.Approve(testKey(91), cluster)
		c.Approve(testKey(90), cluster)
	}
	again := func(c *ConfigChange) {
		c.Possessed = nil
		c.Possess(testKey(300), cluster)
		approve(c)
	}
	for name, change := range map[string]func(*ConfigChange){
		"one approval":       func(c *ConfigChange) { c.Approvals = c.Approvals[:1] },
		"no approvals":       func(c *ConfigChange) { c.Approvals = nil },
		"approval of a node": func(c *ConfigChange) { c.Approve(testKey(51), cluster) },
		"approval of nobody": func(c *ConfigChange) { c.Approve(testKey(5), cluster) },
		"approval elsewhere": func(c *ConfigChange) { c.Approve(testKey(90), Hash{1}) },
		"approval damaged":   func(c *ConfigChange) { c.Approvals[0].Signature[1] ^= 1 },
		"approved before":    func(c *ConfigChange) { c.Next.CheckpointEvery++ },
		"another base":       func(c *ConfigChange) { c.Previous[0] ^= 1; again(c) },
		"the same epoch":     func(c *ConfigChange) { c.Next.Epoch = 0; again(c) },
		"two epochs on":      func(c *ConfigChange) { c.Next.Epoch = 2; again(c) },
		"no proof":           func(c *ConfigChange) { c.Possessed = nil },
		"proof damaged":      func(c *ConfigChange) { c.Possessed[0].Signature[1] ^= 1 },
		"proof of a known key": func(c *ConfigChange) {
			c.Possess(testKey(51), cluster)
		},
		"proof of a stranger": func(c *ConfigChange) { c.Possess(testKey(5), cluster) },
		"key of small order": func(c *ConfigChange) {
			c.Next.Voters = slices.Clone(c.Next.Voters)
			c.Next.Voters[4].Public = PublicKey{1}
			c.Possessed = []Approval{{PublicKey{1}.ID(), Signature{1}}}
			approve(c)
		},
	} {
		c := good()
		change(c)
		if err := c.Verify(present, cluster); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	frozen := *present
	frozen.AdminThreshold = 0
	c := testConfigChange(&frozen, cluster)
	if err := c.Verify(&frozen, cluster); !errors.Is(err, ErrNotApproved) {
		t.Errorf("a frozen membership was changed: %v", err)
	}
}

// TestApprovalsHaveOneOrder: two orders of the same approvals would be two encodings.
func TestApprovalsHaveOneOrder(t *testing.T) {
	m := &ModeChange{Nonce: 1}
	m.Approve(testKey(90), Hash{})
	m.Approve(testKey(91), Hash{})
	other := &ModeChange{Nonce: 1}
	other.Approve(testKey(91), Hash{})
	other.Approve(testKey(90), Hash{})
	other.Approve(testKey(90), Hash{})
	if string(m.Payload()) != string(other.Payload()) || len(other.Approvals) != 2 {
		t.Error("the order of signing is visible")
	}
	for _, bad := range [][]Approval{
		{m.Approvals[1], m.Approvals[0]}, {m.Approvals[0], m.Approvals[0]},
	} {
		m.Approvals = bad
		if _, err := ParseModeChange(m.Payload()); !errors.Is(err, ErrMalformed) {
			t.Errorf("approvals out of order: %v", err)
		}
	}
}

func TestModeChange(t *testing.T) {
	g := testGenesis(4)
	cluster := g.ID()
	make := func(change func(*ModeChange), signers ...int) *ModeChange {
		m := &ModeChange{Halted: true, Nonce: 7, Reason: "audit"}
		for _, s := range signers {
			m.Approve(testKey(s), cluster)
		}
		change(m)
		return m
	}
	same := func(*ModeChange) {}
	for name, c := range map[string]struct {
		m      *ModeChange
		newest uint64
		ok     bool
	}{
		"approved":          {make(same, 90, 91), 6, true},
		"one approval":      {make(same, 90), 6, false},
		"a node's approval": {make(same, 90, 51), 6, false},
		"replayed":          {make(same, 90, 91), 7, false},
		"other reason":      {make(func(m *ModeChange) { m.Reason = "x" }, 90, 91), 6, false},
		"other mode":        {make(func(m *ModeChange) { m.Halted = false }, 90, 91), 6, false},
		"other nonce":       {make(func(m *ModeChange) { m.Nonce++ }, 90, 91), 6, false},
	} {
		parsed, err := ParseModeChange(c.m.Payload())
		if err != nil {
			t.Fatal(err)
		}
		if err := parsed.Verify(&g.Config, cluster, c.newest); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	long := &ModeChange{Nonce: 1, Reason: strings.Repeat("x", modeReasonBytesMax+1)}
	if _, err := ParseModeChange(long.Payload()); err == nil {
		t.Error("a reason beyond its limit is taken")
	}
}
