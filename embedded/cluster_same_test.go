package embedded

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"juno"
	"juno/cluster"
	"juno/cluster/consensus"
	"juno/datadir"
)

// TestSameRequestThroughEveryNode is a client that asks all nodes for the same at once, as one does
// that has lost patience: every node gives the same answer, and nothing is executed twice.
func TestSameRequestThroughEveryNode(t *testing.T) {
	w := newTown(t, 4, datadir.Options{})
	key, err := w.nodes[0].dir.ClientKey("client1")
	if err != nil {
		t.Fatal(err)
	}
	before := w.nodes[0].Head().Index
	for request := juno.RequestID(1); request <= 20; request++ {
		c := juno.Command{Request: request, Text: "transfer(a->b, 1%1)"}
		c.Sign(key, w.nodes[0].cluster)
		at := make([]juno.Index, len(w.nodes))
		var wg sync.WaitGroup
		for i, l := range w.nodes {
			wg.Go(func() {
				p, err := cluster.NewProposal(juno.EntryCommand, c.Payload())
				if err != nil {
					t.Error(err)
					return
				}
				ticket, err := l.node.Submit(p)
				if err != nil {
					t.Error(err)
					return
				}
				outcomes, err := ticket.Wait(w.context())
				if err != nil {
					t.Error(err)
					return
				}
				at[i] = outcomes[0].Index
			})
		}
		wg.Wait()
		for i := range at {
			if at[i] != at[0] {
				t.Fatalf("request %d: places %v, want the same everywhere", request, at)
			}
		}
	}
	w.settle()
	if entries := w.nodes[0].Head().Index - before; entries > 21 { // one may be a term's start
		t.Errorf("%d entries for 20 requests", entries)
	}
}

// TestRequestReusedThroughAnotherNode gives one number to two commands, at two nodes at once: one
// of them is refused, and nobody complains about the leader for ever.
func TestRequestReusedThroughAnotherNode(t *testing.T) {
	w := newTown(t, 4, datadir.Options{})
	key, err := w.nodes[0].dir.ClientKey("client1")
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i, text := range []string{"transfer(a->b, 1%1)", "transfer(a->c, 1%1)"} {
		wg.Go(func() {
			c := juno.Command{Request: 7, Text: text}
			c.Sign(key, w.nodes[0].cluster)
			p, err := cluster.NewProposal(juno.EntryCommand, c.Payload())
			if err != nil {
				t.Error(err)
				return
			}
			ticket, err := w.nodes[i+1].node.Submit(p)
			if err == nil {
				_, err = ticket.Wait(w.context())
			}
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, juno.ErrReused) {
				lost++
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if lost != 1 {
		t.Errorf("%d of two were refused, want one", lost)
	}
	w.settle()
}

// TestAllRestart stops every node, and opens them again.
func TestAllRestart(t *testing.T) {
	w := newTown(t, 4, datadir.Options{CheckpointEvery: 50})
	w.submit(1, 200, juno.Single)
	w.settle()
	for round := range 2 {
		for id := juno.NodeID(1); id <= 4; id++ {
			w.close(id)
		}
		for id := juno.NodeID(1); id <= 4; id++ {
			w.open(id)
		}
		w.submit(juno.NodeID(round+1), 50, juno.Batch)
		w.settle()
	}
}

// TestStateThatDiffersIsQuarantined corrupts what one node computes: it must leave, write down
// why, and the others must go on.
func TestStateThatDiffersIsQuarantined(t *testing.T) {
	const id = 4
	w := &town{t: t, lines: cluster.NewSwitch(), limits: consensus.DefaultLimits(), spoiled: id}
	w.build(4, datadir.Options{CheckpointEvery: 50})
	w.submit(1, 200, juno.Single)
	w.await(id, "quarantine", func(s *cluster.Status) bool {
		return s.Role == consensus.Quarantined && s.Quarantine != ""
	})
	w.submit(2, 50, juno.Single)
	w.close(id)
	reports, err := filepath.Glob(filepath.Join(w.places[id-1].Path, quarantineName, "*",
		"report.txt"))
	if err != nil || len(reports) != 1 {
		t.Errorf("reports %v, %v, want one", reports, err)
	}
	w.settle()
}
