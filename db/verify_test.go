package db

import (
	"context"
	"errors"
	"math/rand"
	"testing"

	"juno"
	"juno/db/audit"
	"juno/db/sql"
	"juno/db/state"
)

// commit appends a certificate for the newest entry.
func (w *writer) commit() {
	pos, err := w.log.Pos(w.log.LastIndex())
	if err != nil {
		panic(err)
	}
	claim := juno.Vote{Node: 1, Accepted: &pos, Prepared: &pos, Committed: pos}
	w.log.proofs = append(w.log.proofs, &juno.QuorumCertificate{
		Pos: pos, Kind: juno.Commit,
		Votes: []juno.SignedVote{juno.SignVote(w.node, w.genesis.ID(), claim)},
	})
}

// signedLog returns a ledger of n signed commands with sync points and certificates.
func signedLog(t *testing.T, n int) (*writer, Options) {
	w := newWriter()
	w.sign = true
	rng := rand.New(rand.NewSource(8))
	for w.log.LastIndex() < juno.Index(n) {
		w.someEntries(7, rng.Intn)
		w.commit()
	}
	o := w.options(t.TempDir())
	o.PointEvery = 50
	return w, o
}

func TestVerify(t *testing.T) {
	w, o := signedLog(t, 300)
	last := w.log.LastIndex()
	record := SnapshotRecord{}
	o.Tables.Snapshots = func(context.Context) ([]juno.SnapshotInfo, error) {
		row := juno.SnapshotInfo{Index: record.Pos.Index, StateHash: record.StateHash}
		return []juno.SnapshotInfo{row}, nil
	}
	o.Tables.Snapshot = func(_ context.Context, index juno.Index) (SnapshotRecord, error) {
		if index != record.Pos.Index {
			return record, errors.New("no such snapshot")
		}
		return record, nil
	}
	l := mustOpen(t, o)
	for i := juno.Index(0); i < last; i += 25 {
		mustApply(t, l, w.log.entries[i:min(i+25, last)]...)
		if i == 100 {
			point, err := l.Checkpoint(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			record = SnapshotRecord{point.Pos, point.StateHash}
		}
	}
	cases := []struct {
		request sql.VerifyRequest
		checks  []string
	}{
		{sql.VerifyRequest{Kind: sql.VerifyChain, From: 1, To: last + 1}, []string{"chain"}},
		{sql.VerifyRequest{Kind: sql.VerifyChain, From: 100, To: 120}, []string{"chain"}},
		{
			sql.VerifyRequest{Kind: sql.VerifySignatures, From: 1, To: last + 1},
			[]string{"signatures"},
		},
		{sql.VerifyRequest{Kind: sql.VerifySignatures, From: 250, To: 260}, []string{"signatures"}},
		{sql.VerifyRequest{Kind: sql.VerifyProofs, From: 1, To: last + 1}, []string{"proofs"}},
		{sql.VerifyRequest{Kind: sql.VerifyProofs, From: 201, To: 300}, []string{"proofs"}},
		{sql.VerifyRequest{Kind: sql.VerifyBalances, From: 1, To: last + 1}, []string{"balances"}},
		{sql.VerifyRequest{Kind: sql.VerifyBalances, From: 1, To: 200}, []string{"balances"}},
		{
			sql.VerifyRequest{Kind: sql.VerifySnapshot, From: 125},
			[]string{"snapshot", "chain", "state"},
		},
		{
			sql.VerifyRequest{Kind: sql.VerifyAll, From: 1, To: last + 1},
			[]string{"chain", "signatures", "proofs", "state", "balances"},
		},
	}
	for _, c := range cases {
		rows := verifyRows(t, l, c.request)
		if len(rows) != len(c.checks) {
			t.Fatalf("%+v gave %+v", c.request, rows)
		}
		for i, r := range rows {
			if !r.OK || r.Check != c.checks[i] || r.Items == 0 || r.FirstBad != 0 {
				t.Errorf("%+v gave %+v, want %s", c.request, r, c.checks[i])
			}
		}
	}
	rows := verifyRows(t, l, sql.VerifyRequest{Kind: sql.VerifySnapshot, From: 77})
	if len(rows) != 1 || rows[0].OK || rows[0].FirstBad != 77 {
		t.Errorf("snapshot that is not there: %+v", rows)
	}
	record.StateHash[0] ^= 1
	rows = verifyRows(t, l, sql.VerifyRequest{Kind: sql.VerifySnapshot, From: 125})
	if f := rows[len(rows)-1]; f.OK || f.FirstBad != 125 || f.Check != audit.CheckState {
		t.Errorf("snapshot of another state: %+v", rows)
	}
}

func verifyRows(t *testing.T, l *Ledger, r sql.VerifyRequest) []juno.Finding {
	t.Helper()
	c, err := l.Verify(t.Context(), r)
	return all(t, c, err)
}

func TestVerifyFindsFaults(t *testing.T) {
	w, o := signedLog(t, 120)
	last := w.log.LastIndex()
	l := mustOpen(t, o)
	mustApply(t, l, w.log.entries...)
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole := func(kind sql.VerifyKind) sql.VerifyRequest {
		return sql.VerifyRequest{Kind: kind, From: 1, To: last + 1}
	}

	good := w.log.entries[59]
	w.log.entries[59].Time++
	if r := verifyRows(t, l, whole(sql.VerifyChain)); r[0].OK || r[0].FirstBad != 60 {
		t.Errorf("entry changed: %+v", r)
	}
	w.log.entries[59] = good

	for i := range w.log.entries { // the first command after the middle
		e := &w.log.entries[i]
		if i < 60 || e.Type != juno.EntryCommand {
			continue
		}
		kept := *e
		e.Payload = append([]byte{}, e.Payload...)
		e.Payload[len(e.Payload)-1] ^= 1
		r := verifyRows(t, l, whole(sql.VerifySignatures))
		if f := r[len(r)-1]; f.OK || f.FirstBad != e.Index || f.Check != audit.CheckSignatures {
			t.Errorf("signature of entry %d changed: %+v", e.Index, r)
		}
		*e = kept
		break
	}

	key := state.AppendBalanceKey(nil, "A", "XXX")
	value, changed, err := l.store.element(key, last)
	if err != nil || value == nil {
		t.Fatalf("%x, %v", value, err)
	}
	b, err := state.ParseBalance(value)
	if err != nil {
		t.Fatal(err)
	}
	b.Amount = juno.NewAmount(123456)
	r := []record{{key, state.AppendBalance(nil, b), version(changed)}}
	if err := l.store.write(r); err != nil {
		t.Fatal(err)
	}
	rows := verifyRows(t, l, whole(sql.VerifyBalances))
	if f := rows[len(rows)-1]; f.OK || f.FirstBad != changed || f.Actual != "123456" {
		t.Errorf("balance changed in the store: %+v, want entry %d", rows, changed)
	}
}

func TestVerifyCanBeCancelled(t *testing.T) {
	w, o := signedLog(t, 60)
	l := mustOpen(t, o)
	mustApply(t, l, w.log.entries...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for kind := sql.VerifyChain; kind <= sql.VerifyAll; kind++ {
		if kind == sql.VerifySnapshot {
			continue
		}
		c, err := l.Verify(ctx, sql.VerifyRequest{Kind: kind, From: 1, To: 50})
		if err == nil {
			_, err = c.Next()
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("check %d: %v, want context.Canceled", kind, err)
		}
	}
}
