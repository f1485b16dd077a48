package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"

	"juno"
	"juno/cluster"
	"juno/cluster/consensus"
	"juno/db"
	"juno/db/audit"
	"juno/db/state"
	"juno/snapshot"
	"juno/verify"
)

// states is the ledger as its node sees it where states are concerned.
type states Ledger

var _ cluster.States = (*states)(nil)

// Checkpoint implements cluster.States. A sync point is made, so that the state can be written to
// a snapshot while the ledger goes on.
func (s *states) Checkpoint(pos juno.Pos) (juno.Hash, bool, error) {
	l := (*Ledger)(s)
	value, err := l.db().State().Get(state.ProgressKey())
	if err != nil {
		return juno.Hash{}, false, err
	}
	progress, err := state.ParseProgress(value)
	if err != nil || progress.BatchLeft > 0 {
		return juno.Hash{}, false, err
	}
	point, err := l.db().Checkpoint(context.Background())
	if err != nil {
		return juno.Hash{}, false, err
	}
	if point.Pos != pos {
		return juno.Hash{}, false, fmt.Errorf("checkpoint at %s: the state is at %s", pos,
			point.Pos)
	}
	l.snapshots.due(point)
	if l.spoil != nil {
		l.spoil(&point.StateHash)
	}
	return point.StateHash, true, nil
}

// Certified implements cluster.States.
func (s *states) Certified(k *juno.CheckpointCertificate) { s.snapshots.certified(k) }

// Elements implements cluster.States. The history of the state holds every checkpoint since its
// beginning.
func (s *states) Elements(index juno.Index) (iter.Seq2[cluster.Element, error], error) {
	l := (*Ledger)(s)
	if lo, hi := l.db().Held(); index < lo || index >= hi {
		return nil, fmt.Errorf("state at %d: held are %d to %d", index, lo, hi-1)
	}
	return func(yield func(cluster.Element, error) bool) {
		for e, err := range l.db().Elements(index) {
			if !yield(cluster.Element(e), err) {
				return
			}
		}
	}, nil
}

// Receive implements cluster.States.
func (s *states) Receive(wanted *consensus.SnapshotRequest) (cluster.Incoming, error) {
	l, k := (*Ledger)(s), wanted.Checkpoint
	if err := l.proves(wanted); err != nil {
		return nil, err
	}
	m := snapshot.Manifest{
		Cluster: l.cluster, Pos: k.Pos(), StateHash: k.StateRoot, Node: l.id,
		Checkpoint: juno.AppendCheckpointCertificate(nil, k),
	}
	r := &receiving{
		ledger: l, manifest: m, memory: audit.NewMemory(),
		in: make(chan snapshot.Element, 256), done: make(chan error, 1),
	}
	go r.write()
	return r, nil
}

// proves wants the state that the core asks for to be proven, from the genesis on.
func (l *Ledger) proves(wanted *consensus.SnapshotRequest) error {
	all, err := l.log.epochs()
	if err != nil {
		return err
	}
	for _, e := range wanted.Epochs {
		all = append(all, e.Change())
	}
	m, err := verify.FromGenesis(l.dir.Genesis, l.cluster)
	if err == nil {
		err = m.ExtendAll(all)
	}
	if err == nil {
		_, err = m.Checkpoint(wanted.Checkpoint)
	}
	return err
}

// receiving is a state that comes from others. It becomes a snapshot of this node, whose hash is
// the one that a quorum has signed.
type receiving struct {
	ledger   *Ledger
	manifest snapshot.Manifest
	set      state.SetHash
	memory   *audit.Memory // what a Prefix needs
	in       chan snapshot.Element
	done     chan error
	finished bool // set before in is closed
	closed   bool
}

var errIncomplete = errors.New("the state was not complete")

// write writes the snapshot, in a goroutine of its own.
func (r *receiving) write() {
	l := r.ledger
	l.snapshots.mu.Lock()
	defer l.snapshots.mu.Unlock()
	elements := func(yield func(snapshot.Element, error) bool) {
		for e := range r.in {
			if !yield(e, nil) {
				return
			}
		}
		if err := r.check(); err != nil {
			yield(snapshot.Element{}, err)
		}
	}
	_, err := snapshot.Create(context.Background(), l.dir.SnapshotsPath(), r.manifest, elements,
		l.signSnapshot)
	r.done <- err
	for range r.in { // let Put go on until Finish sees the error
		continue
	}
}

// check reports why what came is not the state that was asked for.
func (r *receiving) check() error {
	if !r.finished {
		return errIncomplete
	}
	if got := r.set.Hash(); got != r.manifest.StateHash {
		return fmt.Errorf("the elements give state hash %s, the checkpoint at %s has %s",
			got.Short(), r.manifest.Pos, r.manifest.StateHash.Short())
	}
	return nil
}

// Put implements cluster.Incoming.
func (r *receiving) Put(e cluster.Element) error {
	key, value := bytes.Clone(e.Key), bytes.Clone(e.Value)
	r.set.Add(key, value)
	switch state.KindOf(key) {
	case state.KindAccount, state.KindBalance, state.KindCurrency:
	default:
		r.memory.Put(key, value)
	}
	r.in <- snapshot.Element{Key: key, Value: value}
	return nil
}

// Finish implements cluster.Incoming.
func (r *receiving) Finish() (cluster.Validator, error) {
	r.finished, r.closed = true, true
	close(r.in)
	if err := <-r.done; err != nil {
		return nil, err
	}
	return state.LoadPrefix(r.memory)
}

// Abort implements cluster.Incoming.
func (r *receiving) Abort() {
	if !r.closed {
		r.closed = true
		close(r.in)
		<-r.done
	}
}

// Install implements cluster.States. The log begins at the new state already: a crash in the
// middle of this leaves a computed state that is behind it, and Open computes it again from the
// snapshot.
func (s *states) Install(juno.Pos) error {
	l := (*Ledger)(s)
	err := l.fsys.Remove(filepath.Join(l.dir.Path, heldName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	old := l.view.Load()
	if err := errors.Join(old.engine.Close(), old.state.Close()); err != nil {
		return err
	}
	opened, err := db.Rebuild(l.dbOptions())
	if err != nil {
		return err
	}
	return l.show(opened)
}
