package forge

import (
	"testing"
	"time"
)

func TestWorlds(t *testing.T) {
	start := time.Now()
	for seed := range uint64(200) {
		w := newWorld(seed)
		_ = w
	}
	t.Log(time.Since(start)/200)
}
