package wal

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"juno"
	"juno/internal/vfs"
)

// smallLog writes a few segments, the last batch of which is promised, and returns the disk, the
// open log, and what it holds.
func smallLog(t fataler) (*vfs.Mem, *Log, *model) {
	t.Helper()
	mem := vfs.NewMem()
	o := testOptions(mem)
	o.SegmentBytes = 600
	l := mustCreate(t, o)
	m := &model{start: testStart()}
	g := newGenerator(3)
	for range 7 {
		b := &Batch{}
		for range 1 + g.dice.IntN(3) {
			e := g.entry(m.tip().Index + juno.Index(len(b.Entries)) + 1)
			e.Payload = g.bytes(10 + g.dice.IntN(30))
			b.Entries = append(b.Entries, e)
		}
		if tip := m.tip().Index; g.dice.IntN(4) == 0 && tip > 2 {
			b = &Batch{Truncate: true, TruncateTo: tip - 1}
		}
		b.Records = append(b.Records, g.record(m, m.tip().Index))
		must(t, l.AppendSync(b))
		m = m.after(b)
	}
	if n := len(l.view.Load().segments); n < 3 {
		t.Fatalf("%d segments, want 3 or more", n)
	}
	return mem, l, m
}

// TestEveryBitFlipped flips each bit of each file of a small log, one at a time, after each way
// in which a process can end. Each flip must be detected, with file and offset, or harmless: the
// log holds everything that was promised.
func TestEveryBitFlipped(t *testing.T) {
	skipUnderRace(t)
	mem, l, m := smallLog(t)
	killed := synced(mem.Clone())
	powerLost := mem.CrashClone(0) // DURABLE was never synced since Open
	must(t, l.Close())
	all, err := mem.List(testDir)
	must(t, err)
	// The sealed segments are the same however the process ended.
	last := filepath.Base(l.view.Load().last().path)
	t.Run("killed", func(t *testing.T) { flipEveryBit(t, killed, m, []string{markerName, last}) })
	t.Run("power lost", func(t *testing.T) { flipEveryBit(t, powerLost, m, []string{last}) })
	t.Run("closed", func(t *testing.T) { flipEveryBit(t, mem, m, all) })
}

// synced makes the disk of a killed process durable, as the kernel does in time.
func synced(mem *vfs.Mem) *vfs.Mem {
	for _, path := range mem.Unsynced() {
		f, err := mem.Open(path)
		if err == nil {
			err = f.Sync()
		}
		if err != nil {
			panic(err)
		}
	}
	return mem
}

func flipEveryBit(t *testing.T, disk *vfs.Mem, m *model, names []string) {
	t.Helper()
	detected, harmless := 0, 0
	for _, name := range names {
		path := filepath.Join(testDir, name)
		info, err := disk.Stat(path)
		must(t, err)
		for bit := range info.Bytes * 8 {
			must(t, vfs.FlipBit(disk, path, bit))
			if flipped(t, disk, m, path, bit) {
				detected++
			} else {
				harmless++
			}
			must(t, vfs.FlipBit(disk, path, bit))
		}
	}
	t.Logf("%d flips detected, %d harmless", detected, harmless)
	if detected < 1_000 {
		t.Errorf("only %d flips were detected", detected)
	}
}

// flipped opens and verifies a disk with one bit flipped, and reports whether that was detected.
// If so, nothing on the disk may have been changed.
func flipped(t *testing.T, disk *vfs.Mem, m *model, path string, bit int64) bool {
	t.Helper()
	_, verifyErr := Verify(VerifyOptions{FS: disk, Dir: testDir, Workers: 1})
	if verifyErr == nil {
		disk = disk.Clone()
	}
	l, err := Open(testOptions(disk))
	if (err == nil) != (verifyErr == nil) {
		t.Fatalf("%s, bit %d: Open: %v, Verify: %v", path, bit, err, verifyErr)
	}
	if err != nil {
		checkReport(t, err, path, bit)
		if changed := disk.Unsynced(); len(changed) > 0 {
			t.Fatalf("%s, bit %d: Open failed, but changed %v", path, bit, changed)
		}
		return true
	}
	if s := m.differs(l); s != "" {
		t.Fatalf("%s, bit %d: not detected: %s", path, bit, s)
	}
	must(t, l.Close())
	return false
}

// checkReport sees to it that an error names the damaged file, and an offset before the damage
// or near it.
func checkReport(t *testing.T, err error, path string, bit int64) {
	t.Helper()
	if errors.Is(err, ErrVersion) {
		return // the version itself was hit: what it means cannot be known
	}
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) {
		t.Fatalf("%s, bit %d: got %v, want a CorruptError", path, bit, err)
	}
	if corrupt.File != path || !strings.Contains(err.Error(), path) {
		t.Fatalf("%s, bit %d: reported as %v", path, bit, err)
	}
}

// TestDamageIsFoundWhileReading damages a segment that Open was told to trust.
func TestDamageIsFoundWhileReading(t *testing.T) {
	mem, l, m := smallLog(t)
	must(t, l.Close())
	o := testOptions(mem)
	o.Held = m.tip()
	path := segmentPath(testDir, 1)
	must(t, vfs.FlipBit(mem, path, 8*250))
	l = mustOpen(t, o)
	var corrupt *CorruptError
	if err := l.Check(nil); !errors.As(err, &corrupt) || corrupt.File != path {
		t.Errorf("Check: got %v", err)
	}
	failed := 0
	for i := l.FirstIndex(); i <= l.LastIndex(); i++ {
		if e, err := l.Entry(i); err != nil {
			failed++
			wantErr(t, err, ErrCorrupt)
		} else if !sameEntry(&e, &m.entries[i-1]) {
			t.Errorf("entry %d is wrong, and nobody noticed", i)
		}
	}
	if failed == 0 {
		t.Error("every entry could be read")
	}
	var err error
	for _, err = range l.Entries(1, l.LastIndex()+1) {
		if err != nil {
			break
		}
	}
	wantErr(t, err, ErrCorrupt)
	for _, err = range l.EntriesBackward(1, l.LastIndex()+1) {
		if err != nil {
			break
		}
	}
	wantErr(t, err, ErrCorrupt)
	must(t, l.Close())
}

// TestChainDistrustsTheIndex changes a hash that the index of a segment claims.
func TestChainDistrustsTheIndex(t *testing.T) {
	o := testOptions(vfs.NewMem())
	o.SegmentBytes = 20_000
	l := mustCreate(t, o)
	g := newGenerator(1)
	for i := range juno.Index(200) {
		must(t, l.Append(&Batch{Entries: []juno.Entry{g.entry(i + 1)}}))
	}
	s := l.view.Load().segments[0]
	h, err := l.files.acquire(s)
	must(t, err)
	x, err := h.indexOf(s)
	must(t, err)
	if len(x.open.checkpoints) < 2 {
		t.Fatalf("%d checkpoints", len(x.open.checkpoints))
	}
	x.open.checkpoints[1].before[0]++
	l.files.release(h)
	for _, err = range l.Chain(1, l.LastIndex()+1) {
		if err != nil {
			break
		}
	}
	wantErr(t, err, ErrCorrupt)
	must(t, l.Close())
}

// TestMissingFiles removes one file of a log at a time.
func TestMissingFiles(t *testing.T) {
	mem, l, _ := smallLog(t)
	must(t, l.Close())
	names, err := mem.List(testDir)
	must(t, err)
	for _, name := range names {
		damaged := mem.Clone()
		must(t, damaged.Remove(filepath.Join(testDir, name)))
		_, err := Open(testOptions(damaged))
		wantErr(t, err, ErrCorrupt)
		if !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
		_, err = Create(testOptions(damaged), testStart())
		wantErr(t, err, ErrExists)
	}
}

// TestAllSegmentsMissing removes them all: DURABLE remembers that there were some.
func TestAllSegmentsMissing(t *testing.T) {
	mem, l, _ := smallLog(t)
	must(t, l.Close())
	for _, s := range l.view.Load().segments {
		must(t, mem.Remove(s.path))
	}
	_, err := Open(testOptions(mem))
	wantErr(t, err, ErrCorrupt)
	_, err = Create(testOptions(mem), testStart())
	wantErr(t, err, ErrExists)
}

// TestShortened cuts a closed log at every length: a promised batch must never vanish silently.
func TestShortened(t *testing.T) {
	mem, l, m := smallLog(t)
	path := l.view.Load().last().path
	must(t, l.Close())
	info, err := mem.Stat(path)
	must(t, err)
	for size := range info.Bytes {
		damaged := mem.Clone()
		f, err := damaged.OpenReadWrite(path)
		must(t, err)
		must(t, f.Truncate(size))
		must(t, f.Close())
		_, err = Open(testOptions(damaged))
		wantErr(t, err, ErrCorrupt)
	}
	l = mustOpen(t, testOptions(mem))
	if s := m.differs(l); s != "" {
		t.Fatal(s)
	}
}

// TestTornTail writes one batch that is not promised, and lets the disk keep each prefix of it,
// and each set of its sectors. All must be cut: none of them is damage. The batch begins at
// different places of a sector, with its header in one or in two.
func TestTornTail(t *testing.T) {
	for _, place := range []int64{0, 1, 300, 500, 505, 511} {
		t.Run(fmt.Sprint(place), func(t *testing.T) { tearTail(t, place) })
	}
}

func tearTail(t *testing.T, place int64) {
	mem := vfs.NewMem()
	o := testOptions(mem)
	o.SegmentBytes = 8000
	l := mustCreate(t, o)
	// A promised batch that ends at that place of a sector.
	const batchBytes = batchHeaderBytes + 1 + 2 + 1 + checksumBytes + trailerBytes
	free := place - l.view.Load().end - batchBytes
	first := &Batch{Records: []juno.Record{{
		Kind: juno.RecordHardState, Index: 1,
		Bytes: make([]byte, 512+free%512),
	}}}
	must(t, l.AppendSync(first))
	m := (&model{start: testStart()}).after(first)
	end := l.view.Load().end
	if end%sectorBytes != place {
		t.Fatalf("the batch begins at %d", end)
	}
	path := l.view.Load().last().path
	before := mem.Clone()
	must(t, createMarker(before, testDir)) // DURABLE says nothing
	g := newGenerator(8)
	b := &Batch{Entries: []juno.Entry{g.entry(1)}}
	b.Entries[0].Payload = g.bytes(1500)
	must(t, l.Append(b))
	written, err := readTestFile(mem, path)
	must(t, err)
	written = written[end:l.view.Load().end]

	for n := 0; n < len(written); n += 1 + n/100 {
		recoversTorn(t, before, path, end, written[:n], m, fmt.Sprintf("%d bytes", n))
	}
	sectors := int((end+int64(len(written)))/sectorBytes - end/sectorBytes + 1)
	for set := range 1<<sectors - 1 {
		torn := make([]byte, len(written))
		for i, c := range written {
			if set>>((end+int64(i))/sectorBytes-end/sectorBytes)&1 == 1 {
				torn[i] = c
			}
		}
		recoversTorn(t, before, path, end, torn, m, fmt.Sprintf("sectors %b", set))
	}
	recoversTorn(t, before, path, end, written, m.after(b), "whole")
}

func recoversTorn(
	t *testing.T, disk *vfs.Mem, path string, end int64, tail []byte, want *model, context string,
) {
	t.Helper()
	disk = disk.Clone()
	f, err := disk.OpenReadWrite(path)
	must(t, err)
	_, err = f.WriteAt(tail, end)
	must(t, err)
	must(t, f.Close())
	l, err := Open(testOptions(disk))
	if err != nil {
		t.Fatalf("%s: %v", context, err)
	}
	if s := want.differs(l); s != "" {
		t.Fatalf("%s: %s", context, s)
	}
	must(t, l.Close())
}

// TestDamageEvidence damages the last batch in ways that look like a tear, where one kind of
// evidence after the other says that it is not one.
func TestDamageEvidence(t *testing.T) {
	// zero the last batch of a killed process: DURABLE knows.
	zero := func(t *testing.T, disk *vfs.Mem, path string, from, to int64) {
		f, err := disk.OpenReadWrite(path)
		must(t, err)
		_, err = f.WriteAt(make([]byte, to-from), from)
		must(t, err)
		must(t, f.Sync())
	}
	setup := func(t *testing.T) (mem *vfs.Mem, l *Log, b [3]int64) {
		mem = vfs.NewMem()
		l = mustCreate(t, testOptions(mem))
		g := newGenerator(1)
		for i := range b {
			b[i] = l.view.Load().end
			must(t, l.AppendSync(&Batch{Entries: []juno.Entry{g.entry(juno.Index(i + 1))}}))
		}
		return mem, l, b
	}
	path := segmentPath(testDir, 1)
	t.Run("none", func(t *testing.T) {
		mem, l, b := setup(t)
		mem = mem.CrashClone(0)
		zero(t, mem, path, b[2], l.view.Load().end)
		l = mustOpen(t, testOptions(mem))
		if l.LastIndex() != 2 {
			t.Fatalf("log ends at %d: without evidence an empty tail is a lost write",
				l.LastIndex())
		}
	})
	t.Run("DURABLE", func(t *testing.T) {
		mem, l, b := setup(t)
		mem = mem.Clone()
		zero(t, mem, path, b[2], l.view.Load().end)
		_, err := Open(testOptions(mem))
		wantErr(t, err, ErrCorrupt)
	})
	t.Run("MarkDurable", func(t *testing.T) {
		mem, l, b := setup(t)
		must(t, l.MarkDurable())
		mem = mem.CrashClone(0)
		zero(t, mem, path, b[2], l.view.Load().end)
		_, err := Open(testOptions(mem))
		wantErr(t, err, ErrCorrupt)
	})
	t.Run("later header", func(t *testing.T) {
		mem, _, b := setup(t)
		mem = mem.CrashClone(0)
		zero(t, mem, path, b[1], b[2])
		_, err := Open(testOptions(mem))
		wantErr(t, err, ErrCorrupt)
	})
	t.Run("Held", func(t *testing.T) {
		mem, l, b := setup(t)
		o := testOptions(mem.CrashClone(0))
		o.Held = l.Tip()
		zero(t, o.FS.(*vfs.Mem), path, b[2], l.view.Load().end)
		_, err := Open(o)
		wantErr(t, err, ErrDiverged)
	})
	t.Run("Open", func(t *testing.T) {
		mem, l, b := setup(t)
		end := l.view.Load().end
		mem = mem.CrashClone(0)
		mustOpen(t, testOptions(mem))
		mem = mem.CrashClone(0)
		zero(t, mem, path, b[2], end)
		_, err := Open(testOptions(mem))
		wantErr(t, err, ErrCorrupt)
	})
	t.Run("first batch", func(t *testing.T) {
		mem, _, b := setup(t)
		mem = mem.CrashClone(0)
		zero(t, mem, filepath.Join(testDir, markerName), 0, markerFileBytes)
		f, err := mem.OpenReadWrite(path)
		must(t, err)
		must(t, f.Truncate(b[0]-1))
		_, err = Open(testOptions(mem))
		wantErr(t, err, ErrCorrupt)
	})
}

// TestForged lets somebody write to the disk who knows how to compute a checksum, but not the
// whole chain behind it.
func TestForged(t *testing.T) {
	for _, segmentBytes := range []int64{400, 1 << 20} {
		forge(t, segmentBytes)
	}
}

func forge(t *testing.T, segmentBytes int64) {
	build := func(forge func(l *Log)) error {
		mem := vfs.NewMem()
		o := testOptions(mem)
		o.SegmentBytes = segmentBytes
		l := mustCreate(t, o)
		for i := range juno.Index(5) {
			must(t, l.AppendSync(&Batch{Entries: []juno.Entry{noop(i + 1)}}))
		}
		forge(l)
		mem = mem.Clone()
		_, verifyErr := Verify(VerifyOptions{FS: mem, Dir: testDir})
		l, err := Open(testOptions(mem))
		if (err == nil) != (verifyErr == nil) {
			t.Fatalf("Open: %v, Verify: %v", err, verifyErr)
		}
		if err == nil {
			must(t, l.Close())
		}
		return err
	}
	write := func(l *Log, tip juno.Hash, b *Batch, cut juno.Pos) {
		l.encoder.tip.Hash = tip
		end := l.encoder.end
		must(t, l.write(l.encoder.batch(nil, b, cut, l.durableEnd), end))
	}
	forged := func(p juno.Pos) juno.Pos {
		p.Hash[0]++
		return p
	}
	next := &Batch{Entries: []juno.Entry{noop(6)}}
	must(t, build(func(l *Log) { write(l, l.Tip().Hash, next, l.Tip()) })) // no forgery
	wantErr(t, build(func(l *Log) {
		write(l, forged(l.Tip()).Hash, next, forged(l.Tip()))
	}), ErrCorrupt)
	for to := range juno.Index(5) {
		b := &Batch{Entries: []juno.Entry{noop(to + 1)}}
		cut := func(l *Log) juno.Pos {
			p, err := l.Pos(to)
			must(t, err)
			return p
		}
		must(t, build(func(l *Log) { write(l, l.Tip().Hash, b, cut(l)) })) // no forgery
		wantErr(t, build(func(l *Log) { write(l, l.Tip().Hash, b, forged(cut(l))) }), ErrCorrupt)
	}
}

// TestSwappedSegments puts a good segment where another one belongs.
func TestSwappedSegments(t *testing.T) {
	mem, l, _ := smallLog(t)
	must(t, l.Close())
	second, third := segmentPath(testDir, 2), segmentPath(testDir, 3)
	replace := func(path string, from *vfs.Mem, fromPath string) {
		t.Helper()
		b, err := readTestFile(from, fromPath)
		must(t, err)
		damaged := mem.Clone()
		must(t, vfs.WriteFile(damaged, path, b))
		_, err = Open(testOptions(damaged))
		wantErr(t, err, ErrCorrupt)
		if !strings.Contains(err.Error(), path) {
			t.Errorf("does not name %s: %v", path, err)
		}
	}
	replace(second, mem, third)
	replace(third, mem, second)

	other := vfs.NewMem() // another history of the same cluster, and one of another
	for _, cluster := range []juno.ClusterID{testCluster, {7}} {
		o := testOptions(other)
		o.Dir, o.Cluster, o.SegmentBytes = fmt.Sprintf("/%d", cluster[0]), cluster, 400
		l, err := Create(o, juno.Pos{Hash: cluster})
		must(t, err)
		for i := range juno.Index(20) {
			must(t, l.AppendSync(&Batch{Entries: []juno.Entry{noop(i + 1)}}))
		}
		must(t, l.Close())
		replace(second, other, segmentPath(o.Dir, 2))
	}
}
