package client

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"juno"
	"juno/cluster/rpc"
)

// queryWorld returns a client of four nodes that have executed five commands.
func queryWorld(t *testing.T) (*world, *Client, context.Context) {
	w := newWorld(t, 4)
	c := w.open()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	outcomes, err := c.Submit(ctx, adds(5), juno.Batch, nil)
	wantSums(t, outcomes, err, 5)
	synctest.Wait()
	return w, c, ctx
}

// TestQueryArgs reads with arguments in every consistency, and learns the kinds of the columns.
func TestQueryArgs(t *testing.T) {
	for _, how := range []Consistency{Quorum, Ordered, Local} {
		t.Run(how.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, c, ctx := queryWorld(t)
				for _, n := range []int{0, 1, 2000} {
					args := juno.Args(juno.IntegerValue(int64(n)))
					r, err := c.Query(ctx, juno.Query{Text: "SELECT ?", Args: args}, how)
					if err != nil {
						t.Fatal(err)
					}
					if k := r.Columns()[0].Kind; k != juno.LogIndex {
						t.Errorf("the first column is %s", k)
					}
					if got := sum(t, r, n); n > 0 && got != 5 {
						t.Errorf("sum %d", got)
					}
				}
				bad := juno.Args(juno.TextValue("\xff"))
				var refused *juno.QueryError
				if _, err := c.Query(ctx, juno.Query{Text: "SELECT ?", Args: bad}, how); !errors.As(
					err, &refused) {
					t.Errorf("a text that is none: %v", err)
				}
				wantNoEvidence(t, c)
			})
		})
	}
}

// TestQueryArgsChanged: a node that answers another question than the one that was asked, be it by
// one argument, is caught, and its rows do not count.
func TestQueryArgsChanged(t *testing.T) {
	for name, bend := range map[string]func(*rpc.Query){
		"value": func(q *rpc.Query) { q.Args[0].Value.Integer++ },
		"kind":  func(q *rpc.Query) { q.Args[0].Value.Kind = juno.LogIndex },
		"name":  func(q *rpc.Query) { q.Args[0].Name = "n" },
		"more":  func(q *rpc.Query) { q.Args = append(q.Args, juno.Arg{}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, c, ctx := queryWorld(t)
				w.change(1, func(n *fakeNode) { n.bends, n.delay = bend, 0 })
				args := juno.Args(juno.IntegerValue(700))
				r, err := c.Query(ctx, juno.Query{Text: "SELECT ?", Args: args}, Quorum)
				if err != nil {
					t.Fatal(err)
				}
				if got := sum(t, r, 700); got != 5 {
					t.Errorf("sum %d", got)
				}
				if name == "more" {
					return // it refuses that itself
				}
				wantEvidence(t, c, 1, BadSignature)
			})
		})
	}
}

// TestQueryOlder: nodes that do not know questions with arguments answer those without, and their
// columns have the kinds that such nodes know. Some of both kinds agree, too.
func TestQueryOlder(t *testing.T) {
	for _, older := range [][]juno.NodeID{{1}, {1, 2}, {1, 2, 3}, {1, 2, 3, 4}} {
		for _, how := range []Consistency{Quorum, Local} {
			synctest.Test(t, func(t *testing.T) {
				w, c, ctx := queryWorld(t)
				for _, id := range older {
					w.change(id, func(n *fakeNode) { n.older = true })
				}
				r, err := c.Query(ctx, juno.Query{Text: "SELECT 7"}, how)
				if err != nil || sum(t, r, 7) != 5 {
					t.Fatalf("%d older nodes, %s: %v", len(older), how, err)
				}
				need := map[Consistency]int{Quorum: 2, Local: 1}[how]
				typed := 4-len(older) >= need
				if k := r.Columns()[0].Kind; (k == juno.LogIndex) != typed ||
					!typed && k != juno.Integer {
					t.Errorf("%d older nodes, %s: the first column is %s", len(older), how, k)
				}
				args := juno.Args(juno.IntegerValue(7))
				r, err = c.Query(ctx, juno.Query{Text: "SELECT ?", Args: args}, how)
				switch {
				case typed && (err != nil || sum(t, r, 7) != 5):
					t.Errorf("%d older nodes, %s: %v", len(older), how, err)
				case !typed && (err == nil || !strings.Contains(err.Error(), "no arguments yet")):
					t.Errorf("%d older nodes, %s: %v", len(older), how, err)
				}
				wantNoEvidence(t, c)
			})
		}
	}
}
