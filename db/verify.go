package db

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"juno"
	"juno/db/audit"
	"juno/db/sql"
	"juno/db/state"
	"juno/verify"
)

// verifyStretch is how many entries are handed to an auditor at a time.
const verifyStretch = 1024

// SnapshotRecord is what a snapshot says of itself, after its file and signatures were verified.
type SnapshotRecord struct {
	Pos       juno.Pos
	StateHash juno.Hash
}

// Verify returns a cursor that does the check when its first row is asked for.
func (l *Ledger) Verify(
	ctx context.Context, request sql.VerifyRequest,
) (sql.Cursor[juno.Finding], error) {
	var rows []juno.Finding
	begun := false
	return &cursor[juno.Finding]{ctx: ctx, next: func() (*juno.Finding, error) {
		if !begun {
			begun = true
			var err error
			if rows, err = l.Audit(ctx, request, nil); err != nil {
				return nil, err
			}
		}
		if len(rows) == 0 {
			return nil, nil
		}
		row := rows[0]
		rows = rows[1:]
		return &row, nil
	}}, nil
}

// Audit carries a check out. It calls progress, which may be nil, with how many entries are done
// and how many there are. The error says that the check could not be carried out.
//
// Signatures and proofs are verified with the keys and members as they were at the newest sync
// point before the range; all else begins with what the history begins with.
func (l *Ledger) Audit(
	ctx context.Context, r sql.VerifyRequest, progress func(done, total juno.Index),
) ([]juno.Finding, error) {
	if progress == nil {
		progress = func(_, _ juno.Index) {}
	}
	if r.Kind == sql.VerifySnapshot {
		return l.auditSnapshot(ctx, r.From, progress)
	}
	r.To = min(r.To, l.Applied()+1)
	r.From = max(r.From, l.base+1, l.options.Log.Start().Index+1)
	if r.From >= r.To {
		return nil, nil
	}
	if err := l.projector.await(ctx, r.To-1); err != nil {
		return nil, err
	}
	if r.Kind == sql.VerifyChain {
		return l.auditChain(ctx, r.From, r.To, progress)
	}
	o, err := l.auditOptions(ctx, r)
	if err != nil {
		return nil, err
	}
	findings, err := l.audit(ctx, o, progress)
	if err != nil {
		return nil, err
	}
	wanted := map[sql.VerifyKind]string{
		sql.VerifySignatures: audit.CheckSignatures, sql.VerifyProofs: audit.CheckProofs,
		sql.VerifyBalances: audit.CheckBalances,
	}
	if name := wanted[r.Kind]; name != "" {
		findings = slices.DeleteFunc(findings, func(f juno.Finding) bool {
			return f.Check != name && f.OK
		})
	}
	return findings, nil
}

// auditOptions returns where an audit begins, and what it checks.
func (l *Ledger) auditOptions(ctx context.Context, r sql.VerifyRequest) (*audit.Options, error) {
	o := &audit.Options{Genesis: l.options.Genesis, From: r.From, To: r.To}
	start := l.base
	switch r.Kind {
	case sql.VerifySignatures, sql.VerifyProofs:
		o.Signatures, o.Proofs = r.Kind == sql.VerifySignatures, r.Kind == sql.VerifyProofs
		point, found, err := l.store.pointAt(r.From-1, false)
		if err != nil {
			return nil, err
		}
		if found {
			start = point.Pos.Index
		}
	case sql.VerifyBalances:
		o.Balances, o.Results = l.balancesAt(r.To-1), l.store.results
	case sql.VerifyAll:
		o.Signatures, o.Proofs, o.Replay, o.Balances = true, true, true, l.balancesAt(r.To-1)
		var err error
		if o.Recorded, err = l.recorded(ctx, r.To); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("db: unknown check %d", r.Kind)
	}
	if o.Proofs {
		var err error
		if o.Members, err = l.members(); err != nil {
			return nil, err
		}
	}
	return o, l.auditFrom(o, start)
}

// members proves who voted in every epoch, from the genesis on.
func (l *Ledger) members() (*verify.Memberships, error) {
	m, err := verify.FromGenesis(l.options.Genesis, l.cluster)
	if err != nil {
		return nil, fmt.Errorf("db: audit: %w", err)
	}
	all, err := l.options.Log.Epochs()
	if err == nil {
		err = m.ExtendAll(all)
	}
	if err != nil {
		return nil, fmt.Errorf("db: audit: %w", err)
	}
	return m, nil
}

// auditFrom lets an audit begin at a sync point. At the genesis it needs nothing from the store.
func (l *Ledger) auditFrom(o *audit.Options, start juno.Index) (err error) {
	if o.Start, err = l.options.Log.Pos(start); err != nil {
		return fmt.Errorf("db: audit: %w", err)
	}
	if start > 0 {
		o.State = pointView{l.store, start}
	}
	return nil
}

// pointView is the state at a sync point.
type pointView struct {
	store *store
	at    juno.Index
}

// Get returns the value of an element.
func (v pointView) Get(key []byte) ([]byte, error) {
	value, _, err := v.store.element(key, v.at)
	return value, err
}

// Scan calls yield for the elements under a prefix.
func (v pointView) Scan(prefix []byte, yield func(key, value []byte) bool) error {
	return v.store.scan(prefix, v.at, func(key, value []byte, _ juno.Index) bool {
		return yield(key, value)
	})
}

// balancesAt returns the balances right after an entry.
func (l *Ledger) balancesAt(
	at juno.Index,
) func(func(account, currency string, amount juno.Amount) bool) error {
	return func(yield func(account, currency string, amount juno.Amount) bool) error {
		var failed error
		prefix := []byte{byte(state.KindBalance)}
		err := l.store.scan(prefix, at, func(key, value []byte, _ juno.Index) bool {
			k, err := l.store.keyOfElement(key)
			if err == nil {
				var b state.Balance
				if b, err = state.ParseBalance(value); err == nil {
					return yield(k.Name, k.Currency, b.Amount)
				}
			}
			failed = damaged(l.store.dir, fmt.Errorf("balance %.80q: %w", key, err))
			return false
		})
		if failed != nil {
			return failed
		}
		return err
	}
}

// recorded returns the state hashes that this node recorded of entries before to: those of its
// sync points and its snapshots.
func (l *Ledger) recorded(ctx context.Context, to juno.Index) ([]audit.RecordedState, error) {
	points, err := l.store.versions(nil, keyPoint, l.base, to, nil)
	if err != nil {
		return nil, err
	}
	var all []audit.RecordedState
	for _, c := range points {
		p, err := parsePoint(c.value)
		if err != nil {
			return nil, damaged(l.store.dir, err)
		}
		all = append(all, audit.RecordedState{
			Index: p.Pos.Index, Hash: p.StateHash,
			Where: fmt.Sprintf("sync point %d of this node", p.Pos.Index),
		})
	}
	if l.options.Tables.Snapshots == nil {
		return all, nil
	}
	snapshots, err := l.options.Tables.Snapshots(ctx)
	for _, s := range snapshots {
		if s.Index < to {
			all = append(all, audit.RecordedState{
				Index: s.Index, Hash: s.StateHash,
				Where: fmt.Sprintf("snapshot %d", s.Index),
			})
		}
	}
	return all, err
}

// audit feeds an auditor.
func (l *Ledger) audit(
	ctx context.Context, o *audit.Options, progress func(done, total juno.Index),
) ([]juno.Finding, error) {
	a, err := audit.New(*o)
	if err != nil {
		return nil, err
	}
	err = l.feed(ctx, a, o, progress)
	findings, errFinish := a.Finish()
	if err == nil {
		err = errFinish
	}
	return findings, err
}

func (l *Ledger) feed(
	ctx context.Context, a *audit.Auditor, o *audit.Options, progress func(done, total juno.Index),
) error {
	log := l.options.Log
	for from := o.Start.Index + 1; from < o.To; {
		to := min(from+verifyStretch, o.To)
		stretch := make([]juno.Chained, 0, to-from)
		for e, err := range log.Chain(from, to) {
			if err != nil {
				a.Entries(stretch)
				a.Damage(from+juno.Index(len(stretch)), err)
				return nil
			}
			stretch = append(stretch, e)
		}
		a.Entries(stretch)
		if o.Proofs {
			if err := l.feedProofs(a, max(from, o.From), to); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		from = to
		progress(to-o.Start.Index-1, o.To-o.Start.Index-1)
	}
	return nil
}

func (l *Ledger) feedProofs(a *audit.Auditor, from, to juno.Index) error {
	if from >= to {
		return nil
	}
	for c, err := range l.options.Log.Certificates(from, to) {
		if err != nil {
			return fmt.Errorf("db: audit: read proofs: %w", err)
		}
		a.Certificate(c)
	}
	return nil
}

// auditChain checks the chain on all cores.
func (l *Ledger) auditChain(
	ctx context.Context, from, to juno.Index, progress func(done, total juno.Index),
) ([]juno.Finding, error) {
	log := l.options.Log
	start, err := log.Pos(from - 1)
	if err != nil {
		return nil, fmt.Errorf("db: audit: %w", err)
	}
	chain := audit.NewChain(start, to)
	var (
		group sync.WaitGroup
		next  atomic.Uint64 // first entry that nobody reads yet
		mu    sync.Mutex
		done  juno.Index
	)
	next.Store(uint64(from))
	work := func() {
		defer group.Done()
		for ctx.Err() == nil {
			lo := juno.Index(next.Add(chainStretch)) - chainStretch
			if lo >= to {
				return
			}
			hi := min(lo+chainStretch, to)
			stretch := make([]juno.Chained, 0, hi-lo)
			for e, err := range log.Chain(lo, hi) {
				if err != nil {
					chain.Damage(lo+juno.Index(len(stretch)), err)
					break
				}
				stretch = append(stretch, e)
			}
			chain.Stretch(stretch)
			mu.Lock()
			done += hi - lo
			progress(done, to-from)
			mu.Unlock()
		}
	}
	for range runtime.GOMAXPROCS(0) {
		group.Add(1)
		go work()
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return []juno.Finding{chain.Finish()}, nil
}

// chainStretch is how many entries one goroutine reads at a time.
const chainStretch = 8192

// auditSnapshot checks a snapshot, and that the log leads to its state.
func (l *Ledger) auditSnapshot(
	ctx context.Context, index juno.Index, progress func(done, total juno.Index),
) ([]juno.Finding, error) {
	if l.options.Tables.Snapshot == nil {
		return nil, fmt.Errorf("db: this ledger has no snapshots")
	}
	finding := juno.Finding{Check: "snapshot", From: index, To: index + 1, FirstBad: index}
	record, err := l.options.Tables.Snapshot(ctx, index)
	if err != nil {
		finding.Expected, finding.Actual, finding.Detail = "a valid snapshot", "damage", err.Error()
		return []juno.Finding{finding}, ctx.Err()
	}
	o := &audit.Options{
		Genesis: l.options.Genesis, To: index + 1, Replay: true, Known: []juno.Pos{record.Pos},
		Recorded: []audit.RecordedState{{Index: index, Hash: record.StateHash, Where: "snapshot"}},
	}
	if index < l.base || index > l.Applied() || record.Pos.Index != index {
		return nil, l.outside(index)
	}
	if err := l.auditFrom(o, l.base); err != nil {
		return nil, err
	}
	findings, err := l.audit(ctx, o, progress)
	if err != nil {
		return nil, err
	}
	finding.OK, finding.FirstBad, finding.Items = true, 0, 1
	return append([]juno.Finding{finding}, findings...), nil
}
