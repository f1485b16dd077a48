// Command juno makes, runs, queries and verifies Juno ledgers. One file per verb; this one finds
// the verb and turns its error into an exit code.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"juno"
)

// version is set by the linker, see the Makefile.
var version = "unknown"

// The exit codes are a contract with scripts.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitVerify      = 3
	exitUnknown     = 4
	exitInterrupted = 130
)

// console is where a verb reads and writes. Data goes to out, messages to err.
type console struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// verb is one word behind "juno".
type verb struct {
	name    string
	summary string
	// help begins with an example, and is printed before the flags.
	help string
	run  func(ctx context.Context, c console, args []string) error
}

func verbs() []verb {
	return []verb{
		initVerb, serverVerb, shellVerb, demoVerb, verifyVerb, snapshotVerb, exportVerb,
		receiptVerb, logVerb, keyVerb, nodeVerb, freezeVerb, resumeVerb, statusVerb, benchVerb,
		{name: "version", summary: "print the version", help: "  juno version\n", run: runVersion},
	}
}

func main() {
	limitGarbage()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := console{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	os.Exit(profiled(func() int { return run(ctx, c, os.Args[1:]) }))
}

// run is main without the process, for tests.
func run(ctx context.Context, c console, args []string) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		return help(c, args)
	}
	v, ok := findVerb(args[0])
	if !ok {
		fmt.Fprintf(c.err, "juno: no verb %q; juno help lists them\n", args[0])
		return exitUsage
	}
	err := v.run(ctx, c, args[1:])
	code := exitCode(err)
	if err != nil && !errors.As(err, new(*exitError)) && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(c.err, "juno %s: %v\n", v.name, err)
	}
	return code
}

func findVerb(name string) (verb, bool) {
	for _, v := range verbs() {
		if v.name == name {
			return v, true
		}
	}
	return verb{}, false
}

// usageError is a call whose words are off.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// exitError ends the process with a code when everything was said already.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

func exitCode(err error) int {
	var usage *usageError
	var exit *exitError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, juno.ErrUnknown):
		return exitUnknown
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitFailed
}

func help(c console, args []string) int {
	if len(args) > 1 {
		v, ok := findVerb(args[1])
		if !ok {
			fmt.Fprintf(c.err, "juno: no verb %q; juno help lists them\n", args[1])
			return exitUsage
		}
		_ = v.run(context.Background(), console{in: strings.NewReader(""), out: c.out, err: c.out},
			[]string{"-h"})
		return exitOK
	}
	w := c.out
	if len(args) == 0 {
		w = c.err
	}
	fmt.Fprint(w, "Juno is a ledger database: signed commands in, SQL over every moment out.\n\n")
	for _, v := range verbs() {
		fmt.Fprintf(w, "  juno %-10s %s\n", v.name, v.summary)
	}
	fmt.Fprint(w, "\njuno help VERB shows an example and the flags of a verb.\n")
	if len(args) == 0 {
		return exitUsage
	}
	return exitOK
}

// flags returns a flag set for a verb that prints the verb's help before its flags. Parse errors
// become usage errors through parse.
func flags(c console, v *verb) *flag.FlagSet {
	set := flag.NewFlagSet(v.name, flag.ContinueOnError)
	set.SetOutput(c.err)
	set.Usage = func() {
		fmt.Fprintf(c.err, "%s\n\nExample:\n%s", v.summary, v.help)
		any := false
		set.VisitAll(func(*flag.Flag) { any = true })
		if any {
			fmt.Fprint(c.err, "\nFlags:\n")
			set.PrintDefaults()
		}
	}
	return set
}

// parse reads flags wherever they stand, so that "juno init DIR --open" works, and returns the
// other words. It wants least to most of them.
func parse(set *flag.FlagSet, args []string, least, most int) ([]string, error) {
	var words []string
	for {
		if err := set.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, &exitError{exitUsage} // the flag package has said it
		}
		if set.NArg() == 0 {
			break
		}
		words = append(words, set.Arg(0))
		args = set.Args()[1:]
	}
	if len(words) < least || len(words) > most {
		set.Usage()
		return nil, usagef("%d words, want %s", len(words), count(least, most))
	}
	return words, nil
}

func count(least, most int) string {
	if least == most {
		return fmt.Sprint(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

func runVersion(_ context.Context, c console, _ []string) error {
	fmt.Fprintln(c.out, "juno", version)
	return nil
}
