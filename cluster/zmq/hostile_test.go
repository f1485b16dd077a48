package zmq

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	zmq4 "github.com/pebbe/zmq4"

	"juno"
)

// raw is a socket that may break every rule of the protocol.
type raw struct {
	t   testing.TB
	ctx *zmq4.Context
	*zmq4.Socket
}

// newRaw returns a socket in a context of its own. If server is nil, the socket is a CURVE server;
// it admits every key, because its context has no ZAP handler.
func newRaw(t testing.TB, kind zmq4.Type, key juno.PrivateKey, server *juno.PublicKey) *raw {
	t.Helper()
	ctx, err := zmq4.NewContext()
	if err != nil {
		t.Fatal(err)
	}
	s, err := ctx.NewSocket(kind)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Close()
		_ = ctx.Term()
	})
	public, err := curvePublic(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(s.SetLinger(0), s.SetRcvtimeo(patience), s.SetSndtimeo(patience),
		s.SetCurvePublickey(public.z85()), s.SetCurveSecretkey(curveSecret(key).z85()))
	if server == nil {
		err = errors.Join(err, s.SetCurveServer(1))
	} else {
		k, _ := curvePublic(*server)
		err = errors.Join(err, s.SetCurveServerkey(k.z85()))
	}
	if err != nil {
		t.Fatal(err)
	}
	return &raw{t, ctx, s}
}

// rawDial connects to an endpoint with a key.
func rawDial(t testing.TB, e *Endpoint, key juno.PrivateKey) *raw {
	server := e.cfg.Key.Public()
	r := newRaw(t, zmq4.DEALER, key, &server)
	if err := r.Connect("tcp://" + e.Address()); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *raw) say(parts ...any) {
	r.t.Helper()
	if _, err := r.SendMessage(parts...); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raw) answer() answer {
	r.t.Helper()
	b, err := r.RecvBytes(0)
	if err != nil {
		r.t.Fatal(err)
	}
	a, _, err := parseAnswer(b)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// mallory returns a node, a raw connection to it under the key of node 2, and a valid hello.
func mallory(t *testing.T) (*world, *raw, hello) {
	w := newWorld(t, 1, func(c *Config) { c.Serve = echo })
	w.peers = append(w.peers, Peer{ID: 2, Address: "127.0.0.1:1", Key: testKey(2).Public()})
	if err := w.nodes[1].SetPeers(w.peers); err != nil {
		t.Fatal(err)
	}
	return w, rawDial(t, w.nodes[1], testKey(2)), hello{
		purpose: purposeBulk, cluster: testCluster, from: 2, to: 1, key: testKey(2).Public(),
	}
}

func TestRefusedHellos(t *testing.T) {
	w, m, good := mallory(t)
	for _, test := range []struct {
		name string
		bend func(*hello)
		want answerCode
	}{
		{"cluster", func(h *hello) { h.cluster[5]++ }, codeCluster},
		{"another is meant", func(h *hello) { h.to = 3 }, codeNode},
		{"as node 3", func(h *hello) { h.from = 3 }, codeIdentity},
		{"with the key of node 1", func(h *hello) { h.key = testKey(1).Public() }, codeIdentity},
		{"as a client", func(h *hello) { h.purpose, h.from = purposeClient, 0 }, codeIdentity},
	} {
		h := good
		test.bend(&h)
		m.say(appendHello(nil, &h))
		if a := m.answer(); a.code != test.want || a.reason == "" {
			t.Errorf("%s: code %d %q, want %d", test.name, a.code, a.reason, test.want)
		}
	}
	other := appendHello(nil, &good)
	other[0] = 2
	m.say(other)
	if a := m.answer(); a.code != codeVersion {
		t.Errorf("version 2: code %d %q, want %d", a.code, a.reason, codeVersion)
	}
	m.say(appendHello(nil, &good))
	if a := m.answer(); a.code != codeOK {
		t.Errorf("a valid hello: code %d %q, want 0", a.code, a.reason)
	}
	m.say("hi")
	w.await("the frame", func() bool { return len(w.got[1]) == 1 })
	if d := w.arrived(1)[0]; d.from != 2 || string(d.frame) != "hi" {
		t.Errorf("delivered %q from %s, want \"hi\" from node2", d.frame, d.from)
	}
}

// The rest of a message of several parts must not be read as another message: its first part
// would be taken for the routing ID of another session.
func TestMessagesOfSeveralParts(t *testing.T) {
	w, m, good := mallory(t)
	m.say("garbage", "more", "and more")
	m.say(appendHello(nil, &good))
	if a := m.answer(); a.code != codeOK {
		t.Fatalf("code %d %q, want 0", a.code, a.reason)
	}
	w.nodes[1].listener.e.post(func() {
		for name := range w.nodes[1].listener.sessions {
			w.mu.Lock()
			w.got[99] = append(w.got[99], delivery{0, []byte(name)})
			w.cond.Broadcast()
			w.mu.Unlock()
		}
	})
	w.await("the name", func() bool { return len(w.got[99]) == 1 })
	m.say("x", w.arrived(99)[0].frame, "forged")
	m.say("true")
	w.await("the true frame", func() bool { return len(w.got[1]) > 0 })
	if got := string(w.arrived(1)[0].frame); got != "true" {
		t.Errorf("delivered %q, want \"true\"", got)
	}
	if w.nodes[1].Refused() < 2 {
		t.Errorf("refused %d, want 2 or more", w.nodes[1].Refused())
	}
}

// A frame beyond the limit ends its connection and no other.
func TestOversizeFrame(t *testing.T) {
	w := newWorld(t, 3, func(c *Config) {
		if c.ID != 2 {
			c.FrameBytesMax = 1000
		}
	})
	w.connected(1, 2, 3)
	if w.nodes[1].Send(2, LaneEntries, make([]byte, 1001)) {
		t.Error("a frame beyond the limit of the sender is accepted")
	}
	w.send(2, 1, LaneEntries, strings.Repeat("x", 1001))
	t.Log(w.problem(2, 1, ErrLost))
	w.mu.Lock()
	delete(w.told[2], 1)
	w.mu.Unlock()
	w.send(3, 1, LaneEntries, "short")
	w.await("3's frame", func() bool { return len(w.got[1]) > 0 })
	w.connected(1, 2, 3)
	w.send(2, 1, LaneEntries, strings.Repeat("x", 1000))
	w.await("2's frame", func() bool { return len(w.got[1]) == 2 })
	if got := w.arrived(1)[1]; got.from != 2 || len(got.frame) != 1000 {
		t.Errorf("delivered %d bytes from %s, want 1000 from node2", len(got.frame), got.from)
	}
}

// Bytes that are not ZMTP end their connection and no other.
func TestGarbageOnTheWire(t *testing.T) {
	w := newWorld(t, 2, nil)
	w.connected(1, 2)
	for _, garbage := range []string{
		"GET / HTTP/1.0\r\n\r\n",
		strings.Repeat("\xff", 100),
		"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00NULL" + strings.Repeat("\x00", 100),
	} {
		c, err := net.Dial("tcp", w.nodes[1].Address())
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, garbage); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c); errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		_ = c.Close()
	}
	w.send(2, 1, LaneVotes, "still here")
	w.await("the frame", func() bool { return len(w.got[1]) == 1 })
}

// Another version, a malformed answer and a wrong key have errors of their own.
func TestRefusedAnswers(t *testing.T) {
	accepted := answer{cluster: testCluster, from: 2, software: "other"}
	newer := appendAnswer(nil, &accepted)
	newer[0] = 9
	elsewhere, rejection := accepted, accepted
	elsewhere.from = 7
	rejection.code, rejection.reason = codeIdentity, "not any more"
	for _, test := range []struct {
		name  string
		parts []any
		late  bool // after an answer with codeOK
		want  error
	}{
		{"version 9", []any{newer}, false, ErrVersion},
		{"nonsense", []any{"what?"}, false, ErrVersion},
		{"several parts", []any{"a", "b"}, false, ErrVersion},
		{"node 7", []any{appendAnswer(nil, &elsewhere)}, false, ErrIdentity},
		{"nonsense later", []any{"what?"}, true, ErrVersion},
		{"a second acceptance", []any{appendAnswer(nil, &accepted)}, true, ErrVersion},
		{"a rejection", []any{appendAnswer(nil, &rejection)}, true, ErrIdentity},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			fake := newRaw(t, zmq4.ROUTER, testKey(2), nil)
			if err := fake.Bind("tcp://127.0.0.1:*"); err != nil {
				t.Fatal(err)
			}
			endpoint, err := fake.GetLastEndpoint()
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, 1, nil)
			err = w.nodes[1].SetPeers([]Peer{{
				ID: 2, Address: endpoint[len("tcp://"):], Key: testKey(2).Public(),
			}})
			if err != nil {
				t.Fatal(err)
			}
			// The status shows the software of the urgent connection, and either may come first.
			var from [][]byte
			for h := (hello{}); h.purpose != purposeUrgent; {
				if from, err = fake.RecvMessageBytes(0); err == nil {
					h, _, err = parseHello(from[1])
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if test.late {
				fake.say(from[0], appendAnswer(nil, &accepted))
				w.await("hello accepted", func() bool { return w.told[1][2].Software == "other" })
			}
			fake.say(append([]any{from[0]}, test.parts...)...)
			t.Log(w.problem(1, 2, test.want))
		})
	}
}

// Clients with hundreds of requests in flight delay a vote but do not stop it.
func TestFloodOfClients(t *testing.T) {
	var served atomic.Int64
	w := newWorld(t, 2, func(c *Config) {
		c.Serve = func(_ juno.PublicKey, _ []byte, reply func([]byte)) {
			served.Add(1)
			reply([]byte("more"))
		}
	})
	const clients, window = 2, 500
	var keys []juno.PublicKey
	for i := range clients {
		keys = append(keys, testKey(clientSeed+i).Public())
	}
	if err := w.nodes[1].SetClients(keys); err != nil {
		t.Fatal(err)
	}
	w.connected(1, 2)
	request := make([]byte, 4<<10)
	for i := range clients {
		var c atomic.Pointer[Conn]
		flood := dial(t, w.nodes[1], func(cfg *DialConfig) {
			cfg.Key = testKey(clientSeed + i)
			cfg.Receive = func([]byte) { c.Load().Send(request) }
		})
		c.Store(flood.Conn)
		flood.await(t, "up", func() bool {
			return len(flood.problems) > 0 && flood.problems[0] == nil
		})
		for range window {
			flood.Send(request)
		}
	}
	var times []time.Duration
	for i := range 100 {
		start := time.Now()
		w.send(2, 1, LaneVotes, fmt.Sprint(i))
		w.await("the vote", func() bool { return len(w.got[1]) == i+1 })
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	t.Logf("while %d requests were served, a vote took %s, at most %s",
		served.Load(), times[len(times)/2], times[len(times)-1])
}
