package db

import (
	"errors"
	"fmt"
	"math"
	"os"

	"juno"
	"juno/db/state"
)

// Open opens the ledger in a directory, at its newest sync point; the caller brings it forward
// with Replay. A directory that is empty, or whose creation a crash interrupted, is filled with
// the state that the log begins with: the genesis, or the snapshot that Options.Base returns.
//
// The errors are ErrLocked, ErrCluster, ErrVersion, ErrDamaged, ErrDiverged, ErrBehind, ErrNoBase,
// ErrBase and ErrFull. After ErrDamaged, ErrDiverged and ErrBehind, Rebuild helps.
func Open(o Options) (*Ledger, error) {
	o = withDefaults(o)
	if err := o.Genesis.Check(); err != nil {
		return nil, err
	}
	s, err := openStore(o.Dir, o.memTableBytes, o.FreeBytes)
	if err != nil {
		return nil, err
	}
	l, err := openFrom(s, o)
	if errors.Is(err, errEmpty) {
		if s, err = s.again(); err != nil {
			return nil, err
		}
		l, err = createFrom(s, o)
	}
	if err != nil {
		_ = s.close()
		return nil, err
	}
	return l, nil
}

// Rebuild deletes the directory and opens a new ledger in it, which holds nothing but the state
// that the log begins with: Replay does the rest. It refuses a directory that is in use.
func Rebuild(o Options) (*Ledger, error) {
	if _, err := os.Stat(o.Dir); err == nil {
		s, err := openStore(o.Dir, memTableBytes, nil)
		if errors.Is(err, ErrLocked) {
			return nil, err
		}
		if err == nil {
			if err := s.close(); err != nil {
				return nil, err
			}
		}
	}
	if err := os.RemoveAll(o.Dir); err != nil {
		return nil, fmt.Errorf("db: rebuild: %w", err)
	}
	return Open(o)
}

func withDefaults(o Options) Options {
	if o.CacheBytes == 0 {
		o.CacheBytes = DefaultCacheBytes
	}
	if o.PointEvery == 0 {
		o.PointEvery = DefaultPointEvery
	}
	if o.memTableBytes == 0 {
		o.memTableBytes = memTableBytes
	}
	return o
}

// errEmpty says that a store holds no ledger, or one whose creation was interrupted.
var errEmpty = errors.New("db: empty")

// again empties the store.
func (s *store) again() (*store, error) {
	if err := s.close(); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return nil, fmt.Errorf("db: make anew: %w", err)
	}
	return openStore(s.dir, s.memTable, s.free)
}

// openFrom makes a ledger of what the store holds.
func openFrom(s *store, o Options) (*Ledger, error) {
	held, err := s.identity()
	if err != nil {
		return nil, err
	}
	if cluster := o.Genesis.ID(); held != nil && held.cluster != cluster {
		return nil, fmt.Errorf("%w: %s holds %s, the log is of %s", ErrCluster, s.dir,
			held.cluster.Short(), cluster.Short())
	}
	point, found, err := s.pointAt(math.MaxInt64, false)
	if err != nil {
		return nil, err
	}
	if held == nil || !found {
		return nil, errEmpty
	}
	// What a crash may have left above the sync point was in the log before.
	return begin(s, o, held, &point, o.Log.LastIndex())
}

// createFrom makes a ledger in an empty store.
func createFrom(s *store, o Options) (*Ledger, error) {
	held, point, err := s.create(&o, o.Genesis.ID())
	if err != nil {
		return nil, err
	}
	return begin(s, o, held, &point, 0)
}

// begin starts a ledger at a sync point. Up to the entry plain, the store may have been written
// before (see runs).
func begin(
	s *store, o Options, held *identity, point *Point, plain juno.Index,
) (*Ledger, error) {
	if err := s.checkAgainst(o.Log, point); err != nil {
		return nil, err
	}
	l := newLedger(s, o, held)
	if err := l.load(point); err != nil {
		return nil, err
	}
	l.projector.runs.plain = plain
	if err := s.upgrade(held); err != nil {
		return nil, err
	}
	failed := func(err error) { _ = l.fail(err) }
	s.log.failed.Store(&failed)
	go l.projector.run()
	return l, nil
}

func newLedger(s *store, o Options, held *identity) *Ledger {
	l := &Ledger{
		options: o, store: s, cluster: held.cluster, base: held.base.Index,
		machine: state.NewMachine(), cache: newCache(o.CacheBytes),
		sessions: make(map[string]*session), batch: &batch{}, times: newTimes(s),
		stopped: make(chan struct{}),
	}
	l.projector = newProjector(l)
	return l
}

// checkAgainst compares the store with the log: the state at the sync point must be one that the
// log led to and can lead on from, and so must everything that a crash left above it.
func (s *store) checkAgainst(log Log, p *Point) error {
	start, last := log.Start().Index, log.LastIndex()
	if p.Pos.Index < start {
		return fmt.Errorf("%w: state at %d, the first entry that is held is %d", ErrBehind,
			p.Pos.Index, start+1)
	}
	value, _, err := s.get(keyReach, math.MaxUint64)
	if err != nil {
		return err
	}
	reach := p.Pos
	if value != nil {
		d := juno.NewDecoder(value)
		reach = d.Pos()
		if err := d.Done(); err != nil {
			return damaged(s.dir, err)
		}
	}
	for _, pos := range []juno.Pos{p.Pos, reach} {
		if pos.Index > last {
			return fmt.Errorf("%w: %s has seen entry %s, the log ends at %d", ErrDiverged, s.dir,
				pos, last)
		}
		got, err := log.Pos(max(pos.Index, start))
		if err != nil {
			return fmt.Errorf("db: compare with the log: %w", err)
		}
		if pos.Index >= start && got != pos {
			return fmt.Errorf("%w: %s has seen entry %s, the log has %s", ErrDiverged, s.dir,
				pos, got)
		}
	}
	return nil
}

// load reads into memory what must be there, as of a sync point.
func (l *Ledger) load(point *Point) error {
	at, p := point.Pos.Index, l.projector
	hash, err := l.store.lanesAt(point)
	if err != nil {
		return err
	}
	p.hash, p.point, p.head, p.handed, p.headTime = *hash, *point, at, at, point.Time
	p.quiet = true
	l.applied.Store(&standing{at, point.Time})
	l.cache.projected = at
	for _, kind := range []state.Kind{state.KindProgress, state.KindWindow} {
		err := l.store.scan([]byte{byte(kind)}, at, func(key, value []byte, _ juno.Index) bool {
			s := &session{key: string(key), value: append([]byte(nil), value...)}
			l.sessions[s.key] = s
			p.sessions[s.key] = append([]byte(nil), value...)
			return true
		})
		if err != nil {
			return err
		}
	}
	progress, err := state.ParseProgress(p.sessions[string(state.ProgressKey())])
	if err == nil && progress.Index != at {
		err = fmt.Errorf("progress is that of entry %d", progress.Index)
	}
	if err != nil {
		return damaged(l.store.dir, fmt.Errorf("sync point %s: %w", point.Pos, err))
	}
	if err := l.loadSigners(at); err != nil {
		return err
	}
	if err := l.loadEpochs(at); err != nil {
		return err
	}
	return l.loadTimes(at, progress.Time)
}

// loadSigners reads whose key is whose. Keys never go away and never change hands.
func (l *Ledger) loadSigners(at juno.Index) error {
	keys, err := l.store.keyRecords(at)
	if err != nil {
		return err
	}
	signers := make(map[juno.KeyID]string, len(keys))
	for _, k := range keys {
		signers[k.ID] = k.Subject
	}
	l.signers.Store(&signers)
	return nil
}

// loadEpochs reads all memberships that the history holds.
func (l *Ledger) loadEpochs(at juno.Index) error {
	versions, err := l.store.versions(nil, state.ConfigKey(), l.base, at+1, nil)
	if err != nil {
		return err
	}
	var epochs []epoch
	for i := len(versions) - 1; i >= 0; i-- {
		c, err := state.ParseConfig(versions[i].value)
		if err != nil {
			return damaged(l.store.dir, err)
		}
		epochs = append(epochs, epoch{versions[i].index + 1, c})
	}
	l.epochs.Store(&epochs)
	return nil
}

// loadTimes reads the times of the entries whose block is not full yet from the log.
func (l *Ledger) loadTimes(at juno.Index, atTime juno.Millis) error {
	if at%timeBlock == timeBlock-1 && at != l.base {
		return nil
	}
	from := max(at-at%timeBlock, l.base)
	var all []juno.Millis
	if from == l.base {
		// The base itself is no entry of this log, or its entry is not held.
		_, baseTime, err := l.baseTime()
		if err != nil {
			return err
		}
		all = append(all, baseTime)
	}
	for e, err := range l.options.Log.Entries(from+juno.Index(len(all)), at+1) {
		if err != nil {
			return fmt.Errorf("db: read times: %w", err)
		}
		all = append(all, e.Time)
	}
	if err := l.store.write(l.times.add(from, all)); err != nil {
		return err
	}
	got, err := l.times.at(at)
	if err == nil && got != atTime {
		err = damaged(l.store.dir, fmt.Errorf("entry %d was committed at %s, the state says %s", at,
			got, atTime))
	}
	return err
}

// baseTime returns the time of the state that the history begins with.
func (l *Ledger) baseTime() (juno.Index, juno.Millis, error) {
	p, found, err := parsed(l.store, state.ProgressKey(), l.base, state.ParseProgress)
	if err != nil {
		return 0, 0, err
	}
	if !found {
		return 0, 0, damaged(l.store.dir, fmt.Errorf("no progress at the base %d", l.base))
	}
	return p.Index, p.Time, nil
}
