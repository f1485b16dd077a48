package wal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"juno"
	"juno/internal/vfs"
)

// testDir is where tests on a file system in memory keep their log.
const testDir = "/log"

var testCluster = juno.ClusterID{1, 2, 3}

// zeroes is entropy for tests: the same salt every time makes the same bytes every time.
type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func testOptions(fsys vfs.FS) Options {
	return Options{
		FS: fsys, Dir: testDir, Cluster: testCluster, SegmentBytes: 1500, Entropy: zeroes{},
	}
}

func testStart() juno.Pos { return juno.Pos{Hash: testCluster} }

// fataler is what helpers need of *testing.T, *testing.B and *rapid.T.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func must(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustOpen(t fataler, o Options) *Log {
	t.Helper()
	l, err := Open(o)
	must(t, err)
	return l
}

func mustCreate(t fataler, o Options) *Log {
	t.Helper()
	l, err := Create(o, testStart())
	must(t, err)
	return l
}

// skipUnderRace skips a long test of one goroutine, in which there is nothing to race.
func skipUnderRace(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("one goroutine: nothing to race")
	}
}

// model is what a log must hold: the slice that every operation is compared with.
type model struct {
	start   juno.Pos
	entries []juno.Entry // entries[0] has index start.Index+1
	hashes  []juno.Hash
	states  [stateKinds]*juno.Record
	history [historyKinds][]juno.Record
}

func (m *model) tip() juno.Pos {
	if len(m.entries) == 0 {
		return m.start
	}
	n := len(m.entries)
	return juno.Pos{Index: m.start.Index + juno.Index(n), Hash: m.hashes[n-1]}
}

// after returns the model after a batch; m is not changed.
func (m *model) after(b *Batch) *model {
	n := *m
	if b.Truncate {
		keep := int(b.TruncateTo - m.start.Index)
		n.entries, n.hashes = n.entries[:keep:keep], n.hashes[:keep:keep]
	}
	n.entries, n.hashes = slices.Clip(n.entries), slices.Clip(n.hashes)
	for _, e := range b.Entries {
		tip := n.tip()
		n.entries = append(n.entries, e)
		n.hashes = append(n.hashes, e.ChainHash(tip.Hash))
	}
	for _, r := range b.Records {
		if r.Kind.History() {
			list := &n.history[r.Kind-juno.RecordHistoryMin]
			*list = append(slices.Clip(*list), r)
		} else {
			n.states[r.Kind-juno.RecordKindMin] = &r
		}
	}
	return &n
}

func sameEntry(a, b *juno.Entry) bool {
	return a.Index == b.Index && a.Term == b.Term && a.Time == b.Time && a.Type == b.Type &&
		bytes.Equal(a.Payload, b.Payload)
}

func sameRecord(a, b juno.Record) bool {
	return a.Kind == b.Kind && a.Index == b.Index && bytes.Equal(a.Bytes, b.Bytes)
}

// differs says how a log differs from the model, by every way of reading it; "" if it does not.
func (m *model) differs(l *Log) string {
	if l.Start() != m.start || l.Tip() != m.tip() {
		return fmt.Sprintf("log from %v to %v, want %v to %v", l.Start(), l.Tip(), m.start, m.tip())
	}
	lo, hi := l.FirstIndex(), l.LastIndex()+1
	if s := m.differsAscending(l, lo, hi); s != "" {
		return s
	}
	n := len(m.entries)
	for e, err := range l.EntriesBackward(lo, hi) {
		n--
		if err != nil || n < 0 || !sameEntry(&e, &m.entries[n]) {
			return fmt.Sprintf("backward: got entry %d, %v, want entry %d", e.Index, err, hi-1)
		}
	}
	if n != 0 {
		return fmt.Sprintf("backward: %d entries missing", n)
	}
	for i, want := range m.entries {
		e, err := l.Entry(want.Index)
		if err != nil || !sameEntry(&e, &want) {
			return fmt.Sprintf("got entry %+v, %v, want %+v", e, err, want)
		}
		p, err := l.Pos(want.Index)
		if err != nil || p.Hash != m.hashes[i] || p.Index != want.Index {
			return fmt.Sprintf("got position %v, %v, want %d/%v", p, err, want.Index, m.hashes[i])
		}
	}
	return m.differsRecords(l)
}

func (m *model) differsAscending(l *Log, lo, hi juno.Index) string {
	n := lo - m.start.Index - 1
	for c, err := range l.Chain(lo, hi) {
		if err != nil {
			return fmt.Sprintf("chain at %d: %v", lo, err)
		}
		if c.Index != lo || !sameEntry(&c.Entry, &m.entries[n]) || c.Hash != m.hashes[n] {
			return fmt.Sprintf("got entry %+v, want %+v %v", c, m.entries[n], m.hashes[n])
		}
		n++
		lo++
	}
	if lo != hi {
		return fmt.Sprintf("chain ends before entry %d, want %d", lo, hi)
	}
	return ""
}

func (m *model) differsRecords(l *Log) string {
	for k, want := range m.states {
		got, ok := l.Newest(juno.RecordKindMin + juno.RecordKind(k))
		if ok != (want != nil) || ok && !sameRecord(got, *want) {
			return fmt.Sprintf("got state %v, %v, want %v", got, ok, want)
		}
	}
	for k, want := range m.history {
		kind := juno.RecordHistoryMin + juno.RecordKind(k)
		var got []juno.Record
		for r, err := range l.Records(kind, 0, 0) {
			if err != nil {
				return fmt.Sprintf("%v records: %v", kind, err)
			}
			got = append(got, r)
		}
		if !slices.EqualFunc(got, want, sameRecord) {
			return fmt.Sprintf("got %v records %v, want %v", kind, got, want)
		}
		for _, r := range want {
			found, err := l.Find(kind, r.Index)
			if err != nil || found.Index != r.Index {
				return fmt.Sprintf("found %v, %v, want %v", found, err, r)
			}
		}
	}
	if _, err := l.Find(juno.RecordProof, 1<<60); !errors.Is(err, ErrNoRecord) {
		return fmt.Sprintf("found a record that is not there: %v", err)
	}
	return ""
}

// verifies checks the log by its file system, as an auditor does, and compares the entries that
// Verify shows with the model.
func (m *model) verifies(t fataler, fsys vfs.FS) {
	t.Helper()
	seen := make([]*juno.Chained, len(m.entries))
	r, err := Verify(VerifyOptions{
		FS: fsys, Dir: testDir, Cluster: testCluster, Workers: 1,
		Visit: func(entries []juno.Chained) error {
			for _, c := range entries {
				c.Payload = bytes.Clone(c.Payload)
				seen[c.Index-m.start.Index-1] = &c
			}
			return nil
		},
	})
	must(t, err)
	if r.Tip != m.tip() || r.Start != m.start || r.Entries != int64(len(m.entries)) {
		t.Fatalf("verified %+v, want %v to %v", r, m.start, m.tip())
	}
	for i, c := range seen {
		if c == nil || !sameEntry(&c.Entry, &m.entries[i]) || c.Hash != m.hashes[i] {
			t.Fatalf("Verify showed %v where entry %d was expected", c, m.entries[i].Index)
		}
	}
}

// generator makes batches of all shapes from a seed.
type generator struct {
	dice *rand.Rand
	term juno.Term
	time juno.Millis
}

func newGenerator(seed uint64) *generator {
	return &generator{dice: rand.New(rand.NewPCG(seed, 1)), term: 1, time: 1_000_000}
}

// batch returns a batch that can follow m, without cutting below floor.
func (g *generator) batch(m *model, floor juno.Index) *Batch {
	b := &Batch{}
	tip := m.tip()
	next := tip.Index + 1
	if low := max(floor, m.start.Index); g.dice.IntN(6) == 0 && tip.Index > low {
		b.Truncate = true
		b.TruncateTo = low + juno.Index(g.dice.IntN(int(tip.Index-low)+1))
		next = b.TruncateTo + 1
		g.term++
	}
	for range g.dice.IntN(4) * g.dice.IntN(6) {
		b.Entries = append(b.Entries, g.entry(next))
		next++
	}
	for range g.dice.IntN(3) {
		b.Records = append(b.Records, g.record(m, next-1))
	}
	slices.SortStableFunc(b.Records, func(a,
		b juno.Record,
	) int {
		return int(a.Index) - int(b.Index)
	})
	if g.dice.IntN(2) == 0 {
		b.Tip = m.after(b).tip()
	}
	return b
}

func (g *generator) entry(i juno.Index) juno.Entry {
	g.time += juno.Millis(g.dice.IntN(200) * g.dice.IntN(2))
	if g.dice.IntN(50) == 0 {
		g.time -= 10
	}
	if g.dice.IntN(20) == 0 {
		g.term++
	}
	size := g.dice.IntN(40)
	if g.dice.IntN(30) == 0 {
		size = g.dice.IntN(3000)
	}
	return juno.Entry{
		Index: i, Term: g.term, Time: g.time, Type: juno.EntryType(1 + g.dice.IntN(7)),
		Payload: g.bytes(size),
	}
}

func (g *generator) record(m *model, tip juno.Index) juno.Record {
	kinds := []juno.RecordKind{
		juno.RecordHardState, juno.RecordAccepted, juno.RecordHighQC,
		juno.RecordKindMin + 15, juno.RecordProof, juno.RecordEpoch, juno.RecordKindMax,
	}
	r := juno.Record{
		Kind:  kinds[g.dice.IntN(len(kinds))],
		Index: tip, Bytes: g.bytes(g.dice.IntN(60)),
	}
	if r.Kind.History() {
		if list := m.history[r.Kind-juno.RecordHistoryMin]; len(list) > 0 {
			r.Index = max(r.Index, list[len(list)-1].Index)
		}
	}
	return r
}

func (g *generator) bytes(n int) []byte {
	b := make([]byte, n)
	if g.dice.IntN(5) > 0 { // else zeros, which look like what was never written
		for i := range b {
			b[i] = byte(g.dice.Uint32())
		}
	}
	return b
}

func readTestFile(fsys vfs.FS, path string) ([]byte, error) {
	return vfs.ReadFile(fsys, path, 1<<20)
}
