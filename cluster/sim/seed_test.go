package sim

import (
	"flag"
	"fmt"
	"strings"
	"testing"
)

var (
	seedFlag   = flag.Uint64("seed", 0, "run this seed with its trace (with -run TestSeed)")
	sizeFlag   = flag.Int("n", 0, "so many voters in every run; 0 leaves it to the seed")
	walFlag    = flag.Bool("wal", false, "run every seed on package wal")
	realFlag   = flag.Bool("real", false, "run every seed with ed25519")
	mutantFlag = flag.String("mutant", "", "run with this rule of the core broken")
)

// TestSeed runs one seed and tells in words what happens.
func TestSeed(t *testing.T) {
	if *seedFlag == 0 {
		t.Skip("no -seed")
	}
	p := planOf(t, *seedFlag)
	r := Run(p, true)
	t.Logf("%s\n%s\n%s", p.String(), TraceHeader, strings.Join(r.Trace, "\n"))
	t.Logf("%+v", r.Stats)
	if err := r.check(); err != nil {
		t.Fatal(err)
	}
}

// planOf is the plan of a seed with what the flags say.
func planOf(t *testing.T, seed uint64) Plan {
	t.Helper()
	p := PlanOf(seed)
	if *sizeFlag > 0 {
		p = PlanFor(seed, *sizeFlag)
	}
	p.WAL, p.Real = p.WAL || *walFlag, p.Real || *realFlag
	if *mutantFlag != "" {
		m, err := parseMutant(*mutantFlag)
		if err != nil {
			t.Fatal(err)
		}
		p.Mutant = m
	}
	return p
}

// replay returns the command that runs a seed again, with the flags of this run.
func replay(seed uint64) string {
	b := fmt.Sprintf("%s -v -run 'TestSeed$' ./cluster/sim -seed %d", testCommand, seed)
	if *sizeFlag > 0 {
		b += fmt.Sprintf(" -n %d", *sizeFlag)
	}
	if *walFlag {
		b += " -wal"
	}
	if *realFlag {
		b += " -real"
	}
	if *mutantFlag != "" {
		b += " -mutant " + *mutantFlag
	}
	return b
}

// check returns what was wrong with a run.
func (r *Result) check() error {
	if r.Violation != nil {
		return r.Violation
	}
	return checkHistory(r.History)
}
