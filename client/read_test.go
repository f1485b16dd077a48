package client

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"juno"
)

// sum reads the sum, from an answer of n rows.
func sum(t *testing.T, r *Rows, n int) int64 {
	t.Helper()
	defer r.Close()
	count, value := 0, int64(-1)
	for row, ok := r.Next(); ok; row, ok = r.Next() {
		count++
		value = row[0].Integer
	}
	if r.Err() != nil || count != n {
		t.Fatalf("%d rows of %d, %v", count, n, r.Err())
	}
	return value
}

// TestQuery reads in every consistency, answers of one frame and of many.
func TestQuery(t *testing.T) {
	for _, how := range []Consistency{Quorum, Ordered, Local} {
		t.Run(how.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 4)
				c := w.open()
				ctx := context.Background()
				outcomes, err := c.Submit(ctx, adds(5), juno.Batch, nil)
				wantSums(t, outcomes, err, 5)
				synctest.Wait()
				for _, n := range []int{0, 1, 20_000} {
					r, err := c.Query(ctx, juno.Query{Text: "SELECT " + strconv.Itoa(n)}, how)
					if err != nil {
						t.Fatal(err)
					}
					if got := sum(t, r, n); n > 0 && got != 5 {
						t.Errorf("sum %d", got)
					}
					p := r.Proof()
					want := map[Consistency]int{Quorum: 2, Ordered: 2, Local: 1}[how]
					if len(p.Nodes) != want || p.Head.Index < 5 || !p.Certified {
						t.Errorf("%d rows: proven by %+v", n, p)
					}
				}
				r, err := c.Query(ctx, juno.Query{Text: "nothing"}, how)
				var refused *juno.QueryError
				if !errors.As(err, &refused) || refused.Offset != 14 {
					t.Errorf("%v, %v", r, err)
				}
				wantNoEvidence(t, c)
			})
		})
	}
}

// TestQueryFaults reads by quorum while node1, which is asked first, misbehaves.
func TestQueryFaults(t *testing.T) {
	for _, f := range []struct {
		name     string
		what     func(*fakeNode)
		fault    Fault
		disagree bool
	}{
		{"other rows", func(n *fakeNode) { n.liesSQL, n.delay = true, 0 }, BadRows, true},
		{"false position", func(n *fakeNode) { n.falseQC, n.delay = true, 0 }, BadProof, false},
		{"dead", func(n *fakeNode) { n.dead = true }, "", false},
		{"slow", func(n *fakeNode) { n.delay = 20 * time.Second }, "", false},
	} {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 4)
				c := w.open()
				outcomes, err := c.Submit(context.Background(), adds(5), juno.Batch, nil)
				wantSums(t, outcomes, err, 5)
				w.change(1, f.what)
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				r, err := c.Query(ctx, juno.Query{Text: "SELECT 700"}, Quorum)
				if err != nil {
					t.Fatal(err)
				}
				if got := sum(t, r, 700); got != 5 {
					t.Errorf("sum %d", got)
				}
				if p := r.Proof(); slices.Contains(p.Disagree, 1) != f.disagree {
					t.Errorf("%+v", p)
				}
				if f.fault == "" {
					wantNoEvidence(t, c)
				} else {
					wantEvidence(t, c, 1, f.fault)
				}
			})
		})
	}
}

// TestQueryAlone wants no answer of a quorum from two nodes of four.
func TestQueryAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		c := w.open()
		outcomes, err := c.Submit(context.Background(), adds(5), juno.Batch, nil)
		wantSums(t, outcomes, err, 5)
		w.change(1, func(n *fakeNode) { n.dead = true })
		w.change(2, func(n *fakeNode) { n.dead = true })
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if _, err := c.Query(ctx, juno.Query{Text: "SELECT 1"}, Quorum); err == nil {
			t.Error("two voters of four are a quorum")
		}
		whole := context.Background()
		r, err := c.Query(whole, juno.Query{Text: "SELECT 1"}, Local)
		if err != nil || sum(t, r, 1) != 5 {
			t.Errorf("%v, %v", r, err)
		}
	})
}

// TestMembers follows a change of the membership that is proven: one voter goes, one comes, one
// has a new key. Without the proof it is not followed.
func TestMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		c := w.open()
		ctx := context.Background()
		outcomes, err := c.Submit(ctx, adds(1), juno.Single, nil)
		wantSums(t, outcomes, err, 1)
		time.AfterFunc(500*commandTime, w.reconfigure)
		outcomes, err = c.Submit(ctx, adds(1000), juno.Single, nil)
		if err != nil || outcomes[999].Err != nil || outcomes[999].Result.Value != "1001" {
			t.Fatalf("%+v, %v", outcomes[999], err)
		}
		m := c.Members()
		if m.Epoch != 1 || m.Voters[3].ID != 5 || c.Leader() != 3 {
			t.Errorf("epoch %d of %v, led by %s", m.Epoch, m.Voters, c.Leader())
		}
		r, err := c.Query(ctx, juno.Query{Text: "SELECT 1"}, Quorum)
		if err != nil || sum(t, r, 1) != 1001 {
			t.Errorf("%v, %v", r, err)
		}
		wantNoEvidence(t, c)

		// One that comes later and knows the genesis only follows the same proof.
		c.Close()
		late := w.open()
		outcomes, err = late.Submit(ctx, adds(1), juno.Single, nil)
		if err != nil || outcomes[0].Err != nil || late.Members().Epoch != 1 {
			t.Errorf("%+v, %v", outcomes, err)
		}
	})
}

func TestMembersUnproven(t *testing.T) {
	votes := func(n int) func(*juno.EpochChange) {
		return func(e *juno.EpochChange) { e.Certificate.Votes = e.Certificate.Votes[:n] }
	}
	for name, spoil := range map[string]func(*juno.EpochChange){
		"no votes":        votes(0),
		"too few votes":   votes(2),
		"another entry":   func(e *juno.EpochChange) { e.Entry.Time++ },
		"another history": func(e *juno.EpochChange) { e.Prev[0] ^= 1 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 4)
				c := w.open()
				w.reconfigure()
				w.mu.Lock()
				spoil(&w.epochs[0])
				w.mu.Unlock()
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				defer cancel()
				outcomes, err := c.SubmitAt(ctx, 1, adds(1), juno.Single, nil)
				if err != nil || !errors.Is(outcomes[0].Err, juno.ErrUnknown) {
					t.Errorf("believed %+v, %v", outcomes, err)
				}
				if c.Members().Epoch != 0 {
					t.Error("followed without a proof")
				}
				if all := c.Evidence(); len(all) == 0 || all[0].Fault != BadProof {
					t.Errorf("evidence %v", all)
				}
			})
		})
	}
}

// TestOther asks for what one node's word is enough for, and a receipt, for which it is not.
func TestOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		c := w.open()
		w.change(4, func(n *fakeNode) { n.dead = true })
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		names, err := c.Accounts(ctx, "a", 5)
		if err != nil || len(names) != 1 || names[0] != "alice" {
			t.Errorf("%v, %v", names, err)
		}
		snapshots, err := c.Snapshots(ctx)
		if err != nil || len(snapshots) != 1 || snapshots[0].Index != 7 {
			t.Errorf("%v, %v", snapshots, err)
		}
		if err := c.Admin(ctx, juno.KindMode, []byte("signed")); err != nil {
			t.Error(err)
		}
		if err := c.Admin(ctx, juno.KindMode, []byte("forged")); !errors.Is(err, ErrNoQuorum) {
			t.Errorf("forged: %v", err)
		}
		if text, err := c.Receipt(ctx, 3); err == nil {
			t.Errorf("%d bytes are taken for a receipt", len(text))
		}
		if all := c.Evidence(); len(all) != 3 || all[0].Fault != BadProof {
			t.Errorf("%d pieces of evidence, of 3 nodes that sent false receipts", len(all))
		}
		short, done := context.WithTimeout(ctx, 3*time.Second)
		defer done()
		for i, s := range c.Status(short) {
			alive := s.Err == nil && s.Facts[0].Value.Text == s.Node.ID.String()
			if s.Node.ID != juno.NodeID(i+1) || alive != (i != 3) {
				t.Errorf("%s: %v, %v", s.Node.ID, s.Facts, s.Err)
			}
		}
	})
}
