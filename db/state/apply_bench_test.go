package state

import (
	"testing"

	"juno"
)

// BenchmarkApply measures a plain transfer from the payload of its entry to its effects.
func BenchmarkApply(b *testing.B) {
	l := newLedger(b, true)
	l.must(keyAlice, "transfer(alice->bob, 100%1)")
	c := juno.Command{
		Key: keyAlice.Public().ID(), Language: juno.LanguageHoplite,
		Text: "transfer(alice->bob, 1%1)", Batched: true,
	}
	id := l.requests[c.Key]
	e := juno.Entry{Type: juno.EntryCommand, Index: l.last, Time: l.genesis.Created}
	progress := string(keyProgress)
	window := string(AppendWindowKey(nil, "alice"))
	b.ReportAllocs()
	for b.Loop() {
		id++
		e.Index++
		c.Request = id
		e.Payload = c.Payload()
		result, err := l.machine.Apply(l.view, &e, &l.fx)
		if err != nil || result.Status != juno.StatusOK {
			b.Fatal(result, err)
		}
		// Only the session elements move on: each entry sees the same balances.
		for _, w := range l.fx.Writes {
			if KindOf(w.Key).Session() {
				key := progress
				if KindOf(w.Key) == KindWindow {
					key = window
				}
				l.view[key] = append(l.view[key][:0], w.After...)
			}
		}
	}
}

func BenchmarkParse(b *testing.B) {
	route := make([]string, 0, 4)
	b.ReportAllocs()
	for b.Loop() {
		if _, r := parse(juno.LanguageHoplite, "transfer(alice->bob, 1%1)", route); r != nil {
			b.Fatal(r)
		}
	}
}
