package embedded

import (
	"errors"
	"fmt"
	"sync"

	"juno"
	"juno/cluster"
	"juno/cluster/consensus"
	"juno/datadir"
	"juno/db"
	"juno/wal"
)

// clusterLog is the write-ahead log as the node sees it.
type clusterLog struct {
	// mu is held for writing while another log takes the place of this one, and for reading while
	// the node reads.
	mu      sync.RWMutex
	log     *wal.Log
	options wal.Options
	dir     *datadir.Directory
	// drops makes it drop what a certified checkpoint has made needless.
	drops bool
	// fatal is told of a read that failed. The core cannot go on without its own log, and has no
	// way to say so.
	fatal func(error)

	noting sync.Mutex // held while the file of epochs is written
	noted  int        // epochs in the file, at least
}

var _ cluster.Log = (*clusterLog)(nil)

// wal returns the log of this moment.
func (l *clusterLog) wal() *wal.Log {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.log
}

// Write implements cluster.Log.
func (l *clusterLog) Write(g cluster.Group) error {
	b := wal.Batch{Entries: g.Entries, Records: g.Records, Tip: g.Tip}
	if g.Truncate != nil {
		b.Truncate, b.TruncateTo = true, *g.Truncate
	}
	if g.Reset != nil {
		return l.replace(*g.Reset, &b)
	}
	return l.wal().Append(&b)
}

// Sync implements cluster.Log.
func (l *clusterLog) Sync() error { return l.wal().Sync() }

// Entry implements cluster.Log.
func (l *clusterLog) Entry(index juno.Index) (juno.Entry, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.log.Entry(index)
}

// Committed implements cluster.Log. Right after a reset the log may not reach there yet.
func (l *clusterLog) Committed(index juno.Index) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	l.log.SetFloor(index)
}

// Certified implements cluster.Log.
func (l *clusterLog) Certified(index juno.Index) error {
	if !l.drops {
		return nil
	}
	// The log must not be the only one to know of an epoch that it drops.
	if err := l.noteEpochs(); err != nil {
		return err
	}
	if index <= db.LogBehind {
		return nil
	}
	return l.wal().Drop(index + 1 - db.LogBehind)
}

// Idle implements cluster.Log.
func (l *clusterLog) Idle() error { return l.wal().MarkDurable() }

// First implements consensus.Log.
func (l *clusterLog) First() juno.Index { return l.wal().FirstIndex() }

// HashAt implements consensus.Log.
func (l *clusterLog) HashAt(index juno.Index) (juno.Hash, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	p, err := l.log.Pos(index)
	if errors.Is(err, wal.ErrOutOfRange) {
		return juno.Hash{}, false
	}
	if err != nil {
		l.fatal(err)
		return juno.Hash{}, false
	}
	return p.Hash, true
}

// HeaderAt implements juno.History.
func (l *clusterLog) HeaderAt(index juno.Index) (juno.EntryHeader, bool) {
	e, err := l.Entry(index)
	if err != nil {
		return juno.EntryHeader{}, false
	}
	return e.Header(), true
}

// Entries implements consensus.Log.
func (l *clusterLog) Entries(lo, hi juno.Index, bytesMax int) []juno.Entry {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var all []juno.Entry
	size := 0
	for e, err := range l.log.Entries(lo, hi) {
		if err != nil {
			l.fatal(err)
			return nil
		}
		if size += len(e.Payload); size > bytesMax && len(all) > 0 {
			break
		}
		all = append(all, e)
	}
	return all
}

// Certificate implements consensus.Log.
func (l *clusterLog) Certificate(index juno.Index) (*juno.QuorumCertificate, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	r, err := l.log.Find(juno.RecordProof, index)
	if err != nil {
		return nil, false
	}
	c, err := juno.ParseProof(r.Bytes)
	if err != nil {
		l.fatal(fmt.Errorf("proof at %d: %w", r.Index, err))
		return nil, false
	}
	return c, true
}

// Stored implements cluster.Log.
func (l *clusterLog) Stored() (*consensus.Stored, error) {
	st := &consensus.Stored{
		Genesis: &l.dir.Genesis.Config, Start: l.wal().Start(),
		Last: l.wal().Tip(),
	}
	for _, k := range []juno.RecordKind{
		juno.RecordHardState, juno.RecordAccepted,
		juno.RecordHighQC, juno.RecordHeaders,
	} {
		if r, ok := l.wal().Newest(k); ok {
			st.Records = append(st.Records, r)
		}
	}
	for _, k := range []juno.RecordKind{juno.RecordProof, juno.RecordCheckpoint} {
		if r, ok := l.newestHistory(k); ok {
			st.Records = append(st.Records, r)
		}
	}
	epochs, err := l.epochs()
	if err != nil {
		return nil, err
	}
	for i := range epochs {
		r := juno.EpochRecord{
			Payload:     epochs[i].Entry.Payload,
			Certificate: epochs[i].Certificate,
		}
		st.Records = append(st.Records, r.Record())
	}
	return st, nil
}

// newestHistory returns the last record of a kind of history. It looks at longer and longer ends
// of the log: proofs are never far from the end, checkpoints may be anywhere.
func (l *clusterLog) newestHistory(k juno.RecordKind) (newest juno.Record, found bool) {
	last := l.wal().LastIndex()
	for reach := juno.Index(1024); !found; reach *= 16 {
		from := juno.Index(0)
		if reach < last {
			from = last - reach
		}
		for r, err := range l.wal().Records(k, from, 0) {
			if err != nil {
				l.fatal(err)
				return juno.Record{}, false
			}
			newest, found = r, true
		}
		if from == 0 {
			break
		}
	}
	return newest, found
}
