package zmq

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"juno"
)

// openFiles returns the number of open descriptors of this process, if the system lists them.
func openFiles(t *testing.T) int {
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no list of open files here:", err)
	}
	return len(all)
}

// settles waits until a count is at most a bound: a goroutine that has ended may still be counted
// for a moment.
func settles(t *testing.T, what string, most int, count func() int) {
	t.Helper()
	end := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for n := count(); n > most; n = count() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%d %s, want at most %d", n, what, most)
		}
	}
}

// Close leaves no descriptor and no goroutine behind, whatever was in progress.
func TestCloseLeavesNothing(t *testing.T) {
	life := func(name string) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 3, func(c *Config) { c.Serve = echo })
			w.peers = append(w.peers,
				Peer{ID: 4, Address: "127.0.0.1:1", Key: testKey(4).Public()},
				Peer{ID: 5, Address: "nowhere.invalid:1", Key: testKey(5).Public()})
			for _, e := range w.nodes {
				if err := e.SetPeers(w.peers); err != nil {
					t.Fatal(err)
				}
				err := e.SetClients([]juno.PublicKey{testKey(clientSeed).Public()})
				if err != nil {
					t.Fatal(err)
				}
			}
			c := dial(t, w.nodes[1], nil)
			w.connected(1, 2, 3)
			for range 100 {
				w.send(1, 2, LaneEntries, "under way")
				c.Send([]byte("under way"))
			}
			w.problem(1, 4, ErrUnreachable)
			start := time.Now()
			w.shut(1)
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("close took %s, want at most 20s", took)
			}
			c.problem(t, ErrLost)
		})
	}
	life("first") // opens descriptors that the runtime keeps
	files, goroutines := openFiles(t), runtime.NumGoroutine()
	for i := range 5 {
		life(fmt.Sprint("life ", i))
	}
	settles(t, "open files", files, func() int { return openFiles(t) })
	settles(t, "goroutines", goroutines, runtime.NumGoroutine)
}

func TestListenErrors(t *testing.T) {
	w := newWorld(t, 1, nil)
	taken := w.nodes[1].Address()
	for _, listen := range []string{
		taken, "127.0.0.1", "127.0.0.1:x", "nowhere.invalid:0", ":99999",
	} {
		e, err := Listen(Config{
			Cluster: testCluster, ID: 2, Key: testKey(2), Listen: listen,
			Deliver: func(juno.NodeID, []byte) {},
		})
		if err == nil {
			t.Errorf("listen on %s: got address %s, want an error", listen, e.Address())
			_ = e.Close()
			continue
		}
		t.Log(err)
	}
	for _, listen := range []string{":0", "lo:0", "localhost:0"} {
		if listen == "lo:0" {
			if _, err := net.InterfaceByName("lo"); err != nil {
				continue
			}
		}
		e, err := Listen(Config{
			Cluster: testCluster, ID: 2, Key: testKey(2), Listen: listen,
			Deliver: func(juno.NodeID, []byte) {},
		})
		if err != nil {
			t.Errorf("listen on %s: %v", listen, err)
			continue
		}
		_ = e.Close()
	}
}

// When a node changes its key, the others accept frames under the new key and none under the old.
func TestPeerChangesItsKey(t *testing.T) {
	w := newWorld(t, 3, nil)
	w.connected(1, 2, 3)
	old := w.nodes[2]
	delete(w.nodes, 2)
	defer func() { _ = old.Close() }()

	w.adapt = func(c *Config) {
		if c.ID == 2 {
			c.Key = testKey(22)
		}
	}
	fresh := w.open(2, "127.0.0.1:0")
	before := w.peers[1]
	w.peers[1] = Peer{ID: 2, Address: fresh.Address(), Key: testKey(22).Public()}
	for id, e := range w.nodes {
		if err := e.SetPeers(w.peers); err != nil {
			t.Fatal(err)
		}
		if id != 2 {
			w.await("connected to the new one", func() bool {
				s := w.told[id][2]
				return s.Connected && s.Key != before.Key
			})
		}
	}
	w.connected(1, 2, 3)
	refused := w.nodes[1].Refused()
	if !old.Send(1, LaneVotes, []byte("as before")) {
		t.Error("send: refused by the lane of the sender, want accepted")
	}
	settles(t, "frames not refused", 0, func() int {
		return int(refused + 1 - min(refused+1, w.nodes[1].Refused()))
	})
	w.send(2, 1, LaneVotes, "with the new key")
	w.await("the frame", func() bool { return len(w.got[1]) > 0 })
	if got := string(w.arrived(1)[0].frame); got != "with the new key" {
		t.Errorf("delivered %q, want \"with the new key\"", got)
	}
}

// Frames of a removed peer are refused, and accepted again once it is added again.
func TestPeerLeavesAndReturns(t *testing.T) {
	w := newWorld(t, 3, nil)
	w.connected(1, 2, 3)
	if err := w.nodes[1].SetPeers(w.peers[:2]); err != nil {
		t.Fatal(err)
	}
	w.problem(1, 3, ErrClosed)
	if w.nodes[1].Send(3, LaneVotes, []byte("x")) {
		t.Error("send to a node that is not a peer: accepted, want refused")
	}
	refused := w.nodes[1].Refused() // the first handshakes preceded SetPeers
	w.send(3, 1, LaneVotes, "not heard")
	settles(t, "frames not refused", 0, func() int {
		return int(refused + 1 - min(refused+1, w.nodes[1].Refused()))
	})
	if err := w.nodes[1].SetPeers(w.peers); err != nil {
		t.Fatal(err)
	}
	w.connected(1, 2, 3)
	w.send(3, 1, LaneVotes, "heard")
	w.send(1, 3, LaneVotes, "heard")
	w.await("both frames", func() bool { return len(w.got[1]) > 0 && len(w.got[3]) > 0 })
	if got := string(w.arrived(1)[0].frame); got != "heard" {
		t.Errorf("delivered %q, want \"heard\"", got)
	}
}

// While a peer receives nothing, its votes queue apart from its entries, full lanes refuse frames,
// and other peers are not affected.
func TestSlowPeer(t *testing.T) {
	release := make(chan struct{})
	var w *world
	w = newWorld(t, 3, func(c *Config) {
		c.LaneBytesMax = [LaneCount]int{1000, 1000, 8 << 20, 8 << 20}
		if c.ID == 2 {
			c.Deliver = func(from juno.NodeID, frame []byte) {
				<-release
				w.deliver(2, from, frame[:min(20, len(frame))])
			}
		}
	})
	w.connected(1, 2, 3)
	entry := make([]byte, 1<<20)
	bulk := 0
	for w.nodes[1].Send(2, LaneEntries, entry) {
		if bulk++; bulk > 1000 {
			t.Fatal("peer that receives nothing: accepted 1000 MiB for it")
		}
	}
	for i := range 500 {
		w.send(1, 2, LaneVotes, fmt.Sprintf("vote %04d", i))
	}
	w.send(1, 3, LaneEntries, "to another")
	w.await("the frame to another", func() bool { return len(w.got[3]) == 1 })
	s := w.nodes[1].Status()[0]
	if s.ID != 2 || !s.Connected || s.Dropped == 0 {
		t.Errorf("status of a slow peer: got %+v, want connected with dropped frames", s)
	}
	close(release)
	last := "vote 0499"
	w.await("the last vote", func() bool {
		for _, d := range w.got[2] {
			if string(d.frame) == last {
				return true
			}
		}
		return false
	})
	arrived := w.arrived(2) // entries may still follow
	if n := len(arrived); n > 500+bulk {
		t.Errorf("delivered %d frames, want at most %d", n, 500+bulk)
	}
	ahead := 0
	for _, d := range arrived {
		if d.frame[0] == 0 {
			ahead++
		}
	}
	t.Logf("%d MiB of entries sent, %d arrived before the last vote", bulk, ahead)
}

// A peer that accepts connections but never answers is unreachable.
func TestSilentPeer(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	w := newWorld(t, 1, nil)
	err = w.nodes[1].SetPeers([]Peer{
		{ID: 2, Address: silent.Addr().String(), Key: testKey(2).Public()},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(w.problem(1, 2, ErrUnreachable))
}
