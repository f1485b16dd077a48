package wal

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"juno"
	"juno/internal/vfs"
)

// journal is what a run has appended, and how much of it was promised.
type journal struct {
	states   []*model // states[i] is the model after i batches
	promised int      // batches whose Sync has returned
}

func newJournal() *journal { return &journal{states: []*model{{start: testStart()}}} }

func (j *journal) last() *model { return j.states[len(j.states)-1] }

// begin notes a batch that is about to be appended.
func (j *journal) begin(b *Batch) { j.states = append(j.states, j.last().after(b)) }

// match returns which state a recovered log is in: one of those between what was promised and
// what was begun. Anything else is a failure.
func (j *journal) match(t fataler, l *Log, context string) *model {
	t.Helper()
	why := ""
	for i := len(j.states) - 1; i >= j.promised; i-- {
		why = j.states[i].differs(l)
		if why == "" {
			return j.states[i]
		}
	}
	t.Fatalf("%s: the log is in none of the states %d to %d; the promised one: %s",
		context, j.promised, len(j.states)-1, why)
	return nil
}

// step appends a batch, and syncs it or not.
func step(t fataler, l *Log, j *journal, b *Batch, sync bool) {
	t.Helper()
	j.begin(b)
	must(t, l.Append(b))
	if sync {
		must(t, l.Sync())
		j.promised = len(j.states) - 1
	}
}

// recovers opens what a crash left, checks it against the journal, works on, and verifies.
func recovers(t fataler, fsys *vfs.Mem, j *journal, context string) {
	t.Helper()
	l, err := Open(testOptions(fsys))
	if j.promised < 0 && errors.Is(err, ErrNoLog) {
		return // crashed in Create, which had promised nothing
	}
	if err != nil {
		t.Fatalf("%s: %v", context, err)
	}
	m := j.match(t, l, context)
	g := newGenerator(77)
	for range 3 {
		b := g.batch(m, 0)
		must(t, l.AppendSync(b))
		m = m.after(b)
	}
	// What Open found in the cache of the kernel, and was built upon, must not go now.
	m.verifies(t, fsys.CrashClone(0))
	must(t, l.Close())
	m.verifies(t, fsys)
}

// TestCrashAtEveryStep crashes a run before every single write, sync and rename, in several ways,
// and some of the recoveries from that at each of their steps again.
func TestCrashAtEveryStep(t *testing.T) {
	skipUnderRace(t)
	for seed := range uint64(3) {
		mem := vfs.NewMem()
		fault := vfs.NewFault(mem)
		j := newJournal()
		j.promised = -1 // no log yet
		fault.Before(func(op vfs.Op) error {
			context := fmt.Sprintf("seed %d, before operation %d (%s %s)",
				seed, op.N, op.Kind, op.Name)
			recovers(t, mem.Clone(), j, context+", killed")
			for dice := range uint64(3) {
				crashed := mem.CrashClone(dice)
				if uint64(op.N)%16 == 4*seed+dice {
					crashRecovery(t, crashed.Clone(), j, fmt.Sprintf("%s, crash %d", context, dice))
				}
				recovers(t, crashed, j, fmt.Sprintf("%s, crash %d", context, dice))
			}
			return nil
		})
		l := mustCreate(t, testOptions(fault))
		j.promised = 0
		g := newGenerator(seed)
		for i := range 30 {
			step(t, l, j, g.batch(j.last(), 0), (seed+uint64(i))%3 != 0)
		}
		must(t, l.Close())
		j.promised = len(j.states) - 1
		fault.Before(nil)
		recovers(t, mem.CrashClone(0), j, "after Close")
	}
}

// crashRecovery crashes the recovery itself at each of its steps.
func crashRecovery(t *testing.T, mem *vfs.Mem, j *journal, context string) {
	t.Helper()
	fault := vfs.NewFault(mem)
	fault.Before(func(op vfs.Op) error {
		for dice := range uint64(2) {
			recovers(t, mem.CrashClone(dice), j, fmt.Sprintf(
				"%s, recovery crashed before %s %s, %d", context, op.Kind, op.Name, dice))
		}
		return nil
	})
	l, err := Open(testOptions(fault))
	if j.promised < 0 && errors.Is(err, ErrNoLog) {
		return
	}
	must(t, err)
	must(t, l.Close())
}

// TestErrorAtEveryStep makes every single operation of a run fail, once. The log must refuse to
// go on, and lose nothing that it had promised, whether the machine then loses power or not.
func TestErrorAtEveryStep(t *testing.T) {
	for n := 1; ; n++ {
		mem := vfs.NewMem()
		fault := vfs.NewFault(mem)
		fault.FailAt(n)
		j := newJournal()
		l, err := Create(testOptions(fault), testStart())
		if err != nil {
			wantErr(t, err, vfs.ErrInjected)
			j.promised = -1
			recovers(t, mem.Clone(), j, fmt.Sprintf("Create failed at %d", n))
			continue
		}
		if err = runUntilFailure(t, l, j); err == nil {
			if fault.Count() >= n {
				t.Fatalf("operation %d failed, and nobody noticed", n)
			}
			return // n is behind the last operation
		}
		wantErr(t, err, vfs.ErrInjected)
		recovers(t, mem.Clone(), j, fmt.Sprintf("operation %d failed", n))
		recovers(t, mem.CrashClone(uint64(n)), j,
			fmt.Sprintf("operation %d failed, then a crash", n))
	}
}

// runUntilFailure works on a log until something fails, and sees to it that it then stays so.
func runUntilFailure(t *testing.T, l *Log, j *journal) error {
	t.Helper()
	g := newGenerator(5)
	for range 40 {
		b := g.batch(j.last(), 0)
		j.begin(b)
		if err := l.AppendSync(b); err != nil {
			wantErr(t, err, ErrFailed)
			for _, again := range []error{l.Append(b), l.Sync(), l.MarkDurable(), l.Drop(0)} {
				if again == nil || again.Error() != err.Error() {
					t.Fatalf("after %v: got %v", err, again)
				}
			}
			wantErr(t, l.Close(), ErrFailed)
			return err
		}
		j.promised = len(j.states) - 1
	}
	return l.Close()
}

func wantErr(t fataler, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("got error %v, want %v", got, want)
	}
}

// TestDiskFull fills the disk at every byte count in turn. What was acknowledged stays.
func TestDiskFull(t *testing.T) {
	for free := int64(0); free < 6000; free += 97 {
		mem := vfs.NewMem()
		fault := vfs.NewFault(mem)
		j := newJournal()
		l := mustCreate(t, testOptions(fault))
		fault.FullAfter(free)
		err := runUntilFailure(t, l, j)
		wantErr(t, err, vfs.ErrNoSpace)
		recovers(t, mem.Clone(), j, fmt.Sprintf("full after %d bytes", free))
	}
}

// TestDropCrash crashes a Drop at each of its steps.
func TestDropCrash(t *testing.T) {
	mem := vfs.NewMem()
	fault := vfs.NewFault(mem)
	j := newJournal()
	l := mustCreate(t, testOptions(fault))
	g := newGenerator(9)
	for range 60 {
		b := g.batch(j.last(), j.last().tip().Index)
		b.Records = slices.DeleteFunc(b.Records,
			func(r juno.Record) bool { return r.Kind.History() })
		step(t, l, j, b, true)
	}
	before := l.LastIndex() / 2
	wantErr(t, l.Drop(before), ErrFloor)
	l.SetFloor(l.LastIndex())
	whole := j.last()
	matches := func(fsys *vfs.Mem, context string) {
		l := mustOpen(t, testOptions(fsys))
		if l.FirstIndex() > before {
			t.Fatalf("%s: log begins at %d, want at most %d", context, l.FirstIndex(), before)
		}
		m := whole.dropped(l.Start().Index)
		if s := m.differs(l); s != "" {
			t.Fatalf("%s: %s", context, s)
		}
		must(t, l.Close())
		m.verifies(t, fsys)
	}
	fault.Before(func(op vfs.Op) error {
		for dice := range uint64(5) {
			matches(mem.CrashClone(dice),
				fmt.Sprintf("crash before %s %s, %d", op.Kind, op.Name, dice))
		}
		return nil
	})
	must(t, l.Drop(before))
	if l.Start().Index == 0 {
		t.Fatal("nothing was dropped")
	}
	if _, err := l.Entry(l.Start().Index); !errors.Is(err, ErrOutOfRange) {
		t.Fatalf("read a dropped entry: %v", err)
	}
	must(t, l.Close())
	fault.Before(nil)
	matches(mem, "at last")
}

// dropped returns the model of a log that begins at start. There must be no records of history:
// they go with their segments, of which the model does not know.
func (m *model) dropped(start juno.Index) *model {
	n := *m
	if k := start - m.start.Index; k > 0 {
		n.start = juno.Pos{Index: start, Hash: m.hashes[k-1]}
		n.entries, n.hashes = m.entries[k:], m.hashes[k:]
	}
	return &n
}
