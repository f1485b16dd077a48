// Package consensus is the consensus of Juno: Raft hardened against Byzantine nodes ("Juno-2P"), as
// a deterministic state machine without clock, goroutine, entropy or I/O of its own.
//
// # Concepts
//
// A Core is given messages whose signatures were checked (Step), ticks (Tick), the word that
// something waits to be proposed (Propose), and the word that something is on disk (Persisted). It
// answers with Readies: what to write, what to send before and after the sync, and what is final.
// Nodes vote twice on every position, once to accept it and once to prepare it; a quorum of the
// second vote is a certificate that anyone can check alone.
//
// # Guarantees
//
// With at most f of 3f+1 voters Byzantine no two correct nodes ever call different entries final.
// The host must keep the order that Ready documents: nothing leaves before what it promises is
// synced. The rules that are named in comments (N5, E3, Y3, …) are those of docs/SPECIFICATION.md.
//
// # What it does not do
//
// It verifies no signatures, opens no files and knows nothing of accounts: a Validator judges
// payloads, a Log reads what was written, and the host does the rest.
package consensus
