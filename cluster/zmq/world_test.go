package zmq

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"juno"
)

// patience bounds the wait for an event that must happen. A test that passes waits much less.
const patience = 20 * time.Second

func testKey(n int) juno.PrivateKey {
	var seed [juno.SeedBytes]byte
	binary.BigEndian.PutUint64(seed[:], uint64(n))
	return juno.NewPrivateKey(seed)
}

var testCluster = juno.ClusterID{0: 1, 31: 2}

// delivery is a frame that arrived.
type delivery struct {
	from  juno.NodeID
	frame []byte
}

// world is endpoints in one process, with the frames and changes that they reported.
type world struct {
	t     testing.TB
	nodes map[juno.NodeID]*Endpoint
	peers []Peer
	adapt func(*Config) // changes the Config of a node before it is opened

	mu   sync.Mutex
	cond *sync.Cond
	got  map[juno.NodeID][]delivery
	told map[juno.NodeID]map[juno.NodeID]PeerStatus
}

// newWorld opens nodes 1 to n and makes them peers of each other.
func newWorld(t testing.TB, n int, adapt func(*Config)) *world {
	w := &world{
		t: t, nodes: make(map[juno.NodeID]*Endpoint), adapt: adapt,
		got:  make(map[juno.NodeID][]delivery),
		told: make(map[juno.NodeID]map[juno.NodeID]PeerStatus),
	}
	w.cond = sync.NewCond(&w.mu)
	t.Cleanup(w.close)
	for i := range n {
		id := juno.NodeID(i + 1)
		e := w.open(id, "127.0.0.1:0")
		w.peers = append(w.peers, Peer{ID: id, Address: e.Address(), Key: testKey(i + 1).Public()})
	}
	for _, e := range w.nodes {
		if err := e.SetPeers(w.peers); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// open opens a node with the peers of the world.
func (w *world) open(id juno.NodeID, listen string) *Endpoint {
	w.t.Helper()
	cfg := Config{
		Cluster: testCluster, ID: id, Key: testKey(int(id)), Software: "test", Listen: listen,
		Peers:    w.peers,
		Deliver:  func(from juno.NodeID, frame []byte) { w.deliver(id, from, frame) },
		OnChange: func(s PeerStatus) { w.change(id, s) },
	}
	if w.adapt != nil {
		w.adapt(&cfg)
	}
	e, err := Listen(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.nodes[id] = e
	return e
}

func (w *world) deliver(to, from juno.NodeID, frame []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got[to] = append(w.got[to], delivery{from, frame})
	w.cond.Broadcast()
}

func (w *world) change(at juno.NodeID, s PeerStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.told[at] == nil {
		w.told[at] = make(map[juno.NodeID]PeerStatus)
	}
	w.told[at][s.ID] = s
	w.cond.Broadcast()
}

// await waits until a condition on the world holds.
func (w *world) await(what string, holds func() bool) {
	w.t.Helper()
	awaitCond(w.t, w.cond, what, holds)
}

// awaitCond waits until a condition that cond guards holds.
func awaitCond(t testing.TB, cond *sync.Cond, what string, holds func() bool) {
	t.Helper()
	late := false
	timer := time.AfterFunc(patience, func() {
		cond.L.Lock()
		defer cond.L.Unlock()
		late = true
		cond.Broadcast()
	})
	defer timer.Stop()
	cond.L.Lock()
	defer cond.L.Unlock()
	for !holds() {
		if late {
			t.Fatalf("not within %s: %s", patience, what)
		}
		cond.Wait()
	}
}

// connected waits until every open node is connected to every other of ids.
func (w *world) connected(ids ...juno.NodeID) {
	w.t.Helper()
	for _, a := range ids {
		for _, b := range ids {
			if a != b {
				w.await(fmt.Sprintf("%s connected to %s", a, b), func() bool {
					return w.told[a][b].Connected
				})
			}
		}
	}
}

// problem waits until a node reports a problem with a peer that wraps kind, and returns it.
func (w *world) problem(at, with juno.NodeID, kind error) (problem error) {
	w.t.Helper()
	w.await(fmt.Sprintf("%s: %s with %s", at, kind, with), func() bool {
		problem = w.told[at][with].Problem
		return errors.Is(problem, kind)
	})
	return problem
}

// arrived returns the frames delivered to a node so far.
func (w *world) arrived(at juno.NodeID) []delivery {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.got[at])
}

func (w *world) send(from, to juno.NodeID, lane Lane, frame string) {
	w.t.Helper()
	if !w.nodes[from].Send(to, lane, []byte(frame)) {
		w.t.Fatalf("%s to %s: %s is full", from, to, lane)
	}
}

func (w *world) shut(id juno.NodeID) {
	if e := w.nodes[id]; e != nil {
		delete(w.nodes, id)
		if err := e.Close(); err != nil {
			w.t.Error(err)
		}
	}
}

func (w *world) close() {
	for id := range w.nodes {
		w.shut(id)
	}
}
