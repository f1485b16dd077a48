package state

import "testing"

func BenchmarkSetHashAdd(b *testing.B) {
	var h SetHash
	key, value := AppendBalanceKey(nil, "test:4711", "XXX"), []byte{2, 0, 1, 0, 3}
	b.ReportAllocs()
	for b.Loop() {
		h.Add(key, value)
	}
}
