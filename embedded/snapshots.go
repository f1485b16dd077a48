package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"juno"
	"juno/cluster"
	"juno/datadir"
	"juno/db"
	"juno/db/state"
	"juno/snapshot"
)

func toInfo(l snapshot.Listed) juno.SnapshotInfo {
	info := juno.SnapshotInfo{Index: l.Index, Path: l.Path, Err: l.Err}
	if m := l.Manifest; m != nil {
		info.StateHash, info.Elements, info.Bytes = m.StateHash, m.Elements, int64(m.FileBytes)
		info.Signer, info.Signers, info.Time = m.Node.String(), 1, m.Time
	}
	if file, err := os.Stat(l.Path); err == nil {
		info.Created = juno.Millis(file.ModTime().UnixMilli())
	}
	return info
}

// Snapshot writes a signed snapshot of the state as it is now, while commands go on, and removes
// the oldest ones beyond the setting snapshots_kept. progress counts elements; their total is
// not known.
func (l *Ledger) Snapshot(ctx context.Context, progress juno.Progress) (juno.SnapshotInfo, error) {
	if l.readOnly {
		return juno.SnapshotInfo{}, ErrReadOnly
	}
	l.snapshots.mu.Lock()
	defer l.snapshots.mu.Unlock()
	point, err := l.db().Checkpoint(ctx)
	if err != nil {
		return juno.SnapshotInfo{}, err
	}
	return l.writeSnapshot(ctx, point, progress)
}

// writeSnapshot writes a snapshot of the state at a sync point. The caller holds l.snapshots.mu.
func (l *Ledger) writeSnapshot(
	ctx context.Context, point db.Point, progress juno.Progress,
) (juno.SnapshotInfo, error) {
	if err := l.node.Flush(ctx); err != nil { // so that there is a certificate to go along
		return juno.SnapshotInfo{}, err
	}
	m, err := l.manifestAt(point)
	if err != nil {
		return juno.SnapshotInfo{}, err
	}
	dir := l.dir.SnapshotsPath()
	elements := l.elementsAt(point.Pos.Index, progress)
	made, err := snapshot.Create(ctx, dir, m, elements, l.signSnapshot)
	if err != nil {
		return juno.SnapshotInfo{}, err
	}
	ring, err := l.nodeKeys()
	if err != nil {
		return juno.SnapshotInfo{}, err
	}
	info := toInfo(snapshot.Listed{
		Index: point.Pos.Index, Manifest: made,
		Path: filepath.Join(dir, fmt.Sprintf("%020d.state", point.Pos.Index)),
	})
	return info, snapshot.Prune(dir, l.settings.SnapshotsKept, ring)
}

// manifestAt describes the state at a sync point.
func (l *Ledger) manifestAt(p db.Point) (snapshot.Manifest, error) {
	m := snapshot.Manifest{
		Cluster: l.cluster, Pos: p.Pos, StateHash: p.StateHash, Time: p.Time,
		Node: l.node.Status().ID,
	}
	if p.Pos.Index > l.log.wal().Start().Index {
		e, err := l.log.wal().Entry(p.Pos.Index)
		if err != nil {
			return m, err
		}
		m.Term = e.Term
	}
	if r, err := l.log.wal().Find(juno.RecordProof, p.Pos.Index); err == nil {
		m.Certificate = r.Bytes
	}
	return m, nil
}

func (l *Ledger) elementsAt(
	at juno.Index, progress juno.Progress,
) iter.Seq2[snapshot.Element, error] {
	return func(yield func(snapshot.Element, error) bool) {
		n := 0
		for e, err := range l.db().Elements(at) {
			if n++; progress != nil && n%1000 == 0 {
				progress(n, 0)
			}
			if !yield(snapshot.Element(e), err) {
				return
			}
		}
	}
}

func (l *Ledger) signSnapshot(body []byte) (juno.KeyID, juno.Signature) {
	e := juno.Seal(l.node.Secret(), l.cluster, juno.KindSnapshot, body)
	return e.Key, e.Signature
}

// nodeKeys returns the keys that may have signed our snapshots: those that a membership names, and
// our own. A new disk begins with a fetched state before it has heard of the membership that names
// its key, and could never use that otherwise. Who verifies the directory needs the former.
func (l *Ledger) nodeKeys() (*juno.Keyring, error) {
	named, err := l.dir.NodeKeys()
	if err != nil {
		return nil, err
	}
	records := named.Records()
	for _, read := range []func() (juno.PrivateKey, error){l.dir.NodeKey, l.dir.NextNodeKey} {
		key, err := read()
		if errors.Is(err, datadir.ErrNoKey) {
			continue
		}
		if err != nil {
			return nil, err
		}
		public := key.Public()
		if _, known := named.Lookup(public.ID()); !known {
			records = append(records, juno.KeyRecord{
				ID: public.ID(), Subject: l.id.String(), Role: juno.RoleNode, Public: public,
			})
		}
	}
	return juno.NewKeyring(l.cluster, records)
}

// Snapshots returns the snapshots of a directory, oldest first, the damaged ones with the reason.
func Snapshots(d *datadir.Directory) ([]juno.SnapshotInfo, error) {
	ring, err := d.NodeKeys()
	if err != nil {
		return nil, err
	}
	all, err := snapshot.List(d.SnapshotsPath(), ring)
	if err != nil {
		return nil, err
	}
	infos := make([]juno.SnapshotInfo, len(all))
	for i, s := range all {
		infos[i] = toInfo(s)
	}
	return infos, nil
}

// PruneSnapshots removes all but the newest keep snapshots of a directory, at least one. It holds
// the directory's lock meanwhile.
func PruneSnapshots(d *datadir.Directory, keep int) (err error) {
	ring, err := d.NodeKeys()
	if err != nil {
		return err
	}
	lock, err := d.Lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	return snapshot.Prune(d.SnapshotsPath(), keep, ring)
}

// snapshotRows shows the snapshots to SQL.
func (l *Ledger) snapshotRows(context.Context) ([]juno.SnapshotInfo, error) {
	all, err := Snapshots(l.dir)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(s juno.SnapshotInfo) bool { return s.Err != nil }), nil
}

// newestBase returns the newest sound snapshot that the log continues. Damaged ones are passed
// over with a warning.
func (l *Ledger) newestBase() (*db.Base, error) {
	ring, err := l.nodeKeys()
	if err != nil {
		return nil, err
	}
	all, err := snapshot.List(l.dir.SnapshotsPath(), ring)
	if err != nil {
		return nil, err
	}
	for i := len(all) - 1; i >= 0; i-- {
		s, err := snapshot.Open(context.Background(), all[i], nil)
		if err == nil {
			err = l.continues(s.Manifest.Pos)
		}
		if err != nil {
			l.warn(fmt.Sprintf("snapshot %d passed over: %v", all[i].Index, err))
			continue
		}
		m := s.Manifest
		return &db.Base{Pos: m.Pos, StateHash: m.StateHash, Elements: stateElements(s)}, nil
	}
	return nil, nil
}

// continues reports whether the log goes on from a position.
func (l *Ledger) continues(p juno.Pos) error {
	got, err := l.log.wal().Pos(p.Index)
	if err != nil {
		return err
	}
	if got != p {
		return fmt.Errorf("it is at %s, the log has %s", p, got)
	}
	return nil
}

// stateElements yields a snapshot's elements and closes it behind them.
func stateElements(s *snapshot.Snapshot) iter.Seq2[state.Element, error] {
	return func(yield func(state.Element, error) bool) {
		defer s.Close()
		for e, err := range s.Elements() {
			if !yield(state.Element(e), err) {
				return
			}
		}
	}
}

// snapshotter writes a snapshot at every checkpoint, and puts into it what a quorum signs about it.
type snapshotter struct {
	mu     sync.Mutex // held while a snapshot is written or certified
	work   chan func(context.Context)
	cancel context.CancelFunc
	done   chan struct{}
	beside sync.WaitGroup // what must not hold up the others
	ledger *Ledger
}

// snapshotsWaiting is how many checkpoints may wait for those before them to be written. Where the
// disk is slower than that, some are left out.
const snapshotsWaiting = 4

// prepare makes room for what the node will ask for before start.
func (s *snapshotter) prepare(l *Ledger) {
	s.ledger, s.work = l, make(chan func(context.Context), snapshotsWaiting)
}

func (s *snapshotter) start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.done = cancel, make(chan struct{})
	go func() {
		defer close(s.done)
		for {
			select {
			case <-ctx.Done():
				return
			case run := <-s.work:
				run(ctx)
			}
		}
	}()
}

func (s *snapshotter) put(run func(context.Context)) {
	select {
	case s.work <- run:
	default:
	}
}

// due asks for a snapshot at a checkpoint.
func (s *snapshotter) due(point db.Point) {
	s.put(func(ctx context.Context) {
		s.mu.Lock()
		defer s.mu.Unlock()
		_, err := s.ledger.writeSnapshot(ctx, point, nil)
		if err != nil && ctx.Err() == nil && !errors.Is(err, cluster.ErrStopped) {
			s.ledger.warn(fmt.Sprintf("automatic snapshot: %v", err))
		}
	})
}

// certified puts a quorum's signatures into the snapshot that they are about, if it was written.
func (s *snapshotter) certified(k *juno.CheckpointCertificate) {
	s.put(func(ctx context.Context) {
		s.mu.Lock()
		defer s.mu.Unlock()
		l := s.ledger
		ring, err := l.nodeKeys()
		if err == nil {
			_, err = snapshot.Certify(l.dir.SnapshotsPath(), k.Index, ring,
				juno.AppendCheckpointCertificate(nil, k),
				l.signSnapshot)
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, fs.ErrNotExist) {
			l.warn(fmt.Sprintf("certify snapshot %d: %v", k.Index, err))
		}
	})
}

func (s *snapshotter) stop() {
	if s.cancel != nil {
		s.cancel()
		<-s.done
		s.beside.Wait()
	}
}
