package snapshot

import (
	"context"
	"errors"
	"fmt"
	"iter"

	bolt "go.etcd.io/bbolt"

	"juno"
)

// Snapshot is an open snapshot whose file is what its manifest says, byte for byte. It may be read
// by many goroutines at once.
type Snapshot struct {
	Manifest *Manifest
	db       *bolt.DB
}

// Open checks a listed snapshot's state file against its manifest and opens it. It reads the
// whole file once; progress, in bytes, may be nil.
func Open(
	ctx context.Context, l Listed, progress func(done, total int64),
) (*Snapshot, error) {
	if l.Err != nil {
		return nil, l.Err
	}
	hash, size, err := hashFile(ctx, l.Path, progress)
	if err != nil {
		return nil, fmt.Errorf("open snapshot %d: %w", l.Index, err)
	}
	if m := l.Manifest; size != m.FileBytes || hash != m.FileHash {
		return nil, fmt.Errorf("%w: %s: %d bytes with hash %s, the manifest says %d with %s",
			ErrCorrupt, l.Path, size, hash.Short(), m.FileBytes, m.FileHash.Short())
	}
	db, err := bolt.Open(l.Path, 0o600, &bolt.Options{
		ReadOnly: true, NoStatistics: true, Timeout: openTimeout,
	})
	if err != nil {
		return nil, fmt.Errorf("open snapshot %d: %w", l.Index, err)
	}
	return &Snapshot{Manifest: l.Manifest, db: db}, nil
}

// Close lets go of the file, once all readers of Elements are through.
func (s *Snapshot) Close() error { return s.db.Close() }

// errStop ends a walk whose reader has seen enough.
var errStop = errors.New("stop")

// Elements yields all elements in the order of their keys. Keys and values are valid until the
// next step and must not be changed. Close waits for the end of the loop, so the loop must not
// call it.
func (s *Snapshot) Elements() iter.Seq2[Element, error] {
	return func(yield func(Element, error) bool) {
		n := uint64(0)
		err := s.db.View(func(tx *bolt.Tx) error {
			b := tx.Bucket(elementsBucket)
			if b == nil {
				return fmt.Errorf("%w: snapshot %d has no elements", ErrCorrupt,
					s.Manifest.Pos.Index)
			}
			return b.ForEach(func(k, v []byte) error {
				if n++; !yield(Element{Key: k, Value: v}, nil) {
					return errStop
				}
				return nil
			})
		})
		if err == nil && n != s.Manifest.Elements {
			err = fmt.Errorf("%w: snapshot %d has %d elements, the manifest says %d", ErrCorrupt,
				s.Manifest.Pos.Index, n, s.Manifest.Elements)
		}
		if err != nil && !errors.Is(err, errStop) {
			yield(Element{}, err)
		}
	}
}

// Hasher computes the state hash of a set of elements that come one by one (db/state.SetHash).
type Hasher interface {
	// Add puts an element into the set. It keeps neither slice.
	Add(key, value []byte)
	// Hash returns the state hash of the elements so far.
	Hash() juno.Hash
}

// progressEvery is after how many elements progress is told.
const progressEvery = 4096

// Verify computes the state hash of a snapshot anew, with an empty hasher, and compares it with
// the manifest's. Open has found every damage of the file already; this finds a node that signed a
// state which is not the one of its manifest. progress, in elements, may be nil.
func (s *Snapshot) Verify(ctx context.Context, h Hasher, progress func(done, total uint64)) error {
	n := uint64(0)
	for e, err := range s.Elements() {
		if err == nil && n%progressEvery == 0 {
			err = ctx.Err()
			if progress != nil {
				progress(n, s.Manifest.Elements)
			}
		}
		if err != nil {
			return fmt.Errorf("verify snapshot %d: %w", s.Manifest.Pos.Index, err)
		}
		h.Add(e.Key, e.Value)
		n++
	}
	if progress != nil {
		progress(n, n)
	}
	if got, want := h.Hash(), s.Manifest.StateHash; got != want {
		return fmt.Errorf("%w: snapshot %d: its elements have state hash %s, the manifest says %s",
			ErrCorrupt, s.Manifest.Pos.Index, got, want)
	}
	return nil
}
