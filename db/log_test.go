package db

import (
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"

	"juno"
)

// memoryLog is a log in memory.
type memoryLog struct {
	mu      sync.RWMutex
	start   juno.Pos
	entries []juno.Entry
	hashes  []juno.Hash
	proofs  []*juno.QuorumCertificate
}

func newMemoryLog(start juno.Pos) *memoryLog { return &memoryLog{start: start} }

func (m *memoryLog) append(entries ...juno.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range entries {
		prev := m.start.Hash
		if n := len(m.hashes); n > 0 {
			prev = m.hashes[n-1]
		}
		m.entries = append(m.entries, entries[i])
		m.hashes = append(m.hashes, entries[i].ChainHash(prev))
	}
}

func (m *memoryLog) Start() juno.Pos { return m.start }

func (m *memoryLog) LastIndex() juno.Index {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.start.Index + juno.Index(len(m.entries))
}

func (m *memoryLog) Entry(i juno.Index) (juno.Entry, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if i <= m.start.Index || i > m.start.Index+juno.Index(len(m.entries)) {
		return juno.Entry{}, fmt.Errorf("memory log: no entry %d", i)
	}
	return m.entries[i-m.start.Index-1], nil
}

func (m *memoryLog) Pos(i juno.Index) (juno.Pos, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if i == m.start.Index {
		return m.start, nil
	}
	if i < m.start.Index || i > m.start.Index+juno.Index(len(m.entries)) {
		return juno.Pos{}, fmt.Errorf("memory log: no entry %d", i)
	}
	return juno.Pos{Index: i, Hash: m.hashes[i-m.start.Index-1]}, nil
}

func (m *memoryLog) Chain(from, to juno.Index) iter.Seq2[juno.Chained, error] {
	return func(yield func(juno.Chained, error) bool) {
		for i := from; i < to; i++ {
			e, err := m.Entry(i)
			pos, _ := m.Pos(i)
			if !yield(juno.Chained{Entry: e, Hash: pos.Hash}, err) || err != nil {
				return
			}
		}
	}
}

func (m *memoryLog) Entries(from, to juno.Index) iter.Seq2[juno.Entry, error] {
	return func(yield func(juno.Entry, error) bool) {
		for c, err := range m.Chain(from, to) {
			if !yield(c.Entry, err) {
				return
			}
		}
	}
}

func (m *memoryLog) Epochs() ([]juno.EpochChange, error) { return nil, nil }

func (m *memoryLog) Certificates(from, to juno.Index) iter.Seq2[*juno.QuorumCertificate, error] {
	return func(yield func(*juno.QuorumCertificate, error) bool) {
		for _, c := range m.proofs {
			if c.Pos.Index >= from && c.Pos.Index < to && !yield(c, nil) {
				return
			}
		}
	}
}

// prefix returns a log of the first entries only.
func (m *memoryLog) prefix(last juno.Index) *memoryLog {
	m.mu.RLock()
	defer m.mu.RUnlock()
	n := int(last - m.start.Index)
	return &memoryLog{
		start: m.start, entries: slices.Clone(m.entries[:n]),
		hashes: slices.Clone(m.hashes[:n]), proofs: m.proofs,
	}
}

// suffix returns the log as it is after everything up to start was dropped.
func (m *memoryLog) suffix(start juno.Index) *memoryLog {
	pos, err := m.Pos(start)
	if err != nil {
		panic(err)
	}
	n := int(start - m.start.Index)
	return &memoryLog{start: pos, entries: m.entries[n:], hashes: m.hashes[n:], proofs: m.proofs}
}

// writer makes commands of one client and appends them to a log.
type writer struct {
	genesis *juno.Genesis
	client  juno.PrivateKey
	node    juno.PrivateKey
	log     *memoryLog
	request juno.RequestID
	time    juno.Millis
	sign    bool
}

func testKey(n byte) juno.PrivateKey {
	return juno.NewPrivateKey([juno.SeedBytes]byte{n, 1})
}

// newWriter returns a ledger of one node that is open, and has the clients alice and bob.
func newWriter() *writer {
	w := &writer{client: testKey(1), node: testKey(2), time: 1_700_000_000_000}
	w.genesis = &juno.Genesis{
		Created: w.time, Open: true, Nonce: juno.Hash{7},
		Config: juno.EpochConfig{
			Voters:      []juno.Member{{ID: 1, Public: w.node.Public()}},
			FirstLeader: 1, CheckpointEvery: 10_000,
		},
		Clients: []juno.ClientKey{
			{Name: "alice", Role: juno.RoleOperator, Public: w.client.Public()},
			{Name: "bob", Role: juno.RoleClient, Public: testKey(3).Public()},
		},
	}
	w.log = newMemoryLog(juno.Pos{Hash: w.genesis.ID()})
	return w
}

// entry returns the next entry with a payload.
func (w *writer) entry(t juno.EntryType, payload []byte) juno.Entry {
	w.time += 3
	return juno.Entry{
		Index: w.log.LastIndex() + 1, Term: juno.TermOf(0, 0), Time: w.time, Type: t,
		Payload: payload,
	}
}

// command appends a command of alice.
func (w *writer) command(language juno.Language, text string) juno.Entry {
	w.request++
	key := w.client.Public().ID()
	c := juno.Command{Key: key, Request: w.request, Language: language, Text: text}
	if w.sign {
		c.Sign(w.client, w.genesis.ID())
	}
	e := w.entry(juno.EntryCommand, c.Payload())
	w.log.append(e)
	return e
}

func (w *writer) admin(format string, args ...any) juno.Entry {
	return w.command(juno.LanguageAdmin, fmt.Sprintf(format, args...))
}

func (w *writer) transfer(from, to string, amount int) juno.Entry {
	return w.command(juno.LanguageHoplite, fmt.Sprintf("transfer(%s->%s, %d%%1)", from, to, amount))
}

func (w *writer) options(dir string) Options {
	return Options{
		Dir: dir, Genesis: w.genesis, Log: w.log, CacheBytes: 1 << 16,
		memTableBytes: 512 << 10,
	}
}

func mustOpen(t testing.TB, o Options) *Ledger {
	t.Helper()
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func mustApply(t testing.TB, l *Ledger, entries ...juno.Entry) []juno.Result {
	t.Helper()
	results, err := l.Apply(entries)
	if err != nil {
		t.Fatal(err)
	}
	return results
}
