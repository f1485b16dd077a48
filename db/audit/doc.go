// Package audit verifies a log without trusting who kept it. The same code serves the verify
// functions of SQL, and juno verify on a directory, an export or a snapshot that no node serves.
//
// # Concepts
//
// A [Finding] is the outcome of one check over a stretch of entries: how many items were checked,
// and, if something is wrong, the first entry that is, what was expected there and what was found.
//
// An [Auditor] is given entries in order and commit certificates in any order, and checks what
// [Options] asks for:
//
//   - chain: every entry hashes, with the one before it, to the hash that the log has for it;
//     and the chain goes through the positions that the caller knows from elsewhere.
//   - signatures: every entry was allowed to stand in the log where it stands (state.Prefix), and
//     every client signature verifies, those of batches over all commands of the batch. Signatures
//     are verified by the thousand, on all cores; keys count for the entries they were valid at.
//   - proofs: every commit certificate has a quorum of its epoch behind its position, each vote
//     signed by its node.
//   - state: the entries, executed once more, give the state hashes that were recorded.
//   - balances: the balances are what the postings of all commands add up to, and the books of
//     every currency balance.
//
// [Chain] checks only the chain, of stretches that come in any order and at once, as fast as they
// can be read.
//
// # Guarantees
//
// What passes was signed by the clients, in that order, and committed by quorums of the
// memberships that follow from the genesis or the state that the caller trusts. A check ends at its
// first fault; the others go on.
//
// # What it does not do
//
// It reads no files. It does not say that the log is complete: entries may have been cut off at
// its end, behind the last certificate or with it, and only a position known from elsewhere shows
// that.
package audit
