package db

import (
	"bytes"
	"fmt"
	"math/rand"
	"testing"

	"juno"
)

// TestCacheAgainstMap puts and gets at random: what the cache returns is the newest value, and
// what is not projected it always returns.
func TestCacheAgainstMap(t *testing.T) {
	for seed := range int64(20) {
		rng := rand.New(rand.NewSource(seed))
		c := newCache(1)
		newest := make(map[string]asideValue)
		index := juno.Index(1<<32 - 30_000) // so that the lower half of indexes wraps
		c.projected = index
		keys := 200 + rng.Intn(4000)
		for range 60_000 {
			key := fmt.Sprintf("key%d", rng.Intn(keys))
			switch n := rng.Intn(10); {
			case n < 4:
				index++
				long := 0
				if rng.Intn(500) == 0 {
					long = 2000
				}
				value := bytes.Repeat([]byte{byte(index)}, 1+rng.Intn(40)+long)
				c.put([]byte(key), value, index)
				newest[key] = asideValue{value, index}
			case n == 4 && rng.Intn(20) == 0:
				c.projected = index - juno.Index(rng.Intn(int(min(index-c.projected, 500))+1))
			default:
				got, ok := c.get([]byte("x"), []byte(key))
				want := newest[key]
				if ok && string(got[1:]) != string(want.value) {
					t.Fatalf("seed %d: %s is %x, want %x", seed, key, got[1:], want.value)
				}
				if !ok && want.index > c.projected {
					t.Fatalf("seed %d: %s of %d is lost, projected is %d",
						seed, key, want.index, c.projected)
				}
				if !ok && want.value != nil { // read from the store
					c.put([]byte(key), want.value, 0)
				}
			}
		}
	}
}

func TestCacheHoldsWhatIsUsed(t *testing.T) {
	c := newCache(1 << 20)
	hot := func(i int) []byte { return fmt.Appendf(nil, "hot account %d", i) }
	for i := range 2000 {
		c.put(hot(i), []byte("value"), 0)
	}
	missed := 0
	for i := range 200_000 {
		c.put(fmt.Appendf(nil, "cold account %d", i), []byte("value"), 0)
		if _, ok := c.get(nil, hot(i%2000)); !ok {
			missed++
			c.put(hot(i%2000), []byte("value"), 0)
		}
	}
	if missed > 20_000 {
		t.Errorf("%d of 200000 look-ups of elements in use missed", missed)
	}
}

func BenchmarkCache(b *testing.B) {
	c := newCache(DefaultCacheBytes)
	const accounts = 1_000_000
	key := make([]byte, 0, 32)
	value := []byte{2, 0, 3, 232, 1}
	for i := range accounts {
		c.put(fmt.Appendf(key, "ba%d\x00XXX", i), value, 0)
		c.put(fmt.Appendf(key, "aa%d", i), []byte("123456789012345678"), 0)
	}
	held := 0
	for i := range accounts {
		if _, ok := c.get(nil, fmt.Appendf(key, "ba%d\x00XXX", i)); ok {
			held++
		}
	}
	pairs := &randomPairs{state: 1, accounts: accounts}
	var out []byte
	b.ResetTimer()
	for range b.N {
		n, _ := pairs.pair()
		out, _ = c.get(out[:0], fmt.Appendf(key, "ba%d\x00XXX", n))
	}
	b.ReportMetric(float64(held)/accounts, "held")
}
