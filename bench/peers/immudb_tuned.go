package main

import (
	"context"
	"slices"
	"sync"
	"time"

	immudb "github.com/codenotary/immudb/embedded/store"

	"juno/bench/measure"
)

// immudbTuned is immudb as an application would drive it that wants the most transfers out of
// it: the application locks the accounts itself, reads the index as it is, and commits
// write-only transactions, which share syncs because none of them checks what it read.
type immudbTuned struct {
	*immudbStore
	locks [measure.Accounts]sync.Mutex
}

// tunedSync is how long immudb waits for company before it syncs: 0.5 ms gave the most transfers
// at 16 and at 64 clients (of 0, 0.5, 1, 2, 4, 12 and 20 ms). A client alone has no company to wait
// for, and batches are company enough.
const tunedSync = 500 * time.Microsecond

// openImmudbTuned leaves the bulk size of the index at 1. Larger bulks are faster, but the check
// after a run found balances under keys that nobody had written.
func openImmudbTuned(dir string, l load) (store, error) {
	options := immudb.DefaultOptions().WithEmbeddedValues(true).WithSyncFrequency(0)
	options.IndexOpts.WithBulkPreparationTimeout(0)
	if l.clients > 1 && l.batch == 0 {
		options.WithSyncFrequency(tunedSync)
	}
	s, err := newImmudb(dir, l.clients, options)
	if err != nil {
		return nil, err
	}
	return &immudbTuned{immudbStore: s}, nil
}

// immudbUnread is a write-only transaction that reads beside the transaction, and its own
// writes first.
type immudbUnread struct {
	db     *immudb.ImmuStore
	ctx    context.Context
	writes map[string][]byte
}

func (t immudbUnread) get(key []byte) ([]byte, error) {
	if value, ok := t.writes[string(key)]; ok {
		return value, nil
	}
	ref, err := t.db.Get(t.ctx, key)
	if err != nil {
		return nil, err
	}
	return ref.Resolve()
}

func (t immudbUnread) set(key, value []byte) error {
	t.writes[string(key)] = value
	return nil
}

func (s *immudbTuned) transfer(p measure.Pair) error { return s.batch([]measure.Pair{p}) }

// batch holds the locks until the transaction is durable and indexed, so that whoever reads the
// accounts next reads what it wrote. Locks are taken in the order of accounts: no deadlock.
func (s *immudbTuned) batch(pairs []measure.Pair) error {
	var accounts []int
	for _, p := range pairs {
		accounts = append(accounts, p.From, p.To)
	}
	slices.Sort(accounts)
	for _, account := range slices.Compact(accounts) {
		s.locks[account].Lock()
		defer s.locks[account].Unlock()
	}
	ctx := context.Background()
	view := immudbUnread{db: s.db, ctx: ctx, writes: make(map[string][]byte)}
	last := s.number.Add(uint64(len(pairs)))
	if err := moveAll(view, pairs, last-uint64(len(pairs))+1); err != nil {
		return err
	}
	tx, err := s.db.NewWriteOnlyTx(ctx)
	if err != nil {
		return err
	}
	for key, value := range view.writes {
		if err := tx.Set([]byte(key), nil, value); err != nil {
			return err
		}
	}
	_, err = tx.Commit(ctx)
	return err
}
