package rpc

// The names of the facts of a node (Facts) that clients look for. FactHalted and FactReachable are
// "yes" or "no".
const (
	FactRole       = "role"
	FactTerm       = "term"
	FactLeader     = "leader"
	FactCommitted  = "commit index"
	FactExecuted   = "executed index"
	FactStateAt    = "state hash at"
	FactState      = "state hash"
	FactCertified  = "certified snapshot"
	FactReachable  = "quorum reachable"
	FactHalted     = "halted"
	FactEvidence   = "evidence"
	FactQuarantine = "quarantine"
)
