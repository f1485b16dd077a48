package juno

import (
	"slices"
	"strings"
	"testing"
)

// verify checks a certificate of the scene: against its log, or without one if it is detached.
func (s *scene) verify(c *Certificate) error {
	epoch := min(int(c.Term.Epoch()), len(s.configs)-1)
	if c.Detached {
		return c.Verify(&s.configs[epoch], s.rings[epoch], nil)
	}
	return c.Verify(&s.configs[epoch], s.rings[epoch], s)
}

func TestCertificatesAccepted(t *testing.T) {
	for _, voters := range []int{1, 2, 3, 4, 5, 7, 10} {
		s := newScene(t, voters)
		for _, kind := range []CertificateKind{Prepare, Commit} {
			for i := Index(1); i <= 10; i++ {
				if err := s.verify(s.certificate(kind, i)); err != nil {
					t.Errorf("%d voters, index %d: %v", voters, i, err)
				}
				for far := i; far <= 10 && s.entry(far).Term == s.entry(i).Term; far++ {
					if err := s.verify(s.detached(kind, i, far)); err != nil {
						t.Errorf("%d voters, index %d, votes up to %d: %v", voters, i, far, err)
					}
				}
			}
		}
	}
}

// TestTermMatch is the rule of consensus.md, F1: votes of a later term do not count for an entry
// of an earlier one, unless the entry ends their epoch.
func TestTermMatch(t *testing.T) {
	s := newScene(t, 4)
	later := func(index Index, term Term) *Certificate {
		c := s.certificate(Commit, index)
		c.Term = term
		for i := range c.Votes {
			c.Votes[i] = s.vote(c.Votes[i].Node, term, Commit, index)
		}
		return c
	}
	if err := s.verify(later(5, TermOf(0, 1))); err == nil ||
		!strings.Contains(err.Error(), "the entry is of term 0.0") {
		t.Errorf("votes of term 0.1 for an entry of term 0.0: %v", err)
	}
	if err := s.verify(later(8, TermOf(0, 2))); err != nil {
		t.Errorf("votes of term 0.2 for the membership change of term 0.1: %v", err)
	}
	if err := s.verify(later(8, TermOf(1, 0))); err == nil {
		t.Error("votes of epoch 1 for the membership change of epoch 0 count")
	}
	// A vote of term 0.1 for a position above an entry of term 0.0 does not count for that entry.
	c := s.certificate(Commit, 5)
	c.Term = TermOf(0, 1)
	for i := range c.Votes {
		c.Votes[i] = s.vote(c.Votes[i].Node, c.Term, Commit, 7)
	}
	if err := s.verify(c); err == nil {
		t.Error("votes of term 0.1 at its own entry count for an entry of term 0.0 below it")
	}
}

// TestVotesAhead lets votes be for later positions of the same chain, and of no other.
func TestVotesAhead(t *testing.T) {
	s := newScene(t, 4)
	c := s.certificate(Commit, 3)
	for i := range c.Votes {
		c.Votes[i] = s.vote(c.Votes[i].Node, 0, Commit, Index(3+i))
	}
	if err := s.verify(c); err != nil {
		t.Errorf("votes for 3, 4 and 5: %v", err)
	}
	c.Votes[2] = s.vote(3, 0, Commit, 2)
	if err := s.verify(c); err == nil {
		t.Error("a vote for the index before counts")
	}
	accepted := s.certificate(Prepare, 3)
	accepted.Kind = Commit
	if err := s.verify(accepted); err == nil {
		t.Error("accepted counts as prepared")
	}
	prepared := s.certificate(Commit, 3)
	prepared.Kind = Prepare
	if err := s.verify(prepared); err != nil {
		t.Errorf("prepared does not count as accepted: %v", err)
	}
}

// corruptions change one thing each of a valid certificate of four voters at index 5.
func corruptions(s *scene) map[string]func(*Certificate) {
	resign := func(c *Certificate, i int, node NodeID, change func(*Claim)) {
		claim := c.Votes[i].Claim
		if claim.Prepared != nil {
			p := *claim.Prepared
			claim.Prepared = &p
		}
		change(&claim)
		c.Votes[i] = SignClaim(nodeKey(node), s.cluster, claim)
	}
	return map[string]func(*Certificate){
		"one vote less":      func(c *Certificate) { c.Votes = c.Votes[:len(c.Votes)-1] },
		"no votes":           func(c *Certificate) { c.Votes = nil },
		"the same vote":      func(c *Certificate) { c.Votes[2] = c.Votes[1] },
		"one more, a double": func(c *Certificate) { c.Votes = append(c.Votes, c.Votes[0]) },
		"kind 0":             func(c *Certificate) { c.Kind = 0 },
		"kind 3":             func(c *Certificate) { c.Kind = 3 },
		"another term":       func(c *Certificate) { c.Term = TermOf(0, 1) },
		"another epoch":      func(c *Certificate) { c.Term = TermOf(1, 0) },
		"index 0":            func(c *Certificate) { c.Pos.Index = 0 },
		"the index before":   func(c *Certificate) { c.Pos.Index-- },
		"another hash":       func(c *Certificate) { c.Pos.Hash[9] ^= 1 },
		"vote: term": func(c *Certificate) {
			resign(c, 0, 1, func(v *Claim) { v.Term = 1 })
		},
		"vote: hash": func(c *Certificate) {
			resign(c, 0, 1, func(v *Claim) { v.Prepared.Hash[0] ^= 1 })
		},
		"vote: index too far": func(c *Certificate) {
			resign(c, 0, 1, func(v *Claim) { v.Prepared.Index += 1000 })
		},
		"vote: not prepared": func(c *Certificate) {
			resign(c, 0, 1, func(v *Claim) { v.Prepared = nil })
		},
		"vote: nothing": func(c *Certificate) {
			resign(c, 0, 1, func(v *Claim) { v.Prepared, v.Accepted = nil, nil })
		},
		"vote: of an observer": func(c *Certificate) {
			c.Votes[0].Node = 200
			c.Votes[0] = SignClaim(testKey(49), s.cluster, c.Votes[0].Claim)
		},
		"vote: of nobody": func(c *Certificate) {
			resign(c, 0, 1, func(v *Claim) { v.Node = 77 })
		},
		"vote: in another": func(c *Certificate) { resign(c, 0, 2, func(*Claim) {}) },
		"vote: of an admin": func(c *Certificate) {
			c.Votes[0] = SignClaim(testKey(90), s.cluster, c.Votes[0].Claim)
		},
		"vote: of a stranger": func(c *Certificate) {
			c.Votes[0] = SignClaim(testKey(5), s.cluster, c.Votes[0].Claim)
		},
		"vote: in another cluster": func(c *Certificate) {
			c.Votes[0] = SignClaim(nodeKey(1), Hash{1}, c.Votes[0].Claim)
		},
		"vote: under another kind": func(c *Certificate) {
			e := Seal(nodeKey(1), s.cluster, KindWish, c.Votes[0].Body())
			c.Votes[0].Signature = e.Signature
		},
		"vote: signature":  func(c *Certificate) { c.Votes[0].Signature[40] ^= 1 },
		"vote: key id":     func(c *Certificate) { c.Votes[0].Key[0] ^= 1 },
		"vote: unsigned":   func(c *Certificate) { c.Votes[0].Committed.Index++ },
		"vote: other node": func(c *Certificate) { c.Votes[0].Node = 4 },
	}
}

func TestCertificatesRefused(t *testing.T) {
	s := newScene(t, 4)
	for name, corrupt := range corruptions(s) {
		for _, detached := range []bool{false, true} {
			c := s.certificate(Commit, 5)
			if detached {
				c = s.detached(Commit, 5, 6)
			}
			if err := s.verify(c); err != nil {
				t.Fatal(err)
			}
			corrupt(c)
			if err := s.verify(c); err == nil {
				t.Errorf("%s (detached: %t): accepted", name, detached)
			}
		}
	}
	for name, corrupt := range map[string]func(*Certificate){
		"previous hash":   func(c *Certificate) { c.PrevHash[0] ^= 1 },
		"head: term":      func(c *Certificate) { c.Head.Term++ },
		"head: time":      func(c *Certificate) { c.Head.Time++ },
		"head: type":      func(c *Certificate) { c.Head.Type = EntryConfig },
		"head: payload":   func(c *Certificate) { c.Head.PayloadHash[0] ^= 1 },
		"link":            func(c *Certificate) { c.Links[0].Time++ },
		"no links":        func(c *Certificate) { c.Links = nil },
		"not detached":    func(c *Certificate) { c.Detached = false },
		"links backwards": func(c *Certificate) { slices.Reverse(c.Links) },
	} {
		c := s.detached(Commit, 4, 6)
		corrupt(c)
		if err := c.Verify(&s.configs[0], s.rings[0], nil); err == nil {
			t.Errorf("detached, %s: accepted", name)
		}
	}
	c := s.certificate(Commit, 5)
	if err := c.Verify(&s.configs[0], s.rings[1], s); err != nil {
		t.Errorf("with the keys of a later epoch that still has these voters: %v", err)
	}
	other := newScene(t, 5)
	if err := c.Verify(&other.configs[0], other.rings[0], s); err == nil {
		t.Error("a quorum of four voters is one of five")
	}
}

// TestCertificateOfTooFew counts down from the quorum for every size.
func TestCertificateOfTooFew(t *testing.T) {
	for n := 1; n <= 13; n++ {
		s := newScene(t, n)
		c := s.certificate(Commit, 5)
		for c.Votes = c.Votes[:len(c.Votes)-1]; ; c.Votes = c.Votes[:len(c.Votes)-1] {
			if err := s.verify(c); err == nil {
				t.Errorf("n=%d: %d votes are a quorum", n, len(c.Votes))
			}
			if len(c.Votes) == 0 {
				break
			}
		}
	}
}
