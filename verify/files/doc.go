// Package files verifies what lies on a disk: the directory of a ledger, an export, a snapshot. It
// reads files and shows what is in them to package verify, which alone decides what they prove,
// and to db/audit, which executes the log again.
//
// # Concepts
//
// [Directory], [Export] and [Snapshot] each give a verify.Verdict. All begin with the genesis that
// the files bring, and prove every membership from there, whatever else is checked or skipped. A
// log that does not begin with entry 1 is executed from the oldest snapshot whose state is proven;
// the entries before that snapshot are covered by the chain and the certificates.
//
// # Guarantees
//
// Nothing is written and no lock is taken: a ledger may be open elsewhere, and then what was
// written last is left out. Memory is bounded by the state of the ledger.
//
// # What it does not do
//
// It does not repair anything, and it cannot tell whether something newer exists elsewhere.
package files
