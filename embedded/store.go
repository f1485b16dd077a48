package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"juno"
	"juno/cluster"
	"juno/cluster/consensus"
	"juno/db"
	"juno/db/sql"
	"juno/wal"
)

// stateLog is the write-ahead log as the computed state sees it.
type stateLog struct {
	*wal.Log
	epochs func() ([]juno.EpochChange, error)
}

var _ db.Log = stateLog{}

// Epochs implements db.Log.
func (l stateLog) Epochs() ([]juno.EpochChange, error) { return l.epochs() }

// Certificates implements db.Log.
func (l stateLog) Certificates(from, to juno.Index) iter.Seq2[*juno.QuorumCertificate, error] {
	return func(yield func(*juno.QuorumCertificate, error) bool) {
		for r, err := range l.Records(juno.RecordProof, from, to) {
			if err != nil {
				yield(nil, err)
				return
			}
			c, err := juno.ParseProof(r.Bytes)
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// view is the computed state, and the engine that asks it.
type view struct {
	state  *db.Ledger
	engine *sql.Engine
}

func (l *Ledger) dbOptions() db.Options {
	return db.Options{
		Dir: l.dir.StatePath(), Genesis: l.dir.Genesis, Log: stateLog{l.log.wal(), l.log.epochs},
		Base: l.newestBase, CacheBytes: int(l.settings.CacheBytes), FreeBytes: l.fsys.FreeBytes,
		Tables: db.Tables{Nodes: l.nodeRows, Snapshots: l.snapshotRows},
	}
}

// openState opens the computed state. One that is damaged is computed again: the log is the
// truth. One that contradicts the log is not: then entries that were executed are missing from
// the log, and an operator must know.
func (l *Ledger) openState() error {
	o := l.dbOptions()
	opened, err := db.Open(o)
	if errors.Is(err, db.ErrDamaged) || errors.Is(err, db.ErrBehind) {
		l.warn(fmt.Sprintf("%v; computing the state again from the log", err))
		opened, err = db.Rebuild(o)
	}
	if errors.Is(err, db.ErrDiverged) {
		return fmt.Errorf("%w; if %s was put back from a backup on purpose, delete %s to compute "+
			"the state again from it", err, l.dir.LogPath(), l.dir.StatePath())
	}
	if err != nil {
		return err
	}
	return l.show(opened)
}

// show makes a computed state the one that is asked.
func (l *Ledger) show(opened *db.Ledger) error {
	engine, err := sql.New(opened, sql.Options{
		RowsMax: l.settings.QueryRowsMax,
		Timeout: l.settings.QueryTime,
	})
	if err != nil {
		return errors.Join(err, opened.Close())
	}
	l.view.Store(&view{opened, engine})
	return nil
}

// machine is the ledger as its node sees it where execution is concerned.
type machine struct{ *Ledger }

var _ cluster.Machine = machine{}

// Apply implements cluster.Machine.
func (m machine) Apply(entries []juno.Entry) ([]juno.Result, error) { return m.db().Apply(entries) }

// Result implements cluster.Machine.
func (m machine) Result(index juno.Index) (juno.Result, error) { return m.db().Result(index) }

// Find implements cluster.Machine.
func (m machine) Find(client string, request juno.RequestID) (juno.Index, bool, error) {
	return m.db().Find(client, request)
}

// nodeRows shows the members to SQL, as this node sees them.
func (l *Ledger) nodeRows(ctx context.Context) ([]sql.NodeRow, error) {
	s := l.Status()
	_, hash, err := l.db().StateHash(ctx)
	if err != nil {
		return nil, err
	}
	me, voting := juno.Member{}, true
	if s.Config != nil {
		me, voting, _ = s.Config.Member(s.ID)
	}
	now := juno.Millis(time.Now().UnixMilli())
	rows := []sql.NodeRow{{
		Node: s.ID, Address: me.Address, Role: s.Role.String(), Voting: voting, Term: s.Term,
		CommitIndex: s.Committed.Index, AppliedIndex: s.Applied.Index, Hash: s.Committed.Hash,
		StateHash: hash, LastSeen: now,
	}}
	for _, p := range s.Peers {
		row := sql.NodeRow{
			Node: p.Node, Address: p.Address, Role: roleOf(&s, &p), Voting: p.Voting, Term: p.Term,
			CommitIndex: p.Committed,
		}
		if p.Heard >= 0 {
			row.LastSeen = now - juno.Millis(p.Heard)
		}
		if p.Committed < s.Committed.Index {
			row.Lag = uint64(s.Committed.Index - p.Committed)
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b sql.NodeRow) int { return cmp.Compare(a.Node, b.Node) })
	return rows, nil
}

// roleOf returns what another member is, as far as this node can know.
func roleOf(s *cluster.Status, p *cluster.PeerStatus) string {
	switch {
	case !p.Voting:
		return consensus.Observer.String()
	case p.Node == s.Leader && s.TermKnown:
		return consensus.Leader.String()
	}
	return consensus.Follower.String()
}
