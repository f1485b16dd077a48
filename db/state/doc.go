// Package state is the ledger as a function of its log. It defines what an entry does to accounts,
// balances, currencies, keys and request windows, and whether an entry is valid in the log at all.
// It reads no clock and no disk: the same log gives the same bytes on every node.
//
// # Concepts
//
// The state is a set of [Element] values, each a key and a value. A [Machine] applies one entry to
// the state right before it, which it reads through a [View], and returns the [Write] values in
// [Effects]; package db stores them. [SetHash] is a hash of all elements that is updated by the
// writes. [Changes] makes the update cheap for a run of entries.
//
// A [Prefix] judges entries before they are appended. It depends on the log only and not on the
// state, so it can run ahead of execution, and can be rolled back when a leader is replaced.
//
// A [Statement] is the parsed text of a command. [juno.DetectLanguage] returns the language of a
// text, [Parse] parses it, and [Operations] returns the movements of money that follow from it.
// With Operations the tables of transfers and postings are derived from the log and the results,
// without executing anything again.
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
// entry or command and have no history. Elements are inserted or replaced, never deleted.
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
// AMOUNT is n%d in the default currency, or a number and a currency: 12.50 USD, 1%3 GOLD. All other
// texts in Hoplite and Hopper are refused with juno.CodeLanguage.
//
// In an open ledger, which has the rules of the prototype, an account is created when a transfer
// names it, anyone may debit it without limit, and anyone may adjust balances and create
// currencies. In all other ledgers an account belongs to the client that created it. Only that
// client may debit it, and never below zero; operators adjust balances and create currencies.
//
// # What holds after every entry
//
//   - All balances of a currency, including that of IssuanceAccount, add up to zero.
//   - A refused command changed nothing but its client's window and the progress.
//   - Only accounts that exist have balances, in currencies that exist, in their scale.
//   - Two ledgers that ever differed in a result or a write have different values of
//     Progress.Trace.
//
// # What it does not do
//
// The package does not verify signatures of clients, except on demand in [Prefix.Verify], and does
// not know of terms, leaders and chain hashes. It looks elements up by key only. A command that was
// refused because it is a program stays refused for ever. A later version that executes programs
// has to begin at an entry that says so; otherwise replay would change history.
package state
