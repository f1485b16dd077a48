package server

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"juno"
	"juno/cluster"
	"juno/datadir"
)

// town is nodes of one cluster in this process, with real sockets between them.
type town struct {
	t       *testing.T
	places  []datadir.Place
	servers []*Server // by id less 1; nil while it is down
}

func newTown(t *testing.T, n int) *town {
	t.Helper()
	w := &town{t: t, servers: make([]*Server, n)}
	base := t.TempDir()
	for i := range n {
		w.places = append(w.places, datadir.Place{
			Path: filepath.Join(base, fmt.Sprint(i+1)), Address: freeAddress(t),
			Clients: []string{fmt.Sprintf("client%d", i+1)},
		})
	}
	o := datadir.Options{Open: true, Admins: []string{"ann"}}
	if _, err := datadir.CreateCluster(w.places, o); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		w.open(juno.NodeID(i + 1))
	}
	t.Cleanup(func() {
		for i := range w.servers {
			w.close(juno.NodeID(i + 1))
		}
	})
	return w
}

func (w *town) open(id juno.NodeID) {
	w.t.Helper()
	s, err := Open(w.places[id-1].Path, Options{
		Software: "test", Warn: func(text string) { w.t.Logf("%s warns: %s", id, text) },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.servers[id-1] = s
}

func (w *town) close(id juno.NodeID) {
	w.t.Helper()
	if s := w.servers[id-1]; s != nil {
		w.servers[id-1] = nil
		if err := s.Close(); err != nil {
			w.t.Errorf("close %s: %v", id, err)
		}
	}
}

// pay submits payments at a node, and wants all of them executed.
func (w *town) pay(ctx context.Context, id juno.NodeID, n int, mode juno.Mode) {
	w.t.Helper()
	client, err := w.servers[id-1].Ledger.Client(fmt.Sprintf("client%d", id))
	if err != nil {
		w.t.Fatal(err)
	}
	texts := make([]string, n)
	for i := range texts {
		texts[i] = "transfer(000->001, 1%1)"
	}
	outcomes, err := client.Submit(ctx, texts, mode, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for i, o := range outcomes {
		if o.Err != nil || o.Result.Status != juno.StatusOK {
			w.t.Fatalf("%s, payment %d: %v, %v", id, i, o.Err, o.Result)
		}
	}
}

// rotate brings another key of a node into force.
func (w *town) rotate(ctx context.Context, id juno.NodeID) {
	w.t.Helper()
	l := w.servers[id-1].Ledger
	m, _, _ := l.Membership().Member(id)
	var err error
	if m.Public, err = l.DrawNodeKey(); err != nil {
		w.t.Fatal(err)
	}
	change, err := l.Draft(juno.ReplaceMember(m))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := l.PossessNodeKey(change); err != nil {
		w.t.Fatal(err)
	}
	admin, err := datadir.Open(w.places[0].Path)
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := admin.AdminKey("ann")
	if err != nil {
		w.t.Fatal(err)
	}
	change.Approve(key, admin.Genesis.ID())
	if _, err := l.Propose(ctx, juno.EntryConfig, change.Payload()); err != nil {
		w.t.Fatal(err)
	}
	for i, s := range w.servers {
		if err := s.Ledger.Watch(ctx, func(s *cluster.Status) bool {
			return s.Config.Epoch == change.Next.Epoch
		}); err != nil {
			w.t.Fatalf("%s does not enter epoch %d: %v", juno.NodeID(i+1), change.Next.Epoch, err)
		}
	}
}

// TestServers has real sockets between the nodes, and rotates a key on the way.
func TestServers(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	w := newTown(t, 4)
	for i := range w.servers {
		w.pay(ctx, juno.NodeID(i+1), 50, juno.Single)
	}
	const id = 3
	w.rotate(ctx, id)
	w.close(4) // now the new key has to be heard
	w.pay(ctx, id, 50, juno.Batch)
	w.open(4)
	head := w.servers[id-1].Ledger.Head()
	for i, s := range w.servers {
		if err := s.Ledger.AwaitExecuted(ctx, head.Index); err != nil {
			t.Fatal(err)
		}
		at, err := s.Ledger.Position(head.Index)
		if err != nil || at != head.Pos {
			t.Errorf("%s is at %s, %v, want %s", juno.NodeID(i+1), at, err, head.Pos)
		}
	}
}
