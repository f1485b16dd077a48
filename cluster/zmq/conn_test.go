package zmq

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"juno"
)

const clientSeed = 1000

// caller is a client with the frames and problems that it received.
type caller struct {
	*Conn
	mu       sync.Mutex
	cond     *sync.Cond
	got      []string
	problems []error
}

func dial(t testing.TB, e *Endpoint, adapt func(*DialConfig)) *caller {
	t.Helper()
	c := &caller{}
	c.cond = sync.NewCond(&c.mu)
	cfg := DialConfig{
		Cluster: testCluster, Address: e.Address(), Server: e.cfg.Key.Public(),
		Key: testKey(clientSeed), Software: "test client",
		Receive: func(frame []byte) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.got = append(c.got, string(frame))
			c.cond.Broadcast()
		},
		OnChange: func(problem error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.problems = append(c.problems, problem)
			c.cond.Broadcast()
		},
	}
	if adapt != nil {
		adapt(&cfg)
	}
	var err error
	if c.Conn, err = Dial(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (c *caller) await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	awaitCond(t, c.cond, what, holds)
}

// problem waits for a problem that wraps kind, and returns it.
func (c *caller) problem(t testing.TB, kind error) (problem error) {
	t.Helper()
	c.await(t, kind.Error(), func() bool {
		for _, problem = range c.problems {
			if errors.Is(problem, kind) {
				return true
			}
		}
		return false
	})
	return problem
}

// echo sends every request back twice.
func echo(client juno.PublicKey, request []byte, reply func([]byte)) {
	reply(append([]byte("one "), request...))
	go reply(append([]byte("two "), request...))
}

func TestClientAsks(t *testing.T) {
	w := newWorld(t, 1, func(c *Config) { c.Serve = echo })
	e := w.nodes[1]
	if err := e.SetClients([]juno.PublicKey{testKey(clientSeed).Public()}); err != nil {
		t.Fatal(err)
	}
	c := dial(t, e, nil)
	const requests = 100
	for i := range requests {
		if !c.Send(fmt.Appendf(nil, "%d", i)) {
			t.Fatalf("request %d: refused, want accepted", i)
		}
	}
	c.await(t, "all responses", func() bool { return len(c.got) == 2*requests })
	next := 0
	for _, got := range c.got {
		if n, ok := strings.CutPrefix(got, "one "); ok {
			if want := fmt.Sprint(next); n != want {
				t.Fatalf("response %q, want %q", n, want)
			}
			next++
		}
	}
	if err := c.Err(); err != nil {
		t.Error(err)
	}
}

// A client reconnects by itself when a node restarts.
func TestClientSurvivesNode(t *testing.T) {
	w := newWorld(t, 1, func(c *Config) { c.Serve = echo })
	clients := []juno.PublicKey{testKey(clientSeed).Public()}
	if err := w.nodes[1].SetClients(clients); err != nil {
		t.Fatal(err)
	}
	c := dial(t, w.nodes[1], nil)
	c.await(t, "up", func() bool { return len(c.problems) > 0 && c.problems[0] == nil })
	address := w.nodes[1].Address()
	w.shut(1)
	c.problem(t, ErrLost)
	if err := w.open(1, address).SetClients(clients); err != nil {
		t.Fatal(err)
	}
	c.await(t, "up again", func() bool { return c.problems[len(c.problems)-1] == nil })
	c.Send([]byte("still there"))
	c.await(t, "both responses", func() bool { return len(c.got) == 2 })
}

func TestClientIsRefused(t *testing.T) {
	serve := func(c *Config) { c.Serve = echo }
	w := newWorld(t, 2, serve)
	e := w.nodes[1]
	known := testKey(clientSeed)
	if err := e.SetClients([]juno.PublicKey{known.Public()}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		adapt func(*DialConfig)
		want  error
	}{
		{"unknown key", func(c *DialConfig) { c.Key = testKey(clientSeed + 1) }, ErrNotAdmitted},
		{"other cluster", func(c *DialConfig) { c.Cluster = juno.ClusterID{9} }, ErrCluster},
		{"wrong key", func(c *DialConfig) { c.Server = testKey(7).Public() }, ErrWrongKey},
		{"a node is no client", func(c *DialConfig) { c.Key = testKey(2) }, ErrIdentity},
		{"no name", func(c *DialConfig) { c.Address = "nowhere.invalid:1" }, ErrUnreachable},
		{"no port", func(c *DialConfig) { c.Address = "127.0.0.1" }, ErrUnreachable},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := dial(t, e, test.adapt)
			t.Log(c.problem(t, test.want))
			if err := c.Err(); err == nil {
				t.Error("no connection: got no error")
			}
		})
	}
}
