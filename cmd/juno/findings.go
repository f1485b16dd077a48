package main

import (
	"fmt"
	"io"

	"juno"
)

// printFindings prints one line for each check, and three for one that failed. It reports whether
// one did.
func printFindings(w io.Writer, all []juno.Finding) (wrong bool) {
	for i := range all {
		f := &all[i]
		switch {
		case !f.OK:
			wrong = true
			fmt.Fprintf(w, "BAD %-10s %s: %s\n", f.Check, firstBad(f), juno.Clean(f.Detail))
			fmt.Fprintf(w, "    %-10s expected %s\n", "", juno.Clean(f.Expected))
			fmt.Fprintf(w, "    %-10s found    %s\n", "", juno.Clean(f.Actual))
		case f.Items == 0:
			fmt.Fprintf(w, "ok  %-10s nothing to check\n", f.Check)
		default:
			fmt.Fprintf(w, "ok  %-10s %d checked, %s%s\n", f.Check, f.Items, stretch(f),
				behind(juno.Clean(f.Detail)))
		}
	}
	return wrong
}

func firstBad(f *juno.Finding) string {
	if f.FirstBad == 0 {
		return "before the first entry"
	}
	return fmt.Sprintf("first bad entry %d", f.FirstBad)
}

func stretch(f *juno.Finding) string {
	if f.To == f.From+1 {
		return fmt.Sprintf("entry %d", f.From)
	}
	return fmt.Sprintf("entries %d to %d", f.From, f.To-1)
}

func behind(detail string) string {
	if detail == "" {
		return ""
	}
	return "; " + detail
}
