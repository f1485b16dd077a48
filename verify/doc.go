// Package verify is the one place where evidence becomes truth. Receipts, directories, exports,
// snapshots, imports, transferred states and the reads of a client are judged by its rules; nothing
// else decides which voters a certificate needs.
//
// # Concepts
//
// Evidence comes from people and machines that may lie: a file, a disk, a node. What is proven has
// a type of its own, with no exported field, no encoding and no other constructor than the rule
// that proves it:
//
//   - [Memberships]: who votes in each epoch. Epoch 0 is that of the genesis, whose hash the caller
//     has pinned, or not (then every report says so). The membership of epoch e+1 is proven by
//     that of epoch e alone: by the Config entry, enough approvals of the administrators of epoch
//     e, the proofs of possession, and the entry's commit certificate by the voters of epoch e. A
//     membership is never read from a state or from an entry that it would itself have to judge.
//   - [ProvenPosition]: an entry that is committed, and everything before it. It is proven by a
//     commit certificate of the epoch in which the position lies: behind the entry that began the
//     epoch, at or before the one that ended it.
//   - [ProvenState]: what the ledger held behind an entry. It is proven by a checkpoint certificate
//     of a quorum of the epoch in which that entry lies; where there is one voter, by its signature
//     alone; by replay from a proven state to a proven position; or it is the genesis.
//
// Everything else is a [Claim]: it is carried on with the name of whoever claims it, printed so,
// and never counted as proven. A [Verdict] says what is proven, up to which entry, what was found
// wrong, what is only claimed, and what was not checked.
//
// Each rule has a name, which stands behind its condition in the code ("// rule: …"). A test
// removes the rules one by one and wants an attack to succeed for each.
//
// # Guarantees
//
// The package is pure: equal evidence gives equal verdicts. What is proven is true as long as in no
// epoch a quorum's worth of keys is in the hands of one liar, present or past: whoever holds the
// old keys of a quorum can write another history from that epoch on. A pinned ledger does not help
// against that; a position that somebody else kept does.
//
// # What it does not do
//
// It reads no files (verify/files does) and executes no commands (db/audit does). It cannot say
// that a history is complete: what was cut off at its end leaves no trace in what is left.
package verify
