package consensus

import "testing"

// runSome is run that ends after n Readies: each of them is on disk, and the core is not told of
// the last one. It reports whether there was as much to do.
func (h *aloneHost) runSome(t testing.TB, n int) bool {
	for i := range n {
		r, ok := h.core.Ready()
		if !ok {
			return false
		}
		h.log.write(&r)
		if i == n-1 {
			return true
		}
		if r.Sync {
			h.core.Persisted(r.Seq)
		}
		for _, out := range r.After {
			if err := h.core.Step(Sign(out.Message, cheapSigner(1))); out.Self && err != nil {
				t.Fatal(err)
			}
		}
	}
	return true
}

// A node that ends at any moment while it takes its term up must be able to go on: nobody else
// could lead.
func TestAloneStopsAnywhereInItsStart(t *testing.T) {
	for n := 0; ; n++ {
		log := newMemLog(testCluster)
		h := newAlone(t, log)
		h.run(t)
		h = newAlone(t, log)
		more := h.runSome(t, n)
		h = newAlone(t, log)
		h.run(t)
		h.pool.entries = commands(3)
		h.core.Propose(2000)
		h.run(t)
		for range 100 {
			h.core.Tick(2000)
			h.run(t)
		}
		s := h.core.Status()
		if s.Role != Leader || s.Committed != log.tip() || len(h.pool.entries) > 0 {
			t.Errorf("after a stop behind Ready %d of the second start: %s in term %s, "+
				"committed %s of %s, %d commands wait; want the leader, and all of it committed",
				n, s.Role, s.Term, s.Committed, log.tip(), len(h.pool.entries))
		}
		if !more {
			return
		}
		if n > 20 {
			t.Fatal("a start that does not end")
		}
	}
}
