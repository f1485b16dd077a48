package db

import (
	"fmt"
	"slices"

	badger "github.com/dgraph-io/badger/v4"

	"juno"
)

// change is one version of a balance.
type change struct {
	index juno.Index
	value []byte
}

// history walks the versions of one balance in [from, to), one bucket of at most bucketChanges at
// a time.
type history struct {
	s          *store
	key        []byte
	from, to   juno.Index // what is left to be read
	descending bool
	bucket     uint64 // next one to read
	first      uint64 // bucket of the version before from
	last       uint64 // bucket of the newest version before to
	done       bool
	count      uint64 // of versions in [from, to)

	changes []change // of the current bucket, in reading order
}

// newHistory returns the history of a balance over the entries [from, to).
func (s *store) newHistory(key []byte, from, to juno.Index, descending bool) (*history, error) {
	h := &history{s: s, key: key, from: from, to: to, descending: descending}
	if from >= to {
		h.done = true
		return h, nil
	}
	newest, _, err := s.element(key, to-1)
	if err != nil {
		return nil, err
	}
	if newest == nil {
		h.done = true
		return h, nil
	}
	h.last = bucketOf(changesOf(newest))
	h.bucket = h.last
	h.count = changesOf(newest)
	before, _, err := s.element(key, max(from, 1)-1)
	if err != nil {
		return nil, err
	}
	first := uint64(0)
	if before != nil {
		first = bucketOf(changesOf(before))
		h.count -= changesOf(before)
	}
	h.done = h.count == 0
	if !descending {
		h.bucket = first
	}
	h.first = first
	return h, nil
}

// next returns the next version, or false at the end.
func (h *history) next() (c change, ok bool, err error) {
	for len(h.changes) == 0 && !h.done {
		if err := h.load(); err != nil {
			return c, false, err
		}
	}
	if len(h.changes) == 0 {
		return c, false, nil
	}
	c, h.changes = h.changes[0], h.changes[1:]
	return c, true, nil
}

// load reads the next bucket.
func (h *history) load() error {
	all, err := h.s.bucketVersions(h.key, h.bucket, h.from, h.to)
	if err != nil {
		return err
	}
	if h.descending {
		h.changes = all
		h.done = h.bucket == h.first
		h.bucket--
		return nil
	}
	slices.Reverse(all)
	h.changes = all
	h.done = h.bucket == h.last
	h.bucket++
	return nil
}

// bucketVersions returns the versions of one bucket in [from, to), newest first.
func (s *store) bucketVersions(
	key []byte, bucket uint64, from, to juno.Index,
) ([]change, error) {
	var all []change
	var err error
	if bucket > 0 {
		all, err = s.versions(nil, appendBucketKey(nil, key, bucket), from, to, nil)
		if err != nil {
			return nil, err
		}
		if len(all) > 0 {
			to = all[len(all)-1].index
		}
	}
	// Under the balance's own key: all of bucket 0, or the first of this bucket.
	return s.versions(all, key, from, to, func(c change) bool {
		return bucketOf(changesOf(c.value)) == bucket
	})
}

// versions appends the versions of a key in [from, to) that are wanted, newest first. wanted
// becomes true at most once: what comes after the wanted ones is not read.
func (s *store) versions(
	all []change, key []byte, from, to juno.Index, wanted func(change) bool,
) ([]change, error) {
	if from >= to {
		return all, nil
	}
	txn := s.badger.NewTransactionAt(version(to-1), false)
	defer txn.Discard()
	it := txn.NewKeyIterator(key, badger.IteratorOptions{})
	defer it.Close()
	met := false
	for it.Seek(key); it.Valid(); it.Next() {
		item := it.Item()
		value, err := item.ValueCopy(nil)
		if err != nil {
			return nil, fmt.Errorf("db: read %.40q of %s: %w", key, s.dir, err)
		}
		record := change{indexOf(item.Version()), value}
		held, err := s.changesIn(key, record)
		if err != nil {
			return nil, err
		}
		// Of two writes of one version badger may show the earlier one after it has merged tables:
		// a run that a crash left, in the place of the change that was written over it. What it
		// says of that change is right. The rest of it is told by the records above.
		for _, c := range slices.Backward(held) {
			switch {
			case c.index < from || c.index >= to:
			case wanted == nil || wanted(c):
				met = true
				all = append(all, c)
			case met:
				return all, nil
			}
		}
		if record.index < from {
			break
		}
		to = min(to, record.index)
	}
	return all, nil
}
