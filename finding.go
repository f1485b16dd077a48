package juno

import "fmt"

// Finding is the outcome of one check over the entries [From, To).
type Finding struct {
	Check    string // "chain", "signatures", "proofs", "state", "balances", …
	From, To Index
	Items    uint64 // how many things were checked
	OK       bool
	FirstBad Index // the first entry that is wrong; 0 if OK
	Expected string
	Actual   string
	Detail   string
}

// String is one line for people.
func (f *Finding) String() string {
	if f.OK {
		return fmt.Sprintf("%s of entries %d to %d: %d checked, ok. %s", f.Check, f.From, f.To-1,
			f.Items, f.Detail)
	}
	return fmt.Sprintf("%s: entry %d: %s (expected %s, found %s)", f.Check, f.FirstBad, f.Detail,
		orNothing(f.Expected), orNothing(f.Actual))
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// Fail notes a fault at an entry, unless there is one at an earlier entry.
func (f *Finding) Fail(at Index, expected, actual, detail string) {
	if !f.OK && f.FirstBad <= at {
		return
	}
	f.OK, f.FirstBad = false, at
	f.Expected, f.Actual, f.Detail = expected, actual, detail
}
