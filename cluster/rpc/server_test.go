package rpc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"juno"
)

// ledger is a node that does what it is told.
type ledger struct {
	mu    sync.Mutex
	done  []func([]juno.Outcome, error) // of submissions, as they came
	items []Submission
	rows  *endless

	unreadable error // of what is read from the node's own files
}

func (*ledger) Genesis() *juno.Genesis { return testGenesis() }

func (l *ledger) Epochs(uint32) ([]juno.EpochChange, error) { return nil, l.unreadable }

func (*ledger) State() State {
	return State{Term: 3, Head: juno.Head{Pos: testPos(9), Time: 1}}
}

func (*ledger) Client(key juno.KeyID) (string, juno.RequestID) {
	if key == testKey(9).Public().ID() {
		return "alice", 5
	}
	return "", 0
}

func (l *ledger) Submit(s Submission, done func([]juno.Outcome, error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.items, l.done = append(l.items, s), append(l.done, done)
}

func (*ledger) Find(context.Context, juno.KeyID, juno.RequestID) (
	juno.Entry, juno.Result, error,
) {
	return juno.Entry{}, juno.Result{}, juno.ErrMissing
}

func (l *ledger) Query(context.Context, juno.Query, juno.Index) (juno.Rows, error) {
	return l.rows, nil
}

func (l *ledger) Proof(context.Context, juno.Index) (*juno.QuorumCertificate, error) {
	return testCertificate(), l.unreadable
}

func (l *ledger) Position() (juno.Pos, *juno.QuorumCertificate, error) {
	return testPos(9), nil, l.unreadable
}

func (*ledger) Accounts(ctx context.Context, _ string, _ int) ([]string, error) {
	<-ctx.Done() // never done by itself
	return nil, ctx.Err()
}

func (*ledger) Receipt(context.Context, juno.Index) ([]byte, error) {
	return make([]byte, 3*StreamFrameBytes), nil
}

func (*ledger) Status(context.Context) ([]juno.Fact, error) { return nil, errors.New("no status") }

func (*ledger) Admin(context.Context, juno.Kind, []byte) error { return nil }

func (*ledger) Snapshots(context.Context) ([]juno.SnapshotInfo, error) { return nil, nil }

// endless are rows without an end.
type endless struct {
	read   atomic.Int64
	closed atomic.Bool
}

func (*endless) Columns() []juno.Column { return []juno.Column{{Name: "n"}} }

func (e *endless) Next() ([]juno.Value, bool) {
	e.read.Add(1)
	return []juno.Value{{Kind: juno.Blob, Blob: make([]byte, 1000)}}, true
}

func (*endless) Err() error { return nil }

func (*endless) Head() juno.Head { return juno.Head{Pos: testPos(9)} }

func (e *endless) Close() error { e.closed.Store(true); return nil }

// talk is one client's side of a server.
type talk struct {
	t      *testing.T
	server *Server
	client juno.PublicKey
	id     uint64
	number uint64

	mu sync.Mutex
	in []Response
}

func newTalk(t *testing.T, s *Server, key byte, id uint64) *talk {
	return &talk{t: t, server: s, client: testKey(key).Public(), id: id}
}

func (k *talk) send(r Request, timeout time.Duration) uint64 {
	k.number++
	h := Header{Session: k.id, Number: k.number, Timeout: timeout}
	k.server.Serve(k.client, AppendRequest(nil, h, r), k.reply)
	return k.number
}

func (k *talk) reply(frame []byte) {
	_, r, err := ParseResponse(frame)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		k.t.Errorf("response %x: %v", frame, err)
	}
	k.in = append(k.in, r)
}

// take returns what has come, once nothing more happens.
func (k *talk) take() []Response {
	synctest.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	in := k.in
	k.in = nil
	return in
}

func (k *talk) wantCode(c Code) {
	k.t.Helper()
	in := k.take()
	if len(in) == 1 {
		if e, ok := in[0].(*Error); ok && e.Code == c {
			return
		}
	}
	k.t.Errorf("answered with %+v, want code %d", in, c)
}

// serve runs a test against a server, in virtual time. That nothing runs on after it, synctest
// checks.
func serve(t *testing.T, f func(t *testing.T, s *Server, l *ledger)) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{rows: &endless{}}
		key := func(uint32) (juno.PrivateKey, bool) { return testKey(2), true }
		s := NewServer(ServerConfig{Cluster: testCluster, Node: 2, Key: key, Ledger: l})
		defer s.Close()
		f(t, s, l)
	})
}

func TestServerAnswers(t *testing.T) {
	serve(t, func(t *testing.T, s *Server, l *ledger) {
		k := newTalk(t, s, 9, 1)
		other := newTalk(t, s, 8, 1)
		other.send(&Hello{}, 0)
		k.send(&Hello{Genesis: true}, 0)
		in := k.take()
		if i, ok := in[0].(*Info); !ok || i.Client != "alice" || i.Next != 5 || i.Genesis == nil {
			t.Errorf("%+v", in)
		}
		if i := other.take()[0].(*Info); i.Client != "" || i.Genesis != nil {
			t.Errorf("%+v", i)
		}
		k.send(testSubmit(), 0)
		if in := k.take(); len(in) != 0 || len(l.done) != 2 {
			t.Fatalf("%d submissions, answered with %+v", len(l.done), in)
		}
		// The node executes all three at once: one sheet, and only to the key that signed them.
		entries := []juno.Entry{
			{Index: 1, Type: juno.EntryTermStart},
			{Index: 2, Type: juno.EntryCommand, Payload: l.items[0].Payload},
			{Index: 3, Type: juno.EntryBatchHead, Payload: l.items[1].Payload},
			{Index: 4, Type: juno.EntryCommand, Payload: l.items[1].Commands[0]},
			{Index: 5, Type: juno.EntryCommand, Payload: l.items[1].Commands[1]},
		}
		results := make([]juno.Result, len(entries))
		for i := range results {
			results[i].Status = juno.StatusOK
		}
		s.Executed(3, testPos(5), entries, results)
		l.done[0]([]juno.Outcome{{Index: 2, Result: results[1]}}, nil)
		in = k.take()
		if a, ok := in[0].(*Answers); len(in) != 1 || !ok || len(a.Sheet.Items) != 3 ||
			a.Sheet.Items[2].Index != 5 || a.Sheet.Upto != testPos(5) {
			t.Errorf("%+v", in)
		}
		if in := other.take(); len(in) != 0 {
			t.Errorf("somebody else is told %+v", in)
		}
		// A retry is answered by itself, with the first result.
		k.send(&Submit{testSubmit().Items[:1]}, 0)
		l.done[2]([]juno.Outcome{{Index: 2, Result: results[1], Replayed: true}}, nil)
		in = k.take()
		if a, ok := in[0].(*Answers); len(in) != 1 || !ok || a.Sheet.Items[0].Request != 5 {
			t.Errorf("%+v", in)
		}
		l.done[1](nil, fmt.Errorf("%w: just now", ErrNoLeader))
		in = k.take()
		if v, ok := in[0].(*Verdicts); len(in) != 1 || !ok || v.Items[0].First != 6 ||
			v.Items[0].Count != 2 || v.Items[0].Code != CodeNoLeader {
			t.Errorf("%+v", in)
		}
	})
}

func TestServerRefuses(t *testing.T) {
	serve(t, func(t *testing.T, s *Server, _ *ledger) {
		k := newTalk(t, s, 9, 1)
		s.Serve(k.client, []byte("no frame"), k.reply)
		k.wantCode(CodeMalformed)
		k.send(&Status{}, 0)
		k.wantCode(CodeFailed)
		k.send(&Complete{}, time.Second)
		<-time.After(2 * time.Second)
		k.wantCode(CodeDeadline)
		n := k.send(&Complete{}, time.Minute)
		k.send(&Cancel{Of: n}, 0)
		k.wantCode(CodeCanceled)
	})
}

// TestServerSubmitLimit fills a session with commands that have no outcome.
func TestServerSubmitLimit(t *testing.T) {
	serve(t, func(t *testing.T, s *Server, l *ledger) {
		k := newTalk(t, s, 9, 1)
		all := make([]juno.Command, juno.BatchCommandsMax)
		for i := range all {
			all[i].Text = "x"
		}
		head, payloads := juno.SignBatch(testKey(9), testCluster, 1, all)
		batch := Submission{juno.EntryBatchHead, head.Payload(), payloads}
		most := sessionCommandsMax / len(all)
		for range most + 1 {
			k.send(&Submit{[]Submission{batch}}, 0)
		}
		in := k.take()
		v, ok := in[0].(*Verdicts)
		if len(in) != 1 || !ok || v.Items[0].Code != CodeBusy || len(l.done) != most {
			t.Fatalf("%d of %d taken, %+v", len(l.done), most, in)
		}
		l.done[0](nil, juno.ErrUnknown)
		k.take()
		k.send(&Submit{[]Submission{batch}}, 0)
		if in := k.take(); len(in) != 0 {
			t.Errorf("there is room again, but %+v", in)
		}
		for _, done := range l.done {
			done(nil, juno.ErrUnknown)
		}
	})
}

// TestServerRequestLimit wants one client to be refused at its limit, and another one served.
func TestServerRequestLimit(t *testing.T) {
	serve(t, func(t *testing.T, s *Server, _ *ledger) {
		k := newTalk(t, s, 9, 1)
		for range sessionRequestsMax {
			k.send(&Complete{}, time.Minute)
		}
		k.send(&Hello{}, 0)
		k.wantCode(CodeBusy)
		other := newTalk(t, s, 9, 2)
		other.send(&Hello{}, 0)
		if in := other.take(); len(in) != 1 {
			t.Errorf("%+v", in)
		}
	})
}

// TestServerFlow wants a stream to stop where its credit does, and to end with its client.
func TestServerFlow(t *testing.T) {
	serve(t, func(t *testing.T, s *Server, l *ledger) {
		k := newTalk(t, s, 9, 1)
		n := k.send(&Query{Text: "x"}, TimeoutMax)
		if in := k.take(); len(in) != CreditFirst {
			t.Fatalf("%d frames without credit", len(in))
		}
		k.send(&Credit{Of: n, Frames: 3}, 0)
		in := k.take()
		if r, ok := in[2].(*Rows); len(in) != 3 || !ok || r.Place != CreditFirst+2 {
			t.Errorf("%d frames for 3", len(in))
		}
		read := l.rows.read.Load()
		<-time.After(SessionLease / 2)
		if l.rows.closed.Load() || l.rows.read.Load() > read {
			t.Error("it reads on without credit, or has closed")
		}
		// The client vanishes: nothing is heard of it any more.
		<-time.After(2 * SessionLease)
		synctest.Wait()
		if !l.rows.closed.Load() {
			t.Error("rows of a client that has vanished are open")
		}
		if k.take(); len(s.sessions) != 0 || len(s.byKey) != 0 {
			t.Error("a session without a client")
		}
	})
}

// TestServerCannotRead wants an error, and no answer with a part left out, where the node cannot
// read its own files.
func TestServerCannotRead(t *testing.T) {
	serve(t, func(t *testing.T, s *Server, l *ledger) {
		l.unreadable = errors.New("damaged")
		k := newTalk(t, s, 9, 1)
		for _, r := range []Request{&Hello{}, &Position{}} {
			k.send(r, 0)
			k.wantCode(CodeFailed)
		}
	})
}

func TestServerReceipt(t *testing.T) {
	serve(t, func(t *testing.T, s *Server, _ *ledger) {
		k := newTalk(t, s, 9, 1)
		k.send(&Receipt{Index: 3}, 0)
		in := k.take()
		if c, ok := in[2].(*Chunk); len(in) != 3 || !ok || !c.Last || c.Place != 2 {
			t.Errorf("%d chunks", len(in))
		}
	})
}
