package db

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"juno"
	"juno/db/state"
)

// Log is the committed log, as the ledger reads it. All methods may be called from many
// goroutines, and beside the log's own writer. The ledger keeps no payload that it reads.
type Log interface {
	// Start returns the position before the first entry that is held.
	Start() juno.Pos
	// LastIndex returns the newest entry that can be read; Start().Index if there is none.
	LastIndex() juno.Index
	// Entry returns one entry.
	Entry(index juno.Index) (juno.Entry, error)
	// Pos returns the position of an entry, or of the start.
	Pos(index juno.Index) (juno.Pos, error)
	// Entries yields the entries [from, to), ascending. An error is the last that it yields.
	Entries(from, to juno.Index) iter.Seq2[juno.Entry, error]
	// Chain is Entries with the chain hashes, verified.
	Chain(from, to juno.Index) iter.Seq2[juno.Chained, error]
	// Certificates yields the commit certificates whose position is in [from, to), ascending by
	// position.
	Certificates(from, to juno.Index) iter.Seq2[*juno.QuorumCertificate, error]
	// Epochs returns the ends of all epochs up to the newest entry, in order.
	Epochs() ([]juno.EpochChange, error)
}

// Options is what a ledger is opened with.
type Options struct {
	Dir     string // the store's own directory; made if it is not there
	Genesis *juno.Genesis
	Log     Log
	// Base returns the newest snapshot that the log continues. It is asked only where the
	// directory is empty and the log does not begin with the genesis; nil if there is none.
	Base func() (*Base, error)
	// CacheBytes is the memory for accounts; 0 means DefaultCacheBytes.
	CacheBytes int
	// PointEvery is how many entries lie between two sync points; 0 means DefaultPointEvery.
	PointEvery int
	// FreeBytes returns how many bytes can still be written below a directory; nil: do not ask,
	// and a full disk kills the process with SIGBUS.
	FreeBytes func(dir string) (int64, error)
	// Tables are those tables of SQL that other rooms know.
	Tables Tables

	memTableBytes int64 // smaller in tests, so that tables are flushed and compacted
}

// Defaults of Options.
const (
	// DefaultCacheBytes holds a million accounts in one currency: two elements each.
	DefaultCacheBytes = 128 << 20
	// DefaultPointEvery bounds what a restart applies again, to about half a second.
	DefaultPointEvery = 32 << 10
)

// Ledger is the state that a log leads to, with its whole history. One goroutine applies; queries
// come from any number of others.
type Ledger struct {
	options Options
	store   *store
	cluster juno.ClusterID
	base    juno.Index // oldest index whose state is held

	// Owned by the goroutine that applies.
	machine  *state.Machine
	effects  state.Effects
	cache    *cache
	sessions map[string]*session
	scratch  []byte // what View.Get returned for this entry
	batch    *batch // what was applied and not handed to the projector yet

	applied   atomic.Pointer[standing]
	projector *projector
	times     *times
	signers   atomic.Pointer[map[juno.KeyID]string] // key to client
	epochs    atomic.Pointer[[]epoch]

	pins   [pinsKept]atomic.Uint64 // indexes that Head returned lately
	pinned atomic.Uint64

	failure   atomic.Pointer[error]
	stopped   chan struct{} // closed at the first failure
	closeOnce sync.Once
	closeErr  error
	closed    atomic.Bool
}

// standing is how far the ledger has applied.
type standing struct {
	index juno.Index
	time  juno.Millis
}

// epoch is a membership and the first entry after the one that brought it.
type epoch struct {
	from   juno.Index
	config *juno.EpochConfig
}

// Applied returns the newest applied entry. Everything up to it is acknowledged.
func (l *Ledger) Applied() juno.Index { return l.applied.Load().index }

// Err returns what stopped the ledger, wrapping ErrFailed, or nil.
func (l *Ledger) Err() error {
	if e := l.failure.Load(); e != nil {
		return *e
	}
	if l.closed.Load() {
		return ErrClosed
	}
	return nil
}

// ended says why the projector has ended.
func (l *Ledger) ended() error {
	if err := l.Err(); err != nil {
		return err
	}
	return ErrClosed // Close is about to say so
}

// fail stops the ledger: the first failure stays.
func (l *Ledger) fail(err error) error {
	wrapped := fmt.Errorf("%w: %w", ErrFailed, err)
	if l.failure.CompareAndSwap(nil, &wrapped) {
		close(l.stopped)
		l.projector.wake()
	}
	return *l.failure.Load()
}

// Result returns what the command at index gave, also before the last restart. Of an entry that is
// no command it is an accepted, empty result. It waits until the entry is projected.
func (l *Ledger) Result(index juno.Index) (juno.Result, error) {
	if index <= l.base || index > l.Applied() {
		return juno.Result{}, l.outside(index)
	}
	if err := l.projector.await(context.Background(), index); err != nil {
		return juno.Result{}, err
	}
	return l.store.result(index)
}

func (l *Ledger) outside(index juno.Index) error {
	return fmt.Errorf("%w: %d; the ledger holds %d to %d", ErrRange, index, l.base, l.Applied())
}

// StateHash waits until everything that was applied before the call is projected, and returns the
// hash of the state with its position. Two ledgers at the same position have the same hash,
// however their entries came in batches.
func (l *Ledger) StateHash(ctx context.Context) (juno.Pos, juno.Hash, error) {
	point, err := l.projector.ask(ctx, request{})
	if err != nil {
		return juno.Pos{}, juno.Hash{}, err
	}
	return point.Pos, point.StateHash, nil
}

// Checkpoint makes a sync point and returns it: the state there is on the disk, and Elements can
// read it from now on. It is at the newest applied entry, or, if that is inside a client's batch,
// at the end of the batch, for which it waits.
func (l *Ledger) Checkpoint(ctx context.Context) (Point, error) {
	return l.projector.ask(ctx, request{point: true})
}

// Flush waits until everything that was applied before the call can be queried.
func (l *Ledger) Flush(ctx context.Context) error {
	return l.projector.await(ctx, l.Applied())
}

// Check reads the whole store: it verifies the checksum of every block, and computes the state
// hash at the newest sync point again from the elements. It takes about two microseconds per
// element, and reads beside everybody else.
func (l *Ledger) Check(ctx context.Context) error {
	if err := l.Err(); err != nil {
		return err
	}
	if err := l.store.check(); err != nil {
		return err
	}
	point, err := l.LastPoint()
	if err != nil {
		return err
	}
	var hash state.SetHash
	n := 0
	for e, err := range l.Elements(point.Pos.Index) {
		if err != nil {
			return err
		}
		if n++; n%entriesPerLook == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		hash.Add(e.Key, e.Value)
	}
	if got := hash.Hash(); got != point.StateHash {
		return damaged(l.store.dir, fmt.Errorf("state hash at %s is %s, its %d elements give %s",
			point.Pos, point.StateHash, n, got))
	}
	return nil
}

// Close projects what was applied, makes a sync point and closes the store. No other method may
// be running or called after it, but for Close, which gives the same answer again. After a failure
// it only lets go of what it can.
func (l *Ledger) Close() error {
	l.closeOnce.Do(func() {
		l.closeErr = l.projector.stop()
		failed := l.failure.Load() != nil
		l.closed.Store(true)
		if failed {
			// Badger may be retrying for ever; its files are as a crash leaves them.
			return
		}
		if err := l.store.close(); l.closeErr == nil {
			l.closeErr = err
		}
	})
	return l.closeErr
}
