package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"juno"
	"juno/cluster/rpc"
)

// troubled returns a client of four nodes, of which none answers and some have a problem.
func troubled(w *world, problems map[juno.NodeID]error, pending bool) *Client {
	c := w.open(func(cfg *Config) {
		cfg.Genesis = w.genesis
		cfg.KeyPending = func() bool { return pending }
		cfg.Dial = func(n Node, receive func([]byte), changed func(error)) (Conn, error) {
			if p := problems[n.ID]; p != nil {
				go changed(p)
			}
			return w.dial(n, receive, changed)
		}
	})
	return c
}

// TestAwait: f+1 voters that refuse end the wait early, and f do not.
func TestAwait(t *testing.T) {
	refused := fmt.Errorf("node: %w", ErrNotAdmitted)
	strange := fmt.Errorf("node: %w", ErrWrongKey)
	hostile := fmt.Errorf("node: %w: \x1b[31mred\nline", ErrNotAdmitted)
	for _, row := range []struct {
		name     string
		problems map[juno.NodeID]error
		pending  bool
		is       error // besides ErrNoQuorum
		not      error
		atMost   time.Duration
		text     string
	}{
		{
			"nobody answers", nil, false, nil, ErrNotAdmitted, time.Minute + awaitStep,
			"too few nodes answer",
		},
		{
			"one refuses",
			map[juno.NodeID]error{1: refused},
			true, nil, ErrNotAdmitted,
			time.Minute + awaitStep, "node1 at node1: ",
		},
		{
			"two refuse",
			map[juno.NodeID]error{1: refused, 3: refused},
			false, ErrNotAdmitted,
			ErrWrongKey, refusedWithin + 2*awaitStep, "it has ended, is not in the log yet",
		},
		{
			"two refuse a key that is being changed",
			map[juno.NodeID]error{1: refused, 3: hostile},
			true, ErrNotAdmitted, ErrWrongKey,
			2 * awaitStep, "was being changed",
		},
		{
			"two have other keys",
			map[juno.NodeID]error{2: strange, 4: strange},
			true, ErrWrongKey,
			ErrNotAdmitted, refusedWithin + 2*awaitStep, "copy the file epochs",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 4)
				for i := range juno.NodeID(4) {
					w.change(i+1, func(n *fakeNode) { n.dead = true })
				}
				c := troubled(w, row.problems, row.pending)
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				began := time.Now()
				err := c.Await(ctx)
				if took := time.Since(began); took > row.atMost {
					t.Errorf("it took %s, want at most %s", took, row.atMost)
				}
				if e := new(ReachError); !errors.As(err, &e) || !errors.Is(err, ErrNoQuorum) ||
					row.is != nil && !errors.Is(err, row.is) || errors.Is(err, row.not) ||
					!strings.Contains(err.Error(), row.text) ||
					strings.Contains(err.Error(), "\x1b") {
					t.Errorf("%v, want it to be %v, not %v, and to say %q", err, row.is, row.not,
						row.text)
				}
			})
		})
	}
}

// TestAwaitQuorum: three of four nodes that answer are enough.
func TestAwaitQuorum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		w.change(2, func(n *fakeNode) { n.dead = true })
		c := w.open()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Await(ctx); err != nil {
			t.Error(err)
		}
		canceled, cancel := context.WithCancel(ctx)
		cancel()
		w.change(1, func(n *fakeNode) { n.dead = true })
		if err := w.open().Await(canceled); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v", err)
		}
	})
}

// TestCaughtUp wants an answer of the node that is to vote.
func TestCaughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		w.change(3, func(n *fakeNode) { n.dead = true })
		c := w.open()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := c.CaughtUp(ctx, 2); err != nil {
			t.Error(err)
		}
		for id, want := range map[juno.NodeID]string{3: "does not answer", 9: "is no member"} {
			err := c.CaughtUp(ctx, id)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want that it %s", id, err, want)
			}
		}
	})
}

// TestNodeStatus reads facts by their names.
func TestNodeStatus(t *testing.T) {
	s := NodeStatus{Facts: []juno.Fact{
		juno.TextFact(rpc.FactRole, "leader"), juno.IntegerFact(rpc.FactCommitted, 7),
	}}
	if s.Text(rpc.FactRole) != "leader" || s.Number(rpc.FactCommitted) != 7 ||
		s.Text(rpc.FactHalted) != "" || s.Number(rpc.FactExecuted) != 0 {
		t.Errorf("%+v", s)
	}
}
