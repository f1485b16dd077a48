package main

import (
	"flag"
	"strings"
	"testing"

	"juno/internal/cli"
)

// TestVerbs looks at all verbs and actions: each has an example of itself, and a flag that several
// actions of a verb have is of one kind, so that it may stand before the action.
func TestVerbs(t *testing.T) {
	for _, v := range program().Verbs {
		checkVerb(t, "juno "+v.Name, &v)
	}
}

func checkVerb(t *testing.T, path string, v *cli.Verb) {
	t.Helper()
	example, _, _ := strings.Cut(v.Help, "\n\n")
	if v.Summary == "" || !strings.Contains(example, "  "+path) {
		t.Errorf("%s: summary %q, example %q: want both", path, v.Summary, example)
	}
	switches := make(map[string]bool)
	for i := range v.Verbs {
		inner := &v.Verbs[i]
		checkVerb(t, path+" "+inner.Name, inner)
		set := flag.NewFlagSet("", flag.ContinueOnError)
		inner.Setup(set)
		set.VisitAll(func(f *flag.Flag) {
			b, is := f.Value.(interface{ IsBoolFlag() bool })
			is = is && b.IsBoolFlag()
			if before, seen := switches[f.Name]; seen && before != is {
				t.Errorf("%s: --%s takes a value in one action, and none in another", path, f.Name)
			}
			switches[f.Name] = is
		})
	}
}
