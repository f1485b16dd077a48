package main

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"juno/bench/measure"
)

// badgerStore is a log-structured merge tree; transactions are optimistic and share syncs.
type badgerStore struct {
	db     *badger.DB
	number atomic.Uint64 // of the last transfer
}

func openBadger(dir string, _ load) (store, error) {
	db, err := badger.Open(badger.DefaultOptions(dir).WithSyncWrites(true).WithLogger(nil))
	if err != nil {
		return nil, err
	}
	return &badgerStore{db: db}, nil
}

// badgerTx is one open transaction.
type badgerTx struct{ tx *badger.Txn }

func (t badgerTx) get(key []byte) ([]byte, error) {
	item, err := t.tx.Get(key)
	if err != nil {
		return nil, err
	}
	return item.ValueCopy(nil)
}

func (t badgerTx) set(key, value []byte) error { return t.tx.Set(key, value) }

// update runs a function in a transaction until no other one interferes.
func (s *badgerStore) update(do func(keyValues) error) error {
	for {
		err := s.db.Update(func(tx *badger.Txn) error { return do(badgerTx{tx}) })
		if !errors.Is(err, badger.ErrConflict) {
			return err
		}
	}
}

func (s *badgerStore) fund() error {
	return s.update(func(tx keyValues) error {
		for account := range measure.Accounts {
			if err := tx.set(balanceKey(account), units(measure.Opening)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *badgerStore) transfer(p measure.Pair) error {
	number := s.number.Add(1)
	return s.update(func(tx keyValues) error { return move(tx, p, number) })
}

func (s *badgerStore) batch(pairs []measure.Pair) error {
	last := s.number.Add(uint64(len(pairs)))
	return s.update(func(tx keyValues) error {
		return moveAll(tx, pairs, last-uint64(len(pairs))+1)
	})
}

func (s *badgerStore) check() (sum int64, transfers int, err error) {
	err = s.db.View(func(tx *badger.Txn) error {
		it := tx.NewIterator(badger.DefaultIteratorOptions)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			key := it.Item().Key()
			if key[0] == 't' {
				transfers++
				continue
			}
			value, err := it.Item().ValueCopy(nil)
			if err != nil {
				return err
			}
			balance, err := parseUnits(value)
			if err != nil {
				return fmt.Errorf("key %x: %w", key, err)
			}
			sum += balance
		}
		return nil
	})
	return sum, transfers, err
}

func (s *badgerStore) close() error { return s.db.Close() }
