package audit

import (
	"bytes"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
)

// TestMemoryAgainstMap compares a state in memory, on top of another one, with a map.
func TestMemoryAgainstMap(t *testing.T) {
	for seed := range int64(10) {
		rng := rand.New(rand.NewSource(seed))
		below, m, want := NewMemory(), NewMemory(), make(map[string]string)
		if seed%2 == 1 {
			m.below = below
		}
		for range 20_000 {
			key := fmt.Sprintf("%c%d", "abp"[rng.Intn(3)], rng.Intn(3000))
			value := bytes.Repeat([]byte{byte(rng.Intn(256))}, 1+rng.Intn(20))
			switch n := rng.Intn(100); {
			case n < 50:
				m.Put([]byte(key), value)
				want[key] = string(value)
			case n < 60 && m.below != nil && want[key] == "":
				below.Put([]byte(key), value)
				want[key] = string(value)
			case n == 99:
				compareScan(t, m, want, key[:1+rng.Intn(2)], rng.Intn(4000))
			default:
				if got, err := m.Get([]byte(key)); err != nil || string(got) != want[key] {
					t.Fatalf("seed %d: %s is %x, %v, want %x", seed, key, got, err, want[key])
				}
			}
		}
		compareScan(t, m, want, "", 1<<20)
	}
}

func compareScan(t *testing.T, m *Memory, want map[string]string, prefix string, most int) {
	t.Helper()
	var keys []string
	for key := range want {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	keys = keys[:min(len(keys), most)]
	n := 0
	err := m.Scan([]byte(prefix), func(key, value []byte) bool {
		if n == len(keys) {
			return false
		}
		if string(key) != keys[n] || string(value) != want[keys[n]] {
			t.Fatalf("element %d under %q is %q %x, want %q %x", n, prefix, key, value, keys[n],
				want[keys[n]])
		}
		n++
		return true
	})
	if err != nil || n != len(keys) {
		t.Fatalf("%d elements under %q, %v, want %d", n, prefix, err, len(keys))
	}
}
