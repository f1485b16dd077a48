package consensus

import (
	"errors"
	"testing"

	"juno"
)

// prunedLog is a log of which the host has archived what is below first.
type prunedLog struct {
	*memLog
	first juno.Index
}

func (l *prunedLog) First() juno.Index { return l.first }

func (l *prunedLog) HashAt(i juno.Index) (juno.Hash, bool) {
	if i+1 < l.first {
		return juno.Hash{}, false
	}
	return l.memLog.HashAt(i)
}

// prunedCore returns a core that has committed n entries and has archived those below first, with
// the entries and their hashes.
func prunedCore(t *testing.T, n, first juno.Index) (*Core, []juno.Entry, []juno.Hash) {
	t.Helper()
	h := newAlone(t, newMemLog(testCluster))
	h.run(t)
	h.pool.entries = commands(int(n) - 1)
	h.core.Propose(2000)
	h.run(t)
	if got := h.core.Status().Committed.Index; got != n {
		t.Fatalf("committed %d, want %d", got, n)
	}
	h.core.log.store = &prunedLog{h.log, first}
	h.core.log.forget(first - 1)
	return h.core, h.log.entries, h.log.hashes
}

// An answer that was on its way while the host archived the log begins below it. That is no
// contradiction: the simulator saw a correct node leave for it.
func TestReplaceBelowTheLog(t *testing.T) {
	c, entries, hashes := prunedCore(t, 20, 15)
	if err := c.replace(5, entries[5:18], hashes[5:18]); err != nil {
		t.Errorf("a chain that is ours, from below the log on: %v", err)
	}
	if err := c.replace(5, entries[5:10], hashes[5:10]); err != nil {
		t.Errorf("a chain that is below the log altogether: %v", err)
	}
	if got, want := c.log.tip().Index, juno.Index(20); got != want {
		t.Errorf("the log ends at %d, want %d", got, want)
	}
	other := append([]juno.Hash(nil), hashes...)
	for i := 8; i < 20; i++ {
		other[i][0] ^= 1
	}
	if err := c.replace(5, entries[5:18], other[5:18]); !errors.Is(err, errFinal) {
		t.Errorf("another chain: got %v, want %v", err, errFinal)
	}
}

// Where disk and memory meet is no place to cut what a leader sends: a client batch may lie across
// it, and whoever sends half of one is convicted for it.
func TestReadAcrossTheCache(t *testing.T) {
	c, entries, _ := prunedCore(t, 20, 1)
	c.log.forget(12)
	for _, lo := range []juno.Index{1, 10, 12, 13, 20} {
		got := c.log.read(lo, 21, 1<<20)
		if len(got) != int(21-lo) {
			t.Errorf("read [%d,21): %d entries, want %d", lo, len(got), 21-lo)
			continue
		}
		for i := range got {
			if got[i].Index != entries[int(lo)-1+i].Index {
				t.Errorf("read [%d,21): entry %d at place %d", lo, got[i].Index, i)
			}
		}
	}
	size := juno.EntryBytes(&entries[1])
	if got, want := len(c.log.read(11, 21, 3*size)), 3; got != want {
		t.Errorf("read [11,21) with room for 3: got %d entries", got)
	}
	if got, want := len(c.log.read(11, 12, 1<<20)), 1; got != want {
		t.Errorf("read [11,12): got %d entries, want %d", got, want)
	}
}
