package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"go.etcd.io/bbolt"

	"juno/bench/measure"
)

// boltStore is a B+ tree in one file; one writer at a time, one sync for each transaction.
type boltStore struct {
	db      *bbolt.DB
	grouped bool          // several clients share a transaction through DB.Batch
	number  atomic.Uint64 // of the last transfer
}

var boltBucket = []byte("ledger")

func openBolt(dir string, l load) (store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	db, err := bbolt.Open(filepath.Join(dir, "bolt.db"), 0o600, nil)
	if err != nil {
		return nil, err
	}
	// A closed loop: when every client waits, nobody else will come, so waiting on is vain.
	db.MaxBatchSize = l.clients
	return &boltStore{db: db, grouped: l.clients > 1}, nil
}

// boltTx is the bucket in one open transaction.
type boltTx struct{ bucket *bbolt.Bucket }

func (t boltTx) get(key []byte) ([]byte, error) { return t.bucket.Get(key), nil }

func (t boltTx) set(key, value []byte) error { return t.bucket.Put(key, value) }

func (s *boltStore) update(do func(keyValues) error) error {
	run := s.db.Update
	if s.grouped {
		run = s.db.Batch
	}
	return run(func(tx *bbolt.Tx) error { return do(boltTx{tx.Bucket(boltBucket)}) })
}

func (s *boltStore) fund() error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucket(boltBucket)
		if err != nil {
			return err
		}
		for account := range measure.Accounts {
			if err := bucket.Put(balanceKey(account), units(measure.Opening)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *boltStore) transfer(p measure.Pair) error {
	number := s.number.Add(1)
	return s.update(func(tx keyValues) error { return move(tx, p, number) })
}

func (s *boltStore) batch(pairs []measure.Pair) error {
	last := s.number.Add(uint64(len(pairs)))
	return s.update(func(tx keyValues) error {
		return moveAll(tx, pairs, last-uint64(len(pairs))+1)
	})
}

func (s *boltStore) check() (sum int64, transfers int, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(boltBucket).ForEach(func(key, value []byte) error {
			if key[0] == 't' {
				transfers++
				return nil
			}
			balance, err := parseUnits(value)
			if err != nil {
				return fmt.Errorf("key %x: %w", key, err)
			}
			sum += balance
			return nil
		})
	})
	return sum, transfers, err
}

func (s *boltStore) close() error { return s.db.Close() }
