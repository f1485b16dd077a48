package consensus

import (
	"encoding/binary"
	"fmt"
	"testing"

	"juno"
)

// queue is a pool that gives what was put in.
type queue struct {
	entries  []juno.Entry
	rejected []juno.Entry
}

func (q *queue) Next(entriesMax, bytesMax int) []juno.Entry {
	n, size := 0, 0
	for n < len(q.entries) && n < entriesMax {
		group := groupLen(q.entries[n:])
		for _, e := range q.entries[n : n+group] {
			size += len(e.Payload)
		}
		if n > 0 && (size > bytesMax || n+group > entriesMax) {
			break
		}
		n += group
	}
	taken := q.entries[:n:n]
	q.entries = q.entries[n:]
	return taken
}

func (q *queue) Len() int { return len(q.entries) }

func (q *queue) Requeue(e []juno.Entry) { q.entries = append(e[:len(e):len(e)], q.entries...) }

func (q *queue) Reject(e []juno.Entry, _ error) { q.rejected = append(q.rejected, e...) }

func (q *queue) OldestTicks() (uint64, bool) { return 0, false }

// anything is a validator that allows everything, and checks that it is called in order.
type anything struct{ last juno.Index }

func (a *anything) Append(e *juno.Entry) error {
	if e.Index != a.last+1 {
		panic(fmt.Sprintf("validator is at %d, got entry %d", a.last, e.Index))
	}
	a.last++
	return nil
}
func (a *anything) TruncateTo(i juno.Index) { a.last = min(a.last, i) }

// counter is entropy that repeats itself.
type counter uint64

func (c *counter) Uint64() uint64 { *c += 0x9e3779b97f4a7c15; return uint64(*c) }

// cheapSigner makes signatures that only the cheapVerifier believes.
type cheapSigner juno.NodeID

func (s cheapSigner) Sign(kind juno.Kind, body []byte) (k juno.KeyID, sig juno.Signature) {
	binary.BigEndian.PutUint32(k[:], uint32(s))
	copy(sig[:], body)
	return k, sig
}

func testConfig(n int) *juno.EpochConfig {
	cfg := &juno.EpochConfig{FirstLeader: 1, CheckpointEvery: 10_000}
	for i := 1; i <= n; i++ {
		cfg.Voters = append(cfg.Voters, juno.Member{
			ID:     juno.NodeID(i),
			Public: juno.PublicKey{byte(i), byte(i >> 8), 1},
		})
	}
	return cfg
}

// aloneHost runs a core that is the only voter.
type aloneHost struct {
	core      *Core
	log       *memLog
	pool      *queue
	syncs     int
	committed []juno.Entry
	proof     *juno.QuorumCertificate
}

var testCluster = juno.ClusterID{0xc1}

func newAlone(t testing.TB, log *memLog) *aloneHost {
	t.Helper()
	h := &aloneHost{log: log, pool: &queue{}}
	var err error
	seed := counter(1)
	h.core, err = New(Config{ID: 1, Cluster: testCluster, Limits: DefaultLimits()},
		log.stored(testConfig(1)), Ports{
			Validator: &anything{last: log.tip().Index}, Pool: h.pool,
			Log: log, Rand: &seed,
		}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// run does what the core wants until it wants nothing.
func (h *aloneHost) run(t testing.TB) {
	for {
		r, ok := h.core.Ready()
		if !ok {
			return
		}
		h.log.write(&r)
		for _, c := range r.Committed {
			h.committed = append(h.committed, c.Entries...)
			h.proof = c.Certificate
		}
		if r.Sync {
			h.syncs++
			h.core.Persisted(r.Seq)
		}
		for _, out := range r.After {
			m := Sign(out.Message, cheapSigner(1))
			if !out.Self {
				continue
			}
			if err := h.core.Step(m); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func commands(n int) []juno.Entry {
	entries := make([]juno.Entry, n)
	for i := range entries {
		payload := binary.BigEndian.AppendUint64(make([]byte, 150), uint64(i))
		entries[i] = juno.Entry{Type: juno.EntryCommand, Payload: payload}
	}
	return entries
}

func TestAloneOneSyncPerBatch(t *testing.T) {
	h := newAlone(t, newMemLog(testCluster))
	h.run(t)
	if got, want := h.core.Status().Committed.Index, juno.Index(1); got != want {
		t.Fatalf("after the start %d is committed, want %d: the start of the term", got, want)
	}
	syncs := h.syncs
	h.pool.entries = commands(10)
	h.core.Propose(2000)
	h.run(t)
	if got, want := h.core.Status().Committed.Index, juno.Index(11); got != want {
		t.Fatalf("committed %d, want %d", got, want)
	}
	if got, want := h.syncs-syncs, 1; got != want {
		t.Errorf("a batch took %d syncs, want %d", got, want)
	}
	if h.proof == nil || h.proof.Pos != h.log.tip() || h.proof.Kind != juno.Commit {
		t.Fatalf("the batch came with the certificate %+v, want one of %s", h.proof, h.log.tip())
	}
	if err := h.proof.Check(testConfig(1), nil); err != nil {
		t.Error(err)
	}
	if got := h.committed[10]; got.Time != 2000 || got.Term != 0 || got.Index != 11 {
		t.Errorf("last entry is %d of term %s at %d", got.Index, got.Term, got.Time)
	}
}

func TestAloneRestart(t *testing.T) {
	log := newMemLog(testCluster)
	for start := range 5 {
		h := newAlone(t, log)
		h.run(t)
		if got, want := h.core.Status().Role, Leader; got != want {
			t.Fatalf("start %d: role %s, want %s", start, got, want)
		}
		if got, want := h.core.Status().Term, juno.TermOf(0, uint32(start)); got != want {
			t.Errorf("start %d: term %s, want %s: no term is led twice", start, got, want)
		}
		before := log.tip().Index
		h.pool.entries = commands(3)
		h.core.Propose(2000)
		h.run(t)
		if got, want := h.core.Status().Committed, log.tip(); got != want || got.Index != before+3 {
			t.Fatalf("start %d: committed %s, want %s", start, got, want)
		}
		// The next start finds a batch that is on disk and that nobody was told of.
		h.pool.entries = commands(2)
		h.core.Propose(3000)
		r, _ := h.core.Ready()
		log.write(&r)
	}
	if got, want := int(log.tip().Index), 5*(1+3+2); got != want {
		t.Errorf("log ends at %d, want %d: what was on disk is kept", got, want)
	}
}

func BenchmarkAlone(b *testing.B) {
	h := newAlone(b, newMemLog(testCluster))
	h.run(b)
	batch := commands(4096)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		h.pool.entries = batch
		h.core.Propose(juno.Millis(2000 + i))
		h.run(b)
		h.committed = h.committed[:0]
	}
	b.ReportMetric(float64(b.N)*4096/b.Elapsed().Seconds(), "entries/s")
}
