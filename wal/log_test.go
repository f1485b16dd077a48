package wal

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"juno"
	"juno/internal/vfs"
)

func noop(i juno.Index) juno.Entry {
	return juno.Entry{Index: i, Term: 1, Time: 1, Type: juno.EntryNoop}
}

// TestOneWriteOneSync counts what a batch costs the disk: one write of the batch and one sync,
// and a note in DURABLE that nobody waits for.
func TestOneWriteOneSync(t *testing.T) {
	mem := vfs.NewMem()
	fault := vfs.NewFault(mem)
	o := testOptions(fault)
	o.SegmentBytes = 0
	l := mustCreate(t, o)
	var ops []string
	fault.Before(func(op vfs.Op) error {
		ops = append(ops, fmt.Sprintf("%s %s", op.Kind, filepath.Base(op.Name)))
		return nil
	})
	must(t, l.AppendSync(&Batch{
		Entries: []juno.Entry{noop(1), noop(2)},
		Records: []juno.Record{{Kind: juno.RecordAccepted, Index: 2, Bytes: []byte("x")}},
	}))
	want := []string{"write 00000001.wal", "sync 00000001.wal", "write DURABLE"}
	if !slices.Equal(ops, want) {
		t.Errorf("got %q, want %q", ops, want)
	}
	ops = nil
	must(t, l.Append(&Batch{}))
	must(t, l.Sync())
	if len(ops) != 0 {
		t.Errorf("an empty batch did %q", ops)
	}
	must(t, l.MarkDurable())
	must(t, l.MarkDurable())
	if want := []string{"sync DURABLE"}; !slices.Equal(ops, want) {
		t.Errorf("got %q, want %q", ops, want)
	}
	fault.Before(nil)
	must(t, l.Close())
}

func TestRefusedBatches(t *testing.T) {
	mem := vfs.NewMem()
	o := testOptions(mem)
	l := mustCreate(t, o)
	good := &Batch{
		Entries: []juno.Entry{noop(1), noop(2), noop(3)},
		Records: []juno.Record{{Kind: juno.RecordProof, Index: 2}},
	}
	must(t, l.AppendSync(good))
	l.SetFloor(2)
	l.SetFloor(1) // never goes down
	m := (&model{start: testStart()}).after(good)

	entry := func(change func(*juno.Entry)) *Batch {
		e := noop(4)
		change(&e)
		return &Batch{Entries: []juno.Entry{e}}
	}
	for name, c := range map[string]struct {
		batch *Batch
		want  error
	}{
		"gap":        {entry(func(e *juno.Entry) { e.Index = 5 }), ErrBatch},
		"again":      {entry(func(e *juno.Entry) { e.Index = 3 }), ErrBatch},
		"type":       {entry(func(e *juno.Entry) { e.Type = 0 }), ErrBatch},
		"time":       {entry(func(e *juno.Entry) { e.Time = -1 }), ErrBatch},
		"payload":    {entry(func(e *juno.Entry) { e.Payload = make([]byte, 1<<20) }), ErrBatch},
		"tip index":  {&Batch{Entries: []juno.Entry{noop(4)}, Tip: juno.Pos{Index: 5}}, ErrBatch},
		"tip hash":   {&Batch{Entries: []juno.Entry{noop(4)}, Tip: juno.Pos{Index: 4}}, ErrBatch},
		"floor":      {&Batch{Truncate: true, TruncateTo: 1}, ErrFloor},
		"behind tip": {&Batch{Truncate: true, TruncateTo: 4}, ErrBatch},
		"kind":       {&Batch{Records: []juno.Record{{Kind: 1}}}, ErrBatch},
		"record size": {&Batch{Records: []juno.Record{
			{Kind: juno.RecordHighQC, Bytes: make([]byte, RecordBytesMax+1)},
		}}, ErrBatch},
		"record order": {
			&Batch{Records: []juno.Record{{Kind: juno.RecordProof, Index: 1}}},
			ErrBatch,
		},
		"order in batch": {&Batch{Records: []juno.Record{
			{Kind: juno.RecordProof, Index: 3}, {Kind: juno.RecordProof, Index: 2},
		}}, ErrBatch},
		"batch size": {
			&Batch{Records: slices.Repeat(
				[]juno.Record{{Kind: juno.RecordHighQC, Bytes: make([]byte, RecordBytesMax)}}, 17)},
			ErrBatch,
		},
	} {
		if err := l.Append(c.batch); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		if s := m.differs(l); s != "" {
			t.Fatalf("%s: refused, but %s", name, s)
		}
	}
	more := &Batch{Entries: []juno.Entry{noop(4)}, Records: []juno.Record{{
		Kind:  juno.RecordProof,
		Index: 2,
	}}}
	must(t, l.AppendSync(more))
	must(t, l.AppendSync(&Batch{Truncate: true, TruncateTo: 4})) // cuts nothing
	must(t, l.Close())
	m.after(more).verifies(t, mem)
	wantErr(t, l.Append(good), ErrClosed)
	wantErr(t, l.Close(), ErrClosed)
	_, err := l.Entry(1)
	wantErr(t, err, ErrClosed)
}

func TestOpenErrors(t *testing.T) {
	mem := vfs.NewMem()
	o := testOptions(mem)
	_, err := Open(o)
	wantErr(t, err, ErrNoLog)
	must(t, mem.MkdirAll(testDir))
	_, err = Open(o)
	wantErr(t, err, ErrNoLog)

	l := mustCreate(t, o)
	var locked *vfs.LockedError
	if _, err = Open(o); !errors.As(err, &locked) {
		t.Errorf("opened twice: %v", err)
	}
	must(t, l.AppendSync(&Batch{Entries: []juno.Entry{noop(1), noop(2)}}))
	tip := l.Tip()
	must(t, l.Close())
	_, err = Create(o, testStart())
	wantErr(t, err, ErrExists)

	other := o
	other.Cluster[5] = 1
	_, err = Open(other)
	wantErr(t, err, ErrCluster)
	other.Cluster = juno.ClusterID{}
	l = mustOpen(t, other)
	if l.Cluster() != testCluster {
		t.Errorf("cluster %v, want %v", l.Cluster(), testCluster)
	}
	must(t, l.Close())

	held := o
	held.Held = juno.Pos{Index: 2, Hash: juno.Hash{1}}
	_, err = Open(held)
	wantErr(t, err, ErrDiverged)
	held.Held = juno.Pos{Index: 3, Hash: tip.Hash}
	_, err = Open(held)
	wantErr(t, err, ErrDiverged)

	newer := mem.Clone()
	f, err := newer.OpenReadWrite(segmentPath(testDir, 1))
	must(t, err)
	_, err = f.WriteAt([]byte{2}, 7)
	must(t, err)
	o.FS = newer
	_, err = Open(o)
	wantErr(t, err, ErrVersion)
	if !strings.Contains(err.Error(), "format 2, this program knows 1") {
		t.Errorf("unclear: %v", err)
	}
	for name, bad := range map[string]Options{
		"nothing": {}, "huge segments": {FS: mem, Dir: testDir, SegmentBytes: 1 << 40},
	} {
		if _, err := Open(bad); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	_, err = Create(Options{FS: mem, Dir: "/other", Cluster: testCluster}, juno.Pos{})
	wantErr(t, err, ErrOptions)
}

// TestHistoryIsOrderedAcrossSegments refuses a record below one that is found in the last segment,
// or only in the summary of an earlier one.
func TestHistoryIsOrderedAcrossSegments(t *testing.T) {
	mem := vfs.NewMem()
	o := testOptions(mem)
	o.SegmentBytes = 400
	l := mustCreate(t, o)
	for _, r := range []juno.Record{
		{Kind: juno.RecordEpoch, Index: 5},
		{Kind: juno.RecordProof, Index: 7},
		{Kind: juno.RecordProof, Index: 8, Bytes: make([]byte, 300)},
		{
			Kind:  juno.RecordProof,
			Index: 9,
		},
	} {
		must(t, l.AppendSync(&Batch{Records: []juno.Record{r}}))
	}
	must(t, l.Close())
	l = mustOpen(t, o)
	for _, r := range []juno.Record{{Kind: juno.RecordEpoch, Index: 4}, {
		Kind:  juno.RecordProof,
		Index: 8,
	}} {
		wantErr(t, l.Append(&Batch{Records: []juno.Record{r}}), ErrBatch)
	}
	must(t, l.Append(&Batch{Records: []juno.Record{
		{Kind: juno.RecordEpoch, Index: 5},
		{Kind: juno.RecordProof, Index: 9},
	}}))
	must(t, l.Close())
}

// TestBeginsAtSnapshot makes the log of an imported ledger.
func TestBeginsAtSnapshot(t *testing.T) {
	mem := vfs.NewMem()
	start := juno.Pos{Index: 1000, Hash: juno.Hash{9}}
	l, err := Create(testOptions(mem), start)
	must(t, err)
	m := &model{start: start}
	g := newGenerator(4)
	for range 30 {
		b := g.batch(m, 0)
		must(t, l.Append(b))
		m = m.after(b)
	}
	wantErr(t, l.Append(&Batch{Truncate: true, TruncateTo: 999}), ErrBatch)
	for _, i := range []juno.Index{0, 999} {
		_, err := l.Pos(i)
		wantErr(t, err, ErrOutOfRange)
	}
	if p, err := l.Pos(1000); p != start || err != nil {
		t.Errorf("got %v, %v, want %v", p, err, start)
	}
	must(t, l.Close())
	m.verifies(t, mem)
	l = mustOpen(t, testOptions(mem))
	if s := m.differs(l); s != "" {
		t.Error(s)
	}
}

// TestCheckpoints pins where reading may begin: it is part of the format.
func TestCheckpoints(t *testing.T) {
	for payload, want := range map[int]string{0: "[1 33 65 97]", 3000: "[1 4 7 10]"} {
		l := mustCreate(t, Options{FS: vfs.NewMem(), Dir: testDir, Cluster: testCluster})
		b := &Batch{}
		for i := range juno.Index(100) {
			e := noop(i + 1)
			e.Payload = make([]byte, payload)
			b.Entries = append(b.Entries, e)
		}
		must(t, l.Append(b))
		var got []juno.Index
		for _, c := range l.view.Load().index.open.checkpoints[:4] {
			got = append(got, c.index)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("payloads of %d bytes: checkpoints at %v, want %v", payload, got, want)
		}
		must(t, l.Close())
	}
}

// TestDropKeepsWhatLaterCutsNeed has segments whose base was cut away later, where no log can
// begin, and drops below every entry in turn.
func TestDropKeepsWhatLaterCutsNeed(t *testing.T) {
	for before := juno.Index(1); before <= 13; before++ {
		mem := vfs.NewMem()
		o := testOptions(mem)
		o.SegmentBytes = 450
		l := mustCreate(t, o)
		m := &model{start: testStart()}
		add := func(b *Batch) {
			must(t, l.Append(b))
			m = m.after(b)
		}
		for i := range 20 {
			next := l.LastIndex() + 1
			if i%5 == 4 {
				next -= 2
			}
			e := noop(next)
			e.Time = juno.Millis(i)
			add(&Batch{Truncate: true, TruncateTo: next - 1, Entries: []juno.Entry{e}})
		}
		l.SetFloor(l.LastIndex())
		dead := map[juno.Pos]bool{}
		for _, s := range l.view.Load().segments {
			p, err := l.Pos(s.header.base.Index)
			must(t, err)
			dead[s.header.base] = p != s.header.base
		}
		if !dead[l.view.Load().segments[1].header.base] {
			t.Fatalf("every base is live: %v", dead)
		}
		must(t, l.Drop(before))
		start := l.Start()
		if start.Index >= before || dead[start] {
			t.Fatalf("below %d: log begins at %v", before, start)
		}
		if before == 13 && start.Index < 8 {
			t.Errorf("below %d: only what is below %d was dropped", before, start.Index+1)
		}
		if s := m.dropped(start.Index).differs(l); s != "" {
			t.Fatalf("below %d: %s", before, s)
		}
		must(t, l.Close())
		m.dropped(start.Index).verifies(t, mem)
		l = mustOpen(t, o)
		if s := m.dropped(start.Index).differs(l); s != "" {
			t.Fatalf("below %d, opened again: %s", before, s)
		}
		must(t, l.Close())
	}
}

func TestIteratorsStopAndRefuse(t *testing.T) {
	_, l, _ := smallLog(t)
	hi := l.LastIndex() + 1
	for _, r := range [][2]juno.Index{{0, 1}, {2, 1}, {1, hi + 1}} {
		n := 0
		for _, err := range l.Entries(r[0], r[1]) {
			n++
			wantErr(t, err, ErrOutOfRange)
		}
		for _, err := range l.EntriesBackward(r[0], r[1]) {
			n++
			wantErr(t, err, ErrOutOfRange)
		}
		if n != 2 {
			t.Errorf("%v: %d pairs, want one error each", r, n)
		}
	}
	for lo := juno.Index(1); lo <= hi; lo++ {
		for end := lo; end <= hi; end++ {
			want := lo
			for e, err := range l.Entries(lo, end) {
				if must(t, err); e.Index != want {
					t.Fatalf("got %d, want %d", e.Index, want)
				}
				if want++; want == end-1 {
					break // the next loop sees that nothing is held
				}
			}
			want = end
			for e, err := range l.EntriesBackward(lo, end) {
				if want--; e.Index != want || err != nil {
					t.Fatalf("got %d, %v, want %d", e.Index, err, want)
				}
			}
			if want != lo {
				t.Fatalf("backward over [%d, %d) ended at %d", lo, end, want)
			}
		}
	}
	must(t, l.Close())
}

// TestReadersBesideWriter reads in every way while the log is written, cut, and rolled. Run it
// with -race.
func TestReadersBesideWriter(t *testing.T) {
	l := mustCreate(t, testOptions(vfs.NewMem()))
	stop := make(chan struct{})
	var group sync.WaitGroup
	for n := range 3 {
		group.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := readSomething(l, n); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	m := &model{start: testStart()}
	g := newGenerator(11)
	for range 400 {
		b := g.batch(m, 0)
		must(t, l.Append(b))
		m = m.after(b)
	}
	close(stop)
	group.Wait()
	if s := m.differs(l); s != "" {
		t.Error(s)
	}
	must(t, l.Close())
}

func readSomething(l *Log, n int) error {
	tip := l.Tip()
	switch n {
	case 0:
		return l.Check(nil)
	case 1:
		for r, err := range l.Records(juno.RecordProof, 0, 0) {
			if err != nil {
				return fmt.Errorf("record %v: %w", r, err)
			}
		}
		l.Newest(juno.RecordAccepted)
		return nil
	}
	var last juno.Pos
	for c, err := range l.Chain(l.FirstIndex(), tip.Index+1) {
		if errors.Is(err, ErrOutOfRange) {
			return nil // cut back meanwhile
		}
		if err != nil {
			return err
		}
		last = c.Pos()
	}
	if _, err := l.Pos(last.Index / 2); err != nil && !errors.Is(err, ErrOutOfRange) {
		return err
	}
	return nil
}

// TestFileInUseStaysOpen drops a segment that somebody is reading.
func TestFileInUseStaysOpen(t *testing.T) {
	_, l, _ := smallLog(t)
	s := l.view.Load().segments[0]
	h, err := l.files.acquire(s)
	must(t, err)
	must(t, l.files.drop(s.number()))
	must(t, l.Close())
	if _, err := readRange(h.file, 0, s.bytes); err != nil {
		t.Errorf("closed under its reader: %v", err)
	}
	l.files.release(h)
	if _, err := readRange(h.file, 0, s.bytes); err == nil {
		t.Error("never closed")
	}
	_, err = l.files.acquire(s)
	wantErr(t, err, ErrClosed)
}

// TestManySegments opens more segments than are kept open.
func TestManySegments(t *testing.T) {
	mem := vfs.NewMem()
	o := testOptions(mem)
	o.SegmentBytes = 200
	l := mustCreate(t, o)
	m := &model{start: testStart()}
	for i := range juno.Index(2*filesOpenMax + 9) {
		b := &Batch{Entries: []juno.Entry{noop(i + 1)}}
		must(t, l.Append(b))
		m = m.after(b)
	}
	if n := len(l.view.Load().segments); n <= filesOpenMax {
		t.Fatalf("only %d segments", n)
	}
	if s := m.differs(l); s != "" {
		t.Error(s)
	}
	if n := len(l.files.open); n > filesOpenMax+1 {
		t.Errorf("%d files open, want at most %d", n, filesOpenMax)
	}
	must(t, l.Close())
	m.verifies(t, mem)
}

// TestModel is the log against a slice, under every operation, every end of the process, and
// every way to open it again.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mem := vfs.NewMem()
		o := testOptions(mem)
		o.SegmentBytes = rapid.SampledFrom([]int64{200, 1000, 5000, 1 << 20}).Draw(t, "segment")
		l := mustCreate(t, o)
		j := newJournal()
		g := newGenerator(rapid.Uint64().Draw(t, "seed"))
		floor := juno.Index(0)
		reopen := func(disk *vfs.Mem, held bool) {
			mem, o.FS, o.Held = disk, disk, juno.Pos{}
			if i := floor; held && i > 0 {
				o.Held = juno.Pos{Index: i, Hash: j.last().hashes[i-1]}
			}
			l = mustOpen(t, o)
			m := j.match(t, l, "reopened")
			j.states, j.promised = []*model{m}, 0
			l.SetFloor(floor)
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) { step(t, l, j, g.batch(j.last(), floor), false) },
			"sync":   func(t *rapid.T) { step(t, l, j, g.batch(j.last(), floor), true) },
			"commit": func(t *rapid.T) {
				must(t, l.Sync())
				j.promised = len(j.states) - 1
				floor = max(floor, l.LastIndex()/2)
				l.SetFloor(floor)
			},
			"mark": func(t *rapid.T) {
				must(t, l.MarkDurable())
				j.promised = len(j.states) - 1
			},
			"close": func(t *rapid.T) {
				must(t, l.Close())
				j.promised = len(j.states) - 1
				reopen(mem.CrashClone(0), rapid.Bool().Draw(t, "held"))
			},
			"kill": func(t *rapid.T) {
				j.promised = len(j.states) - 1
				reopen(mem.Clone(), rapid.Bool().Draw(t, "held"))
			},
			"crash": func(t *rapid.T) {
				reopen(mem.CrashClone(rapid.Uint64().Draw(t, "dice")), rapid.Bool().Draw(t, "held"))
			},
			"": func(t *rapid.T) {
				if got, want := l.Tip(), j.last().tip(); got != want {
					t.Fatalf("tip %v, want %v", got, want)
				}
			},
		})
		if s := j.last().differs(l); s != "" {
			t.Fatal(s)
		}
		must(t, l.Check(nil))
		must(t, l.Close())
		j.last().verifies(t, mem)
	})
}
