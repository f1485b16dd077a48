package remote_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"juno"
	"juno/cluster"
	"juno/cluster/client"
	"juno/datadir"
	"juno/internal/ports"
	"juno/remote"
	"juno/server"
)

// patience bounds every wait of these tests; nothing here takes so long unless it is broken.
const patience = time.Minute

// freeAddress returns an address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := ports.Free(1)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// town is a cluster of real nodes in this process, over real sockets.
type town struct {
	t       *testing.T
	paths   []string
	servers []*server.Server
}

func newTown(t *testing.T, n int) *town {
	t.Helper()
	w := &town{t: t, servers: make([]*server.Server, n)}
	root := t.TempDir()
	var places []datadir.Place
	for i := range n {
		path := filepath.Join(root, fmt.Sprintf("node%d", i+1))
		w.paths = append(w.paths, path)
		places = append(places, datadir.Place{Path: path, Address: freeAddress(t)})
	}
	if _, err := datadir.CreateCluster(places, datadir.Options{
		Clients: []string{"bank", "alice"}, Open: true, Admins: []string{"admin"},
	}); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		w.start(i)
	}
	t.Cleanup(func() {
		for i := range w.servers {
			w.stop(i)
		}
	})
	return w
}

func (w *town) start(i int) {
	w.t.Helper()
	s, err := server.Open(w.paths[i], server.Options{})
	if err != nil {
		w.t.Fatalf("start node %d: %v", i+1, err)
	}
	w.servers[i] = s
}

func (w *town) stop(i int) {
	if s := w.servers[i]; s != nil {
		w.servers[i] = nil
		if err := s.Close(); err != nil {
			w.t.Errorf("stop node %d: %v", i+1, err)
		}
	}
}

func (w *town) client(ctx context.Context, name string) *client.Client {
	w.t.Helper()
	c, err := remote.Open(ctx, w.paths[0], remote.Options{Name: name})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

// pay submits payments and wants all of them executed.
func (w *town) pay(ctx context.Context, c *client.Client, n int, mode juno.Mode) {
	w.t.Helper()
	texts := make([]string, n)
	for i := range texts {
		texts[i] = "transfer(000->001, 1%1)"
	}
	outcomes, err := c.Submit(ctx, texts, mode, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for i, o := range outcomes {
		if o.Err != nil || o.Result.Status != juno.StatusOK {
			w.t.Fatalf("payment %d: %v, %v", i, o.Err, o.Result)
		}
	}
}

// balance asks a quorum for the balance of an account.
func (w *town) balance(ctx context.Context, c *client.Client, account string) string {
	w.t.Helper()
	rows, err := c.Query(ctx, juno.Query{
		Text: "SELECT balance FROM accounts WHERE name = '" + account + "'",
	}, client.Quorum)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	row, ok := rows.Next()
	if !ok {
		w.t.Fatalf("no account %s: %v", account, rows.Err())
	}
	return row[0].Text
}

func TestTown(t *testing.T) {
	for _, n := range []int{1, 4} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			w := newTown(t, n)
			c := w.client(ctx, "bank")
			w.pay(ctx, c, 10, juno.Single)
			w.pay(ctx, c, 3000, juno.Batch)
			if got, want := w.balance(ctx, c, "001"), "3010"; got != want {
				t.Errorf("balance of 001: %s, want %s", got, want)
			}
			if n == 1 {
				return
			}
			w.stop(0) // the first leader
			w.pay(ctx, c, 10, juno.Single)
			w.start(0)
			w.pay(ctx, c, 10, juno.Batch)
			if got, want := w.balance(ctx, c, "001"), "3030"; got != want {
				t.Errorf("balance of 001: %s, want %s", got, want)
			}
			if all := c.Evidence(); len(all) > 0 {
				t.Errorf("honest nodes are accused: %v", all[0])
			}
		})
	}
}

// TestNodeKeyIsRotated draws a key in a node's directory while the node runs: it votes with it
// from the membership on that names it.
func TestNodeKeyIsRotated(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w := newTown(t, 4)
	c := w.client(ctx, "bank")
	w.pay(ctx, c, 10, juno.Single)
	const i = 2
	dir, err := datadir.Open(w.paths[i])
	if err != nil {
		t.Fatal(err)
	}
	before, err := dir.NodePublic()
	if err != nil {
		t.Fatal(err)
	}
	m, _, _ := c.Members().Member(i + 1)
	if m.Public, err = dir.DrawNodeKey(); err != nil {
		t.Fatal(err)
	}
	if again, err := dir.DrawNodeKey(); err != nil || again != m.Public {
		t.Errorf("drawn again: %s, %v, want %s", again, err, m.Public)
	}
	w.change(ctx, c, juno.ReplaceMember(m), dir.PossessNext)
	if err := w.servers[i].Ledger.Watch(ctx, func(s *cluster.Status) bool {
		return s.Term.Epoch() == 1 && !s.Observing
	}); err != nil {
		t.Fatalf("the node does not vote with its new key: %v", err)
	}
	w.stop(0) // now it has to
	w.pay(ctx, c, 10, juno.Single)
	w.stop(i)
	if now, err := dir.NodePublic(); err != nil || now != m.Public || now == before {
		t.Errorf("the directory's key: %s, %v, want %s", now, err, m.Public)
	}
	w.start(i)
	w.pay(ctx, c, 10, juno.Single)
}

// change brings a change of the membership into force.
func (w *town) change(
	ctx context.Context, c *client.Client, do func(*juno.EpochConfig) error,
	possess func(*juno.ConfigChange) error,
) {
	w.t.Helper()
	change, err := w.servers[1].Ledger.Draft(do)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := possess(change); err != nil {
		w.t.Fatal(err)
	}
	change.Approve(w.adminKey(), c.Cluster())
	if err := c.Admin(ctx, juno.KindConfig, change.Payload()); err != nil {
		w.t.Fatal(err)
	}
	if err := w.servers[1].Ledger.Watch(ctx, func(s *cluster.Status) bool {
		return s.Config.Epoch == change.Next.Epoch
	}); err != nil {
		w.t.Fatal(err)
	}
}

// TestHaltedLedgerRefuses wants a command that comes while the ledger is halted to end at once.
func TestHaltedLedgerRefuses(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w := newTown(t, 4)
	c := w.client(ctx, "bank")
	w.pay(ctx, c, 10, juno.Single)
	w.mode(ctx, c, &juno.ModeChange{Halted: true, Nonce: 1, Reason: "test"})
	for _, mode := range []juno.Mode{juno.Single, juno.Batch} {
		texts := []string{"transfer(000->001, 1%1)", "transfer(000->001, 1%1)"}
		outcomes, err := c.Submit(ctx, texts, mode, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range outcomes {
			if !errors.Is(o.Err, juno.ErrRefused) || !errors.Is(o.Err, juno.ErrHalted) {
				t.Errorf("a command while the ledger is halted: %v", o.Err)
			}
		}
	}
	w.mode(ctx, c, &juno.ModeChange{Nonce: 2})
	w.pay(ctx, c, 10, juno.Single)
	if got, want := w.balance(ctx, c, "001"), "20"; got != want {
		t.Errorf("balance of 001: %s, want %s", got, want)
	}
}

// mode halts the ledger, or resumes it, and waits until all nodes have heard of it.
func (w *town) mode(ctx context.Context, c *client.Client, change *juno.ModeChange) {
	w.t.Helper()
	change.Approve(w.adminKey(), c.Cluster())
	if err := c.Admin(ctx, juno.KindMode, change.Payload()); err != nil {
		w.t.Fatal(err)
	}
	for _, s := range w.servers {
		if err := s.Ledger.Watch(ctx, func(s *cluster.Status) bool {
			return s.Halted == change.Halted
		}); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *town) adminKey() juno.PrivateKey {
	w.t.Helper()
	dir, err := datadir.Open(w.paths[0])
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := dir.AdminKey("admin")
	if err != nil {
		w.t.Fatal(err)
	}
	return key
}
