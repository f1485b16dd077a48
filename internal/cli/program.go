package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
)

// Program is a command line.
type Program struct {
	Name  string
	About string // one sentence
	Verbs []Verb
	// Unknown are the errors that say that the outcome of a command is not known: ExitUnknown.
	Unknown []error
}

// Run runs the verb that the arguments name, prints its error, and returns the exit code.
func (p *Program) Run(ctx context.Context, c Console, args []string) ExitCode {
	if len(args) == 0 {
		p.list(c.Err)
		return ExitUsage
	}
	path, err := p.call(ctx, c, args)
	switch {
	case err == nil, errors.As(err, new(ExitCode)):
	case isUsage(err):
		fmt.Fprintf(c.Err, "%s: %v\nsee: %s help%s\n", path, err, p.Name, path[len(p.Name):])
	default:
		fmt.Fprintf(c.Err, "%s: %v\n", path, err)
	}
	return Code(err, p.Unknown...)
}

// Call runs a verb as part of another one: its error is returned and not printed.
func (p *Program) Call(ctx context.Context, c Console, args ...string) error {
	_, err := p.call(ctx, c, args)
	return err
}

// call also returns the words that name the verb, with the program's own name before them.
func (p *Program) call(ctx context.Context, c Console, args []string) (path string, err error) {
	switch args[0] {
	case "help", "-h", "-help", "--help":
		return p.Name, p.help(c.Out, args[1:])
	case "-version", "--version":
		args = append([]string{"version"}, args[1:]...)
	}
	path = p.Name
	v := find(p.Verbs, args[0])
	if v == nil {
		return path, Usagef("no verb %.40q", args[0])
	}
	path += " " + v.Name
	for args = args[1:]; len(v.Verbs) > 0; {
		inner, rest, err := v.choose(args)
		if errors.Is(err, flag.ErrHelp) {
			v.help(c.Out, path)
			return path, nil
		}
		if err != nil {
			return path, err
		}
		v, args = inner, rest
		path += " " + v.Name
	}
	set, action := v.flags()
	words, err := parse(set, args)
	if errors.Is(err, flag.ErrHelp) {
		v.help(c.Out, path)
		return path, nil
	}
	if err == nil {
		err = v.checkWords(words)
	}
	if err != nil {
		return path, err
	}
	return path, action(ctx, c, words)
}

// help prints the help of the program, or of the verb that the words name.
func (p *Program) help(w io.Writer, words []string) error {
	if len(words) == 0 {
		p.list(w)
		return nil
	}
	at := Verb{Verbs: p.Verbs}
	path := p.Name
	for _, word := range words {
		v := find(at.Verbs, word)
		if v == nil {
			return Usagef("no verb %.40q behind %s", word, path)
		}
		at = *v
		path += " " + word
	}
	at.help(w, path)
	return nil
}

// list prints the verbs with their summaries.
func (p *Program) list(w io.Writer) {
	fmt.Fprintf(w, "%s\n\n", p.About)
	for _, v := range p.Verbs {
		fmt.Fprintf(w, "  %s %-10s %s\n", p.Name, v.Name, v.Summary)
	}
	fmt.Fprintf(w, "\n%s help VERB shows an example and the flags of a verb.\n", p.Name)
}
