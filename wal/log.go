package wal

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"

	"juno"
	"juno/internal/vfs"
)

// Log is an open write-ahead log. One goroutine may write, any number may read; see the package
// doc. A Log holds its directory locked until Close.
type Log struct {
	options Options
	cluster juno.ClusterID
	lock    io.Closer
	files   *files
	view    atomic.Pointer[view] // what readers see; replaced, never changed
	durable atomic.Pointer[juno.Pos]

	// The rest belongs to the writer.
	encoder       encoder
	file          *handle // the last segment
	marker        *marker
	buf           []byte // of the batch that is written
	allocated     int64  // length of the file of the last segment
	firstBatchEnd int64  // up to where the last segment was synced before it had a name
	durableEnd    int64  // up to where it is known to be durable
	newest        [historyKinds]juno.Index
	floor         juno.Index
	recovery      Recovery
	failed        error // sticky; wraps ErrFailed
	closed        bool
}

// Recovery says what Open had to do.
type Recovery struct {
	TornBytes int64 // what a crash left of batches that were not promised, and Open cut
	Segments  int
}

// view is a state of the log as readers see it. Nothing that it refers to changes.
type view struct {
	start, tip juno.Pos
	spans      []span     // live entries; the last one of the last segment is in growing
	growing    span       // first is 0 if there is none
	segments   []*segment // ascending; all but the last are sealed
	index      segmentIndex
	end        int64 // of the last segment: where its last batch ends
	states     [stateKinds]juno.Record
	hasState   [stateKinds]bool
}

func (v *view) last() *segment { return v.segments[len(v.segments)-1] }

// Create makes an empty log that begins behind start: {0, cluster id} for a new ledger, or the
// position of the snapshot that the caller has. The directory is made if it is not there. It is
// durable when Create returns. A crash before leaves no log; Create can be called again.
func Create(o Options, start juno.Pos) (*Log, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	if start.Index == 0 && start.Hash != o.Cluster {
		return nil, fmt.Errorf("%w: a log that begins at 0 has the cluster id %v as hash, not %v",
			ErrOptions, o.Cluster, start.Hash)
	}
	if err := vfs.MkdirAllSync(o.FS, o.Dir); err != nil {
		return nil, err
	}
	lock, err := o.FS.Lock(o.Dir)
	if err != nil {
		return nil, err
	}
	err = create(&o, start)
	if err == nil {
		var l *Log
		if l, err = open(&o, lock); err == nil {
			return l, nil
		}
	}
	return nil, errors.Join(err, lock.Close())
}

func create(o *Options, start juno.Pos) error {
	_, temporary, err := listSegments(o.FS, o.Dir)
	if err != nil {
		return err
	}
	if _, err := load(o.FS, o.Dir, juno.ClusterID{}); !errors.Is(err, ErrNoLog) {
		// Whatever is there, and be it damaged, is not to be replaced by an empty log.
		return fmt.Errorf("%w: %s", ErrExists, o.Dir)
	}
	if err := removeAll(o, temporary); err != nil {
		return err
	}
	// DURABLE first: a log is there as soon as its first segment has a name.
	if err := createMarker(o.FS, o.Dir); err != nil {
		return err
	}
	salt, err := o.salt()
	if err != nil {
		return err
	}
	h := segmentHeader{number: 1, oldest: 1, cluster: o.Cluster, base: start, salt: salt}
	_, err = createSegment(o, &h, nil)
	return err
}

// Open opens a log, recovers it after a crash, and verifies it as far as Options.Held asks. It
// returns ErrNoLog, ErrVersion, ErrCluster, ErrDiverged, a *CorruptError, a *vfs.LockedError, or
// an error of the file system.
func Open(o Options) (*Log, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	if _, _, err := listSegments(o.FS, o.Dir); err != nil {
		return nil, err // there is no directory to lock
	}
	lock, err := o.FS.Lock(o.Dir)
	if err != nil {
		return nil, err
	}
	l, err := open(&o, lock)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return l, nil
}

// open loads what the directory holds, verifies it, and only then mends what a crash left.
func open(o *Options, lock io.Closer) (*Log, error) {
	c, err := load(o.FS, o.Dir, o.Cluster)
	if err != nil {
		return nil, err
	}
	l := &Log{
		options: *o, cluster: c.parser.header.cluster, lock: lock, files: newFiles(o.FS),
		recovery: Recovery{TornBytes: c.tornBytes, Segments: len(c.segments)},
	}
	if err = l.verifyHeld(c); err == nil {
		err = l.mend(c)
	}
	if err != nil {
		return nil, errors.Join(err, l.closeFiles())
	}
	return l, nil
}

func removeAll(o *Options, names []string) error {
	for _, name := range names {
		if err := o.FS.Remove(filepath.Join(o.Dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// Cluster returns the id of the cluster that the log belongs to.
func (l *Log) Cluster() juno.ClusterID { return l.cluster }

// Start returns the position before the first entry.
func (l *Log) Start() juno.Pos { return l.view.Load().start }

// FirstIndex returns the index of the first entry that the log holds, or will hold.
func (l *Log) FirstIndex() juno.Index { return l.Start().Index + 1 }

// Tip returns the position of the newest entry that was appended, durable or not.
func (l *Log) Tip() juno.Pos { return l.view.Load().tip }

// LastIndex returns the index of the newest entry that was appended, durable or not.
func (l *Log) LastIndex() juno.Index { return l.Tip().Index }

// Durable returns the tip as of the last sync.
func (l *Log) Durable() juno.Pos { return *l.durable.Load() }

// Recovery returns what Open had to do.
func (l *Log) Recovery() Recovery { return l.recovery }
