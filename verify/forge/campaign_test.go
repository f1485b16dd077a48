package forge

import (
	"errors"
	"flag"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
)

var (
	mutationsFlag = flag.Uint64("mutations", 20_000, "how many forgeries TestForger makes")
	seedFlag      = flag.Uint64("seed", 0, "make the forgery of this seed only, and tell about it")
	fromFlag      = flag.Uint64("from", 1, "the first seed")
)

// kindOf draws the kind of evidence of a seed. Receipts are cheap, files are not.
func kindOf(seed uint64) artifact {
	switch n := seed * 0x9e3779b97f4a7c15 >> 32 % 100; {
	case n < 50:
		return aReceipt
	case n < 82:
		return anExport
	case n < 97:
		return aDirectory
	}
	return aSnapshot
}

// forgeryOf returns the forgery of a seed.
func forgeryOf(seed uint64) *forger {
	f := newForger(seed, kindOf(seed))
	f.forge()
	return f
}

// tally counts what became of forgeries.
type tally struct {
	mu                           sync.Mutex
	forged, verified, impossible int
	found                        int
}

// foundMax is how many falsehoods are reported: they tend to be one.
const foundMax = 20

// try makes the forgery of a seed, shows it to the verifier, and fails the test if anything false
// is called proven.
func (c *tally) try(t *testing.T, seed uint64, scratch string) {
	f := forgeryOf(seed)
	out, err := f.p.judge(f.options, scratch)
	lie := ""
	if err == nil {
		lie = f.falsehood(out)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.Is(err, errInput):
		c.impossible++
		return
	case err != nil:
		t.Errorf("seed %d: %v", seed, err)
	case lie != "":
		t.Errorf("seed %d: %s\n\t%s\n\tFALSE: %s", seed, out, f, lie)
		c.found++
	}
	c.forged++
	if out != nil && out.verified {
		c.verified++
	}
	if *seedFlag != 0 {
		t.Logf("%s\n\t%s", f, out)
	}
}

// TestForger shows that nothing false is ever called proven. A seed that fails becomes a case of
// TestNamed.
func TestForger(t *testing.T) {
	c := &tally{}
	scratch := scratchDir(t)
	if *seedFlag != 0 {
		c.try(t, *seedFlag, scratch)
		return
	}
	workers := uint64(runtime.GOMAXPROCS(0))
	var group sync.WaitGroup
	for n := range workers {
		own := filepath.Join(scratch, strconv.Itoa(int(n)))
		group.Go(func() {
			for i := n; i < *mutationsFlag && c.goesOn(); i += workers {
				c.try(t, *fromFlag+i, own)
			}
		})
	}
	group.Wait()
	t.Logf("%d forgeries, %d of them verified because nothing in them is false, %d impossible",
		c.forged, c.verified, c.impossible)
	if *mutationsFlag > 1000 && (c.verified == 0 || c.forged < int(*mutationsFlag)*9/10) {
		t.Errorf("the forger makes too little that can be judged")
	}
}

func (c *tally) goesOn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.found < foundMax
}
