package forge

import (
	"errors"
	"flag"
	"fmt"
	"runtime/debug"
	"sort"
	"strings"
	"testing"
)

var (
	mutationsFlag = flag.Int("mutations", 20_000, "how many forgeries TestForger makes")
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
	func() {
		defer func() {
			if r := recover(); r != nil {
				fmt.Printf("PANIC seed %d: %v %s\n%s\n", seed, r, f, debug.Stack())
			}
		}()
		f.forge()
	}()
	return f
}

// tally counts what became of forgeries.
type tally struct {
	forged, verified, impossible int
	why                          map[string]int
}

// try makes the forgery of a seed, shows it to the verifier, and returns what is false in what is
// called proven.
func (c *tally) try(seed uint64, scratch string) (f *forger, out *outcome, false string, err error) {
	f = forgeryOf(seed)
	out, err = f.p.judge(f.options, scratch)
	if errors.Is(err, errInput) {
		c.impossible++
		return f, nil, "", nil
	}
	if err != nil {
		return f, nil, "", err
	}
	c.forged++
	if out.verified {
		c.verified++
	}
	return f, out, f.falsehood(out), nil
}

// TestForger shows that nothing false is ever called proven.
func TestForger(t *testing.T) {
	scratch := scratchDir(t)
	c := tally{why: make(map[string]int)}
	if *seedFlag != 0 {
		f, out, lie, err := c.try(*seedFlag, scratch)
		t.Logf("%s\n%v\n%v", f, out, err)
		if lie != "" {
			t.Errorf("FALSE: %s", lie)
		}
		return
	}
	found := 0
	for seed := *fromFlag; seed < *fromFlag+uint64(*mutationsFlag); seed++ {
		f, out, lie, err := c.try(seed, scratch)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if lie == "" {
			continue
		}
		t.Errorf("seed %d: %s\n\t%s\n\tFALSE: %s", seed, out, f, lie)
		if found++; found > 40 {
			break
		}
	}
	t.Logf("%d forgeries, %d of them verified because nothing in them is false, %d impossible",
		c.forged, c.verified, c.impossible)
}

var (
	_ = fmt.Sprint
	_ = sort.Strings
	_ = strings.Join
)
