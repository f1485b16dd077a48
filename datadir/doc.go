// Package datadir reads and writes the directory of a ledger: what the ledger is, which node or
// client keeps it, the keys, the settings, and the proofs of the membership. It opens neither the
// log nor the state, so a program that only talks to a cluster needs no more than this.
//
//	dir, err := datadir.Create("books", datadir.Options{Clients: []string{"bank"}})
//	dir, err := datadir.Open("books")
//	key, err := dir.ClientKey("bank")
//
// # Concepts
//
// A directory belongs to one node of one ledger, or to a client of a cluster:
//
//	genesis       what the ledger starts from; its hash is the ledger's identity
//	juno.conf     settings of this node, commented
//	keys/         node.key, NAME.key for each client and NAME.admin for each administrator that
//	              acts from here; mode 0600
//	log/          the write-ahead log: the truth (package wal)
//	state/        what is computed from the log; may be deleted at any time (package db)
//	snapshots/    signed copies of the state at some index (package snapshot)
//	node          which member of its cluster the node is, if it is one of several
//	epochs        proofs of all changes of the membership, if there were any
//	quarantine/   what was written down when others contradicted this node
//	LOCK          held by the process that has the directory open
//
// A client's directory holds genesis, keys and epochs. The genesis is written last: a directory
// with one is complete, and one without it is taken over by the next [Create].
//
// # Keys
//
// A key that is to replace another is drawn into a file of its own, NAME-next.key, and synced
// before anybody hears of it. It takes the place of the key before when it is known to be in the
// log. So a crash at any moment leaves both, and no key is lost that may be the only valid one.
//
// # Guarantees
//
// Every file is replaced as a whole: a crash leaves the old bytes or the new ones. Nothing that was
// read from a key file gets into an error message.
//
// # What it does not do
//
// It does not decide which key is valid: the log does. [Directory.Lock] excludes other processes;
// only what says so needs it.
package datadir
