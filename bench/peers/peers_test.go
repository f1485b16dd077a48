package main

import (
	"testing"
	"time"

	"juno/bench/measure"
)

// Every peer runs the whole of its measure once, in small: funded, driven by concurrent clients,
// closed, opened again, its books checked.
func TestPeers(t *testing.T) {
	plan := measure.Plan{Samples: 2, Length: 30 * time.Millisecond}
	for _, p := range peers {
		for _, l := range []load{
			{peer: p, plan: plan, clients: 1, measure: "transfer", history: true},
			{peer: p, plan: plan, clients: 8, measure: "transfer"},
			{peer: p, plan: plan, clients: 2, measure: "batch", batch: 50},
		} {
			t.Run(p.name+"/"+l.measure, func(t *testing.T) {
				results, err := l.run(t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				if results[0].Name != p.name+"/"+l.measure || results[0].Median() <= 0 {
					t.Errorf("got %+v, want a rate of %s", results[0], l.measure)
				}
			})
		}
	}
}

// A peer that answers for the past answers with the balance of that moment. It is opened again
// between the steps, so that an index which is built behind the log has caught up.
func TestHistory(t *testing.T) {
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			dir := t.TempDir() + "/ledger"
			visit(t, p, dir, func(s store) error { return s.fund() })
			var moments []uint64
			for range 3 {
				visit(t, p, dir, func(s store) error {
					if err := s.transfer(measure.Pair{From: 1, To: 2}); err != nil {
						return err
					}
					past, ok := s.(historian)
					if !ok {
						return nil
					}
					moment, err := past.newest()
					moments = append(moments, moment)
					return err
				})
			}
			visit(t, p, dir, func(s store) error {
				for i, moment := range moments {
					got, err := s.(historian).balanceAt(2, moment)
					if want := int64(measure.Opening + 1 + i); err != nil || got != want {
						t.Errorf("at %d: got %d and %v, want %d", moment, got, err, want)
					}
				}
				return nil
			})
		})
	}
}

// visit opens a peer, does something and closes it.
func visit(t *testing.T, p peer, dir string, do func(store) error) {
	t.Helper()
	s, err := p.open(dir, load{clients: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := do(s); err != nil {
		t.Error(err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
}
