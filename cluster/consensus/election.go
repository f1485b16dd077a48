package consensus

import (
	"crypto/sha256"

	"juno"
)

// ElectionCertificate is the proof that the leader of a term may lead, and from where (EC): a quorum of
// reports, and the certificate of the highest of them. The chain of the term begins there.
//
// Canonical bytes: term (8), reports (count, then each without its certificate), certificate of
// the base (flag, then the certificate).
type ElectionCertificate struct {
	Term     juno.Term
	NewTerms []*NewTerm // q, by distinct voters, in the order of their ids, without certificates
	// Base proves the highest of the reports. It is nil if that is the base of the epoch.
	Base *juno.QuorumCertificate
}

const electionTag = "juno1/election"

// Hash names the election: SHA-256 of "juno1/election" and the canonical bytes. The TermStart
// entry of the term holds it.
func (e *ElectionCertificate) Hash() juno.Hash {
	return sha256.Sum256(appendElection([]byte(electionTag), e))
}

// top returns the highest of the reports: the term begins at its position.
func (e *ElectionCertificate) top(less func(a, b Rank) bool) *NewTerm {
	top := e.NewTerms[0]
	for _, r := range e.NewTerms[1:] {
		if less(top.Rank, r.Rank) {
			top = r
		}
	}
	return top
}

func (e *ElectionCertificate) statements(all []Statement) []Statement {
	if e == nil {
		return all
	}
	for _, r := range e.NewTerms {
		all = r.own(all)
	}
	return certificateStatements(all, e.Base)
}

func appendElection(b []byte, e *ElectionCertificate) []byte {
	b = juno.AppendU64(b, uint64(e.Term))
	b = juno.AppendUvarint(b, uint64(len(e.NewTerms)))
	for _, r := range e.NewTerms {
		b = r.appendOwn(b)
	}
	return appendOptionalCertificate(b, e.Base)
}

func appendOptionalElection(b []byte, e *ElectionCertificate) []byte {
	b = juno.AppendBool(b, e != nil)
	if e != nil {
		b = appendElection(b, e)
	}
	return b
}

func decodeOptionalElection(d *juno.Decoder) *ElectionCertificate {
	if !d.Bool() || d.Err() != nil {
		return nil
	}
	e := &ElectionCertificate{Term: juno.Term(d.U64())}
	for i := range d.Count(juno.VotersMax) {
		if d.Err() != nil {
			return e
		}
		r := decodeNewTermOwn(d)
		if d.Err() == nil && i > 0 && e.NewTerms[i-1].Node >= r.Node {
			d.Fail("election with the reports of %s and %s in this order",
				e.NewTerms[i-1].Node, r.Node)
		}
		e.NewTerms = append(e.NewTerms, r)
	}
	e.Base = decodeOptionalCertificate(d)
	return e
}
