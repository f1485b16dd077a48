package server

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"juno"
	"juno/cluster"
	"juno/internal/ports"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// hill is wires in one process: what they are told, and what arrived.
type hill struct {
	t     *testing.T
	wires []*transport // by id less 1
	lines []cluster.Transport
	keys  [][]juno.PrivateKey // of each node, newest first

	mu   sync.Mutex
	cond *sync.Cond
	got  map[string]bool // "from>to text"
}

func testKey(n byte) juno.PrivateKey { return juno.NewPrivateKey([juno.SeedBytes]byte{n}) }

// newHill connects nodes of an epoch 0, and gives each of them another key, which is not in force.
func newHill(t *testing.T, n int) (*hill, *juno.EpochConfig) {
	h := &hill{t: t, got: make(map[string]bool)}
	h.cond = sync.NewCond(&h.mu)
	config := &juno.EpochConfig{FirstLeader: 1, CheckpointEvery: 100}
	for i := range n {
		h.keys = append(h.keys, []juno.PrivateKey{testKey(byte(100 + i)), testKey(byte(i + 1))})
		config.Voters = append(config.Voters, juno.Member{
			ID: juno.NodeID(i + 1), Public: h.keys[i][1].Public(), Address: freeAddress(t),
		})
	}
	for i := range n {
		id := juno.NodeID(i + 1)
		w := &transport{Software: "test", Warn: func(text string) { t.Logf("%s warns: %s", id,
			text) }}
		line, err := w.Connect(cluster.TransportConfig{
			ID: id, Cluster: juno.ClusterID{1}, Config: config,
			Secret: func(public juno.PublicKey) (key juno.PrivateKey, ok bool) {
				at := slices.IndexFunc(h.keys[i], func(k juno.PrivateKey) bool {
					return k.Public() == public
				})
				if at < 0 {
					return key, false
				}
				return h.keys[i][at], true
			},
			Keys: func() []juno.PrivateKey { return h.keys[i] },
			Deliver: func(from juno.NodeID, frame []byte) {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.got[fmt.Sprintf("%s>%s %s", from, id, frame)] = true
				h.cond.Broadcast()
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		h.wires, h.lines = append(h.wires, w), append(h.lines, line)
		t.Cleanup(func() {
			if err := line.Close(); err != nil {
				t.Errorf("close %s: %v", id, err)
			}
		})
	}
	return h, config
}

func freeAddress(t *testing.T) string {
	address, err := ports.Free(1)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// say sends a text again and again until it has arrived.
func (h *hill) say(from, to juno.NodeID, text string) {
	h.t.Helper()
	what, stop := fmt.Sprintf("%s>%s %s", from, to, text), make(chan struct{})
	var sender sync.WaitGroup
	defer sender.Wait()
	defer close(stop)
	sender.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			h.lines[from-1].Send(to, cluster.LaneVotes, []byte(text))
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	})
	late := false
	timer := time.AfterFunc(patience, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		late = true
		h.cond.Broadcast()
	})
	defer timer.Stop()
	h.mu.Lock()
	defer h.mu.Unlock()
	for !h.got[what] {
		if late {
			h.t.Fatalf("%q from %s has not come to %s: %+v", text, from, to,
				h.wires[from-1].Endpoint().Status())
		}
		h.cond.Wait()
	}
}

// awaitKey waits until a node speaks under a key.
func (h *hill) awaitKey(id juno.NodeID, want juno.PublicKey) {
	h.t.Helper()
	w := h.wires[id-1]
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		w.mu.Lock()
		got := w.key.Public()
		w.mu.Unlock()
		if got == want {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			h.t.Fatalf("%s speaks under key %s, want %s", id, got.ID(), want.ID())
		}
	}
}

// rotated returns the membership after config, in which a node has its newest key.
func (h *hill) rotated(config *juno.EpochConfig, id juno.NodeID) *juno.EpochConfig {
	next := *config
	next.Epoch++
	next.Voters = slices.Clone(config.Voters)
	next.Voters[id-1].Public = h.keys[id-1][0].Public()
	return &next
}

// A node that is the only one to know that its key was rotated is not heard under the new one, and
// nobody who needs what it knows reaches it. It speaks under the old one until they know it, too.
// It used to be cut off for good, and with one more node down so was the cluster.
func TestOnlyOneKnowsItsNewKey(t *testing.T) {
	t.Parallel()
	h, config := newHill(t, 4)
	h.say(2, 1, "first")
	h.say(1, 2, "first")
	next := h.rotated(config, 2)
	h.lines[1].SetMembers(next)
	h.say(2, 1, "in the grace")
	h.say(3, 2, "in the grace")
	h.awaitKey(2, h.keys[1][0].Public()) // the grace ends, and nobody admits it
	h.awaitKey(2, h.keys[1][1].Public()) // so it tries the one before
	h.say(2, 1, "under the old key")
	h.say(3, 2, "under the old key")
	for _, i := range []int{0, 2, 3} {
		h.lines[i].SetMembers(next)
	}
	h.awaitKey(2, h.keys[1][0].Public())
	for _, other := range []juno.NodeID{1, 3, 4} {
		h.say(2, other, "under the new key")
		h.say(other, 2, "to the new key")
	}
}

// A key that was rotated while the node was down is found among those that it has.
func TestNewKeyIsFound(t *testing.T) {
	t.Parallel()
	h, config := newHill(t, 4)
	next := h.rotated(config, 4)
	for _, i := range []int{0, 1, 2} {
		h.lines[i].SetMembers(next)
	}
	h.awaitKey(4, h.keys[3][0].Public())
	h.say(1, 4, "welcome")
	h.say(4, 2, "thank you")
}
