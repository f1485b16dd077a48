package demo

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"juno"
	"juno/cluster/client"
	"juno/embedded"
	"juno/internal/cli"
	"juno/shell"
)

// Tools are what the demo borrows from the command line that it shows.
type Tools struct {
	// Call runs a verb, as juno with these words would.
	Call func(ctx context.Context, c cli.Console, words ...string) error
	// Open opens a ledger in a directory, with its warnings on the console.
	Open func(c cli.Console, path string) (*embedded.Ledger, error)
	// Ledger is an open ledger as the shell sees it.
	Ledger func(ledger *embedded.Ledger, client *embedded.Client) shell.Ledger
	// Connect connects a client of that name to the cluster of a client's directory.
	Connect func(ctx context.Context, c cli.Console, path, name string) (*Cluster, error)
	// HistoryFile is where the shell keeps what was typed.
	HistoryFile string
}

// Cluster is a connection to the demo's cluster.
type Cluster struct {
	*client.Client
	Ledger shell.Cluster                          // the same for the shell
	Await  func(ctx context.Context) error        // waits until a quorum answers
	Nodes  func(ctx context.Context) []NodeStatus // asks all members
}

// NodeStatus is what a node reports about itself.
type NodeStatus struct {
	ID      juno.NodeID
	Problem error // there are no facts
	Facts   map[string]juno.Value
	Line    string // the facts in one line
}

func (n *NodeStatus) text(fact string) string { return n.Facts[fact].Text }

func (n *NodeStatus) number(fact string) int64 { return n.Facts[fact].Integer }

// Verb returns juno demo.
func Verb(tools Tools) cli.Verb {
	return cli.Verb{
		Name:    "demo",
		Summary: "a cluster of four in half a minute: load, kill, restart, compare, audit, verify",
		Help: `  juno demo
  juno demo --dir /tmp/demo --batch
  juno demo --alone

Four processes of juno server and one client, all on this machine. With --alone it is a ledger in
one directory, without a server. Without a terminal, or with --batch, it ends with an exit code;
otherwise it ends in the shell. Nothing is left running.
`,
		Setup: func(set *flag.FlagSet) cli.Action { return setup(set, tools) },
	}
}

func setup(set *flag.FlagSet, tools Tools) cli.Action {
	dir := set.String("dir", "", "make the ledger in this `directory`, and keep it")
	batch := set.Bool("batch", false, "end with an exit code, also on a terminal")
	alone := set.Bool("alone", false, "a ledger in one directory, without a server")
	writer := set.String("writer", "",
		"used by the demo itself: pay in this `directory` until killed")
	return func(ctx context.Context, c cli.Console, _ []string) error {
		if *writer != "" {
			return writeUntilKilled(ctx, c, *writer)
		}
		// A terminal that is closed takes the demo with it, and everything that it has made.
		ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
		defer stop()
		ends := *batch || !shell.IsTerminal(c.In) || !shell.IsTerminal(c.Out)
		run := runCluster
		if *alone {
			run = runAlone
		}
		err := run(ctx, stage{Console: c, tools: tools}, *dir, ends)
		if ctx.Err() != nil && err != nil {
			fmt.Fprintln(c.Err, "\njuno demo: interrupted")
			return cli.ExitInterrupted
		}
		return err
	}
}

// placeFor returns where the demo's ledger goes: a folder in a directory of its own.
func placeFor(dir, name string) (string, error) {
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
	cli.Console
	tools Tools
	step  int
}

// play runs the steps of a demo.
func (s *stage) play(ctx context.Context, steps ...func(context.Context) error) error {
	started := time.Now()
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.Out, "\nAll of it in %s.\n", time.Since(started).Round(100*time.Millisecond))
	return nil
}

// say prints a heading.
func (s *stage) say(format string, args ...any) {
	s.step++
	fmt.Fprintf(s.Out, "\n%d. %s\n", s.step, fmt.Sprintf(format, args...))
}

func (s *stage) printf(format string, args ...any) {
	fmt.Fprintf(s.Out, "   "+format+"\n", args...)
}

// inner is the console for a verb that the demo runs.
func (s *stage) inner() cli.Console {
	c := s.Console
	c.Out = &indent{w: s.Out, text: "   "}
	return c
}

// show runs texts in the shell as if they were typed, and shows the answers.
func (s *stage) show(ctx context.Context, ledger shell.Ledger, lines ...string) error {
	for _, line := range lines {
		fmt.Fprintf(s.Out, "\n   juno> %s\n", line)
		w := &indent{w: s.Out, text: "   "}
		code := shell.Run(ctx, shell.Options{
			Ledger: ledger, Commands: []string{line}, Stdin: strings.NewReader(""), Stdout: w,
			Stderr: w,
		})
		if err := cli.Exit(code); err != nil {
			return err
		}
	}
	return nil
}

// open hands the shell to the person at the terminal.
func (s *stage) open(ctx context.Context, ledger shell.Ledger) error {
	fmt.Fprintf(s.Out, "\nThe shell is yours; \\? helps, \\q ends.\n")
	code := shell.Run(ctx, shell.Options{
		Ledger: ledger, HistoryFile: s.tools.HistoryFile, Stdin: s.In, Stdout: s.Out, Stderr: s.Err,
	})
	return cli.Exit(code)
}
