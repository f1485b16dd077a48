package main

import (
	"context"
	"errors"
	"flag"

	"juno/internal/cli"
	"juno/shell"
)

var statusVerb = cli.Verb{
	Name:    "status",
	Summary: "print what a ledger holds, and the state of its nodes",
	Help:    "  juno status books\n  juno status --connect books\n",
	Args:    "[DIR]",
	Setup:   setupStatus,
}

func setupStatus(set *flag.FlagSet) cli.Action {
	format := set.String("format", "", "table, csv, json, markdown or vertical")
	far := set.String("connect", "", "all nodes of the cluster of this client `directory`")
	name := set.String("as", "", "ask as the client of that `name`")
	return func(ctx context.Context, c cli.Console, words []string) error {
		path, _, err := place(words, *far, "")
		if err != nil {
			return err
		}
		if *far != "" || isClientDirectory(path) {
			return statusOfCluster(ctx, c, path, *name)
		}
		return statusHere(ctx, c, path, *format)
	}
}

// statusHere prints what a ledger in this process holds.
func statusHere(ctx context.Context, c cli.Console, path, format string) (err error) {
	ledger, err := openLedger(c, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	return cli.Exit(shell.Run(ctx, shell.Options{
		Ledger: &port{Ledger: ledger}, Commands: []string{`\status`},
		Format: format, Stdin: c.In, Stdout: c.Out, Stderr: c.Err,
	}))
}
