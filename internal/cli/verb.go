package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Console is where a verb reads and writes. Data goes to Out, messages go to Err.
type Console struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// Action is what a verb does. words are the words of the call without its flags, as many as
// Verb.Args allows.
type Action func(ctx context.Context, c Console, words []string) error

// Verb is one word behind the name of the program, or behind another verb.
type Verb struct {
	Name    string
	Summary string // one line
	// Args names the words that follow: "DIR [INDEX]". Those in brackets may be left out; they
	// stand at the end, or the verb tells them apart itself.
	Args string
	// Help begins with an example, indented, and is printed before the flags.
	Help string
	// Setup declares the flags and returns the action, which finds them parsed. It does nothing
	// else: it is also called for the help.
	Setup func(set *flag.FlagSet) Action
	// Verbs, where there are any, take the place of Args and Setup.
	Verbs []Verb
}

// NoFlags is the Setup of a verb that has none.
func NoFlags(action Action) func(*flag.FlagSet) Action {
	return func(*flag.FlagSet) Action { return action }
}

// flags returns the verb's flags, and its action if it has one. A verb that has verbs gets all the
// flags of these, so that a flag may stand before the word that chooses.
func (v *Verb) flags() (*flag.FlagSet, Action) {
	set := flag.NewFlagSet(v.Name, flag.ContinueOnError)
	set.SetOutput(io.Discard) // the error says it
	set.Usage = func() {}
	if len(v.Verbs) == 0 {
		return set, v.Setup(set)
	}
	for i := range v.Verbs {
		inner, _ := v.Verbs[i].flags()
		inner.VisitAll(func(f *flag.Flag) {
			if set.Lookup(f.Name) == nil {
				set.Var(f.Value, f.Name, f.Usage)
			}
		})
	}
	return set, nil
}

// parse reads flags wherever they stand, so that "juno init DIR --open" works, and returns the
// other words.
func parse(set *flag.FlagSet, args []string) (words []string, err error) {
	for {
		switch err := set.Parse(args); {
		case errors.Is(err, flag.ErrHelp):
			return words, err
		case err != nil:
			return words, Usagef("%v", err)
		case set.NArg() == 0:
			return words, nil
		}
		words = append(words, set.Arg(0))
		args = set.Args()[1:]
	}
}

// choose returns the verb below v that a call names, and the arguments without that word.
func (v *Verb) choose(args []string) (*Verb, []string, error) {
	set, _ := v.flags()
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil, nil, err
	case err != nil:
		return nil, nil, Usagef("%v", err)
	case set.NArg() == 0:
		return nil, nil, Usagef("want an action: %s", v.actions())
	}
	word, at := set.Arg(0), len(args)-set.NArg()
	inner := find(v.Verbs, word)
	if inner == nil {
		return nil, nil, Usagef("no action %.40q; there are %s", word, v.actions())
	}
	return inner, slices.Delete(slices.Clone(args), at, at+1), nil
}

// actions lists the names of the verbs below v.
func (v *Verb) actions() string {
	names := make([]string, len(v.Verbs))
	for i := range v.Verbs {
		names[i] = v.Verbs[i].Name
	}
	return strings.Join(names, ", ")
}

func find(verbs []Verb, name string) *Verb {
	i := slices.IndexFunc(verbs, func(v Verb) bool { return v.Name == name })
	if i < 0 {
		return nil
	}
	return &verbs[i]
}

// checkWords compares the words of a call with Args.
func (v *Verb) checkWords(words []string) error {
	most := strings.Fields(v.Args)
	least := 0
	for _, name := range most {
		if !strings.HasPrefix(name, "[") {
			least++
		}
	}
	if len(words) >= least && len(words) <= len(most) {
		return nil
	}
	want, got := v.Args, "none"
	if want == "" {
		want = "no words"
	}
	if len(words) > 0 {
		got = fmt.Sprintf("%q", words)
		got = got[1 : len(got)-1]
	}
	return Usagef("want %s, got %s", want, got)
}
