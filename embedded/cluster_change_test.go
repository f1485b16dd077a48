package embedded

import (
	"fmt"
	"path/filepath"
	"testing"

	"juno"
	"juno/cluster"
	"juno/cluster/consensus"
	"juno/datadir"
	"juno/verify/files"
)

// admins returns the keys of all administrators, which are kept with the first node.
func (w *town) admins() []juno.PrivateKey {
	w.t.Helper()
	dir, err := datadir.Open(w.places[0].Path)
	if err != nil {
		w.t.Fatal(err)
	}
	names, err := dir.AdminNames()
	if err != nil || len(names) == 0 {
		w.t.Fatalf("administrators: %v, %v", names, err)
	}
	var all []juno.PrivateKey
	for _, name := range names {
		key, err := dir.AdminKey(name)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, key)
	}
	return all
}

// change carries a change of the membership through, with the proofs that possess adds.
func (w *town) change(
	through juno.NodeID, draft func(*juno.EpochConfig) error,
	possess func(*juno.ConfigChange) error,
) {
	w.t.Helper()
	l := w.nodes[through-1]
	c, err := l.Draft(draft)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, key := range w.admins() {
		c.Approve(key, l.cluster)
	}
	if possess != nil {
		if err := possess(c); err != nil {
			w.t.Fatal(err)
		}
	}
	o, err := l.Propose(w.context(), juno.EntryConfig, c.Payload())
	if err != nil || o.Result.Status != juno.StatusOK {
		w.t.Fatalf("change the membership: %+v, %v", o, err)
	}
	for i, l := range w.nodes {
		if _, _, member := c.Next.Member(juno.NodeID(i + 1)); l != nil && member {
			w.await(juno.NodeID(i+1), "the epoch", func(s *cluster.Status) bool {
				return s.Config.Epoch >= c.Next.Epoch
			})
		}
	}
}

// add makes the directory of another node, and opens it.
func (w *town) add() (juno.NodeID, *datadir.Directory) {
	w.t.Helper()
	id := juno.NodeID(len(w.places) + 1)
	path := filepath.Join(w.t.TempDir(), fmt.Sprint(id))
	dir, err := datadir.PrepareNode(path, w.nodes[0].dir.Genesis, id)
	if err != nil {
		w.t.Fatal(err)
	}
	w.places = append(w.places, datadir.Place{Path: path})
	w.nodes, w.client = append(w.nodes, nil), append(w.client, nil)
	return id, dir
}

func TestMembersComeAndGo(t *testing.T) {
	w := newTown(t, 4, datadir.Options{Admins: []string{"ann", "bob", "cid"}})
	w.submit(1, 50, juno.Single)
	id, dir := w.add()
	w.openWithout(id)
	public, err := dir.NodePublic()
	if err != nil {
		t.Fatal(err)
	}
	w.change(2, juno.AddObserver(juno.Member{ID: id, Public: public}), dir.Possess)
	w.await(id, "its role", func(s *cluster.Status) bool { return s.Role == consensus.Observer })
	w.settle()
	w.change(3, juno.Promote(id), nil)
	w.await(id, "its vote", func(s *cluster.Status) bool { return s.Role == consensus.Follower })
	w.submit(2, 50, juno.Single)
	w.settle()
	// Five voters decide without one of the old ones, which goes for good.
	w.close(1)
	w.change(2, juno.RemoveMember(1), nil)
	w.submit(4, 50, juno.Batch)
	w.settle()
	for i, l := range w.nodes {
		if l != nil {
			w.close(juno.NodeID(i + 1))
		}
	}
	for i := 1; i < len(w.nodes); i++ {
		if w.client[i] != nil {
			w.open(juno.NodeID(i + 1))
		} else {
			w.openWithout(juno.NodeID(i + 1))
		}
	}
	w.submit(2, 50, juno.Single)
	w.settle()
}

func TestNodeKeyIsRotated(t *testing.T) {
	w := newTown(t, 4, datadir.Options{Admins: []string{"ann"}, CheckpointEvery: 40})
	w.submit(1, 20, juno.Single)
	const id = 2
	l := w.nodes[id-1]
	public, err := l.DrawNodeKey()
	if err != nil {
		t.Fatal(err)
	}
	m, _, _ := l.Membership().Member(id)
	m.Public = public
	w.change(3, juno.ReplaceMember(m), l.PossessNodeKey)
	w.submit(id, 200, juno.Single)
	// Without its vote under the new key there is no quorum.
	w.lines.Isolate(4)
	w.submit(id, 20, juno.Single)
	w.lines.Heal()
	w.settle()
	w.close(id)
	w.open(id)
	w.submit(id, 20, juno.Single)
	w.settle()
	if _, err := w.nodes[id-1].Receipt(w.context(), 10); err != nil {
		t.Errorf("receipt: %v", err)
	}
	for i := range w.nodes {
		w.close(juno.NodeID(i + 1))
		v, err := files.Directory(w.context(), w.places[i].Path, files.Options{})
		if err != nil || !v.Verified() {
			t.Errorf("verify node%d: %v, %+v", i+1, err, v)
		}
	}
}

func TestLostDiskIsReplaced(t *testing.T) {
	w := newTown(t, 4, datadir.Options{Admins: []string{"ann"}})
	w.submit(1, 50, juno.Single)
	const id = 3
	w.close(id)
	w.replaceDisk(id)
	w.lines.Isolate(4) // now it has to vote
	w.submit(2, 20, juno.Single)
	w.lines.Heal()
	w.settle()
}

// Where the others have dropped the log a new disk begins with the state that they have signed.
func TestLostDiskIsReplacedByState(t *testing.T) {
	w := &town{t: t, lines: cluster.NewSwitch(), limits: consensus.DefaultLimits(), drops: true}
	w.limits.CacheEntriesMax = 16
	w.build(4, datadir.Options{Admins: []string{"ann"}, CheckpointEvery: 100})
	w.change(1, juno.Demote(4), nil)
	w.change(1, juno.Promote(4), nil)
	const id = 3
	w.close(id)
	for range 10 {
		w.submit(2, 200, juno.Single)
	}
	w.replaceDisk(id)
	w.lines.Isolate(4)
	w.submit(2, 20, juno.Single)
	w.lines.Heal()
	w.settle()
	if first := w.nodes[id-1].log.First(); first < 100 {
		t.Errorf("the log of node%d begins at %d: nothing was fetched", id, first)
	}
	w.close(id)
	w.openWithout(id)
	w.settle()
	w.close(id)
	v, err := files.Directory(w.context(), w.places[id-1].Path, files.Options{})
	if err != nil || !v.Verified() {
		t.Errorf("verify node%d: %v, %+v", id, err, v)
	}
}

// replaceDisk gives a node that is down a new directory and another key, and waits until it votes.
func (w *town) replaceDisk(id juno.NodeID) {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "new")
	dir, err := datadir.PrepareNode(path, w.nodes[0].dir.Genesis, id)
	if err != nil {
		w.t.Fatal(err)
	}
	w.places[id-1].Path, w.client[id-1] = path, nil
	w.openWithout(id)
	w.await(id, "its silence", func(s *cluster.Status) bool {
		return s.Observing && s.Role == consensus.Observer
	})
	m, _, _ := w.nodes[0].Membership().Member(id)
	if m.Public, err = dir.NodePublic(); err != nil {
		w.t.Fatal(err)
	}
	// A state that it fetches already now is its own snapshot.
	if ring, err := w.nodes[id-1].nodeKeys(); err != nil {
		w.t.Error(err)
	} else if _, known := ring.Lookup(m.Public.ID()); !known {
		w.t.Errorf("node%d would not believe a snapshot that it has signed itself", id)
	}
	w.change(2, juno.ReplaceMember(m), dir.Possess)
	w.await(id, "its vote", func(s *cluster.Status) bool {
		return !s.Observing && s.Role == consensus.Follower
	})
}

func TestHaltAndResume(t *testing.T) {
	w := newTown(t, 4, datadir.Options{Admins: []string{"ann", "bob"}})
	w.submit(1, 20, juno.Single)
	halt := &juno.ModeChange{Halted: true, Nonce: 1, Reason: "test"}
	for _, key := range w.admins() {
		halt.Approve(key, w.nodes[0].cluster)
	}
	if err := w.nodes[1].Admin(juno.KindMode, halt.Payload()); err != nil {
		t.Fatal(err)
	}
	for i := range w.nodes {
		w.await(juno.NodeID(i+1), "the halt", func(s *cluster.Status) bool { return s.Halted })
	}
	// It is handed to every node, and they pass it on: whichever comes second is no failure.
	if err := w.nodes[2].Admin(juno.KindMode, halt.Payload()); err != nil {
		t.Errorf("the same halt at a node that has heard of it: %v", err)
	}
	outcomes, err := w.client[0].Submit(w.context(), []string{"transfer(a->b, 1%1)"}, juno.Single,
		nil)
	if err != nil || outcomes[0].Err == nil {
		t.Fatalf("a command while halted: %+v, %v", outcomes, err)
	}
	resume := &juno.ModeChange{Nonce: 2}
	for _, key := range w.admins() {
		resume.Approve(key, w.nodes[0].cluster)
	}
	if _, err := w.nodes[2].Propose(w.context(), juno.EntryMode, resume.Payload()); err != nil {
		t.Fatal(err)
	}
	for i := range w.nodes {
		w.await(juno.NodeID(i+1), "the resume", func(s *cluster.Status) bool { return !s.Halted })
	}
	w.submit(1, 20, juno.Single)
	w.settle()
	pos, high, err := w.nodes[1].Standing()
	if err != nil || high == nil || pos.Index < 20 {
		t.Errorf("standing: %s, %v, %v, want a certificate", pos, high, err)
	}
	if proof, err := w.nodes[1].Proof(w.context(), 10); err != nil || proof == nil ||
		proof.Pos.Index < 10 {
		t.Errorf("proof of entry 10: %v, %v", proof, err)
	}
}

func TestRevolution(t *testing.T) {
	w := &town{t: t, lines: cluster.NewSwitch(), limits: consensus.DefaultLimits()}
	w.limits.Revolution = true
	w.build(4, datadir.Options{Admins: []string{"ann"}})
	w.submit(1, 20, juno.Single)
	s := w.nodes[1].Status()
	r := &consensus.Revolution{Term: s.Term, Leader: s.Leader}
	key := w.admins()[0]
	e := juno.Seal(key, w.nodes[0].cluster, juno.KindRevolution, r.Body())
	r.Approvals = []juno.Approval{{Key: e.Key, Signature: e.Signature}}
	if err := w.nodes[1].Admin(juno.KindRevolution, consensus.Encode(r)); err != nil {
		t.Fatal(err)
	}
	w.await(1, "another leader", func(s *cluster.Status) bool {
		return s.TermKnown && s.Leader != r.Leader
	})
	w.submit(1, 20, juno.Single)
	w.settle()
}
