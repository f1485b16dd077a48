// Package state is the ledger as a function of its log: what an entry does to accounts, balances,
// currencies, keys and request windows, and whether an entry may be in the log at all. It reads
// no clock and no disk; the same log gives the same bytes on every node.
//
// # Concepts
//
// The state is a set of [Element]s, each a key and a value. A [Machine] applies one entry to the
// state right before it, which it reads through a [View], and leaves the [Write]s in [Effects];
// the db room stores them. [SetHash] is a hash of all elements that follows the writes, [Changes]
// makes that cheap for a run of entries.
//
// A [Prefix] judges entries before they are appended. It sees the log only, never the state, so
// that it can run ahead of execution and be taken back when a leader is replaced.
//
// The text of a command is a [Statement]. [Detect] tells its language, [Parse] understands it,
// [Operations] gives the movements of money that follow from it: tables of transfers and postings
// are derived from log and results without executing anything again.
//
// # Elements
//
//	key                          value
//	a | account                  Account: owner, floor, public, when made
//	b | account | 0 | currency   Balance: amount, number of changes
//	c | currency                 Currency: scale, issuer, when made
//	e                            juno.EpochConfig: the membership in force
//	g                            Ledger: cluster, open or not, when made
//	k | key id                   juno.KeyRecord
//	m                            Mode: halted or not
//	p                            Progress: index, time, trace, place in a client batch; session
//	w | client                   Window: the request ids of a client; session
//
// Values are documented to the byte at their Append functions. Session elements change with every
// entry or command; they have no history. Everything is inserted or replaced, nothing is deleted.
//
// # Commands
//
//	CreateAccount NAME                            rest of the line, or in double quotes
//	CreateCurrency CODE 0…18 | any                operators
//	AdjustAccount NAME AMOUNT                     operators; issues or redeems money
//	ObserveAccount NAME, ObserveAccounts          answer lines: account TAB currency TAB balance
//	transfer(A->B->C, AMOUNT)                     every hop moves the whole amount
//	DATA##CODEtransfer(…)                         the same, with a memo
//	(#transfer "A" "B" (% n d) "LABEL")           one hop, with a label
//
// AMOUNT is n%d in the default currency, or a number and a currency: 12.50 USD, 1%3 GOLD. What
// else Hoplite and Hopper could say is refused with juno.CodeLanguage.
//
// In a ledger that is open (the prototype's way) accounts come to be by being named in transfer,
// anyone may debit them without limit, and anyone may adjust balances and make currencies. In any
// other one an account belongs to the client that made it, which alone may debit it and never
// below zero, and the rest is the operators'.
//
// # What holds after every entry
//
//   - All balances of a currency, IssuanceAccount included, add up to zero.
//   - A refused command changed nothing but its client's window and the progress.
//   - Only accounts that exist have balances, in currencies that exist, in their scale.
//   - Progress.Trace differs if anything ever went differently.
//
// # What it does not do
//
// It checks no signatures of clients, except on demand in [Prefix.Verify]; it knows nothing of
// terms, leaders and chain hashes. It does not look things up by anything but keys. A command
// that was refused as a program stays refused for ever: a later version that executes programs
// has to begin at an entry that says so, or replay would change history.
package state
