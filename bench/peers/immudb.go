package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/codenotary/immudb/embedded/logger"
	immudb "github.com/codenotary/immudb/embedded/store"

	"juno/bench/measure"
)

// immudbStore is the store inside immudb: a hash-chained log of transactions with an index.
// A read-write transaction reads a snapshot and is refused when another one has written what it
// read. Each snapshot writes the index to disk, and a transaction waits until the ones before it
// are durable and indexed, so there is little to share; see immudbTuned for the way around it.
type immudbStore struct {
	db     *immudb.ImmuStore
	number atomic.Uint64 // of the last transfer
}

func openImmudb(dir string, l load) (store, error) {
	return newImmudb(dir, l.clients, immudb.DefaultOptions())
}

func newImmudb(dir string, clients int, options *immudb.Options) (*immudbStore, error) {
	options.WithLogger(logger.NewSimpleLoggerWithLevel("immudb", os.Stderr, logger.LogError))
	// It refuses a transaction when more than this many are on their way.
	options.WithMaxConcurrency(max(immudb.DefaultMaxConcurrency, 2*clients))
	db, err := immudb.Open(dir, options)
	if err != nil {
		return nil, err
	}
	// The index is behind the log after a restart; a read beside a transaction would miss.
	err = db.WaitForIndexingUpto(context.Background(), db.LastCommittedTxID())
	return &immudbStore{db: db}, err
}

// immudbTx is one open transaction.
type immudbTx struct {
	ctx context.Context
	tx  *immudb.OngoingTx
}

func (t immudbTx) get(key []byte) ([]byte, error) {
	ref, err := t.tx.Get(t.ctx, key)
	if err != nil {
		return nil, err
	}
	return ref.Resolve()
}

func (t immudbTx) set(key, value []byte) error { return t.tx.Set(key, nil, value) }

// update runs a function in a transaction until no other one interferes. AsyncCommit returns
// when the transaction is durable; Commit would wait for the index as well.
func (s *immudbStore) update(do func(keyValues) error) error {
	ctx := context.Background()
	for {
		tx, err := s.db.NewTx(ctx, immudb.DefaultTxOptions())
		if err != nil {
			return err
		}
		if err := do(immudbTx{ctx, tx}); err != nil {
			return errors.Join(err, tx.Cancel())
		}
		_, err = tx.AsyncCommit(ctx)
		if !errors.Is(err, immudb.ErrTxReadConflict) {
			return err
		}
	}
}

func (s *immudbStore) fund() error {
	return s.update(func(tx keyValues) error {
		for account := range measure.Accounts {
			if err := tx.set(balanceKey(account), units(measure.Opening)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *immudbStore) transfer(p measure.Pair) error {
	number := s.number.Add(1)
	return s.update(func(tx keyValues) error { return move(tx, p, number) })
}

func (s *immudbStore) batch(pairs []measure.Pair) error {
	last := s.number.Add(uint64(len(pairs)))
	return s.update(func(tx keyValues) error {
		return moveAll(tx, pairs, last-uint64(len(pairs))+1)
	})
}

func (s *immudbStore) check() (sum int64, transfers int, err error) {
	ctx := context.Background()
	snapshot, err := s.db.Snapshot(nil)
	if err != nil {
		return 0, 0, err
	}
	defer snapshot.Close()
	reader, err := snapshot.NewKeyReader(immudb.KeyReaderSpec{})
	if err != nil {
		return 0, 0, err
	}
	defer reader.Close()
	for {
		key, ref, err := reader.Read(ctx)
		if errors.Is(err, immudb.ErrNoMoreEntries) {
			return sum, transfers, nil
		} else if err != nil {
			return 0, 0, err
		}
		if key[0] == 't' {
			transfers++
			continue
		}
		value, err := ref.Resolve()
		if err != nil {
			return 0, 0, err
		}
		balance, err := parseUnits(value)
		if err != nil {
			return 0, 0, fmt.Errorf("key %x: %w", key, err)
		}
		sum += balance
	}
}

func (s *immudbStore) newest() (uint64, error) { return s.db.LastCommittedTxID(), nil }

func (s *immudbStore) balanceAt(account int, moment uint64) (int64, error) {
	ref, err := s.db.GetBetween(context.Background(), balanceKey(account), 1, moment)
	if err != nil {
		return 0, err
	}
	value, err := ref.Resolve()
	if err != nil {
		return 0, err
	}
	return parseUnits(value)
}

func (s *immudbStore) close() error { return s.db.Close() }
