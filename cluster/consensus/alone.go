package consensus

import "juno"

// AloneRecords returns the hard state with which a single voter goes on after a log that it was
// given, for instance one that was imported, and that ends with the entry that proof, a commit
// certificate, is of. Everything up to there is final, and the term it was accepted in will not be
// led again. It is right for a cluster of one voter only: with more, a node must never speak under
// an identity whose past words it does not know (docs/SPECIFICATION.md §3.4).
func AloneRecords(proof *juno.QuorumCertificate) []juno.Record {
	hard := HardState{Term: proof.Term, Led: proof.Term, EverLed: true, Committed: proof.Pos}
	accepted := Accepted{Term: proof.Term, Pos: proof.Pos}
	high := HighQC{
		Rank: Rank{Term: proof.Term, Index: proof.Pos.Index}, Pos: proof.Pos,
		Certificate: proof,
	}
	return []juno.Record{hard.record(), accepted.record(), high.record()}
}
