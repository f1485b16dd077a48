package zmq

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"juno"
)

func TestNodesExchangeFrames(t *testing.T) {
	w := newWorld(t, 4, nil)
	const frames = 300
	for i := range frames {
		for from := range w.nodes {
			for to := range w.nodes {
				if from != to {
					w.send(from, to, LaneEntries, fmt.Sprintf("%s %d", from, i))
				}
			}
		}
	}
	w.await("all frames", func() bool {
		for id := range w.nodes {
			if len(w.got[id]) < 3*frames {
				return false
			}
		}
		return true
	})
	for id := range w.nodes {
		next := make(map[juno.NodeID]int)
		for _, d := range w.arrived(id) {
			want := fmt.Sprintf("%s %d", d.from, next[d.from])
			if got := string(d.frame); got != want {
				t.Fatalf("%s got %q, want %q", id, got, want)
			}
			next[d.from]++
		}
	}
	w.connected(1, 2, 3, 4)
	for _, s := range w.nodes[1].Status() {
		if s.FramesIn != frames || s.FramesOut != frames || s.Problem != nil ||
			s.Software != "test" {
			t.Errorf("status of %s: got %+v, want %d frames both ways and no problem",
				s.ID, s, frames)
		}
	}
}

func TestPeerRestarts(t *testing.T) {
	w := newWorld(t, 2, nil)
	w.connected(1, 2)
	for round := range 3 {
		address := w.nodes[2].Address()
		w.shut(2)
		w.await("1 loses 2", func() bool { return !w.told[1][2].Connected })
		w.mu.Lock()
		delete(w.told, 2)
		w.mu.Unlock()
		w.open(2, address)
		w.connected(1, 2)
		text := fmt.Sprintf("round %d", round)
		w.send(1, 2, LaneVotes, text)
		w.send(2, 1, LaneCommands, text)
		w.await(text, func() bool { return len(w.got[1]) > round && len(w.got[2]) > round })
	}
}

// Each mistake of an operator has an error of its own, which goes away when it is corrected.
func TestProblemsAreDistinct(t *testing.T) {
	w := newWorld(t, 2, func(c *Config) {
		if c.ID == 3 {
			c.Cluster = juno.ClusterID{5}
		}
	})
	w.connected(1, 2)
	three := w.open(3, "127.0.0.1:0")
	at := func(address string, key int) Peer {
		return Peer{ID: 3, Address: address, Key: testKey(key).Public()}
	}
	for _, test := range []struct {
		name string
		peer Peer
		want error
	}{
		{"nothing listens", at("127.0.0.1:1", 3), ErrUnreachable},
		{"wrong key", at(w.nodes[2].Address(), 3), ErrWrongKey},
		{"other node with its key", at(w.nodes[2].Address(), 2), ErrIdentity},
		{"not in its list", at(three.Address(), 3), nil},
	} {
		peers := append(w.peers[:2:2], test.peer)
		err := w.nodes[1].SetPeers(peers)
		if test.name == "other node with its key" {
			if err == nil {
				t.Errorf("set peers: %s: got no error", test.name)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if test.want == nil {
			t.Log(w.problem(1, 3, ErrCluster))
			continue
		}
		t.Log(w.problem(1, 3, test.want))
	}
	if err := three.SetPeers(nil); err != nil {
		t.Fatal(err)
	}
	if err := w.nodes[1].SetPeers(w.peers[:2]); err != nil {
		t.Fatal(err)
	}
	w.problem(1, 3, ErrClosed)
	if err := w.nodes[1].SetPeers(append(w.peers[:2:2], at(three.Address(), 3))); err != nil {
		t.Fatal(err)
	}
	t.Log(w.problem(1, 3, ErrNotAdmitted))
	w.connected(1, 2)
}

// A node whose key is replaced is sent an answer, so that it does not send frames in vain.
func TestReplacedKeyIsRejected(t *testing.T) {
	w := newWorld(t, 3, nil)
	w.connected(1, 2, 3)
	peers := slices.Clone(w.peers)
	peers[2].Key = testKey(99).Public()
	if err := w.nodes[1].SetPeers(peers); err != nil {
		t.Fatal(err)
	}
	w.await("node3 is not admitted", func() bool {
		return errors.Is(w.told[3][1].Problem, ErrNotAdmitted)
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.told[3][2]; !p.Connected || p.Problem != nil {
		t.Errorf("status of node2 at node3: got %+v, want connected", p)
	}
}
