package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"juno"
	"juno/cluster/rpc"
)

func testKey(n byte) juno.PrivateKey { return juno.NewPrivateKey([32]byte{n, 2}) }

func nodeKey(id juno.NodeID) juno.PrivateKey { return testKey(byte(50 + id)) }

var clientKey, adminKey = testKey(1), testKey(2)

// world is a cluster without its consensus: one log, that every node executes by itself. The
// machine adds: "add 3" answers with the sum so far, "get" with the sum.
type world struct {
	t       testing.TB
	genesis *juno.Genesis
	cluster juno.ClusterID
	nodes   []*fakeNode
	wait    sync.WaitGroup

	mu      sync.Mutex
	entries []juno.Entry // entries[i] has index i+1
	hashes  []juno.Hash  // hashes[i] is at index i
	used    map[juno.RequestID]juno.Index
	leader  juno.NodeID // 0: nobody
	term    juno.Term
	config  juno.EpochConfig
	epochs  []juno.EpochChange
	commit  time.Duration // from the leader to being final
	each    time.Duration // how long a command takes to be agreed on
	due     time.Time     // when what was taken in last becomes final
	quick   bool          // at once, and all that has come together; for benchmarks
	taken   []taken       // by quick
}

// fakeNode is one of its nodes: a true rpc.Server over a ledger that may lie.
type fakeNode struct {
	w      *world
	id     juno.NodeID
	server *rpc.Server

	// Under the world's mu.
	applied int
	sums    []int64 // sums[i] is after entry i
	results []juno.Result
	hold    []func() // what waits for a later index
	dead    bool
	delay   time.Duration // of its network
	busy    int           // submissions to be turned away
	asked   int           // submissions that came
	drops   int           // every so manieth of them is dropped; 0: none
	lie     func(*juno.Entry, *juno.Result)
	liesSQL bool
	falseQC bool
	// bends changes a question before the node sees it; older answers as one that does not know
	// questions with arguments.
	bends func(*rpc.Query)
	older bool
	ahead juno.RequestID // what it knows to be used, and others do not
}

func testGenesis(n int) *juno.Genesis {
	g := &juno.Genesis{Created: 1_700_000_000_000, Config: juno.EpochConfig{
		FirstLeader: 1, CheckpointEvery: 1000, AdminThreshold: 1,
		Admins: []juno.Admin{{Name: "ada", Public: adminKey.Public()}},
	}}
	for i := juno.NodeID(1); i <= juno.NodeID(n); i++ {
		g.Config.Voters = append(g.Config.Voters, juno.Member{
			ID: i, Address: i.String(), Public: nodeKey(i).Public(),
		})
	}
	g.Clients = []juno.ClientKey{{
		Name: "alice", Role: juno.RoleClient,
		Public: clientKey.Public(),
	}}
	return g
}

// newWorld returns a cluster of n nodes, led by node1. It ends with the test.
func newWorld(t testing.TB, n int) *world {
	g := testGenesis(n)
	w := &world{
		t: t, genesis: g, cluster: g.ID(), hashes: []juno.Hash{g.ID()},
		used: make(map[juno.RequestID]juno.Index), leader: 1, config: g.Config,
		commit: time.Millisecond, each: commandTime,
	}
	for i := range n {
		w.join(juno.NodeID(i + 1))
	}
	t.Cleanup(w.close)
	return w
}

// join adds a node.
func (w *world) join(id juno.NodeID) *fakeNode {
	n := &fakeNode{w: w, id: id, sums: []int64{0}, delay: time.Millisecond}
	n.server = rpcServer(w, n, id, nodeKey(id))
	w.mu.Lock()
	w.nodes = append(w.nodes, n)
	w.mu.Unlock()
	return n
}

func (w *world) close() {
	for _, n := range w.nodes {
		n.server.Close()
	}
	w.wait.Wait()
}

func (w *world) node(id juno.NodeID) *fakeNode {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.nodes {
		if n.id == id {
			return n
		}
	}
	return nil
}

// change does something to a node while nothing else happens.
func (w *world) change(id juno.NodeID, f func(*fakeNode)) {
	n := w.node(id)
	w.mu.Lock()
	defer w.mu.Unlock()
	f(n)
}

// wantAsked looks at how many submissions came to each of some nodes: from least to most.
func (w *world) wantAsked(least, most int, ids ...juno.NodeID) {
	w.t.Helper()
	for _, id := range ids {
		w.change(id, func(n *fakeNode) {
			if n.asked < least || n.asked > most {
				w.t.Errorf("%s was asked for %d commands, want %d to %d", id, n.asked, least, most)
			}
		})
	}
}

// elect makes a node the leader of a later term.
func (w *world) elect(id juno.NodeID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leader = id
	for w.term++; w.config.Leader(w.term) != id; w.term++ {
	}
}

// open returns a client that knows only the ledger's id and where the nodes are.
func (w *world) open(opts ...func(*Config)) *Client {
	w.t.Helper()
	cfg := Config{
		Cluster: w.cluster, Key: clientKey, Dial: w.dial, Session: 1,
		Detect: func(string) juno.Language { return juno.LanguageAdmin },
	}
	for _, m := range w.config.Voters {
		cfg.Nodes = append(cfg.Nodes, Node{ID: m.ID, Address: m.Address, Key: m.Public})
	}
	for _, o := range opts {
		o(&cfg)
	}
	c, err := Open(context.Background(), cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

// wire carries frames one way, in order, each after a while.
type wire struct {
	mu     sync.Mutex
	queue  []flight
	wake   chan struct{}
	stop   chan struct{}
	to     func([]byte)
	closed bool
}

type flight struct {
	frame []byte
	due   time.Time
}

func (w *world) wire(to func([]byte)) *wire {
	x := &wire{wake: make(chan struct{}, 1), stop: make(chan struct{}), to: to}
	w.wait.Go(x.run)
	return x
}

func (x *wire) send(frame []byte, delay time.Duration) {
	x.mu.Lock()
	x.queue = append(x.queue, flight{frame, time.Now().Add(delay)})
	x.mu.Unlock()
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

func (x *wire) run() {
	for {
		x.mu.Lock()
		var f flight
		some := len(x.queue) > 0
		if some {
			f, x.queue = x.queue[0], x.queue[1:]
		}
		x.mu.Unlock()
		if !some {
			select {
			case <-x.wake:
				continue
			case <-x.stop:
				return
			}
		}
		t := time.NewTimer(time.Until(f.due))
		select {
		case <-t.C:
			x.to(f.frame)
		case <-x.stop:
			t.Stop()
			return
		}
	}
}

func (x *wire) close() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.closed {
		x.closed = true
		close(x.stop)
	}
}

// fakeConn is a client's connection to one node.
type fakeConn struct {
	n        *fakeNode
	there    *wire
	back     *wire
	delivery sync.Mutex
	closed   bool
}

func (w *world) dial(to Node, receive func([]byte)) (Conn, error) {
	n := w.node(to.ID)
	if n == nil {
		return nil, fmt.Errorf("nobody is at %s", to.Address)
	}
	c := &fakeConn{n: n}
	c.back = w.wire(func(f []byte) {
		c.delivery.Lock()
		defer c.delivery.Unlock()
		if !c.closed {
			receive(f)
		}
	})
	reply := func(f []byte) {
		if delay, ok := n.reachable(); ok {
			c.back.send(f, delay)
		}
	}
	c.there = w.wire(func(f []byte) {
		w.mu.Lock()
		server := n.server
		w.mu.Unlock()
		if _, ok := n.reachable(); ok {
			n.serve(server, f, reply)
		}
	})
	return c, nil
}

// serve hands a frame to the node, as the node is.
func (n *fakeNode) serve(server *rpc.Server, frame []byte, reply func([]byte)) {
	n.w.mu.Lock()
	bends, older := n.bends, n.older
	n.w.mu.Unlock()
	h, r, err := rpc.ParseRequest(frame)
	q, ok := r.(*rpc.Query)
	switch {
	case err != nil || !ok:
	case older && !q.Plain:
		e := &rpc.Error{Code: rpc.CodeMalformed, Text: "unknown kind of request", Offset: -1}
		reply(rpc.AppendResponse(nil, h, e))
		return
	case bends != nil:
		bends(q)
		frame = rpc.AppendRequest(nil, h, q)
	}
	server.Serve(clientKey.Public(), frame, reply)
}

func (n *fakeNode) reachable() (time.Duration, bool) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	return n.delay, !n.dead
}

// Send implements Conn.
func (c *fakeConn) Send(frame []byte) bool {
	delay, _ := c.n.reachable()
	c.there.send(frame, delay)
	return true
}

// Close implements Conn.
func (c *fakeConn) Close() {
	c.delivery.Lock()
	c.closed = true
	c.delivery.Unlock()
	c.there.close()
	c.back.close()
}

// reconfigure ends the first epoch: node1 goes, node5 comes, and node2 gets another key.
func (w *world) reconfigure() {
	w.mu.Lock()
	next := w.config
	next.Epoch, next.FirstLeader = 1, 3
	next.Voters = append([]juno.Member(nil), w.config.Voters[1:]...)
	next.Voters[0].Public = nodeKey(102).Public()
	next.Voters = append(next.Voters, juno.Member{
		ID: 5, Address: "node5", Public: nodeKey(5).Public(),
	})
	change := &juno.ConfigChange{Previous: w.config.Hash(), Next: next}
	change.Possess(nodeKey(5), w.cluster)
	change.Possess(nodeKey(102), w.cluster)
	change.Approve(adminKey, w.cluster)
	at := w.append(juno.EntryConfig, change.Payload())
	w.config, w.term, w.leader = next, juno.TermOf(1, 0), 3
	w.mu.Unlock()
	w.spread()

	two := w.node(2)
	two.server.Close()
	server := rpcServer(w, two, 2, nodeKey(102))
	five := w.join(5)
	w.mu.Lock()
	two.server = server
	five.apply()
	c := five.certificate(juno.Commit)
	w.epochs = []juno.EpochChange{{
		Prev: w.hashes[at-1], Entry: w.entries[at-1], Certificate: c,
	}}
	w.mu.Unlock()
}

// append adds an entry. The caller holds mu.
func (w *world) append(t juno.EntryType, payload []byte) juno.Index {
	i := juno.Index(len(w.entries) + 1)
	e := juno.Entry{
		Index: i, Term: w.term, Time: juno.Millis(1000 + i), Type: t, Payload: payload,
	}
	w.entries = append(w.entries, e)
	w.hashes = append(w.hashes, e.ChainHash(w.hashes[i-1]))
	return i
}

// spread lets all living nodes execute what is in the log, and gives the tickets of those that
// are in it.
func (w *world) spread() {
	for _, n := range w.nodes {
		w.mu.Lock()
		if n.dead {
			w.mu.Unlock()
			continue
		}
		from := n.applied
		n.apply()
		entries := append([]juno.Entry(nil), w.entries[from:n.applied]...)
		results := append([]juno.Result(nil), n.results[from:n.applied]...)
		upto := juno.Pos{Index: juno.Index(n.applied), Hash: w.hashes[n.applied]}
		term, hold, server := w.term, n.hold, n.server
		n.hold = nil
		for i := range entries {
			if n.lie != nil {
				n.lie(&entries[i], &results[i])
			}
		}
		w.mu.Unlock()
		server.Executed(term, upto, entries, results)
		for _, f := range hold {
			f()
		}
	}
}

// apply executes everything. The caller holds mu.
func (n *fakeNode) apply() {
	for ; n.applied < len(n.w.entries); n.applied++ {
		e := &n.w.entries[n.applied]
		sum := n.sums[n.applied]
		r := juno.Result{Status: juno.StatusOK}
		if c, err := juno.ParseCommand(e.Payload); err == nil && e.Type == juno.EntryCommand {
			verb, arg, _ := strings.Cut(c.Text, " ")
			switch verb {
			case "add":
				by, _ := strconv.ParseInt(arg, 10, 64)
				sum += by
				r.Value = strconv.FormatInt(sum, 10)
			case "get":
				r.Value = strconv.FormatInt(sum, 10)
			default:
				r = juno.Result{Status: juno.StatusRefused, Code: juno.CodeSyntax}
			}
		}
		n.sums, n.results = append(n.sums, sum), append(n.results, r)
	}
}

// Genesis implements rpc.Ledger.
func (n *fakeNode) Genesis() *juno.Genesis { return n.w.genesis }

// Epochs implements rpc.Ledger.
func (n *fakeNode) Epochs(from uint32) []juno.EpochChange {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	return n.w.epochs[min(int(from), len(n.w.epochs)):]
}

// State implements rpc.Ledger.
func (n *fakeNode) State() rpc.State {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	return rpc.State{Term: n.w.term, Head: n.head()}
}

func (n *fakeNode) head() juno.Head {
	return juno.Head{
		Pos: juno.Pos{Index: juno.Index(n.applied), Hash: n.w.hashes[n.applied]},
	}
}

// Client implements rpc.Ledger.
func (n *fakeNode) Client(key juno.KeyID) (string, juno.RequestID) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	if key != clientKey.Public().ID() {
		return "", 0
	}
	highest := n.ahead
	for r := range n.w.used {
		highest = max(highest, r)
	}
	return "alice", highest + 1
}

// Submit implements rpc.Ledger: the leader takes it, others pass it on.
func (n *fakeNode) Submit(s rpc.Submission, done func([]juno.Outcome, error)) {
	w := n.w
	w.mu.Lock()
	defer w.mu.Unlock()
	n.asked++
	if n.drops > 0 && n.asked%n.drops == 0 {
		return
	}
	turnAway := func(err error) { w.wait.Go(func() { done(nil, err) }) }
	if n.busy > 0 {
		n.busy--
		turnAway(juno.ErrBusy)
		return
	}
	l := w.leader
	for _, o := range w.nodes {
		if o.id == l && o.dead {
			l = 0
		}
	}
	if l == 0 {
		turnAway(rpc.ErrNoLeader)
		return
	}
	if w.quick {
		w.taken = append(w.taken, taken{n, l, s, done})
		if len(w.taken) == 1 {
			w.wait.Go(w.commitTaken)
		}
		return
	}
	commands := max(1, len(s.Commands))
	w.due = later(w.due, time.Now().Add(w.commit)).Add(time.Duration(commands) * w.each)
	due := time.Until(w.due)
	w.wait.Go(func() {
		<-time.After(due)
		n.commit(l, s, done)
		w.spread()
	})
}

// taken is a submission on its way into the log.
type taken struct {
	n      *fakeNode
	leader juno.NodeID
	s      rpc.Submission
	done   func([]juno.Outcome, error)
}

// commitTaken makes final what has come until now, and lets the nodes execute it in one step.
func (w *world) commitTaken() {
	<-time.After(time.Millisecond)
	w.mu.Lock()
	all := w.taken
	w.taken = nil
	w.mu.Unlock()
	for _, t := range all {
		t.n.commit(t.leader, t.s, t.done)
	}
	w.spread()
}

// commandTime is how long a command takes to be agreed on, unless a test makes them slower.
const commandTime = 100 * time.Microsecond

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// commit makes a submission final, unless the leader that took it has lost its place meanwhile.
func (n *fakeNode) commit(leader juno.NodeID, s rpc.Submission, done func([]juno.Outcome, error)) {
	w := n.w
	w.mu.Lock()
	if w.leader != leader {
		w.mu.Unlock()
		done(nil, juno.ErrUnknown)
		return
	}
	entries := []juno.Entry{{Type: s.Type, Payload: s.Payload}}
	if s.Type == juno.EntryBatchHead {
		entries = entries[:0]
		for _, c := range s.Commands {
			entries = append(entries, juno.Entry{Type: juno.EntryCommand, Payload: c})
		}
	}
	var indices []juno.Index
	fresh := 0
	for i := range entries {
		ask, _ := juno.AskOf(&entries[i])
		at := w.used[ask.Request]
		if at != 0 && !juno.SameRequest(&w.entries[at-1], &entries[i]) {
			w.mu.Unlock()
			done(nil, juno.ErrReused)
			return
		}
		if at == 0 {
			fresh++
			at = w.append(entries[i].Type, entries[i].Payload)
			w.used[ask.Request] = at
		}
		indices = append(indices, at)
	}
	n.hold = append(n.hold, func() { n.finish(indices, fresh == 0, done) })
	w.mu.Unlock()
}

func (n *fakeNode) finish(indices []juno.Index, replayed bool, done func([]juno.Outcome, error)) {
	n.w.mu.Lock()
	var outcomes []juno.Outcome
	for _, at := range indices {
		e, r := n.w.entries[at-1], n.results[at-1]
		if n.lie != nil {
			n.lie(&e, &r)
		}
		outcomes = append(outcomes, juno.Outcome{
			Index: e.Index, Time: e.Time, Result: r,
			Replayed: replayed,
		})
	}
	n.w.mu.Unlock()
	done(outcomes, nil)
}

// Find implements rpc.Ledger.
func (n *fakeNode) Find(_ context.Context, _ juno.KeyID, r juno.RequestID) (
	juno.Entry, juno.Result, error,
) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	at := n.w.used[r]
	if at == 0 || int(at) > n.applied {
		return juno.Entry{}, juno.Result{}, juno.ErrMissing
	}
	return n.w.entries[at-1], n.results[at-1], nil
}

// certificate proves the head, as all voters see it. The caller holds mu.
func (n *fakeNode) certificate(kind juno.CertificateKind) *juno.QuorumCertificate {
	w := n.w
	if n.applied == 0 {
		return nil
	}
	e := &w.entries[n.applied-1]
	p := n.head().Pos
	voters := w.config.Voters[:w.config.Quorum()]
	if e.Type == juno.EntryConfig {
		voters = w.genesis.Config.Voters[:w.genesis.Config.Quorum()]
	}
	c := &juno.QuorumCertificate{
		Term: e.Term, Pos: p, Kind: kind, Detached: true,
		PrevHash: w.hashes[n.applied-1], Head: e.Header(),
	}
	for _, m := range voters {
		c.Votes = append(c.Votes, juno.SignVote(keyOf(m), w.cluster, juno.Vote{
			Term: e.Term, Node: m.ID, Accepted: &p, Prepared: &p, Committed: p,
		}))
	}
	return c
}

// keyOf returns the key of a voter, which is another one after reconfigure.
func keyOf(m juno.Member) juno.PrivateKey {
	if key := nodeKey(m.ID); key.Public() == m.Public {
		return key
	}
	return nodeKey(m.ID + 100)
}

// Proof implements rpc.Ledger.
func (n *fakeNode) Proof(index juno.Index) *juno.QuorumCertificate {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	if int(index) != n.applied {
		return nil
	}
	return n.certificate(juno.Commit)
}

// Position implements rpc.Ledger.
func (n *fakeNode) Position() (juno.Pos, *juno.QuorumCertificate) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	c := n.certificate(juno.Prepare)
	if n.falseQC {
		c.Pos.Index += 1000
	}
	return n.head().Pos, c
}

var errTable = &juno.QueryError{Message: "no such table: nothing", Offset: 14}

// Query implements rpc.Ledger: "SELECT n" gives n rows with the sum at the index in each, and so
// does "SELECT ?" with n as its argument.
func (n *fakeNode) Query(ctx context.Context, q juno.Query, at juno.Index) (juno.Rows, error) {
	count, err := strconv.Atoi(strings.TrimPrefix(q.Text, "SELECT "))
	if q.Text == "SELECT ?" && len(q.Args) == 1 {
		count, err = int(q.Args[0].Value.Integer), nil
	}
	if err != nil {
		return nil, errTable
	}
	ready := make(chan struct{})
	n.w.mu.Lock()
	if n.applied >= int(at) {
		close(ready)
	} else {
		n.hold = append(n.hold, func() { close(ready) })
	}
	n.w.mu.Unlock()
	select {
	case <-ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	if at == 0 {
		at = juno.Index(n.applied)
	}
	sum := n.sums[at]
	if n.liesSQL {
		sum++
	}
	return &fakeRows{
		left: count, value: sum,
		head: juno.Head{Pos: juno.Pos{Index: at, Hash: n.w.hashes[at]}},
	}, nil
}

type fakeRows struct {
	left  int
	value int64
	head  juno.Head
}

// Columns implements juno.Rows.
func (r *fakeRows) Columns() []juno.Column {
	return []juno.Column{{Name: "sum", Kind: juno.LogIndex}, {Name: "filler", Kind: juno.Text}}
}

// Next implements juno.Rows.
func (r *fakeRows) Next() ([]juno.Value, bool) {
	r.left--
	return []juno.Value{
		{Kind: juno.Integer, Integer: r.value},
		{Kind: juno.Text, Text: strings.Repeat("x", 100)},
	}, r.left >= 0
}

// Err implements juno.Rows.
func (r *fakeRows) Err() error { return nil }

// Head implements juno.Rows.
func (r *fakeRows) Head() juno.Head { return r.head }

// Close implements juno.Rows.
func (r *fakeRows) Close() error { return nil }

// Accounts implements rpc.Ledger.
func (n *fakeNode) Accounts(_ context.Context, prefix string, _ int) ([]string, error) {
	return []string{prefix + "lice"}, nil
}

// Receipt implements rpc.Ledger: what no verifier takes.
func (n *fakeNode) Receipt(context.Context, juno.Index) ([]byte, error) {
	sum := sha256.Sum256(nil)
	return []byte(strings.Repeat(fmt.Sprintf("%x", sum), 5000)), nil
}

// Status implements rpc.Ledger.
func (n *fakeNode) Status(context.Context) ([]juno.Fact, error) {
	return []juno.Fact{{Name: "node", Value: juno.Value{Kind: juno.Text, Text: n.id.String()}}}, nil
}

// Admin implements rpc.Ledger.
func (n *fakeNode) Admin(_ context.Context, _ juno.Kind, payload []byte) error {
	if string(payload) != "signed" {
		return errors.New("who are you")
	}
	return nil
}

// Snapshots implements rpc.Ledger.
func (n *fakeNode) Snapshots(context.Context) ([]juno.SnapshotInfo, error) {
	return []juno.SnapshotInfo{{Index: 7, Bytes: 1}}, nil
}

func rpcServer(w *world, n *fakeNode, name juno.NodeID, key juno.PrivateKey) *rpc.Server {
	w.mu.Lock()
	epoch := w.term.Epoch()
	w.mu.Unlock()
	return rpc.NewServer(rpc.ServerConfig{
		Cluster: w.cluster, Node: name, Ledger: n,
		// The key of a server that was there before goes on; the test changes the others.
		Key: func(e uint32) (juno.PrivateKey, bool) { return key, e >= epoch },
	})
}
