package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"juno/shell"
)

var demoVerb = verb{
	name:    "demo",
	summary: "a cluster of four in half a minute: load, kill, restart, compare, audit, verify",
	help: `  juno demo
  juno demo --dir /tmp/demo --batch
  juno demo --alone

Four processes of juno server and one client, all on this machine. With --alone it is a ledger in
one directory, without a server. Without a terminal, or with --batch, it ends with an exit code;
otherwise in the shell. Nothing is left running.
`,
}

func init() { demoVerb.run = runDemo }

func runDemo(ctx context.Context, c console, args []string) (err error) {
	set := flags(c, &demoVerb)
	dir := set.String("dir", "", "make the ledger in this `directory`, and keep it")
	batch := set.Bool("batch", false, "end with an exit code, also on a terminal")
	alone := set.Bool("alone", false, "a ledger in one directory, without a server")
	writer := set.String("writer", "",
		"used by the demo itself: pay in this `directory` until killed")
	if _, err := parse(set, args, 0, 0); err != nil {
		return err
	}
	if *writer != "" {
		return demoWriter(ctx, c, *writer)
	}
	// A terminal that is closed takes the demo with it, and everything that it has made.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer stop()
	ends := *batch || !shell.IsTerminal(c.in) || !shell.IsTerminal(c.out)
	run := runDemoCluster
	if *alone {
		run = runDemoAlone
	}
	err = run(ctx, c, *dir, ends)
	if ctx.Err() != nil && err != nil {
		fmt.Fprintln(c.err, "\njuno demo: interrupted")
		return &exitError{exitInterrupted}
	}
	return err
}

// demoDirectory returns where the demo's ledger goes: a folder in a directory of its own.
func demoDirectory(dir, name string) (string, error) {
	if dir == "" {
		made, err := os.MkdirTemp("", "juno-demo-")
		if err != nil {
			return "", fmt.Errorf("make a directory for the demo: %w", err)
		}
		dir = made
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err == nil {
		return "", fmt.Errorf("%s exists already; give another --dir", path)
	}
	return path, nil
}

// stage is what a demo prints on. Every step prints what it does and what came of it.
type stage struct {
	console
	step int
}

// play runs the steps of a demo.
func (s *stage) play(ctx context.Context, steps ...func(context.Context) error) error {
	started := time.Now()
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.out, "\nAll of it in %s.\n", time.Since(started).Round(100*time.Millisecond))
	return nil
}

// say prints a heading.
func (s *stage) say(format string, args ...any) {
	s.step++
	fmt.Fprintf(s.out, "\n%d. %s\n", s.step, fmt.Sprintf(format, args...))
}

func (s *stage) printf(format string, args ...any) {
	fmt.Fprintf(s.out, "   "+format+"\n", args...)
}

// inner is the console for a verb that the demo runs.
func (s *stage) inner() console {
	c := s.console
	c.out = &indent{w: s.out, text: "   "}
	return c
}

// show types texts as somebody would, and shows what the shell answers.
func (s *stage) show(ctx context.Context, ledger shell.Ledger, lines ...string) error {
	for _, line := range lines {
		fmt.Fprintf(s.out, "\n   juno> %s\n", line)
		w := &indent{w: s.out, text: "   "}
		code := shell.Run(ctx, shell.Options{
			Ledger: ledger, Commands: []string{line}, Stdin: strings.NewReader(""), Stdout: w,
			Stderr: w,
		})
		if code != exitOK {
			return &exitError{code}
		}
	}
	return nil
}

// open gives the shell to whoever sits at the terminal.
func (s *stage) open(ctx context.Context, ledger shell.Ledger) error {
	fmt.Fprintf(s.out, "\nThe shell is yours; \\? helps, \\q ends.\n")
	code := shell.Run(ctx, shell.Options{
		Ledger: ledger, HistoryFile: historyFile(), Stdin: s.in, Stdout: s.out, Stderr: s.err,
	})
	if code != exitOK {
		return &exitError{code}
	}
	return nil
}
