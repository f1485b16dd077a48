package shell

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"
)

// Options say what a shell works on and what it is to do.
type Options struct {
	Ledger Ledger
	// Commands are texts to run, each as if typed (-c). File is run after them (-f); "-" is
	// Stdin. If there is neither, Stdin is read: a person at a terminal, or a script.
	Commands []string
	File     string
	// Args are values for parameters of SQL: name=value or 1=value, with name:kind=value for one
	// that is no text (--arg).
	Args []string
	// Format is how answers are printed; empty stands for FormatTable.
	Format string
	// HistoryFile keeps what was entered for the next session; empty: nothing is kept.
	HistoryFile string

	Stdin          io.Reader // nil stands for os.Stdin, and so on
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	// Now is the clock that statements are timed with; nil stands for time.Now.
	Now func() time.Time
}

func (o *Options) fill() {
	if o.Stdin == nil {
		o.Stdin = os.Stdin
	}
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Format == "" {
		o.Format = string(FormatTable)
	}
}

// Run is the shell. It returns when the texts, the file or the input are done, at \q, at the first
// statement of a script that fails, and soon after ctx is done. The result is the exit code of the
// process.
//
// Run takes the signals of the process for itself while it runs. On a terminal Ctrl-C (SIGINT)
// cancels what runs and not the shell, also where ctx is one of signal.NotifyContext that ends at
// it. SIGTERM and SIGHUP end the shell and give the terminal back.
func Run(ctx context.Context, o Options) int {
	o.fill()
	format, err := ParseFormat(o.Format)
	if err != nil {
		fmt.Fprintf(o.Stderr, "juno: %v\n", err)
		return ExitUsage
	}
	ctx, stop := ownSignals(ctx)
	defer stop()
	s := newSession(o, format)
	defer s.close()
	if err := s.bindings.parseArgs(o.Args); err != nil {
		fmt.Fprintf(o.Stderr, "juno: %v\n", err)
		return ExitUsage
	}
	defer s.warnUnused()
	stdin, inTerminal := terminal(o.Stdin)
	switch {
	case len(o.Commands) > 0 || o.File != "":
		return s.batch(ctx, o)
	case inTerminal && s.screen.outTerminal:
		return s.converse(ctx, o, stdin)
	}
	return s.guarded(ctx, func(ctx context.Context) error {
		return s.script(ctx, "stdin", o.Stdin)
	})
}

// batch runs the texts of -c and the file of -f.
func (s *session) batch(ctx context.Context, o Options) int {
	return s.guarded(ctx, func(ctx context.Context) error {
		for _, text := range o.Commands {
			if err := s.text(ctx, text); err != nil {
				return err
			}
		}
		switch o.File {
		case "":
			return nil
		case "-":
			return s.script(ctx, "stdin", o.Stdin)
		}
		return s.include(ctx, o.File)
	})
}
