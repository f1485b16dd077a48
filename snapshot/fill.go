package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Limits of elements and of how they are written.
const (
	// elementBytesMax bounds a value, and what a damaged length can make a reader allocate
	// (db/state: names of 256 bytes, memberships of a thousand nodes, windows of requests).
	elementBytesMax = 1 << 20
	// elementsPerTx and bytesPerTx bound the memory of a bbolt transaction, which keeps all that
	// is put into it until it ends.
	elementsPerTx = 20_000
	bytesPerTx    = 8 << 20
	// openTimeout is how long bbolt waits for the lock of a file that nobody else should have.
	openTimeout = time.Second
)

var elementsBucket = []byte("elements")

// Element is one element of the state. What it means only package state knows.
type Element struct{ Key, Value []byte }

// checkElement wants an element to be one that can be kept, and to come after the last one.
func checkElement(e Element, last []byte) error {
	if len(e.Key) == 0 || len(e.Key) > bolt.MaxKeySize || len(e.Value) > elementBytesMax {
		return fmt.Errorf("element with %d bytes of key and %d of value, at most %d and %d",
			len(e.Key), len(e.Value), bolt.MaxKeySize, elementBytesMax)
	}
	if len(last) > 0 && bytes.Compare(e.Key, last) <= 0 {
		return fmt.Errorf("element %x after %x: not in order", e.Key, last)
	}
	return nil
}

// fill writes elements into a new bbolt file and syncs it.
func fill(
	ctx context.Context, path string, elements iter.Seq2[Element, error],
) (n uint64, err error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		NoFreelistSync: true, NoGrowSync: true, NoStatistics: true, Timeout: openTimeout,
	})
	if err != nil {
		return 0, err
	}
	db.NoSync = true // one sync at the end: an unfinished file is worth nothing anyway
	w := &filler{db: db}
	for e, err := range elements {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = w.put(e)
		}
		if err != nil {
			return 0, errors.Join(err, w.abort())
		}
	}
	if err := w.commit(); err != nil {
		return 0, errors.Join(err, db.Close())
	}
	return w.n, errors.Join(db.Sync(), db.Close())
}

// filler puts elements into bbolt in transactions of a bounded size.
type filler struct {
	db     *bolt.DB
	tx     *bolt.Tx
	bucket *bolt.Bucket
	n      uint64
	last   []byte
	// of the transaction:
	elements, bytes int
}

func (w *filler) put(e Element) error {
	if err := checkElement(e, w.last); err != nil {
		return err
	}
	if w.tx == nil {
		if err := w.begin(); err != nil {
			return err
		}
	}
	w.last = append(w.last[:0], e.Key...)
	// bbolt copies keys, and keeps values until the commit.
	if err := w.bucket.Put(e.Key, bytes.Clone(e.Value)); err != nil {
		return err
	}
	w.n++
	w.elements++
	w.bytes += len(e.Key) + len(e.Value)
	if w.elements >= elementsPerTx || w.bytes >= bytesPerTx {
		return w.commit()
	}
	return nil
}

func (w *filler) begin() (err error) {
	if w.tx, err = w.db.Begin(true); err != nil {
		return err
	}
	w.elements, w.bytes = 0, 0
	if w.bucket, err = w.tx.CreateBucketIfNotExists(elementsBucket); err != nil {
		return err
	}
	w.bucket.FillPercent = 1 // keys come in order, and nothing is put between them later
	return nil
}

// commit ends a transaction; the first one makes the bucket, also of an empty state.
func (w *filler) commit() error {
	if w.tx == nil && w.n > 0 {
		return nil
	}
	if w.tx == nil {
		if err := w.begin(); err != nil {
			return err
		}
	}
	err := w.tx.Commit()
	w.tx = nil
	return err
}

func (w *filler) abort() error {
	var err error
	if w.tx != nil {
		err = w.tx.Rollback()
	}
	return errors.Join(err, w.db.Close())
}
