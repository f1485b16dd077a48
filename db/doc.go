// Package db is the ledger: it applies the committed log to the state, keeps the state of every
// index, and answers for the tables of SQL.
//
// # Concepts
//
// The log is the truth. Everything here can be computed from it, and is, if the directory is lost.
//
// The state is a set of elements, keys with values (package state). Applying an entry changes some
// of them. Session elements, which change with every entry or command, are the progress and the
// request windows of clients; nobody asks for their past.
//
// The store is badger in managed mode: an element that entry i changed has a version i+1, and no
// version ever goes away. What the state was at i is what the store shows at version i+1; before
// the first entry that is version 1, because badger cannot read version 0 back.
//
// Applying and projecting are two things. [Ledger.Apply] executes entries in memory and returns
// their results; one goroutine, the projector, writes the changes to the store behind it, in
// order. It may be lagEntriesMax behind, then Apply waits. Whoever reads an index waits until it
// is projected. What is executed and not projected is held by the cache, which besides holds what
// was read and written lately.
//
// A sync point ([Point]) is an index whose whole state is on the disk: session elements and the
// lanes of the state hash are written at its version, every file of badger's is synced, and then a
// record says so. Between sync points nothing is synced. Opening a ledger begins at the newest
// sync point, and [Ledger.Replay] applies the log from there, through the same Apply.
//
// # What a crash leaves
//
// A killed process leaves all that was written; a power failure leaves what was synced, and of the
// rest any part. Either way the newest record of a sync point stands for what was synced before it
// was written. Above it, versions may be there or not. Those that are there were made by entries
// of the log that come again, and come again the same: applying is a function of the log, so
// writing them once more changes nothing. Only which changes share a run may differ, so what the
// log held when the store was opened is written without runs, over each of them. Until then nobody
// reads them, because readers name the version that they want, and Apply reads at the version of
// the entry before.
//
// For this the store must never be ahead of the log. Callers apply only entries that are durable
// there; before each batch the position that it reaches is noted, and Open compares that note, and
// the sync point, with the log: ErrDiverged says that one of the two is from a backup.
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
// A balance that changed often has buckets because badger keeps all versions of a key in one
// table, which it writes again whenever it compacts it. The change counter in the value that the
// balance's own key shows tells which bucket to look into: a read costs one look-up, or two. A
// balance that changed often in what was projected at once has a run: up to 128 changes in one
// record, at the version of the first.
//
// Transfers, postings, commands and the log are not stored again: their rows are made from the
// entries. The index of the transfers of an account is the history of its balances. A transfer is
// named by its entry and its place in it, "4711.0".
//
// # Guarantees
//
// The results, the state hash and every row are functions of the log: not of how its entries came
// in batches, of restarts, or of the size of the cache. A failed write, and any error that badger
// logs, stops the ledger for good (ErrFailed); the process must end. Checksums of all blocks are
// verified when a ledger is opened, and of each block when it is read.
//
// # What it does not do
//
// It does not know what is committed, and verifies no signature unless it is asked to
// ([Ledger.Audit]). It does not protect a store that is open against damage to its files: badger
// reads a block that is damaged as one that is empty. [Ledger.Check] finds out. It never deletes
// history; a history that begins later is made by importing a snapshot ([Base]).
package db
