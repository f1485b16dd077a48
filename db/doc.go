// Package db applies the committed log to the state, keeps the state at every index, and supplies
// the rows of the SQL tables.
//
// # Concepts
//
// Everything that this package stores is computed from the log. If its directory is lost it is
// computed again.
//
// The state is a set of elements, which are keys with values (package state). Applying an entry
// changes some of them. Session elements change with every entry or command: they are the progress
// and the request windows of clients. Their past is not kept.
//
// The store is badger in managed mode. An element that entry i changed has version i+1, and no
// version is ever removed, so the state at index i is what the store shows at version i+1. Before
// the first entry that is version 1, because badger cannot read version 0 back.
//
// Applying and projecting are separate. [Ledger.Apply] executes entries in memory and returns their
// results. One goroutine, the projector, writes the changes to the store afterwards, in order. If
// it is lagEntriesMax entries behind, Apply waits for it. A reader of an index waits until that
// index is projected. The cache holds what was executed and is not yet projected, and also what was
// read or written recently.
//
// A sync point ([Point]) is an index whose whole state is on the disk. The session elements and the
// lanes of the state hash are written at its version, every file of badger is synced, and then a
// record says so. Between sync points nothing is synced. Open begins at the newest sync point, and
// [Ledger.Replay] applies the log from there, through the same Apply.
//
// # What a crash leaves
//
// A killed process leaves everything that was written. A power failure leaves what was synced, and
// any part of the rest. In both cases everything up to the newest sync point is there. Versions
// above it may be there or not. Those that are there were written by entries of the log that will
// be applied again, with the same result: applying is a function of the log, so writing them again
// changes nothing. Only the division of changes into runs may differ, so the entries that the log
// held when the store was opened are written without runs, each change over the old one. Until
// then nothing reads these versions, because a reader names the version that it wants, and Apply
// reads at the version of the entry before.
//
// This requires that the store is never ahead of the log. Callers apply only entries that are
// durable in the log. Before each batch the position that it reaches is noted. Open compares this
// note and the sync point with the log; ErrDiverged means that one of the two comes from a backup.
//
// # Format
//
// Keys of the store. Numbers are big-endian, indexes eight bytes; the values are canonical bytes
// of the root package and of package state. Elements lie under their own keys, which begin with a
// lower-case letter:
//
//	a… c… e g k… m   the element, version of the entry that changed it
//	b…               a balance: its changes 1 to 1024, and the changes 1025, 2049, 3073, …
//	p w…             session elements, at sync points
//	B b… 0 n(4)      the other changes of a balance: number 1024n+2 to 1024n+1024; here and under
//	                 b… several that came together are one record, a run
//	L                lanes of the state hash, at sync points
//	M                version (1: 2; 1 has no runs), cluster (32), base position (40); written
//	                 when all of it is
//	N                position up to which a batch is about to be written
//	Q client 0 n(8)  index (uvarint) of the first request with an id from 256n on; not there where
//	                 a client left out all 256
//	R index          a result, if it is more than OK without a value
//	S                version (1), position (40), time (8), state hash (32) of a sync point
//	T n(8)           times of the entries 256n to 256n+255: the first (uvarint), and of each other
//	                 one the milliseconds since the one before (uvarint)
//
// A balance that changes often has buckets, because badger keeps all versions of a key in one
// table and rewrites that table whenever it compacts it. The change counter in the value under the
// balance's own key tells which bucket to read, so a read costs one or two look-ups. Changes of one
// balance that are projected together form a run: up to 128 changes in one record, at the version
// of the first.
//
// Transfers, postings, commands and the log are not stored again: their rows are made from the
// entries. The history of an account's balances serves as the index of its transfers. A transfer
// is identified by its entry and its place in the entry, "4711.0".
//
// # Guarantees
//
// The results, the state hash and every row are functions of the log. They do not depend on how
// the entries were batched, on restarts, or on the size of the cache. A failed write, or any error
// that badger logs, stops the ledger for good (ErrFailed); the process must end. The checksums of
// all blocks are verified when a ledger is opened, and that of a block whenever it is read.
//
// # What it does not do
//
// The package does not know what is committed, and verifies no signature unless it is asked to
// ([Ledger.Audit]). It does not protect an open store against damage to its files, because badger
// reads a damaged block as an empty one; [Ledger.Check] finds such damage. It never deletes
// history. A history that begins later is made by importing a snapshot ([Base]).
package db
