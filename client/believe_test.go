package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"juno"
	"juno/cluster/rpc"
)

// sheet is what a node says of request 1: at index 1, that it was asked for that.
func (w *world) sheet(node juno.NodeID, term juno.Term, asked juno.Hash) *juno.AnswerSheet {
	s := &juno.AnswerSheet{
		Node: node, Term: term, Client: clientKey.Public().ID(), Upto: juno.Pos{Index: 1},
		Items: []juno.AnswerItem{{
			Request: 1, Asked: asked, Index: 1, Result: juno.Result{Status: juno.StatusOK},
		}},
	}
	juno.SignAnswers(nodeKey(node), w.cluster, []*juno.AnswerSheet{s})
	return s
}

// expect makes the client wait for request 1, asked for by that hash.
func expect(c *Client, asked juno.Hash) *waiting {
	w := newWaiting(1, nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commands[1] = &command{request: 1, asked: asked, wanted: []target{{w, 0}}}
	return w
}

func (c *Client) hearFrom(via juno.NodeID, s *juno.AnswerSheet) {
	c.mu.Lock()
	l := c.links[via]
	c.mu.Unlock()
	c.onAnswers(l, s, nil)
}

func settled(w *waiting) bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

func TestBelieve(t *testing.T) {
	asked, other := juno.Hash{1}, juno.Hash{2}
	t.Run("in another's name", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 4)
			c := w.open()
			wait := expect(c, asked)
			c.hearFrom(3, w.sheet(3, 0, asked))
			c.hearFrom(3, w.sheet(4, 0, asked))
			if settled(wait) {
				t.Error("one connection speaks for two nodes")
			}
			wantEvidence(t, c, 3, BadSignature)
		})
	})
	t.Run("asked for something else", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 4)
			c := w.open()
			wait := expect(c, asked)
			c.hearFrom(3, w.sheet(3, 0, other))
			c.hearFrom(4, w.sheet(4, 0, other))
			if !settled(wait) || !errors.Is(wait.outcomes[0].Err, juno.ErrReused) {
				t.Errorf("%+v", wait.outcomes)
			}
		})
	})
	t.Run("two answers", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 4)
			c := w.open()
			wait := expect(c, asked)
			c.hearFrom(3, w.sheet(3, 0, asked))
			c.hearFrom(3, w.sheet(3, 0, other))
			if settled(wait) {
				t.Error("one node is two")
			}
			wantEvidence(t, c, 3, TwoAnswers)
		})
	})
	t.Run("before the epoch", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 4)
			c := w.open()
			wait := expect(c, asked)
			c.hearFrom(1, w.sheet(1, 0, asked)) // who is no voter any more then
			w.reconfigure()
			if err := c.await(t.Context(), func() bool { return c.epoch() == 1 }); err != nil {
				t.Fatal(err)
			}
			c.hearFrom(3, w.sheet(3, juno.TermOf(1, 0), asked))
			if settled(wait) {
				t.Error("a voter of the last epoch counts in this one")
			}
			c.hearFrom(4, w.sheet(4, 0, asked))
			if settled(wait) {
				t.Error("a word of the last epoch counts in this one")
			}
			c.hearFrom(4, w.sheet(4, juno.TermOf(1, 0), asked))
			if !settled(wait) {
				t.Error("two voters of this epoch do not count")
			}
			// The newest certificate is one of the epoch before.
			r, err := c.Query(t.Context(), juno.Query{Text: "SELECT 1"}, Quorum)
			if err != nil || sum(t, r, 1) != 0 || !r.Proof().Certified {
				t.Errorf("%v, %v", r, err)
			}
			wantNoEvidence(t, c)
		})
	})
}

// TestWindow wants no two numbers under way of which the higher one would make the lower one old.
func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		c := w.open()
		c.mu.Lock()
		c.units = []*unit{{first: 1, count: 1, left: 1, next: time.Now().Add(time.Hour)}}
		c.mu.Unlock()
		for first, fits := range map[juno.RequestID]bool{4096: true, 4097: false} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := c.room(ctx, first, 1); (err == nil) != fits {
				t.Errorf("request %d beside request 1: %v", first, err)
			}
			cancel()
		}
	})
}

// TestNextHighest wants the first number above that of a voter that knows more than the others.
func TestNextHighest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		w.change(1, func(n *fakeNode) { n.dead = true })
		w.change(3, func(n *fakeNode) { n.ahead = 100 })
		c := w.open()
		if next, err := c.Next(t.Context()); next != 101 || err != nil {
			t.Errorf("begins at %d, %v", next, err)
		}
		c.Close()
		w.change(3, func(n *fakeNode) { n.ahead = 1 << 60 })
		again := w.open()
		if next, err := again.Next(t.Context()); next > 1<<40 || err != nil {
			t.Errorf("one voter moves it to %d, %v", next, err)
		}
	})
}

// TestReading wants a node's signature under the very rows and the very question.
func TestReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		c := w.open()
		q := rpc.Query{Text: "SELECT 1"}
		good := rpc.NewRowsHash(nil).Sum()
		head := juno.Pos{Index: 3}
		for name, r := range map[string]juno.Reading{
			"":                 {Node: 3, Asked: q.Hash(), At: head, Answer: good},
			"other rows":       {Node: 3, Asked: q.Hash(), At: head, Answer: juno.Hash{1}},
			"another question": {Node: 3, Asked: juno.Hash{1}, At: head, Answer: good},
			"another head":     {Node: 3, Asked: q.Hash(), Answer: good},
			"another node":     {Node: 4, Asked: q.Hash(), At: head, Answer: good},
		} {
			r.Sign(nodeKey(3), w.cluster)
			c.mu.Lock()
			s := &stream{
				client: c, call: &call{link: c.links[3]}, query: q, sum: rpc.NewRowsHash(nil),
			}
			c.mu.Unlock()
			err := s.finish(&rpc.End{Head: juno.Head{Pos: head}, Reading: r})
			if (err == nil) != (name == "") {
				t.Errorf("%s: %v", name, err)
			}
		}
		wantEvidence(t, c, 3, BadRows)
		wantEvidence(t, c, 3, BadSignature)
	})
}
