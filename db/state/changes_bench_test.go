package state

import (
	"bytes"
	"fmt"
	"testing"

	"juno"
)

// BenchmarkBatch measures what a run of 1,000 transfers between 100 accounts costs in all: apply,
// fold, and the state hash at the end.
func BenchmarkBatch(b *testing.B) {
	l := newLedger(b, true)
	hash, changes := setHashOf(l.view), Changes{}
	request := juno.RequestID(0)
	b.ReportAllocs()
	for b.Loop() {
		for i := range 1000 {
			request++
			text := fmt.Sprintf("transfer(account%d->account%d, 1%%1)", i%100, (i+7)%100)
			c := juno.Command{
				Key: keyAlice.Public().ID(), Request: request,
				Language: juno.LanguageHoplite, Text: text, Batched: true,
			}
			l.last++
			e := juno.Entry{Index: l.last, Type: juno.EntryCommand, Payload: c.Payload()}
			if _, err := l.machine.Apply(l.view, &e, &l.fx); err != nil {
				b.Fatal(err)
			}
			changes.Fold(&l.fx)
			for _, w := range l.fx.Writes {
				l.view[string(w.Key)] = bytes.Clone(w.After)
			}
		}
		changes.Flush(hash)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/transfer")
}
