package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"juno"
	"juno/cluster"
	"juno/cluster/consensus"
	"juno/cluster/wire"
	"juno/datadir"
	"juno/db/state"
	"juno/internal/ports"
)

// within bounds every wait of these tests: a machine that is busy is no failure.
const within = 60 * time.Second

// town is a cluster in one process, every node with a directory of its own.
type town struct {
	t       testing.TB
	lines   *cluster.Switch
	places  []datadir.Place
	nodes   []*Ledger // by id-1; nil while it is down
	limits  consensus.Limits
	drops   bool        // logs drop what is certified
	spoiled juno.NodeID // who claims wrong states
	wired   bool        // over ZeroMQ, and not over lines
	client  []*Client
}

// newTown makes and opens a cluster of n voters. Every node has a client of its own.
func newTown(t testing.TB, n int, o datadir.Options) *town {
	t.Helper()
	w := &town{t: t, lines: cluster.NewSwitch(), limits: consensus.DefaultLimits()}
	w.build(n, o)
	return w
}

func (w *town) build(n int, o datadir.Options) {
	t := w.t
	t.Helper()
	base := t.TempDir()
	for i := range n {
		w.places = append(w.places, datadir.Place{
			Path: filepath.Join(base, fmt.Sprint(i+1)), Address: w.address(),
			Clients: []string{fmt.Sprintf("client%d", i+1)},
		})
	}
	o.Open = true
	if _, err := datadir.CreateCluster(w.places, o); err != nil {
		t.Fatal(err)
	}
	w.nodes = make([]*Ledger, n)
	w.client = make([]*Client, n)
	for i := range n {
		w.open(juno.NodeID(i + 1))
	}
	t.Cleanup(func() {
		for i := range w.nodes {
			w.close(juno.NodeID(i + 1))
		}
	})
}

// address returns one that nobody listens on, if nodes need any.
func (w *town) address() string {
	if !w.wired {
		return ""
	}
	address, err := ports.Free(1)
	if err != nil {
		w.t.Fatal(err)
	}
	return address
}

// open opens the directory of a node that has a client of its own.
func (w *town) open(id juno.NodeID) {
	w.t.Helper()
	w.openWithout(id)
	var err error
	if w.client[id-1], err = w.nodes[id-1].Client(fmt.Sprintf("client%d", id)); err != nil {
		w.t.Fatal(err)
	}
}

// openWithout opens the directory of a node.
func (w *town) openWithout(id juno.NodeID) {
	w.t.Helper()
	o := Options{
		Transport: w.lines.Connect, Limits: &w.limits,
		Warn: func(text string) { w.t.Logf("node%d warns: %s", id, text) },
	}
	if w.wired {
		w := &wire.Wire{Software: "test", Warn: o.Warn}
		o.Transport, o.ClientKeys = w.Connect, w.SetClients
	}
	if id == w.spoiled {
		o.spoil = func(h *juno.Hash) { h[0] ^= 1 }
	}
	if w.drops {
		o.segmentBytes = 16 << 10
		o.Lookup = func(name string) (string, bool) { return "certified", name == "JUNO_LOG_KEPT" }
	}
	l, err := Open(w.places[id-1].Path, o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.nodes[id-1] = l
}

// close ends a node in an orderly way.
func (w *town) close(id juno.NodeID) {
	w.t.Helper()
	if l := w.nodes[id-1]; l != nil {
		w.nodes[id-1] = nil
		if err := l.Close(); err != nil {
			w.t.Errorf("close node%d: %v", id, err)
		}
	}
}

func (w *town) context() context.Context {
	ctx, cancel := context.WithTimeout(w.t.Context(), within)
	w.t.Cleanup(cancel)
	return ctx
}

// await waits until a node's status is what is wanted.
func (w *town) await(id juno.NodeID, what string, until func(*cluster.Status) bool) {
	w.t.Helper()
	if err := w.nodes[id-1].Watch(w.context(), until); err != nil {
		s := w.nodes[id-1].Status()
		w.t.Fatalf("node%d: wait for %s: %v; status %+v", id, what, err, s)
	}
}

// leader waits until some node leads, and returns which.
func (w *town) leader() juno.NodeID {
	w.t.Helper()
	for id := range w.nodes {
		if w.nodes[id] == nil {
			continue
		}
		lead := juno.NodeID(0)
		w.await(juno.NodeID(id+1), "a leader", func(s *cluster.Status) bool {
			lead = s.Leader
			return s.TermKnown && lead != 0 && w.nodes[lead-1] != nil
		})
		return lead
	}
	w.t.Fatal("no node is up")
	return 0
}

// settle waits until all nodes have executed the same, and compares their states.
func (w *town) settle() {
	w.t.Helper()
	most := juno.Index(0)
	for _, l := range w.nodes {
		if l != nil {
			most = max(most, l.Status().Committed.Index)
		}
	}
	type standing struct {
		pos  juno.Pos
		hash juno.Hash
	}
	end := time.Now().Add(within)
	for {
		var all []standing
		for i, l := range w.nodes {
			if l == nil {
				continue
			}
			w.await(juno.NodeID(i+1), fmt.Sprintf("entry %d", most), func(s *cluster.Status) bool {
				return s.Applied.Index >= most
			})
			pos, hash, err := l.StateHash(w.context())
			if err != nil {
				w.t.Fatal(err)
			}
			all = append(all, standing{pos, hash})
			most = max(most, pos.Index)
		}
		same, level := true, true
		for _, s := range all {
			level = level && s.pos.Index == all[0].pos.Index
			same = same && s == all[0]
		}
		if level && same {
			return
		}
		if level || time.Now().After(end) {
			w.t.Fatalf("states differ: %v", all)
		}
	}
}

// submit sends commands through a node and wants all of them executed.
func (w *town) submit(id juno.NodeID, n int, mode juno.Mode) {
	w.t.Helper()
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("transfer(a%d->b%d, 1%%1)", id, id)
	}
	outcomes, err := w.client[id-1].Submit(w.context(), texts, mode, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for i, o := range outcomes {
		if o.Err != nil || o.Result.Status != juno.StatusOK {
			w.t.Fatalf("command %d through node%d: %+v", i, id, o)
		}
	}
}

func TestClusterOfFour(t *testing.T) {
	w := newTown(t, 4, datadir.Options{})
	var wg sync.WaitGroup
	for i := range w.nodes {
		wg.Go(func() {
			w.submit(juno.NodeID(i+1), 100, juno.Single)
			w.submit(juno.NodeID(i+1), 100, juno.Batch)
		})
	}
	wg.Wait()
	w.settle()
}

func TestLeaderStopsAndComesBack(t *testing.T) {
	w := newTown(t, 4, datadir.Options{})
	w.submit(1, 10, juno.Single)
	lead := w.leader()
	w.close(lead)
	other := lead%4 + 1
	began := time.Now()
	w.submit(other, 10, juno.Single)
	t.Logf("first commits %v after node%d had ended", time.Since(began), lead)
	w.open(lead)
	w.submit(lead, 10, juno.Single)
	w.settle()
}

// What no leader takes must not cost a leader its office: followers used to wait for it for ever.
func TestHopelessProposals(t *testing.T) {
	w := newTown(t, 4, datadir.Options{})
	w.submit(1, 10, juno.Single)
	id := w.leader()%4 + 1
	l, client := w.nodes[id-1], w.client[id-1]
	term := l.Status().Term
	if o, err := client.Register(w.context(), "eve", juno.RoleClient); err == nil {
		t.Errorf("a client that is no operator registered another: %+v", o)
	}
	late := juno.Command{Text: "CreateAccount late", Request: 1 << 20, Expires: 5}
	late.Sign(client.key, l.cluster)
	p, err := cluster.NewProposal(juno.EntryCommand, late.Payload())
	if err != nil {
		t.Fatal(err)
	}
	ticket, err := l.SubmitProposal(p)
	if err == nil {
		_, err = ticket.Wait(w.context())
	}
	if !errors.Is(err, state.ErrExpired) {
		t.Errorf("a command that came too late: %v, want %v", err, state.ErrExpired)
	}
	w.submit(id, 10, juno.Single)
	if got := l.Status().Term; got != term {
		t.Errorf("term %s, want %s: a leader was deposed for what nobody can do", got, term)
	}
	w.settle()
}

func TestPartitionHeals(t *testing.T) {
	w := newTown(t, 4, datadir.Options{})
	w.submit(2, 10, juno.Single)
	lead := w.leader()
	w.lines.Isolate(lead)
	other := lead%4 + 1
	began := time.Now()
	w.submit(other, 10, juno.Single)
	t.Logf("first commits %v after node%d was cut off", time.Since(began), lead)
	var wg sync.WaitGroup
	wg.Go(func() { w.submit(lead, 10, juno.Single) }) // they wait for the line
	w.lines.Heal()
	wg.Wait()
	w.settle()
}

// TestStateIsFetched lets a node sleep while the others drop the log that it would need.
func TestStateIsFetched(t *testing.T) {
	w := &town{t: t, lines: cluster.NewSwitch(), limits: consensus.DefaultLimits(), drops: true}
	w.limits.CacheEntriesMax = 16
	w.build(4, datadir.Options{CheckpointEvery: 100})
	w.submit(1, 10, juno.Single)
	const sleeper = 4
	w.close(sleeper)
	for range 10 {
		w.submit(2, 200, juno.Single)
	}
	for id := juno.NodeID(1); id < sleeper; id++ {
		if first := w.nodes[id-1].log.First(); first < 100 {
			t.Fatalf("node%d still holds entry %d: nothing to be seen here", id, first)
		}
	}
	w.open(sleeper)
	w.await(sleeper, "a fetched state", func(s *cluster.Status) bool {
		return s.Applied.Index >= 2000
	})
	if first := w.nodes[sleeper-1].log.First(); first < 100 {
		t.Errorf("the log of node%d begins at %d: nothing was fetched", sleeper, first)
	}
	w.submit(sleeper, 100, juno.Single)
	w.settle()
	w.close(sleeper)
	w.submit(1, 10, juno.Single)
	w.open(sleeper)
	w.settle()
}

// crash is a kill: what a node's directory holds at some moment is all that is left of it. The
// directory is copied as a backup of a running one is, the end of the log first.
func (w *town) crash(id juno.NodeID) {
	w.t.Helper()
	w.lines.Isolate(id) // what it says after the copy, nobody hears
	l, ended := w.nodes[id-1], make(chan error, 1)
	path := filepath.Join(w.t.TempDir(), "crashed")
	files := []string{genesisName, nodeFileName, settingsName, logName + "/DURABLE"}
	for _, pattern := range []string{keysName + "/*", logName + "/*.wal"} {
		found, err := filepath.Glob(filepath.Join(l.dir.Path, pattern))
		if err != nil {
			w.t.Fatal(err)
		}
		for _, f := range found {
			name, err := filepath.Rel(l.dir.Path, f)
			if err != nil {
				w.t.Fatal(err)
			}
			files = append(files, name)
		}
	}
	for _, dir := range []string{keysName, logName} {
		if err := os.MkdirAll(filepath.Join(path, dir), 0o700); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, name := range files {
		err := copySparse(filepath.Join(l.dir.Path, name), filepath.Join(path, name))
		if err != nil {
			w.t.Fatal(err)
		}
	}
	w.nodes[id-1] = nil
	w.places[id-1].Path = path
	go func() { ended <- l.Close() }()
	w.t.Cleanup(func() {
		if err := <-ended; err != nil {
			w.t.Errorf("close what was killed: %v", err)
		}
	})
}

// TestLeadersAreKilled kills one leader after the other under load, and counts what was
// acknowledged.
func TestLeadersAreKilled(t *testing.T) {
	w := newTown(t, 4, datadir.Options{})
	const rounds, each = 3, 30
	for round := range rounds {
		lead := w.leader()
		through := lead%4 + 1 // and the one behind the next: neither is the leader
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.submit(through, each, juno.Single)
		}()
		began := time.Now()
		w.crash(lead)
		w.submit((through+1)%4+1, 1, juno.Single)
		t.Logf("round %d: first commit %v after node%d was killed", round, time.Since(began), lead)
		<-done
		w.open(lead) // takes the place of the one that was killed
		w.lines.Heal()
		w.settle()
	}
	balance := 0
	for id := juno.NodeID(1); id <= 4; id++ {
		a, err := w.nodes[0].Balance(w.context(), fmt.Sprintf("b%d", id), "XXX",
			w.nodes[0].Head().Index)
		if err != nil {
			t.Fatal(err)
		}
		n, _ := a.Rat().Float64()
		balance += int(n)
	}
	if want := rounds * (each + 1); balance != want {
		t.Errorf("%d transfers were executed, want %d: none lost, none twice", balance, want)
	}
}

// TestClusterOverZeroMQ has real sockets between the nodes, and rotates a key on the way.
func TestClusterOverZeroMQ(t *testing.T) {
	w := &town{t: t, lines: cluster.NewSwitch(), limits: consensus.DefaultLimits(), wired: true}
	w.build(4, datadir.Options{Admins: []string{"ann"}})
	for id := range w.nodes {
		w.submit(juno.NodeID(id+1), 50, juno.Single)
	}
	w.settle()
	const id = 3
	l := w.nodes[id-1]
	public, err := l.DrawNodeKey()
	if err != nil {
		t.Fatal(err)
	}
	m, _, _ := l.Membership().Member(id)
	m.Public = public
	w.change(1, juno.ReplaceMember(m), l.PossessNodeKey)
	w.close(4) // now the new key has to be heard
	w.submit(id, 50, juno.Batch)
	w.open(4)
	w.settle()
}
