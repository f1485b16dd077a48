package embedded

import (
	"os"
	"path/filepath"
	"testing"

	"juno"
	"juno/cluster"
	"juno/cluster/consensus"
	"juno/datadir"
)

// Who begins with the genesis must be able to follow the membership, also where the log that the
// changes are in was dropped.
func TestEpochsOutliveTheLog(t *testing.T) {
	w := &town{t: t, lines: cluster.NewSwitch(), limits: consensus.DefaultLimits(), drops: true}
	w.build(4, datadir.Options{Admins: []string{"ann"}, CheckpointEvery: 100})
	w.change(1, juno.Demote(4), nil)
	w.change(2, juno.Promote(4), nil)
	for range 10 {
		w.submit(2, 200, juno.Single)
	}
	const id = 1
	if first := w.nodes[id-1].log.First(); first < 100 {
		t.Fatalf("node%d still holds entry %d: nothing to be seen here", id, first)
	}
	check := func(when string) {
		t.Helper()
		all, err := w.nodes[id-1].Epochs(0)
		if err != nil || len(all) != 2 {
			t.Errorf("%s: proofs of %d epochs, want 2: %v", when, len(all), err)
		}
		m, err := w.nodes[id-1].dir.Memberships(juno.ClusterID{})
		if err != nil || m.Newest().Config().Epoch != 2 {
			t.Errorf("%s: the directory does not prove the members of epoch 2: %v", when, err)
		}
	}
	check("running")
	w.close(id)
	w.open(id)
	check("opened again")
	w.change(2, juno.Demote(4), nil)
	w.settle()
	if all, err := w.nodes[id-1].Epochs(1); err != nil || len(all) != 2 {
		t.Errorf("proofs of %d epochs after the first, want 2: %v", len(all), err)
	}
}

// The file of another node may know more than the log: who has missed that all others have other
// keys is told to take it. Where the log has dropped epochs it is not for more than those.
func TestEpochsOfAnotherNode(t *testing.T) {
	w := &town{t: t, lines: cluster.NewSwitch(), limits: consensus.DefaultLimits(), drops: true}
	w.build(5, datadir.Options{Admins: []string{"ann"}, CheckpointEvery: 100})
	w.change(1, juno.Demote(5), nil)
	for range 10 {
		w.submit(2, 200, juno.Single)
	}
	w.settle()
	const id = 4
	if first := w.nodes[id-1].log.First(); first < 100 {
		t.Fatalf("node%d still holds entry %d: nothing to be seen here", id, first)
	}
	w.close(id)
	w.change(2, juno.Promote(5), nil)
	if err := w.nodes[0].log.noteEpochs(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(w.places[0].Path, epochsName))
	if err != nil {
		t.Fatal(err)
	}
	err = os.WriteFile(filepath.Join(w.places[id-1].Path, epochsName), file, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	w.open(id)
	w.settle()
	if all, err := w.nodes[id-1].Epochs(0); err != nil || len(all) != 2 {
		t.Errorf("proofs of %d epochs, want 2: %v", len(all), err)
	}
}
