package submit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"juno"
	"juno/datadir"
)

// fate is what becomes of a change that is submitted.
type fate int

const (
	executed     fate = iota
	refused           // by the ledger: it is in the log, and changes nothing
	unknownThere      // nobody says that it is in the log, and it is
	unknownLate       // it gets into the log after the next change was submitted
	unknownLost       // it never gets there
	failed            // not accepted here; with more nodes, another one has it, as unknownLate
	fates
)

// fakeLedger holds the keys of clients, and gives changes the fates that are drawn.
type fakeLedger struct {
	records  map[juno.KeyID]*juno.KeyRecord
	index    juno.Index
	complete bool
	draw     func() fate
	late     []func()
	adopted  map[string]juno.PrivateKey
}

var errFailed = errors.New("not accepted")

func (f *fakeLedger) Record(_ context.Context, id juno.KeyID) (*juno.KeyRecord, error) {
	return f.records[id], nil
}

func (f *fakeLedger) Complete() bool { return f.complete }

func (f *fakeLedger) Adopted(name string, key juno.PrivateKey) { f.adopted[name] = key }

func (f *fakeLedger) Submit(
	_ context.Context, op juno.KeyOp, key juno.PrivateKey, next *juno.PrivateKey,
) (juno.Outcome, error) {
	late := f.late
	f.late = nil
	fate := f.draw()
	var o juno.Outcome
	run := func() { o = f.execute(op, key.Public(), next) }
	defer func() {
		for _, earlier := range late {
			earlier()
		}
	}()
	switch fate {
	case failed:
		if !f.complete {
			f.late = append(f.late, run)
		}
		return o, errFailed
	case unknownLost:
		return o, juno.ErrUnknown
	case unknownLate:
		f.late = append(f.late, run)
		return o, juno.ErrUnknown
	case refused:
		f.index++
		return juno.Outcome{Index: f.index, Result: juno.Result{Status: juno.StatusRefused}}, nil
	}
	run()
	if fate == unknownThere {
		return juno.Outcome{}, juno.ErrUnknown
	}
	return o, nil
}

func (f *fakeLedger) execute(
	op juno.KeyOp, signer juno.PublicKey, next *juno.PrivateKey,
) juno.Outcome {
	f.index++
	o := juno.Outcome{Index: f.index, Result: juno.Result{Status: juno.StatusRefused}}
	if r := f.records[signer.ID()]; r == nil || r.Until != 0 {
		return o
	}
	if next != nil {
		id := next.Public().ID()
		if f.records[id] != nil {
			return o
		}
		f.records[id] = &juno.KeyRecord{
			ID: id, Subject: op.Subject, Role: op.Role, Public: next.Public(), From: f.index + 1,
		}
	}
	if op.Action != juno.KeyRegister {
		f.records[op.Ends].Until = f.index + 1
	}
	o.Result.Status = juno.StatusOK
	return o
}

// valid returns the key of a client that has not ended.
func (f *fakeLedger) valid(name string) (id juno.KeyID, found bool) {
	for _, r := range f.records {
		if r.Subject == name && r.Until == 0 {
			return r.ID, true
		}
	}
	return id, false
}

// newKeys returns the keys of a fresh ledger's operator, "bank".
func newKeys(t *testing.T, complete bool, draw func() fate) (*Keys, *fakeLedger) {
	t.Helper()
	dir, err := datadir.Create(filepath.Join(t.TempDir(), "books"), datadir.Options{
		Clients: []string{"bank"},
	})
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeLedger{
		records: make(map[juno.KeyID]*juno.KeyRecord), complete: complete, draw: draw,
		adopted: make(map[string]juno.PrivateKey),
	}
	for _, c := range dir.Genesis.Clients {
		id := c.Public.ID()
		f.records[id] = &juno.KeyRecord{ID: id, Subject: c.Name, Role: c.Role, Public: c.Public}
	}
	return again(t, dir, f), f
}

// again returns the keys as a process has them that begins now.
func again(t *testing.T, dir *datadir.Directory, f *fakeLedger) *Keys {
	t.Helper()
	key, err := dir.ClientKey("bank")
	if err != nil {
		t.Fatal(err)
	}
	return &Keys{Dir: dir, Ledger: f, Name: "bank", Key: key}
}

// holds reports whether the valid key of a client is in one of its two files.
func holds(dir *datadir.Directory, f *fakeLedger, name string) error {
	id, found := f.valid(name)
	if !found {
		return nil
	}
	present, err := dir.ClientKey(name)
	if err == nil && present.Public().ID() == id {
		return nil
	}
	if next, err := dir.NextKey(name); err == nil && next.Public().ID() == id {
		return nil
	}
	return fmt.Errorf("the valid key %s of %s is in no file", id, name)
}

var errCrash = errors.New("crash")

// TestNoKeyIsLost changes keys with every fate in every order, and crashes in between: the key that
// the ledger knows is always in a file, and a change that succeeds leaves it in its place.
func TestNoKeyIsLost(t *testing.T) {
	for seed := range uint64(40) {
		dice := rand.New(rand.NewPCG(seed, 1))
		k, f := newKeys(t, seed%2 == 0, func() fate { return fate(dice.IntN(int(fates))) })
		if f.complete { // where there is one node, what it did not accept is nowhere
			some := []fate{executed, refused, unknownThere, failed}
			f.draw = func() fate { return some[dice.IntN(len(some))] }
		}
		for step := range 12 {
			at := []string{"", "", "", "drawn", "acknowledged"}[dice.IntN(5)]
			name := []string{"bank", "alice"}[dice.IntN(2)]
			o, err := change(k, name, at)
			if err := holds(k.Dir, f, name); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			if err == nil && o.Result.Status == juno.StatusOK {
				id, _ := f.valid(name)
				if key, err := k.Dir.ClientKey(name); err != nil || key.Public().ID() != id {
					t.Fatalf("seed %d, step %d: %s was changed, and its key is not in place: %v",
						seed, step, name, err)
				}
			}
			if at != "" || dice.IntN(3) == 0 { // another process goes on
				if _, _, err := Settle(context.Background(), k.Dir, f, "bank"); err != nil {
					t.Fatal(err)
				}
				k = again(t, k.Dir, f)
			}
		}
	}
}

// change makes a change, and ends it at a step.
func change(k *Keys, name, at string) (o juno.Outcome, err error) {
	defer func() {
		if r := recover(); r != nil {
			if r != errCrash {
				panic(r)
			}
			err = errCrash
		}
	}()
	k.Step = func(_ context.Context, step string) {
		if step == at {
			panic(errCrash)
		}
	}
	if name == k.Name {
		return k.Rotate(context.Background())
	}
	return k.Register(context.Background(), name, juno.RoleClient)
}

// TestRepeatedChange wants the second call to finish the first, with the same key.
func TestRepeatedChange(t *testing.T) {
	for _, c := range []struct {
		name     string
		complete bool
		fates    []fate
		replayed bool
	}{
		{"it was in the log", false, []fate{unknownThere}, true},
		{"it was lost", false, []fate{unknownLost, executed}, false},
		{"it was not accepted", false, []fate{failed, executed}, false},
		{"it was not accepted by the only node", true, []fate{failed, executed}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			left := c.fates
			k, f := newKeys(t, c.complete, func() fate {
				next := left[0]
				left = left[1:]
				return next
			})
			if _, err := k.Rotate(context.Background()); err == nil {
				t.Fatal("the first call succeeds")
			}
			drawn, errDrawn := k.Dir.NextKey("bank")
			if kept := errDrawn == nil; kept == c.complete {
				t.Errorf("the drawn key is kept: %v", kept)
			}
			o, err := k.Rotate(context.Background())
			if err != nil || o.Result.Status != juno.StatusOK || o.Replayed != c.replayed {
				t.Fatalf("the second call: %+v, %v; want it executed, replayed %v", o, err,
					c.replayed)
			}
			id, _ := f.valid("bank")
			if k.Key.Public().ID() != id || f.adopted["bank"].Public().ID() != id {
				t.Error("the client goes on with another key than the valid one")
			}
			if errDrawn == nil && drawn.Public().ID() != id {
				t.Error("the second call brought another key")
			}
			if len(left) > 0 {
				t.Errorf("%d submissions too few", len(left))
			}
		})
	}
}

func TestRevoke(t *testing.T) {
	k, f := newKeys(t, true, func() fate { return executed })
	ctx := context.Background()
	if _, err := k.Register(ctx, "alice", juno.RoleClient); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Register(ctx, "alice", juno.RoleClient); err == nil {
		t.Error("alice was registered twice")
	}
	id, _ := f.valid("alice")
	if o, err := k.Revoke(ctx, id); err != nil || o.Result.Status != juno.StatusOK {
		t.Fatalf("revoke: %+v, %v", o, err)
	}
	if _, err := k.Revoke(ctx, id); err == nil {
		t.Error("a key that has ended was revoked again")
	}
	if _, err := k.Revoke(ctx, juno.KeyID{1}); !errors.Is(err, juno.ErrUnknownKey) {
		t.Errorf("an unknown key: got %v, want %v", err, juno.ErrUnknownKey)
	}
}
