package forge

import (
	"math/rand/v2"
	"testing"

	"juno/verify/files"
)

// TestSound shows that sound evidence of every kind is verified, with exactly the true head.
func TestSound(t *testing.T) {
	scratch := scratchDir(t)
	for seed := range uint64(400) {
		w := worldOf(seed % 100)
		rng := rand.New(rand.NewPCG(seed, 0x50))
		for _, kind := range []artifact{aReceipt, aReceipt, anExport, aDirectory, aSnapshot} {
			p := soundPieces(w, kind, rng)
			out, err := p.judge(files.Options{Pinned: w.cluster}, scratch)
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, kind, err)
			}
			if out.err != nil || out.crash != nil || !out.verified || !out.pinned {
				t.Errorf("seed %d, %s: %s", seed, p.kind, out)
				continue
			}
			if out.head != p.expect {
				t.Errorf("seed %d, %s: proven up to %s, want %s", seed, p.kind, out.head, p.expect)
			}
		}
	}
}
