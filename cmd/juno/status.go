package main

import (
	"context"
	"errors"

	"juno/shell"
)

var statusVerb = verb{
	name:    "status",
	summary: "what a ledger holds and how its node is doing",
	help:    "  juno status books\n  juno status --connect books\n",
}

func init() { statusVerb.run = runStatus }

func runStatus(ctx context.Context, c console, args []string) (err error) {
	set := flags(c, &statusVerb)
	format := set.String("format", "", "table, csv, json, markdown or vertical")
	far := set.String("connect", "", "all nodes of the cluster of this client `directory`")
	name := set.String("as", "", "ask as the client of that `name`")
	words, err := parse(set, args, 0, 1)
	if err != nil {
		return err
	}
	if (*far == "") == (len(words) == 0) {
		return usagef("want a ledger's directory, or --connect and a client's")
	}
	if *far == "" && isClientDirectory(words[0]) {
		*far = words[0]
	}
	if *far != "" {
		return statusOfCluster(ctx, c, *far, *name)
	}
	ledger, err := openLedger(c, words[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	code := shell.Run(ctx, shell.Options{
		Ledger: &port{Ledger: ledger}, Commands: []string{`\status`},
		Format: *format, Stdin: c.in, Stdout: c.out, Stderr: c.err,
	})
	if code != exitOK {
		return &exitError{code}
	}
	return nil
}
