package embedded

import (
	"context"
	"errors"
	"os"
	"testing"

	"juno"
	"juno/cluster"
	"juno/cluster/consensus"
	"juno/datadir"
)

// A caller who stops waiting for a key change must not lose the key that it brought: a second try
// used to overwrite the only copy of a key that was valid already.
func TestKeyChangeNobodyWaitedFor(t *testing.T) {
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	ctx := context.Background()
	path := newLedger(t, false, "bank")
	l := open(t, path)
	bank, err := l.Client("bank")
	if err != nil {
		t.Fatal(err)
	}
	old := bank.KeyID()
	if _, err := bank.Rotate(gone); err != nil && !errors.Is(err, juno.ErrUnknown) {
		t.Fatal(err)
	}
	if _, err := bank.Register(gone, "carol", juno.RoleClient); err != nil &&
		!errors.Is(err, juno.ErrUnknown) && !errors.Is(err, juno.ErrKeyNotValid) {
		t.Fatal(err)
	}
	if o, err := bank.Rotate(ctx); err != nil || o.Result.Status != juno.StatusOK {
		t.Fatalf("rotate again: %+v, %v", o, err)
	}
	if bank.KeyID() == old {
		t.Error("the key did not change")
	}
	_, err = bank.Register(ctx, "carol", juno.RoleClient)
	if _, errKey := l.dir.ClientKey("carol"); errKey != nil {
		t.Errorf("register again: %v; carol's key: %v", err, errKey)
	}
	must(t, l, "bank", "CreateAccount a")
	must(t, l, "carol", "CreateAccount b")
	for _, name := range []string{"bank", "carol"} {
		if _, err := os.Stat(keyPath(path, name+nextSuffix)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a second key of %s is left over: %v", name, err)
		}
	}
}

// A change that was refused leaves no key behind.
func TestKeyChangeThatWasRefused(t *testing.T) {
	path := newLedger(t, false, "bank", "alice")
	l := open(t, path)
	alice, err := l.Client("alice")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := alice.Register(context.Background(), "eve", juno.RoleOperator); err == nil {
		t.Error("alice, who is no operator, registered eve")
	}
	if _, err := os.Stat(keyPath(path, "eve"+nextSuffix)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the key of eve is left over: %v", err)
	}
}

// A node that goes down with drawn keys that are in nobody's log yet must still have them when it
// comes back: others may have got them into the log meanwhile. It used to remove them.
func TestDrawnKeysOutliveTheNode(t *testing.T) {
	w := newTown(t, 4, datadir.Options{Admins: []string{"ann"}})
	w.submit(1, 20, juno.Single)
	const id = 2
	dir := w.nodes[id-1].dir
	public, err := dir.DrawNodeKey()
	if err != nil {
		t.Fatal(err)
	}
	key, fresh, err := dir.DrawKey("client2")
	if err != nil || !fresh {
		t.Fatalf("draw a key: fresh %v, %v", fresh, err)
	}
	w.close(id)
	w.open(id)
	w.close(id)
	m, _, _ := w.nodes[0].Membership().Member(id)
	m.Public = public
	w.change(3, juno.ReplaceMember(m), dir.PossessNext)
	w.open(id)
	w.await(id, "its vote under the new key", func(s *cluster.Status) bool {
		return s.Config.Epoch == 1 && !s.Observing && s.Role == consensus.Follower
	})
	w.submit(id, 20, juno.Single)
	o, err := w.client[id-1].Rotate(w.context())
	if err != nil || o.Result.Status != juno.StatusOK {
		t.Fatalf("rotate: %+v, %v", o, err)
	}
	if got, want := w.client[id-1].KeyID(), key.Public().ID(); got != want {
		t.Errorf("the client's key is %s, want %s, the one that was drawn", got, want)
	}
	w.submit(id, 20, juno.Single)
	w.settle()
}

// A key that was stolen is why a ledger is halted, so keys are changed meanwhile: also by a change
// that was on its way when the node that has it was cut off and heard of the halt.
func TestKeyChangesWhileHalted(t *testing.T) {
	w := newTown(t, 4, datadir.Options{Admins: []string{"ann"}})
	w.submit(1, 20, juno.Single)
	id := w.leader()%4 + 1
	l, client := w.nodes[id-1], w.client[id-1]
	before := client.KeyID()
	w.lines.Isolate(id)
	end := make(chan error)
	go func() {
		_, err := client.Rotate(w.context())
		end <- err
	}()
	w.await(id, "the change", func(s *cluster.Status) bool { return s.Waiting > 0 })
	halt := &juno.ModeChange{Halted: true, Nonce: 1, Reason: "test"}
	for _, key := range w.admins() {
		halt.Approve(key, l.cluster)
	}
	for _, n := range w.nodes {
		if err := n.Admin(juno.KindMode, halt.Payload()); err != nil {
			t.Fatal(err)
		}
	}
	w.lines.Heal()
	if err := <-end; err != nil {
		t.Errorf("a change of keys while halted: %v", err)
	}
	if client.KeyID() == before {
		t.Error("the client still signs with the old key")
	}
	outcomes, err := client.Submit(w.context(), []string{"transfer(a->b, 1%1)"}, juno.Single, nil)
	if err != nil || !errors.Is(outcomes[0].Err, juno.ErrHalted) {
		t.Errorf("a command while halted: %+v, %v", outcomes, err)
	}
}
