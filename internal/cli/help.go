package cli

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// help prints how a verb is called. path is its name with those before it.
func (v *Verb) help(w io.Writer, path string) {
	fmt.Fprintf(w, "%s: %s\n\n", path, v.Summary)
	set, _ := v.flags()
	for _, line := range v.calls(path, set) {
		fmt.Fprintf(w, "  %s\n", line)
	}
	if v.Help != "" {
		fmt.Fprintf(w, "\nExample:\n%s", v.Help)
	}
	if len(v.Verbs) > 0 {
		program, rest, _ := strings.Cut(path, " ")
		fmt.Fprintf(w, "\n%s help %s ACTION shows the flags of an action.\n", program, rest)
		return
	}
	printFlags(w, set)
}

// calls returns the forms that a call has: one, or one for each verb below.
func (v *Verb) calls(path string, set *flag.FlagSet) []string {
	if len(v.Verbs) > 0 {
		var text strings.Builder
		columns := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
		for i := range v.Verbs {
			inner := &v.Verbs[i]
			fmt.Fprintf(columns, "%s %s %s\t%s\n", path, inner.Name, inner.Args, inner.Summary)
		}
		_ = columns.Flush() // a strings.Builder takes everything
		return strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	}
	words := []string{path}
	set.VisitAll(func(*flag.Flag) { words = append(words, "[flags]") })
	words = append(slices.Compact(words), strings.Fields(v.Args)...)
	return []string{strings.Join(words, " ")}
}

// printFlags prints the flags of a verb, with what they are if they are not given.
func printFlags(w io.Writer, set *flag.FlagSet) {
	head := "\nFlags:\n"
	set.VisitAll(func(f *flag.Flag) {
		kind, usage := flag.UnquoteUsage(f)
		line := "  --" + f.Name
		if kind != "" {
			line += " " + kind
		}
		if f.DefValue != "" && f.DefValue != "0" && f.DefValue != "false" && f.DefValue != "0s" {
			usage += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		fmt.Fprintf(w, "%s%s\n        %s\n", head, line, usage)
		head = ""
	})
}
