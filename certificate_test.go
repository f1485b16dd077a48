package juno

import (
	"slices"
	"strings"
	"testing"
)

// verify checks a certificate of the scene: against its log, or without one if it is detached.
func (s *scene) verify(c *QuorumCertificate) error {
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

// TestTermMatch is rule F1 of docs/SPECIFICATION.md: votes of a later term do not count for an
// entry of an earlier one, unless the entry ends their epoch.
func TestTermMatch(t *testing.T) {
	s := newScene(t, 4)
	later := func(index Index, term Term) *QuorumCertificate {
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
func corruptions(s *scene) map[string]func(*QuorumCertificate) {
	resign := func(c *QuorumCertificate, i int, node NodeID, change func(*Vote)) {
		vote := c.Votes[i].Vote
		if vote.Prepared != nil {
			p := *vote.Prepared
			vote.Prepared = &p
		}
		change(&vote)
		c.Votes[i] = SignVote(nodeKey(node), s.cluster, vote)
	}
	return map[string]func(*QuorumCertificate){
		"one vote less":      func(c *QuorumCertificate) { c.Votes = c.Votes[:len(c.Votes)-1] },
		"no votes":           func(c *QuorumCertificate) { c.Votes = nil },
		"the same vote":      func(c *QuorumCertificate) { c.Votes[2] = c.Votes[1] },
		"one more, a double": func(c *QuorumCertificate) { c.Votes = append(c.Votes, c.Votes[0]) },
		"kind 0":             func(c *QuorumCertificate) { c.Kind = 0 },
		"kind 3":             func(c *QuorumCertificate) { c.Kind = 3 },
		"another term":       func(c *QuorumCertificate) { c.Term = TermOf(0, 1) },
		"another epoch":      func(c *QuorumCertificate) { c.Term = TermOf(1, 0) },
		"index 0":            func(c *QuorumCertificate) { c.Pos.Index = 0 },
		"the index before":   func(c *QuorumCertificate) { c.Pos.Index-- },
		"another hash":       func(c *QuorumCertificate) { c.Pos.Hash[9] ^= 1 },
		"vote: term": func(c *QuorumCertificate) {
			resign(c, 0, 1, func(v *Vote) { v.Term = 1 })
		},
		"vote: hash": func(c *QuorumCertificate) {
			resign(c, 0, 1, func(v *Vote) { v.Prepared.Hash[0] ^= 1 })
		},
		"vote: index too far": func(c *QuorumCertificate) {
			resign(c, 0, 1, func(v *Vote) { v.Prepared.Index += 1000 })
		},
		"vote: not prepared": func(c *QuorumCertificate) {
			resign(c, 0, 1, func(v *Vote) { v.Prepared = nil })
		},
		"vote: nothing": func(c *QuorumCertificate) {
			resign(c, 0, 1, func(v *Vote) { v.Prepared, v.Accepted = nil, nil })
		},
		"vote: of an observer": func(c *QuorumCertificate) {
			c.Votes[0].Node = 200
			c.Votes[0] = SignVote(testKey(49), s.cluster, c.Votes[0].Vote)
		},
		"vote: of nobody": func(c *QuorumCertificate) {
			resign(c, 0, 1, func(v *Vote) { v.Node = 77 })
		},
		"vote: in another": func(c *QuorumCertificate) { resign(c, 0, 2, func(*Vote) {}) },
		"vote: of an admin": func(c *QuorumCertificate) {
			c.Votes[0] = SignVote(testKey(90), s.cluster, c.Votes[0].Vote)
		},
		"vote: of a stranger": func(c *QuorumCertificate) {
			c.Votes[0] = SignVote(testKey(5), s.cluster, c.Votes[0].Vote)
		},
		"vote: in another cluster": func(c *QuorumCertificate) {
			c.Votes[0] = SignVote(nodeKey(1), Hash{1}, c.Votes[0].Vote)
		},
		"vote: under another kind": func(c *QuorumCertificate) {
			e := Seal(nodeKey(1), s.cluster, KindTermChange, c.Votes[0].Body())
			c.Votes[0].Signature = e.Signature
		},
		"vote: signature":  func(c *QuorumCertificate) { c.Votes[0].Signature[40] ^= 1 },
		"vote: key id":     func(c *QuorumCertificate) { c.Votes[0].Key[0] ^= 1 },
		"vote: unsigned":   func(c *QuorumCertificate) { c.Votes[0].Committed.Index++ },
		"vote: other node": func(c *QuorumCertificate) { c.Votes[0].Node = 4 },
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
	for name, corrupt := range map[string]func(*QuorumCertificate){
		"previous hash":   func(c *QuorumCertificate) { c.PrevHash[0] ^= 1 },
		"head: term":      func(c *QuorumCertificate) { c.Head.Term++ },
		"head: time":      func(c *QuorumCertificate) { c.Head.Time++ },
		"head: type":      func(c *QuorumCertificate) { c.Head.Type = EntryConfig },
		"head: payload":   func(c *QuorumCertificate) { c.Head.PayloadHash[0] ^= 1 },
		"link":            func(c *QuorumCertificate) { c.Headers[0].Time++ },
		"no links":        func(c *QuorumCertificate) { c.Headers = nil },
		"not detached":    func(c *QuorumCertificate) { c.Detached = false },
		"links backwards": func(c *QuorumCertificate) { slices.Reverse(c.Headers) },
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

// TestDetach wants every certificate to stand alone once it is detached, with no more links than
// its votes need.
func TestDetach(t *testing.T) {
	s := newScene(t, 4)
	for far := Index(3); far <= 6; far++ {
		c := s.certificate(Commit, 3)
		c.Votes[1] = s.vote(2, 0, Commit, far)
		// A position beyond the prepared one is nothing that a commit needs.
		beyond := s.pos(6)
		vote := c.Votes[2].Vote
		vote.Accepted = &beyond
		c.Votes[2] = SignVote(nodeKey(3), s.cluster, vote)
		d, err := c.Detach(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Verify(&s.configs[0], s.rings[0], nil); err != nil {
			t.Errorf("votes up to %d: %v", far, err)
		}
		if got, want := len(d.Headers), int(far-3); got != want {
			t.Errorf("votes up to %d: %d links, want %d", far, got, want)
		}
		if again, err := d.Detach(nil); err != nil || again != d {
			t.Errorf("a detached certificate is detached again: %v", err)
		}
	}
	c := s.certificate(Commit, 3)
	far := Pos{Index: 3 + certificateHeadersMax + 1}
	vote := c.Votes[0].Vote
	vote.Prepared, vote.Accepted = &far, &far
	c.Votes[0] = SignVote(nodeKey(1), s.cluster, vote)
	if _, err := c.Detach(s); err == nil {
		t.Error("more links than are allowed")
	}
}
