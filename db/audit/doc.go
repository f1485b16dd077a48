// Package audit verifies a log without trusting the node that kept it. The same code serves the
// verify functions of SQL and juno verify, which checks a directory, an export or a snapshot
// offline.
//
// # Concepts
//
// A [Finding] is the outcome of one check over a stretch of entries: how many items were checked,
// and, if something is wrong, the first entry that is, what was expected there and what was found.
//
// An [Auditor] is given entries in order and commit certificates in any order, and checks what
// [Options] asks for:
//
//   - chain: every entry hashes, with the one before it, to the hash that the log has for it, and
//     the chain contains the positions that the caller knows from elsewhere.
//   - signatures: every entry was valid at its place in the log (state.Prefix), and every client
//     signature verifies, for a batch over all its commands. Signatures are verified by the
//     thousand, on all cores. A key counts for the entries at which it was valid.
//   - proofs: every commit certificate holds votes of a quorum of its epoch for its position, each
//     signed by its node.
//   - state: the entries, executed again, give the state hashes that were recorded.
//   - balances: the balances are what the postings of all commands add up to, and the balances of
//     every currency add up to zero.
//
// [Chain] checks only the chain, in stretches that arrive in any order and at the same time, as
// fast as they can be read.
//
// # Guarantees
//
// What passes was signed by the clients, in that order, and committed by quorums of the
// memberships that follow from the genesis or the state that the caller trusts. A check ends at its
// first fault; the others go on.
//
// # What it does not do
//
// The package reads no files. It cannot tell that the log is complete: entries may have been cut
// off at its end, with or without the last certificate, and only a position known from elsewhere
// shows that.
package audit
