package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"juno/bench/measure"
)

// store is a peer that holds accounts and transfers in a directory. Every method that changes
// something returns only when the change is durable.
type store interface {
	// fund creates the accounts with their opening balances in a new directory.
	fund() error
	// transfer moves one unit and keeps a record of it; it is safe for concurrent use.
	transfer(measure.Pair) error
	// batch moves one unit for each pair in one transaction, and keeps a record of each.
	batch([]measure.Pair) error
	// check adds up all balances and counts the records of transfers.
	check() (sum int64, transfers int, err error)
	// close leaves everything on disk in its smallest ordinary form.
	close() error
}

// historian is a store that can answer for the past.
type historian interface {
	// newest returns the moment of the last transfer; moments are numbered from 1.
	newest() (moment uint64, err error)
	// balanceAt returns the balance of an account as it was at a moment.
	balanceAt(account int, moment uint64) (int64, error)
}

// peer is one way to open one store.
type peer struct {
	name   string
	module string // its version goes into the note
	note   string
	// open opens a directory that may be new, for the load to come.
	open func(dir string, l load) (store, error)
}

var peers = []peer{
	{
		name: "immudb", module: "github.com/codenotary/immudb", open: openImmudb,
		note: "embedded/store, its default options and read-write transactions",
	},
	{
		name: "immudb-tuned", module: "github.com/codenotary/immudb", open: openImmudbTuned,
		note: "embedded/store, accounts locked by the application, write-only transactions, " +
			"values in the transaction log, sync at once (after 0.5 ms with several clients)",
	},
	{
		name: "sqlite", module: "modernc.org/sqlite", open: openSQLite,
		note: "double entry with running balances, WAL, synchronous=FULL, no group commit",
	},
	{
		name: "bbolt", module: "go.etcd.io/bbolt", open: openBolt,
		note: "balances and records, DB.Batch as group commit, no history",
	},
	{
		name: "badger", module: "github.com/dgraph-io/badger/v4", open: openBadger,
		note: "balances and records, SyncWrites, no history",
	},
}

// The loads that every peer is put under.
var (
	transferClients = []int{1, 16, 64}
	batchClients    = []int{1, 16}
)

// batchTransfers is how many transfers one transaction of a batch holds. Two balances and a
// record each, that is below the 1024 entries that immudb allows in one transaction.
const batchTransfers = 300

// measurePeer puts one peer under every load, each in a directory of its own.
func measurePeer(p peer, plan measure.Plan, parent string) ([]measure.Result, error) {
	var results []measure.Result
	for _, clients := range transferClients {
		l := load{peer: p, plan: plan, clients: clients, measure: "transfer"}
		l.history = clients == slices.Max(transferClients)
		measured, err := l.run(parent)
		if err != nil {
			return nil, fmt.Errorf("transfer, %d clients: %w", clients, err)
		}
		results = append(results, measured...)
	}
	for _, clients := range batchClients {
		l := load{peer: p, plan: plan, clients: clients, measure: "batch", batch: batchTransfers}
		measured, err := l.run(parent)
		if err != nil {
			return nil, fmt.Errorf("batch, %d clients: %w", clients, err)
		}
		results = append(results, measured...)
	}
	return results, nil
}

// load is one peer under one load.
type load struct {
	peer    peer
	plan    measure.Plan
	clients int
	measure string
	batch   int  // transfers in one transaction; 0 for one
	history bool // ask for the past afterwards
}

// run funds a ledger, measures it, closes and reopens it, and checks the books.
func (l load) run(parent string) ([]measure.Result, error) {
	dir, err := os.MkdirTemp(parent, l.peer.name)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	before, err := l.fund(dir)
	if err != nil {
		return nil, fmt.Errorf("fund: %w", err)
	}
	result, transfers, err := l.drive(dir)
	if err != nil {
		return nil, err
	}
	after, err := measure.DirBytes(dir)
	if err != nil {
		return nil, err
	}
	results := []measure.Result{result, {
		Name: l.peer.name + "/bytes", Unit: "bytes", Clients: l.clients,
		Samples: []float64{float64(after-before) / float64(transfers)},
		Note:    fmt.Sprintf("for each of %d transfers (%s), closed", transfers, l.measure),
	}}
	past, err := l.examine(dir, transfers)
	return append(results, past...), err
}

// fund makes the accounts and returns the size of the ledger before the first transfer.
func (l load) fund(dir string) (int64, error) {
	s, err := l.peer.open(filepath.Join(dir, "ledger"), l)
	if err != nil {
		return 0, err
	}
	if err := s.fund(); err != nil {
		return 0, err
	}
	if err := s.close(); err != nil {
		return 0, err
	}
	return measure.DirBytes(dir)
}

// drive runs the closed loop and returns how many transfers were acknowledged, also in warm-up.
func (l load) drive(dir string) (measure.Result, int, error) {
	s, err := l.peer.open(filepath.Join(dir, "ledger"), l)
	if err != nil {
		return measure.Result{}, 0, err
	}
	acknowledged := make([]int, l.clients)
	op := func(client int, pairs *measure.Pairs) (int, error) {
		if l.batch == 0 {
			acknowledged[client]++
			return 1, s.transfer(pairs.Next())
		}
		batch := make([]measure.Pair, l.batch)
		for i := range batch {
			batch[i] = pairs.Next()
		}
		acknowledged[client] += l.batch
		return l.batch, s.batch(batch)
	}
	result, err := l.plan.Loop(l.clients, op)
	if err != nil {
		return measure.Result{}, 0, err
	}
	result.Name, result.Unit = l.peer.name+"/"+l.measure, "transfers/s"
	result.Note = measure.Version(l.peer.module) + ", " + l.peer.note
	if l.batch > 0 {
		result.Note += fmt.Sprintf(", %d transfers in a transaction", l.batch)
	}
	total := 0
	for _, n := range acknowledged {
		total += n
	}
	return result, total, s.close()
}

// examine reopens the ledger, checks its books and, where that is possible, reads its past.
func (l load) examine(dir string, transfers int) ([]measure.Result, error) {
	s, err := l.peer.open(filepath.Join(dir, "ledger"), l)
	if err != nil {
		return nil, fmt.Errorf("open again: %w", err)
	}
	defer s.close()
	sum, records, err := s.check()
	if err != nil {
		return nil, fmt.Errorf("check: %w", err)
	}
	if want := int64(measure.Accounts * measure.Opening); sum != want || records != transfers {
		return nil, fmt.Errorf("check: %d units and %d records after a restart, want %d and %d",
			sum, records, want, transfers)
	}
	past, ok := s.(historian)
	if !ok || !l.history {
		return nil, nil
	}
	newest, err := past.newest()
	if err != nil {
		return nil, err
	}
	result, err := l.plan.Loop(1, func(_ int, pairs *measure.Pairs) (int, error) {
		account := int(pairs.Below(measure.Accounts))
		_, err := past.balanceAt(account, 1+pairs.Below(newest))
		return 1, err
	})
	result.Name, result.Unit = l.peer.name+"/asof", "reads/s"
	result.Note = fmt.Sprintf("random account at a random one of %d transfers", transfers)
	return []measure.Result{result}, err
}
