package consensus

import (
	"testing"

	"juno"
)

// TestUncut cuts logs of single commands and batches at every place.
func TestUncut(t *testing.T) {
	var seed [juno.SeedBytes]byte
	key := juno.NewPrivateKey(seed)
	var cluster juno.ClusterID
	command := juno.Command{Language: juno.LanguageHoplite, Text: "transfer(a->b, 1%1)"}
	head, payloads := juno.SignBatch(key, cluster, 1, []juno.Command{command, command, command})
	batch := []juno.Entry{{Type: juno.EntryBatchHead, Payload: head.Payload()}}
	for _, p := range payloads {
		batch = append(batch, juno.Entry{Type: juno.EntryCommand, Payload: p})
	}
	single := juno.Entry{Type: juno.EntryCommand, Payload: command.Payload()}
	start := juno.Entry{Type: juno.EntryTermStart, Payload: make([]byte, juno.HashBytes)}

	var log []juno.Entry
	var want []int // for each length of the log
	want = append(want, 0)
	add := func(whole bool, entries ...juno.Entry) {
		for i, e := range entries {
			log = append(log, e)
			if n := len(log); whole || i == len(entries)-1 {
				want = append(want, n)
			} else {
				want = append(want, n-i-1)
			}
		}
	}
	add(true, single, start, single, single)
	add(false, batch...)
	add(true, single)
	add(false, batch...)
	add(false, batch...)
	add(true, start)
	for n := range want {
		if got := uncut(log[:n]); got != want[n] {
			t.Errorf("of the first %d entries %d are whole, want %d", n, got, want[n])
		}
	}
}
