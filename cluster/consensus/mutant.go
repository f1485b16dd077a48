//go:build mutant

//lint:file-ignore U1000 The lines of testdata/mutants.edits call these functions.

package consensus

import (
	"fmt"

	"juno"
)

// Mutant breaks one rule of the protocol on purpose, so that a test can show that the rule is
// needed, and that breaking it is noticed (docs/SPECIFICATION.md §4.2). The production files do not
// mention mutants. This file exists only in builds with the tag mutant, and what it defines has an
// effect only if internal/mutate puts the edits of testdata/mutants.txt into the source as well.
type Mutant uint8

// The mutants.
const (
	NoMutant              Mutant = iota
	MutantOneRound               // commit after one round of votes, like Tangaroa
	MutantAnyTerm                // votes of all terms count together, like Juno
	MutantAmnesia                // forget term, vote and certificate at a restart
	MutantNaiveQuorum            // 2f+1 also where n is not 3f+1
	MutantNoTermMatch            // votes count at entries of older terms
	MutantAfterConfig            // go on after the entry that ends the epoch
	MutantNoSeal                 // never certify the end of an epoch in a later term
	MutantCountMessages          // count votes by message, not by signer
	MutantNoElection             // believe the leader's base without a proof
	MutantLosePrepare            // do not store the prepare certificate
	MutantVoteAfterLeave         // go on voting in a term after leaving it
	MutantUnverifiedClaim        // believe a report without its certificate
	MutantMaxByIndex             // the highest certificate is the one of the highest index
	MutantKeepHighQC             // keep a certificate whose chain was dropped
	MutantVoteEarly              // send votes before they are on disk
	MutantAdoptUnchecked         // adopt a commit certificate without checking it
	MutantForgetMuted            // accept again after the accepted chain was dropped
	MutantAcceptAfter            // as a follower, accept entries after the end of the epoch
	MutantAnyBase                // accept a term from any entry on, not from its base
	MutantLeadTwice              // lead a term again after a restart
	MutantOverwrite              // replace what is final
	MutantLeaveAlone             // leave the term without a quorum
	MutantNewestOnly             // keep only the newest vote of each voter
	MutantUnthrottled            // ask and answer for missing entries without pause
	MutantOpenGate               // speak in a new epoch before its record is on disk
	MutantStay                   // go on although a quorum has another history
	MutantAskHolders             // ask for a base only those who say that they have it
	MutantKeepStale              // keep what a peer gave and does not continue
	MutantBaseOnly               // begin a term at its base only, whatever it has decided
	MutantNewTermEarly           // report at once, not when the host asks what to do
	mutants
)

var mutantNames = [...]string{
	NoMutant: "none", MutantOneRound: "one-round", MutantAnyTerm: "any-term",
	MutantAmnesia: "amnesia", MutantNaiveQuorum: "naive-quorum",
	MutantNoTermMatch: "no-term-match", MutantAfterConfig: "after-config",
	MutantNoSeal: "no-seal", MutantCountMessages: "count-messages",
	MutantNoElection: "no-election", MutantLosePrepare: "lose-prepare",
	MutantVoteAfterLeave: "vote-after-leave", MutantUnverifiedClaim: "unverified-claim",
	MutantMaxByIndex: "max-by-index", MutantKeepHighQC: "keep-high-qc",
	MutantVoteEarly: "vote-early", MutantAdoptUnchecked: "adopt-unchecked",
	MutantForgetMuted: "forget-muted", MutantAcceptAfter: "accept-after",
	MutantAnyBase: "any-base", MutantLeadTwice: "lead-twice", MutantOverwrite: "overwrite",
	MutantLeaveAlone: "leave-alone", MutantNewestOnly: "newest-only",
	MutantUnthrottled: "unthrottled", MutantOpenGate: "open-gate", MutantStay: "stay",
	MutantAskHolders: "ask-holders", MutantKeepStale: "keep-stale", MutantBaseOnly: "base-only",
	MutantNewTermEarly: "new-term-early",
}

// String returns the name of the mutant.
func (m Mutant) String() string {
	if int(m) < len(mutantNames) {
		return mutantNames[m]
	}
	return fmt.Sprintf("mutant(%d)", uint8(m))
}

// ParseMutant reads what Mutant.String prints.
func ParseMutant(s string) (Mutant, error) {
	for m, name := range mutantNames {
		if name == s {
			return Mutant(m), nil
		}
	}
	return NoMutant, fmt.Errorf("mutant %.40q: unknown", s)
}

// Mutants returns all mutants.
func Mutants() []Mutant {
	all := make([]Mutant, 0, mutants-1)
	for m := NoMutant + 1; m < mutants; m++ {
		all = append(all, m)
	}
	return all
}

// NewMutant is New with one rule broken.
func NewMutant(m Mutant, cfg Config, st *Stored, ports Ports, now juno.Millis) (*Core, error) {
	ports.Rand = mutantRand{ports.Rand, m}
	return New(cfg, st, ports, now)
}

// mutantRand carries the mutant into a core, which has no field for it.
type mutantRand struct {
	Rand
	mutant Mutant
}

// broken reports whether this core is the mutant.
func (c *Core) broken(m Mutant) bool { return c.mutant() == m }

func (c *Core) mutant() Mutant {
	if r, ok := c.rand.(mutantRand); ok {
		return r.mutant
	}
	return NoMutant
}

// rankLess compares two certificates (F2).
func (c *Core) rankLess(a, b Rank) bool {
	if c.broken(MutantMaxByIndex) {
		return a.Index < b.Index || (a.Index == b.Index && a.Term < b.Term)
	}
	return a.Less(b)
}

// topOf returns the highest new-term message of an election certificate.
func (c *Core) topOf(e *ElectionCertificate) *NewTerm {
	top := e.NewTerms[0]
	for _, r := range e.NewTerms[1:] {
		if c.rankLess(top.Rank, r.Rank) {
			top = r
		}
	}
	return top
}

// ringVotes returns how many votes of a voter and term are kept.
func (c *Core) ringVotes() int {
	if c.broken(MutantNewestOnly) {
		return 1
	}
	return c.limits.RingVotes
}

// matches reports whether votes of a term count at an index (F1).
func (c *Core) matches(index juno.Index, t juno.Term) bool {
	if c.broken(MutantNoTermMatch) || c.broken(MutantAnyTerm) {
		return true
	}
	return c.log.matches(index, t)
}

// checkLoosely is juno.QuorumCertificate.Check with the rule missing that the mutant breaks.
func (c *Core) checkLoosely(cert *juno.QuorumCertificate) error {
	switch c.mutant() {
	case MutantNoTermMatch, MutantAnyTerm, MutantCountMessages, MutantOneRound, MutantNaiveQuorum:
	default:
		return cert.Check(c.epoch.config, nil)
	}
	hash := cert.Head.Chain(cert.PrevHash, cert.Pos.Index)
	if hash != cert.Pos.Hash || len(cert.Votes) < c.epoch.quorum {
		return fmt.Errorf("certificate at %s: it proves nothing", cert.Pos)
	}
	hashes := map[juno.Index]juno.Hash{cert.Pos.Index: hash}
	for i, l := range cert.Headers {
		index := cert.Pos.Index + juno.Index(i) + 1
		hash = l.Chain(hash, index)
		hashes[index] = hash
	}
	voters := make(map[juno.NodeID]bool)
	for i := range cert.Votes {
		v := &cert.Votes[i]
		on := func(p *juno.Pos) bool { return p != nil && hashes[p.Index] == p.Hash }
		if voters[v.Node] && !c.broken(MutantCountMessages) || c.epoch.voter(v.Node) < 0 ||
			(v.Term != cert.Term && !c.broken(MutantAnyTerm)) ||
			(!on(v.Accepted) && !on(v.Prepared)) {
			return fmt.Errorf("certificate at %s: the vote of %s does not count", cert.Pos, v.Node)
		}
		voters[v.Node] = true
	}
	return nil
}

// evaluateOldTerm is what MutantVoteAfterLeave adds to evaluatePrepare: it goes on preparing what
// a quorum accepted in the term that it left, although it has reported for a later one.
func (c *Core) evaluateOldTerm() {
	term := c.accepted.Term
	if c.hasAccepted() || !c.everAccepted || term.Epoch() != c.epoch.config.Epoch ||
		!c.log.has(c.accepted.Pos) {
		return
	}
	index, ok := c.quorumIndex(term, juno.Prepare)
	rank := Rank{Term: term, Index: index}
	if !ok || !c.rankLess(c.highQC.Rank, rank) {
		return
	}
	cert := c.certificate(term, index, juno.Prepare)
	c.raise(HighQC{Rank: rank, Pos: cert.Pos, Certificate: cert})
	old, accepted := &Vote{}, c.accepted.Pos
	old.Term, old.Node, old.Committed = term, c.id, c.commit
	old.Accepted, old.Prepared = &accepted, &cert.Pos
	c.sendAfter(c.epoch.peers, old, true)
}

// admitBlindly is what MutantNoElection does with a leader that proves nothing.
func (c *Core) admitBlindly(ae *Append) error {
	if ae.Term > c.hard.Term {
		c.enterTerm(ae.Term)
	}
	c.setBase(ae.Prev, nil)
	return nil
}
