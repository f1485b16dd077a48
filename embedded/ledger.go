package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"juno"
	"juno/cluster"
	"juno/cluster/consensus"
	"juno/datadir"
	"juno/db"
	"juno/db/sql"
	"juno/db/state"
	"juno/internal/vfs"
	"juno/wal"
)

// Options are how a ledger is opened. The zero value is fine.
type Options struct {
	// Lookup reads the environment for settings; nil is os.LookupEnv.
	Lookup func(string) (string, bool)
	// Progress, if not nil, is told while entries are executed again.
	Progress juno.Progress
	// Warn, if not nil, is told what an operator should know and that stops nothing.
	Warn func(text string)
	// Transport connects the node to the other members; nil: it is alone, and where others vote
	// it waits for them without end.
	Transport cluster.Connector
	// ClientKeys, if not nil, is told at the start, and whenever it has changed, which keys of
	// clients are valid. It is called by one goroutine.
	ClientKeys func(keys []juno.PublicKey)

	fsys         vfs.FS           // of the log and the computed state; nil is the machine's
	spoil        func(*juno.Hash) // makes the node claim a wrong state, in a test
	segmentBytes int64            // smaller in tests, so that a log has several
	// Limits are the constants of the protocol; nil stands for consensus.DefaultLimits.
	Limits *consensus.Limits
	// Answer, if not nil, is told what was executed: see cluster.Config.
	Answer func(term juno.Term, upto juno.Pos, entries []juno.Entry, results []juno.Result)
}

func limits(o *Options) consensus.Limits {
	if o.Limits != nil {
		return *o.Limits
	}
	return consensus.DefaultLimits()
}

// Ledger is an open ledger. All methods are safe for concurrent use.
type Ledger struct {
	dir          *datadir.Directory
	cluster      juno.ClusterID
	settings     datadir.Settings
	warn         func(string)
	segmentBytes int64
	fsys         vfs.FS
	lock         io.Closer
	log          *clusterLog
	// view is the computed state and what asks it. One that was fetched from others replaces it.
	view atomic.Pointer[view]
	node *cluster.Node
	id   juno.NodeID
	key  juno.PrivateKey
	// spareKeys were drawn for the node, and may be in force, or never.
	spareKeys []juno.PrivateKey
	readOnly  bool // there is no node key: nothing can be added, and node is nil

	adopting sync.Mutex // held by adoptNodeKey
	// changing is held while keys change, one change at a time, and is taken before any other
	// lock; it guards undecided, the key changes by name whose outcome nobody waited for.
	changing  sync.Mutex
	undecided map[string]*cluster.Ticket

	mu      sync.Mutex
	clients map[string]*Client
	// highest are the request numbers that were used before this process; never changed.
	highest map[string]juno.RequestID

	spoil     func(*juno.Hash) // see Options
	started   chan struct{}    // closed when the node runs
	quitting  sync.WaitGroup   // what is written down in a quarantine
	snapshots snapshotter
	closeOnce sync.Once
	closeErr  error
}

// Open opens the ledger in a directory, executes again what the computed state lacks, and starts
// its node. The directory is locked until Close; a second Open, here or in another process, gives
// datadir.ErrLocked.
func Open(path string, o Options) (_ *Ledger, err error) {
	if o.fsys == nil {
		o.fsys = vfs.OS{}
	}
	if o.Lookup == nil {
		o.Lookup = os.LookupEnv
	}
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	dir, err := datadir.Open(path)
	if err != nil {
		return nil, err
	}
	l := &Ledger{
		dir: dir, cluster: dir.Genesis.ID(), warn: o.Warn, fsys: o.fsys,
		segmentBytes: o.segmentBytes, spoil: o.spoil,
		started: make(chan struct{}),
		clients: make(map[string]*Client), undecided: make(map[string]*cluster.Ticket),
	}
	if l.settings, err = dir.Settings(o.Lookup); err != nil {
		return nil, err
	}
	if l.lock, err = dir.Lock(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = l.release()
		}
	}()
	if err := l.warnOfSharedKeys(); err != nil {
		return nil, err
	}
	if err := l.readIdentity(); err != nil {
		return nil, err
	}
	if err := l.openLog(); err != nil {
		return nil, err
	}
	if err := l.openState(); err != nil {
		return nil, err
	}
	if l.readOnly {
		return l, l.readProven(o.Progress)
	}
	l.snapshots.prepare(l)
	if err := l.startNode(&o); err != nil {
		return nil, err
	}
	close(l.started)
	if err := l.log.noteEpochs(); err != nil {
		l.warn(fmt.Sprintf("note the membership: %v", err))
	}
	l.snapshots.start()
	l.entered()
	return l, nil
}

// warnOfSharedKeys names a key that others may read. Whether that matters is the operator's to
// know, so it stops nothing.
func (l *Ledger) warnOfSharedKeys() error {
	paths, err := l.dir.SharedKeys()
	if err != nil || len(paths) == 0 {
		return err
	}
	others := ""
	if n := len(paths) - 1; n > 0 {
		others = fmt.Sprintf(" and %d more", n)
	}
	l.warn(fmt.Sprintf("%s%s can be read by others than the owner, who can then sign with it; "+
		"chmod 600 it, and rotate the key if it may have been read", paths[0], others))
	return nil
}

// openLog opens the log, or makes it on the first start.
func (l *Ledger) openLog() error {
	if err := settleLog(l.fsys, l.dir.LogPath()); err != nil {
		return err
	}
	o := wal.Options{
		FS: l.fsys, Dir: l.dir.LogPath(), Cluster: l.cluster, Held: l.heldPosition(),
		SegmentBytes: l.segmentBytes,
	}
	log, err := wal.Open(o)
	if errors.Is(err, wal.ErrNoLog) && o.Held == (juno.Pos{}) {
		if err := l.mayBeginLog(); err != nil {
			return err
		}
		log, err = wal.Create(o, juno.Pos{Hash: l.cluster})
	}
	switch {
	case errors.Is(err, wal.ErrDiverged), errors.Is(err, wal.ErrNoLog):
		held := filepath.Join(l.dir.Path, heldName)
		return fmt.Errorf("%w; %s remembers entry %d: this log is an older copy, or its end is "+
			"missing; put the newer log back, or to give up on purpose what is not in this one "+
			"delete %s and %s", err, held, o.Held.Index, held, l.dir.StatePath())
	case errors.Is(err, wal.ErrCorrupt):
		return fmt.Errorf("%w; nothing was changed: put the log back from a copy, and see which "+
			"entries are lost with: juno verify %s", err, l.dir.Path)
	}
	if err != nil {
		return err
	}
	l.log = &clusterLog{
		log: log, options: o, dir: l.dir, drops: l.settings.LogDropped,
		fatal: l.fatal,
	}
	if log.Recovery().TornBytes > 0 { // most of them may be room that was never written
		l.warn("the log ended in a write that was cut off: never acknowledged, and dropped")
	}
	return nil
}

// startNode folds the log into a validator and starts the consensus on it.
func (l *Ledger) startNode(o *Options) error {
	prefix, err := l.foldLog()
	if err != nil {
		return err
	}
	if err := l.settleKeys(prefix.Keyring()); err != nil {
		return err
	}
	names, err := l.dir.ClientNames()
	if err != nil {
		return err
	}
	l.highest = make(map[string]juno.RequestID, len(names))
	for _, name := range names {
		l.highest[name] = prefix.Highest(name)
	}
	stored, err := l.log.Stored()
	if err != nil {
		return err
	}
	known := stored.Genesis
	if m, err := l.dir.Memberships(l.cluster); err == nil {
		known = m.Newest().Config()
	} else {
		l.warn(err.Error())
	}
	l.node, err = cluster.Start(cluster.Config{
		ID: l.id, Key: l.key, Keys: l.spareKeys, Cluster: l.cluster,
		Limits: limits(o), Stored: stored, Log: l.log,
		Machine: machine{l}, Validator: prefix, States: (*states)(l), Executed: l.db().Applied(),
		Connect: o.Transport, Answer: o.Answer, ClientKeys: clientKeys(o.ClientKeys),
		Progress: func(done, total juno.Index) {
			if o.Progress != nil {
				o.Progress(int(done), int(total))
			}
		},
		Quarantine: l.quarantine, Entered: l.entered, FindKey: l.findNodeKey,
		Known: known,
		Clock: func() juno.Millis { return juno.Millis(time.Now().UnixMilli()) },
		Rand:  rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
	})
	if err != nil {
		return err
	}
	return l.awaitLead()
}

// clientKeys hands on the keys that are valid.
func clientKeys(tell func([]juno.PublicKey)) func(*juno.Keyring) {
	if tell == nil {
		return nil
	}
	return func(ring *juno.Keyring) {
		var keys []juno.PublicKey
		for _, r := range ring.Records() {
			if r.Until == 0 {
				keys = append(keys, r.Public)
			}
		}
		tell(keys)
	}
}

// foldLog brings a validator to the end of the log, from the state as it was last made durable.
func (l *Ledger) foldLog() (*state.Prefix, error) {
	prefix, err := state.LoadPrefix(l.db().State())
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	if err := l.recallBatch(prefix); err != nil {
		return nil, err
	}
	for e, err := range l.log.wal().Entries(prefix.Last()+1, l.log.wal().LastIndex()+1) {
		if err != nil {
			return nil, err
		}
		if err := prefix.Append(&e); err != nil {
			return nil, fmt.Errorf("entry %d of the log does not follow from those before it: %w",
				e.Index, err)
		}
	}
	return prefix, nil
}

// recallBatch shows a validator the beginning of the client batch that its state ends in.
func (l *Ledger) recallBatch(prefix *state.Prefix) error {
	if prefix.BatchLeft() == 0 {
		return nil
	}
	value, err := l.db().State().Get(state.ProgressKey())
	if err != nil {
		return err
	}
	progress, err := state.ParseProgress(value)
	if err != nil {
		return err
	}
	for e, err := range l.log.wal().Entries(progress.BatchHead, prefix.Last()+1) {
		if err != nil {
			return err
		}
		if err := prefix.Recall(&e); err != nil {
			return err
		}
	}
	return prefix.Recalled()
}

// fatal is told what makes it impossible to go on.
func (l *Ledger) fatal(err error) {
	if l.node != nil {
		l.node.Fail(err)
	}
}

// Client returns the client of that name, whose key is in the directory.
func (l *Ledger) Client(name string) (*Client, error) {
	if l.readOnly {
		return nil, ErrReadOnly
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.clients[name]; c != nil {
		return c, nil
	}
	key, err := l.dir.ClientKey(name)
	if err != nil {
		return nil, err
	}
	c := &Client{ledger: l, name: name, key: key, next: l.highest[name] + 1}
	l.clients[name] = c
	return c, nil
}

// Query starts one SQL statement. What was acknowledged before is seen by it.
func (l *Ledger) Query(ctx context.Context, q juno.Query) (juno.Rows, error) {
	return l.Engine().Query(ctx, q)
}

// Engine returns the SQL engine, which knows its tables.
func (l *Ledger) Engine() *sql.Engine { return l.view.Load().engine }

// db returns the computed state.
func (l *Ledger) db() *db.Ledger { return l.view.Load().state }

// Directory returns the ledger's identity.
func (l *Ledger) Directory() *datadir.Directory { return l.dir }

// Head returns the newest executed entry.
func (l *Ledger) Head() juno.Head { return l.db().Head() }

// Close ends the ledger: what is in the log is executed and everything is made durable.
func (l *Ledger) Close() error {
	l.closeOnce.Do(func() {
		l.snapshots.stop()
		var failure error
		if l.node != nil {
			failure = l.node.Stop()
		}
		l.quitting.Wait()
		l.closeErr = errors.Join(failure, l.release())
	})
	return l.closeErr
}

// release closes what is open, in the reverse order.
func (l *Ledger) release() error {
	var errs []error
	if v := l.view.Load(); v != nil {
		errs = append(errs, v.engine.Close(), v.state.Close(), l.writeHeldPosition())
	}
	if l.log != nil {
		errs = append(errs, l.log.wal().Close())
	}
	if l.lock != nil {
		errs = append(errs, l.lock.Close())
	}
	return errors.Join(errs...)
}

// Position returns the place of an entry in this ledger's history: its index and chain hash.
func (l *Ledger) Position(index juno.Index) (juno.Pos, error) { return l.log.wal().Pos(index) }
