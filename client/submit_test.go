package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"juno"
)

func adds(n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = "add 1"
	}
	return texts
}

// wantSums wants outcomes of n times "add 1", in any order, each executed once.
func wantSums(t *testing.T, outcomes []juno.Outcome, err error, n int) {
	t.Helper()
	if err != nil || len(outcomes) != n {
		t.Fatalf("%d outcomes, %v", len(outcomes), err)
	}
	seen := make(map[string]bool)
	for i, o := range outcomes {
		if o.Err != nil {
			t.Fatalf("command %d, request %d: %v", i, o.Request, o.Err)
		}
		if seen[o.Result.Value] {
			t.Fatalf("command %d: sum %s for the second time", i, o.Result.Value)
		}
		seen[o.Result.Value] = true
	}
	if !seen[strconv.Itoa(n)] {
		t.Fatalf("nobody has added up to %d", n)
	}
}

func wantNoEvidence(t *testing.T, c *Client) {
	t.Helper()
	for _, e := range c.Evidence() {
		t.Errorf("evidence against an honest node: %s", e)
	}
}

func wantEvidence(t *testing.T, c *Client, node juno.NodeID, f Fault) {
	t.Helper()
	found := false
	for _, e := range c.Evidence() {
		if e.Node != node {
			t.Errorf("evidence against an honest node: %s", e)
		}
		found = found || e.Fault == f
	}
	if !found {
		t.Errorf("no evidence of %q against %s: %v", f, node, c.Evidence())
	}
}

func TestSubmit(t *testing.T) {
	for _, mode := range []juno.Mode{juno.Single, juno.Batch} {
		for _, n := range []int{1, 3, 1000, 6000} {
			if testing.Short() && n > 1000 {
				continue
			}
			t.Run(fmt.Sprintf("mode %d, %d", mode, n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, 4)
					c := w.open()
					last := 0
					outcomes, err := c.Submit(context.Background(), adds(n), mode,
						func(done, _ int) { last = done })
					wantSums(t, outcomes, err, n)
					if last != n {
						t.Errorf("the last progress was %d of %d", last, n)
					}
					for i, o := range outcomes {
						if o.Request != juno.RequestID(i+1) || o.Replayed {
							t.Fatalf(
								"command %d: request %d, replayed %v",
								i,
								o.Request,
								o.Replayed,
							)
						}
					}
					if c.Name() != "alice" || c.Head().Index != juno.Index(n) {
						t.Errorf("%q at %d", c.Name(), c.Head().Index)
					}
					wantNoEvidence(t, c)
				})
			})
		}
	}
}

// TestSubmitFaults runs thousands of pipelined commands while something is wrong with one node.
func TestSubmitFaults(t *testing.T) {
	never := func(*world) {}
	for _, f := range []struct {
		name   string
		before func(*world)
		during func(*world)
		fault  Fault // of node3
	}{
		{"slow leader", func(w *world) {
			w.change(1, func(n *fakeNode) { n.delay = 3 * time.Second })
		}, never, ""},
		{"dead leader", func(w *world) {
			w.change(1, func(n *fakeNode) { n.dead = true })
		}, func(w *world) { w.elect(2) }, ""},
		{"leader dies in the middle", never, func(w *world) {
			w.change(1, func(n *fakeNode) { n.dead = true })
			w.elect(2)
		}, ""},
		{"leader changes in the middle", never, func(w *world) { w.elect(4) }, ""},
		{
			"nobody leads for a while", func(w *world) { w.mu.Lock(); w.leader = 0; w.mu.Unlock() },
			func(w *world) { w.elect(2) }, "",
		},
		{"busy", func(w *world) {
			w.change(1, func(n *fakeNode) { n.busy = 700 })
		}, never, ""},
		{"wrong result", func(w *world) {
			w.change(3, func(n *fakeNode) {
				n.lie = func(_ *juno.Entry, r *juno.Result) { r.Value = "7" }
			})
		}, never, Contradiction},
		{"wrong index", func(w *world) {
			w.change(3, func(n *fakeNode) {
				n.lie = func(e *juno.Entry, _ *juno.Result) { e.Index++ }
			})
		}, never, Contradiction},
		{"wrong index, and first", func(w *world) {
			w.change(3, func(n *fakeNode) {
				n.delay = 0
				n.lie = func(e *juno.Entry, _ *juno.Result) { e.Index++ }
			})
		}, never, Contradiction},
	} {
		for _, mode := range []juno.Mode{juno.Single, juno.Batch} {
			t.Run(fmt.Sprintf("%s, mode %d", f.name, mode), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, 4)
					f.before(w)
					c := w.open()
					const n = 1200
					time.AfterFunc(n*commandTime/2, func() { f.during(w) })
					outcomes, err := c.Submit(context.Background(), adds(n), mode, nil)
					wantSums(t, outcomes, err, n)
					synctest.Wait()
					if f.fault == "" {
						wantNoEvidence(t, c)
					} else {
						wantEvidence(t, c, 3, f.fault)
					}
				})
			})
		}
	}
}

// TestQueue fills the queue of a leader that is busy and correct. Nobody else is asked: every copy
// would make the cluster busier.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		w.each = 250 * time.Microsecond // so that a whole window takes a second
		c := w.open()
		outcomes, err := c.Submit(context.Background(), adds(12000), juno.Single, nil)
		wantSums(t, outcomes, err, 12000)
		w.wantAsked(0, 0, 2, 3, 4)
		w.wantAsked(12000, 12000, 1)
	})
}

// TestSilentLeader has a whole window at a leader that is correct and says nothing for longer than
// anybody is patient. Others are asked for a few of the commands only, and all have their outcome.
func TestSilentLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		w.commit = hedgeMax + 700*time.Millisecond
		c := w.open()
		outcomes, err := c.Submit(context.Background(), adds(4000), juno.Single, nil)
		wantSums(t, outcomes, err, 4000)
		w.wantAsked(1, 2*askedMax, 2, 3, 4)
	})
}

// TestNewLeader lets a leader die with a whole window: what it had goes to the next one, and not
// to everybody.
func TestNewLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		w.change(1, func(n *fakeNode) { n.drops = 1 })
		c := w.open()
		time.AfterFunc(time.Second, func() {
			w.change(1, func(n *fakeNode) { n.dead = true })
			w.elect(2)
		})
		begin := time.Now()
		outcomes, err := c.Submit(context.Background(), adds(4000), juno.Single, nil)
		wantSums(t, outcomes, err, 4000)
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("it took %s", took)
		}
		w.wantAsked(0, 3*askedMax, 3, 4)
	})
}

// TestDrip has a leader that drops all that it is sent, and serves what its followers know of just
// before they complain. They have to know of everything in time.
func TestDrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		w.change(1, func(n *fakeNode) { n.drops = 1 })
		w.commit = 4800 * time.Millisecond
		c := w.open()
		outcomes, err := c.Submit(context.Background(), adds(4000), juno.Single, nil)
		wantSums(t, outcomes, err, 4000)
	})
}

// TestLeaderOutOfReach has a leader that this client cannot reach, and others can.
func TestLeaderOutOfReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		w.change(1, func(n *fakeNode) { n.drops = 1 })
		w.commit = 700 * time.Millisecond
		c := w.open()
		begin := time.Now()
		outcomes, err := c.Submit(context.Background(), adds(12000), juno.Single, nil)
		wantSums(t, outcomes, err, 12000)
		if took := time.Since(begin); took > 25*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// TestBusyLiar has a follower that calls itself busy whatever it is asked, and a slow leader: the
// others are not asked for more because of that.
func TestBusyLiar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		w.change(3, func(n *fakeNode) { n.busy = 1 << 30 })
		w.commit = hedgeMax + 700*time.Millisecond
		c := w.open()
		outcomes, err := c.Submit(context.Background(), adds(4000), juno.Single, nil)
		wantSums(t, outcomes, err, 4000)
		w.wantAsked(0, 16*askedMax, 4)
	})
}

// TestCensor lets the leader drop every third command and answer the others: those are not queued
// behind anything, and everybody is asked for them soon.
func TestCensor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		w.change(1, func(n *fakeNode) { n.drops = 3 })
		c := w.open()
		begin := time.Now()
		outcomes, err := c.Submit(context.Background(), adds(1200), juno.Single, nil)
		if took := time.Since(begin); took > 2*latencyFirst+time.Second {
			t.Errorf("it took %s", took)
		}
		wantSums(t, outcomes, err, 1200)
	})
}

// TestAgain submits under numbers that were used for the same: the leader says so, and then all are
// asked at once, not when its patience ends.
func TestAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		c := w.open()
		for _, replayed := range []bool{false, true} {
			begin := time.Now()
			outcomes, err := c.SubmitAt(context.Background(), 1, adds(300), juno.Single, nil)
			wantSums(t, outcomes, err, 300)
			if took := time.Since(begin); took > hedgeMin/2 || outcomes[0].Replayed != replayed {
				t.Errorf("it took %s, replayed %v", took, outcomes[0].Replayed)
			}
		}
	})
}

// TestOneVoice lets node3 answer in the name of node4 as well, which is dead: two voices are not
// two nodes.
func TestOneVoice(t *testing.T) {
	for name, signs := range map[string]juno.NodeID{"its own key": 3, "no known key": 77} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 4)
				for _, id := range []juno.NodeID{1, 2, 3} {
					w.change(id, func(n *fakeNode) { n.dead = id == 2 })
				}
				// At node4's place sits one that answers as node4, and signs otherwise.
				four := w.node(4)
				four.server.Close()
				four.server = rpcServer(w, four, 4, nodeKey(signs))
				w.change(3, func(n *fakeNode) {
					n.lie = func(_ *juno.Entry, r *juno.Result) { r.Value = "7" }
				})
				w.change(4, func(n *fakeNode) {
					n.lie = func(_ *juno.Entry, r *juno.Result) { r.Value = "7" }
				})
				c := w.open()
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				defer cancel()
				outcomes, err := c.SubmitAt(ctx, 1, adds(1), juno.Single, nil)
				if err != nil || !errors.Is(outcomes[0].Err, juno.ErrUnknown) {
					t.Errorf("believed %+v, %v", outcomes, err)
				}
				wantEvidence(t, c, 4, BadSignature)
			})
		})
	}
}

// TestUnknown loses an outcome, asks for it, and sends it again.
func TestUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		c := w.open()
		ctx := context.Background()
		first, err := c.Submit(ctx, adds(2), juno.Single, nil)
		wantSums(t, first, err, 2)

		w.mu.Lock()
		w.commit = time.Minute
		w.mu.Unlock()
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		lost, err := c.Submit(short, adds(1), juno.Single, nil)
		if err != nil || !errors.Is(lost[0].Err, juno.ErrUnknown) || lost[0].Request != 3 {
			t.Fatalf("%+v, %v", lost, err)
		}
		asked, err := c.Ask(ctx, 1, 3)
		if err != nil || asked[0].Err != nil || asked[0].Result.Value != "1" ||
			!errors.Is(asked[1].Err, juno.ErrMissing) {
			t.Errorf("%+v, %v", asked, err)
		}
		<-time.After(2 * time.Minute) // now it is there
		w.mu.Lock()
		w.commit = time.Millisecond
		w.mu.Unlock()
		if asked, err = c.Ask(ctx, 3); err != nil || asked[0].Result.Value != "3" {
			t.Errorf("%+v, %v", asked, err)
		}
		again, err := c.SubmitAt(ctx, 3, adds(1), juno.Batch, nil)
		if err != nil || again[0].Err != nil || again[0].Result.Value != "3" || !again[0].Replayed {
			t.Errorf("%+v, %v", again, err)
		}
		other, err := c.SubmitAt(ctx, 3, []string{"add 2"}, juno.Single, nil)
		if err != nil || !errors.Is(other[0].Err, juno.ErrReused) {
			t.Errorf("%+v, %v", other, err)
		}
		wantNoEvidence(t, c)
	})
}

// TestNext wants a client that begins anew to use no number twice, whatever one node says, and
// not to begin without a quorum.
func TestNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		c := w.open()
		outcomes, err := c.Submit(context.Background(), adds(7), juno.Batch, nil)
		wantSums(t, outcomes, err, 7)
		c.Close()
		w.change(2, func(n *fakeNode) { n.dead = true })
		again := w.open()
		if next, err := again.Next(context.Background()); next != 8 || err != nil {
			t.Errorf("begins at %d, %v", next, err)
		}
		again.Close()
		w.change(3, func(n *fakeNode) { n.dead = true })
		alone := w.open()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := alone.Submit(ctx, adds(1), juno.Single, nil); !errors.Is(err, ErrNoQuorum) {
			t.Errorf("two voters of four are enough: %v", err)
		}
	})
}
