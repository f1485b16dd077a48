package db

import (
	"fmt"

	badger "github.com/dgraph-io/badger/v4"

	"juno"
)

// result reads a result: only those that are more than OK are stored.
func (s *store) result(index juno.Index) (juno.Result, error) {
	value, _, err := s.get(appendResultKey(nil, index), version(index))
	if err != nil || value == nil {
		return juno.Result{Status: juno.StatusOK}, err
	}
	d := juno.NewDecoder(value)
	r := d.Result()
	if err := d.Done(); err != nil {
		return r, damaged(s.dir, fmt.Errorf("result of %d: %w", index, err))
	}
	return r, nil
}

// results returns the stored results of [from, to): those that are more than OK.
func (s *store) results(from, to juno.Index) (map[juno.Index]juno.Result, error) {
	if from >= to {
		return nil, nil
	}
	if to-from == 1 {
		r, err := s.result(from)
		if err != nil || r == accepted {
			return nil, err
		}
		return map[juno.Index]juno.Result{from: r}, nil
	}
	txn := s.badger.NewTransactionAt(version(to-1), false)
	defer txn.Discard()
	it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{spaceResult}})
	defer it.Close()
	all := make(map[juno.Index]juno.Result)
	for it.Seek(appendResultKey(nil, from)); it.Valid(); it.Next() {
		item := it.Item()
		k := juno.NewDecoder(item.Key()[1:])
		index := juno.Index(k.U64())
		if index >= to {
			break
		}
		err := item.Value(func(value []byte) error {
			v := juno.NewDecoder(value)
			all[index] = v.Result()
			return v.Done()
		})
		if err != nil {
			return nil, damaged(s.dir, fmt.Errorf("result of %d: %w", index, err))
		}
	}
	return all, nil
}
