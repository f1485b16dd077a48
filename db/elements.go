package db

import (
	"bytes"
	"fmt"

	badger "github.com/dgraph-io/badger/v4"

	"juno"
	"juno/db/state"
)

// element returns the value of an element right after the entry at index, and the index of the
// entry that gave it that value; nil if it did not exist. It costs one read of the store, two for
// a balance that has changed more than bucketChanges times.
func (s *store) element(key []byte, at juno.Index) (value []byte, changed juno.Index, err error) {
	c, err := s.latest(key, at)
	if err != nil || c.value == nil || !isBalance(key) {
		return c.value, c.index, err
	}
	if bucket := bucketOf(changesOf(c.value)); bucket > 0 {
		later, err := s.latest(appendBucketKey(nil, key, bucket), at)
		if err != nil {
			return nil, 0, err
		}
		if later.value != nil {
			c = later
		}
	}
	return c.value, c.index, nil
}

// elementRecord returns where a changed element is written.
func elementRecord(key, value []byte, index juno.Index) record {
	r := record{key: key, value: value, version: version(index)}
	if isBalance(key) {
		if change := changesOf(value); !opensBucket(change) {
			r.key = appendBucketKey(make([]byte, 0, len(key)+bucketKeyBytes), key,
				bucketOf(change))
		}
	}
	return r
}

// manyVersions is from how many versions of a key on it is cheaper to seek to the next key than to
// step over them: a seek costs about as much as two dozen steps.
const manyVersions = 24

// walk iterates over the newest versions of keys at an index, in byte order.
//
// It asks badger for all versions and steps over the older ones itself: otherwise badger would,
// one by one, even where a balance has a thousand of them.
type walk struct {
	s   *store
	at  juno.Index
	txn *badger.Txn
	it  *badger.Iterator

	key     []byte
	value   []byte
	changed juno.Index
	steps   int
}

// newWalk returns a walk over the keys that begin with prefix. It must be closed.
func (s *store) newWalk(prefix []byte, at juno.Index) *walk {
	w := &walk{s: s, at: at, txn: s.badger.NewTransactionAt(version(at), false)}
	o := badger.IteratorOptions{AllVersions: true, Prefix: prefix}
	w.it = w.txn.NewIterator(o)
	return w
}

// close releases the walk.
func (w *walk) close() {
	w.it.Close()
	w.txn.Discard()
}

// seek goes to the first key at or after key, and reports whether there is one.
func (w *walk) seek(key []byte) (bool, error) {
	w.it.Seek(key)
	return w.take()
}

// next goes to the next key, and reports whether there is one. It begins at the first.
func (w *walk) next() (bool, error) {
	if w.key == nil {
		w.it.Rewind()
		return w.take()
	}
	for w.steps = 0; w.steps < manyVersions; w.steps++ {
		w.it.Next()
		if !w.it.Valid() {
			return false, nil
		}
		if !bytes.Equal(w.it.Item().Key(), w.key) {
			return w.take()
		}
	}
	return w.seek(append(bytes.Clone(w.key), 0))
}

// take reads the item that the iterator stands on.
func (w *walk) take() (bool, error) {
	if !w.it.Valid() {
		return false, nil
	}
	item := w.it.Item()
	w.key = append(w.key[:0], item.Key()...)
	var err error
	if w.value, err = item.ValueCopy(w.value[:0]); err != nil {
		return false, fmt.Errorf("db: read %.40q of %s: %w", w.key, w.s.dir, err)
	}
	c, err := w.s.latestOf(w.key, change{indexOf(item.Version()), w.value}, w.at)
	if err != nil {
		return false, err
	}
	w.changed = c.index
	if !isBalance(w.key) || bucketOf(changesOf(c.value)) == 0 {
		w.value = append(w.value[:0], c.value...) // of a run it is a part
		return true, nil
	}
	value, changed, err := w.s.element(w.key, w.at)
	if err != nil {
		return false, err
	}
	w.value, w.changed = append(w.value[:0], value...), changed
	return true, nil
}

// scan calls yield for every element under prefix right after the entry at index, in byte order.
func (s *store) scan(
	prefix []byte, at juno.Index, yield func(key, value []byte, changed juno.Index) bool,
) error {
	w := s.newWalk(prefix, at)
	defer w.close()
	for {
		ok, err := w.next()
		if err != nil || !ok || !yield(w.key, w.value, w.changed) {
			return err
		}
	}
}

// parsed reads an element and parses it; a zero T and false if it did not exist.
func parsed[T any](
	s *store, key []byte, at juno.Index, parse func([]byte) (T, error),
) (v T, found bool, err error) {
	value, _, err := s.element(key, at)
	if err != nil || value == nil {
		return v, false, err
	}
	if v, err = parse(value); err != nil {
		return v, false, damaged(s.dir, fmt.Errorf("element %.80q: %w", key, err))
	}
	return v, true, nil
}

// keyOfElement takes the key of an element from the store apart.
func (s *store) keyOfElement(key []byte) (state.ElementKey, error) {
	k, err := state.ParseKey(key)
	if err != nil {
		return k, damaged(s.dir, err)
	}
	return k, nil
}
