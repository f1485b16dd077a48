package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"

	"juno"
	"juno/cluster/client"
	"juno/internal/cli"
	"juno/shell"
)

var shellVerb = cli.Verb{
	Name:    "shell",
	Summary: "commands, SQL and \\-commands on a ledger",
	Help: `  juno shell books
  juno shell books -c 'transfer(a->b, 1%1)' -c 'SELECT * FROM accounts'
  juno shell books --format json -f report.sql
  juno shell --connect books --as alice
  juno shell books --request 1001 -c 'transfer(a->b, 1%1)'

With --request the commands are numbered from that number on. A command that was already executed
under its number returns its first result and runs no second time, so a script that does not know
the outcome can repeat it.
`,
	Args:  "[DIR]",
	Setup: setupShell,
}

// texts is a flag that can be given more than once.
type texts []string

func (t *texts) String() string { return "" }

func (t *texts) Set(s string) error {
	*t = append(*t, s)
	return nil
}

// shellCall are the flags of one call.
type shellCall struct {
	options shell.Options
	texts   texts
	name    string // the client to act as
	request uint64 // number of the first command, if not 0
	read    string // how a cluster is read
}

func setupShell(set *flag.FlagSet) cli.Action {
	var s shellCall
	set.Var(&s.texts, "c", "run this `text` and exit; may be given more than once")
	set.StringVar(&s.options.File, "f", "",
		"run the texts in this `file` and exit; - is standard input")
	set.StringVar(&s.options.Format, "format", "", "table, csv, json, markdown or vertical")
	set.StringVar(&s.name, "as", "", "act as the client of that `name`")
	set.Uint64Var(&s.request, "request", 0,
		"`number` of the first command; 0: the next unused one")
	set.StringVar(&s.read, "read", "quorum",
		"with --connect: quorum (f+1 nodes say the same), ordered (through the log) or local")
	far := set.String("connect", "", "connect to the cluster of this client `directory`")
	return func(ctx context.Context, c cli.Console, words []string) error {
		path, _, err := place(words, *far, "")
		if err != nil {
			return err
		}
		s.options.Commands, s.options.HistoryFile = s.texts, historyFile()
		if *far != "" || isClientDirectory(path) {
			return s.runConnected(ctx, c, path)
		}
		return s.runHere(ctx, c, path)
	}
}

// run runs the shell on a ledger.
func (s *shellCall) run(ctx context.Context, c cli.Console, ledger shell.Ledger) error {
	s.options.Ledger = ledger
	s.options.Stdin, s.options.Stdout, s.options.Stderr = c.In, c.Out, c.Err
	return cli.Exit(shell.Run(ctx, s.options))
}

// runHere runs the shell on a ledger in this process.
func (s *shellCall) runHere(ctx context.Context, c cli.Console, path string) (err error) {
	ledger, err := openLedger(c, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	actor, err := actAs(ledger, s.name)
	if err != nil {
		return err
	}
	return s.run(ctx, c, &port{
		Ledger: ledger, client: actor, request: juno.RequestID(s.request),
	})
}

// runConnected runs the shell on a cluster.
func (s *shellCall) runConnected(ctx context.Context, c cli.Console, path string) error {
	how, known := map[string]client.Consistency{
		"quorum": client.Quorum, "ordered": client.Ordered, "local": client.Local,
	}[s.read]
	if !known {
		return cli.Usagef("--read %q: want quorum, ordered or local", s.read)
	}
	k, err := connect(ctx, c, path, s.name)
	if err != nil {
		return err
	}
	defer k.Close()
	if err := k.await(ctx); err != nil {
		return err
	}
	k.how, k.request = how, juno.RequestID(s.request)
	return s.run(ctx, c, k)
}

// historyFile is where the shell remembers what was typed, over all ledgers.
func historyFile() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".juno_history")
}
