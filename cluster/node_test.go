package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"juno"
	"juno/cluster/consensus"
)

// memLog is a Log in memory that checks its caller: nothing is read before it is written, nothing
// is truncated below the floor, and records of history never go back.
type memLog struct {
	mu      sync.Mutex
	cluster juno.ClusterID
	genesis *juno.EpochConfig
	entries []juno.Entry
	hashes  []juno.Hash // hashes[i] at index i
	proofs  []*juno.QuorumCertificate
	records map[juno.RecordKind]juno.Record
	floor   juno.Index
	syncs   int
	fail    error
}

func newMemLog(g *juno.Genesis) *memLog {
	return &memLog{
		cluster: g.ID(), genesis: &g.Config, hashes: []juno.Hash{g.ID()},
		records: make(map[juno.RecordKind]juno.Record),
	}
}

func (l *memLog) Write(g Group) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	if g.Truncate != nil {
		if *g.Truncate < l.floor {
			panic(fmt.Sprintf("truncate to %d below the floor %d", *g.Truncate, l.floor))
		}
		l.entries, l.hashes = l.entries[:*g.Truncate], l.hashes[:*g.Truncate+1]
	}
	for i := range g.Entries {
		e := &g.Entries[i]
		if e.Index != juno.Index(len(l.entries))+1 {
			panic(fmt.Sprintf("entry %d after %d", e.Index, len(l.entries)))
		}
		l.entries = append(l.entries, *e)
		l.hashes = append(l.hashes, e.ChainHash(l.hashes[len(l.hashes)-1]))
	}
	for _, r := range g.Records {
		l.records[r.Kind] = r
		if r.Kind == juno.RecordProof {
			c, err := juno.ParseProof(r.Bytes)
			if err != nil {
				panic(err)
			}
			l.proofs = append(l.proofs, c)
		}
	}
	return nil
}

func (l *memLog) Sync() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.syncs++
	return l.fail
}

func (l *memLog) Idle() error                { return l.Sync() }
func (l *memLog) Certified(juno.Index) error { return nil }
func (l *memLog) Committed(index juno.Index) { l.mu.Lock(); l.floor = index; l.mu.Unlock() }
func (l *memLog) First() juno.Index          { return 1 }
func (l *memLog) breakWith(err error)        { l.mu.Lock(); l.fail = err; l.mu.Unlock() }
func (l *memLog) last() (juno.Index, juno.Hash) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return juno.Index(len(l.entries)), l.hashes[len(l.hashes)-1]
}

func (l *memLog) HashAt(i juno.Index) (juno.Hash, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i >= juno.Index(len(l.hashes)) {
		return juno.Hash{}, false
	}
	return l.hashes[i], true
}

func (l *memLog) Entry(i juno.Index) (juno.Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries[i-1], nil
}

func (l *memLog) Entries(lo, hi juno.Index, _ int) []juno.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.entries[lo-1 : hi-1])
}

func (l *memLog) Certificate(index juno.Index) (*juno.QuorumCertificate, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.proofs {
		if c.Pos.Index >= index {
			return c, true
		}
	}
	return nil, false
}

func (l *memLog) Stored() (*consensus.Stored, error) { return l.stored(), nil }

func (l *memLog) stored() *consensus.Stored {
	st := &consensus.Stored{Genesis: l.genesis}
	if index, hash := l.last(); index > 0 {
		st.Start = juno.Pos{Hash: l.cluster}
		st.Last = juno.Pos{Index: index, Hash: hash}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.records {
		st.Records = append(st.Records, r)
	}
	return st
}

// memMachine answers every entry with its own text, so that a test can tell results apart.
type memMachine struct {
	mu      sync.Mutex
	results []juno.Result
	fail    error
}

func (m *memMachine) Apply(entries []juno.Entry) ([]juno.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return nil, m.fail
	}
	out := make([]juno.Result, len(entries))
	for i, e := range entries {
		out[i] = juno.Result{Status: juno.StatusOK, Value: fmt.Sprintf("entry %d", e.Index)}
	}
	m.results = append(m.results, out...)
	return out, nil
}

func (m *memMachine) Result(i juno.Index) (juno.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.results[i-1], nil
}

func (m *memMachine) Find(string, juno.RequestID) (juno.Index, bool, error) {
	return 0, false, nil
}

// memValidator remembers which requests are in the log, and nothing else.
type memValidator struct {
	ring *juno.Keyring
	seen map[requestKey]juno.Index
	at   []requestKey
}

func (v *memValidator) Append(e *juno.Entry) error {
	k, ok := requestKey{}, false
	if e.Type == juno.EntryCommand {
		c, err := juno.ParseCommand(e.Payload)
		if err != nil {
			return err
		}
		k, ok = requestKey{c.Key, c.Request}, true
	}
	if ok && v.seen[k] != 0 {
		return juno.ErrReused
	}
	if ok {
		v.seen[k] = e.Index
	}
	v.at = append(v.at, k)
	return nil
}

func (v *memValidator) TruncateTo(index juno.Index) {
	for _, k := range v.at[index:] {
		delete(v.seen, k)
	}
	v.at = v.at[:index]
}
func (v *memValidator) Committed(juno.Index)          {}
func (v *memValidator) Keyring() *juno.Keyring        { return v.ring }
func (v *memValidator) Highest(string) juno.RequestID { return 0 }

func (v *memValidator) Lookup(client string, r juno.RequestID) (juno.Index, bool) {
	for _, k := range v.ring.Current(client, 1) {
		if at := v.seen[requestKey{k.ID, r}]; at != 0 {
			return at, true
		}
	}
	return 0, false
}

// house is a node of one voter with everything in memory, which can be restarted.
type house struct {
	t       *testing.T
	genesis *juno.Genesis
	node    juno.PrivateKey
	alice   juno.PrivateKey
	log     *memLog
	machine *memMachine
	n       *Node
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, node: juno.NewPrivateKey([32]byte{1}), alice: juno.NewPrivateKey([32]byte{2})}
	h.genesis = &juno.Genesis{
		Config: juno.EpochConfig{Voters: []juno.Member{{
			ID:     1,
			Public: h.node.Public(),
		}}, FirstLeader: 1, CheckpointEvery: 1000},
		Clients: []juno.ClientKey{{Name: "alice", Role: juno.RoleClient, Public: h.alice.Public()}},
	}
	h.log = newMemLog(h.genesis)
	h.machine = &memMachine{}
	h.start()
	t.Cleanup(func() { _ = h.n.Stop() })
	return h
}

func (h *house) start() {
	h.t.Helper()
	ring, err := h.genesis.Keyring()
	if err != nil {
		h.t.Fatal(err)
	}
	v := &memValidator{ring: ring, seen: make(map[requestKey]juno.Index)}
	last, _ := h.log.last()
	for i := juno.Index(1); i <= last; i++ {
		e, _ := h.log.Entry(i)
		if err := v.Append(&e); err != nil {
			h.t.Fatal(err)
		}
	}
	clock := juno.Millis(1000)
	h.n, err = Start(Config{
		ID: 1, Key: h.node, Cluster: h.genesis.ID(),
		Limits: consensus.DefaultLimits(), Stored: h.log.stored(), Log: h.log,
		Machine: h.machine, Validator: v, Executed: juno.Index(len(h.machine.results)),
		Clock: func() juno.Millis { return clock }, Rand: rand.New(rand.NewPCG(1, 2)),
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) command(request juno.RequestID, text string) *Proposal {
	c := juno.Command{Request: request, Text: text}
	c.Sign(h.alice, h.genesis.ID())
	p, err := NewProposal(juno.EntryCommand, c.Payload())
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

func (h *house) batch(first juno.RequestID, n int) *Proposal {
	commands := make([]juno.Command, n)
	for i := range commands {
		commands[i].Text = fmt.Sprintf("command %d", i)
	}
	head, payloads := juno.SignBatch(h.alice, h.genesis.ID(), first, commands)
	p, err := NewBatchProposal(head.Payload(), payloads)
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

func (h *house) submit(p *Proposal) ([]juno.Outcome, error) {
	ticket, err := h.n.Submit(p)
	if err != nil {
		return nil, err
	}
	return ticket.Wait(context.Background())
}

func (h *house) must(p *Proposal) []juno.Outcome {
	h.t.Helper()
	out, err := h.submit(p)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

func TestCommandsGetTheirOwnResults(t *testing.T) {
	h := newHouse(t)
	for r := juno.RequestID(1); r <= 20; r++ {
		out := h.must(h.command(r, "x"))
		want := fmt.Sprintf("entry %d", out[0].Index)
		if len(out) != 1 || out[0].Result.Value != want || out[0].Replayed {
			t.Fatalf("request %d: got %+v, want result %q", r, out, want)
		}
	}
	out := h.must(h.batch(100, 500))
	for i := range out {
		want := fmt.Sprintf("entry %d", out[0].Index+juno.Index(i))
		if out[i].Result.Value != want {
			t.Fatalf("command %d of the batch: got %+v, want %q", i, out[i], want)
		}
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	h := newHouse(t)
	var wg sync.WaitGroup
	seen := make([]juno.Index, 200)
	for i := range seen {
		wg.Go(func() {
			out, err := h.submit(h.command(juno.RequestID(i+1), "x"))
			if err != nil {
				t.Error(err)
				return
			}
			seen[i] = out[0].Index
		})
	}
	wg.Wait()
	slices.Sort(seen)
	if n := len(slices.Compact(seen)); n != 200 {
		t.Errorf("%d different places for 200 commands", n)
	}
}

func TestReplayGivesTheFirstResultAndRunsNothing(t *testing.T) {
	h := newHouse(t)
	first := h.must(h.command(7, "pay"))
	batch := h.must(h.batch(50, 10))
	again := func() {
		t.Helper()
		before, _ := h.log.last()
		out := h.must(h.command(7, "pay"))
		if !out[0].Replayed || out[0].Index != first[0].Index || out[0].Result != first[0].Result {
			t.Errorf("replay: got %+v, want the first outcome %+v", out[0], first[0])
		}
		replayed := h.must(h.batch(50, 10))
		if !replayed[9].Replayed || replayed[9].Index != batch[9].Index {
			t.Errorf("replayed batch: got %+v, want %+v", replayed[9], batch[9])
		}
		if after, _ := h.log.last(); after != before {
			t.Errorf("replays put %d entries into the log", after-before)
		}
	}
	again()
	if err := h.n.Stop(); err != nil {
		t.Fatal(err)
	}
	h.start()
	h.must(h.command(8, "the restart is over"))
	again()
}

func TestSameRequestForAnotherCommandIsRefused(t *testing.T) {
	h := newHouse(t)
	h.must(h.command(1, "pay a"))
	if _, err := h.submit(h.command(1, "pay b")); !errors.Is(err, juno.ErrReused) {
		t.Errorf("got %v, want %v", err, juno.ErrReused)
	}
}

func TestForgedCommandsNeverReachTheLog(t *testing.T) {
	h := newHouse(t)
	forged := h.command(1, "pay me")
	forged.envelope.Signature[5] ^= 1
	if _, err := h.submit(forged); !errors.Is(err, juno.ErrBadSignature) {
		t.Errorf("bad signature: got %v", err)
	}
	stranger := juno.Command{Request: 1, Text: "pay me"}
	stranger.Sign(juno.NewPrivateKey([32]byte{9}), h.genesis.ID())
	p, err := NewProposal(juno.EntryCommand, stranger.Payload())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.submit(p); !errors.Is(err, juno.ErrUnknownKey) {
		t.Errorf("unknown key: got %v", err)
	}
	other := juno.Command{Request: 1, Text: "pay me"}
	other.Sign(h.alice, juno.Hash{1})
	if p, err = NewProposal(juno.EntryCommand, other.Payload()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.submit(p); !errors.Is(err, juno.ErrBadSignature) {
		t.Errorf("signed for another cluster: got %v", err)
	}
	last, _ := h.log.last()
	for _, e := range h.log.Entries(1, last+1, 0) {
		if e.Type == juno.EntryCommand {
			t.Errorf("entry %d holds a forged command", e.Index)
		}
	}
}

func TestAFailingLogStopsTheNode(t *testing.T) {
	h := newHouse(t)
	h.must(h.command(1, "x"))
	broken := errors.New("no space left on device")
	h.log.breakWith(broken)
	_, err := h.submit(h.command(2, "y"))
	if !errors.Is(err, juno.ErrUnknown) && !errors.Is(err, ErrStopped) {
		t.Errorf("command during the failure: got %v, want unknown or stopped", err)
	}
	<-h.n.Failed()
	if err := h.n.Stop(); !errors.Is(err, broken) {
		t.Errorf("stop: got %v, want %v", err, broken)
	}
	if _, err := h.submit(h.command(3, "z")); !errors.Is(err, ErrStopped) ||
		!strings.Contains(err.Error(), "no space") {
		t.Errorf("after the failure: got %v, want stopped and why", err)
	}
}

func TestAFailingMachineStopsTheNode(t *testing.T) {
	h := newHouse(t)
	h.must(h.command(1, "x"))
	h.machine.mu.Lock()
	h.machine.fail = errors.New("books do not balance")
	h.machine.mu.Unlock()
	if _, err := h.submit(h.command(2, "y")); !errors.Is(err, juno.ErrUnknown) {
		t.Errorf("got %v, want %v", err, juno.ErrUnknown)
	}
	if err := h.n.Stop(); err == nil || !strings.Contains(err.Error(), "balance") {
		t.Errorf("stop: got %v, want the machine's error", err)
	}
}

func TestStopFinishesWhatIsInTheLog(t *testing.T) {
	h := newHouse(t)
	tickets := make([]*Ticket, 50)
	for i := range tickets {
		ticket, err := h.n.Submit(h.command(juno.RequestID(i+1), "x"))
		if err != nil {
			t.Fatal(err)
		}
		tickets[i] = ticket
	}
	if err := h.n.Stop(); err != nil {
		t.Fatal(err)
	}
	for i, ticket := range tickets {
		if _, err := ticket.Wait(context.Background()); err != nil && !errors.Is(err, ErrStopped) {
			t.Errorf("command %d: got %v, want an outcome or %v", i+1, err, ErrStopped)
		}
	}
	if last, _ := h.log.last(); int(last) != len(h.machine.results) {
		t.Errorf("%d entries in the log, %d executed", last, len(h.machine.results))
	}
}

func TestEveryProofCovers(t *testing.T) {
	h := newHouse(t)
	for r := juno.RequestID(1); r <= 200; r++ {
		h.must(h.command(r, "x"))
	}
	if err := h.n.Stop(); err != nil {
		t.Fatal(err)
	}
	last, _ := h.log.last()
	c, ok := h.log.Certificate(last)
	if !ok {
		t.Fatalf("no certificate covers the last entry %d", last)
	}
	ring, err := h.genesis.Config.Keyring(h.genesis.ID())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Verify(&h.genesis.Config, ring, nil); err != nil {
		t.Error(err)
	}
	if n := len(h.log.proofs); n > int(last)/proofEvery+2 {
		t.Errorf("%d proofs for %d entries of a client alone, want one for %d", n, last, proofEvery)
	}
}

func TestStartExecutesWhatTheMachineLost(t *testing.T) {
	h := newHouse(t)
	for r := juno.RequestID(1); r <= 30; r++ {
		h.must(h.command(r, "x"))
	}
	if err := h.n.Stop(); err != nil {
		t.Fatal(err)
	}
	h.machine.results = h.machine.results[:11] // its projection was behind when the power failed
	h.start()
	out := h.must(h.command(31, "x"))
	if n := juno.Index(len(h.machine.results)); n < out[0].Index {
		t.Errorf("executed %d entries, the last command is at %d", n, out[0].Index)
	}
	for i, r := range h.machine.results {
		if want := fmt.Sprintf("entry %d", i+1); r.Value != want {
			t.Fatalf(
				"result %d: got %q, want %q: executed out of order, or twice",
				i,
				r.Value,
				want,
			)
		}
	}
	if _, err := h.submit(h.command(15, "x")); err != nil {
		t.Errorf("replay of an entry that was executed again: %v", err)
	}
}
