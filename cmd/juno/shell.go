package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"juno"
	"juno/client"
	"juno/shell"
)

var shellVerb = verb{
	name:    "shell",
	summary: "commands, SQL and \\-commands on a ledger",
	help: `  juno shell books
  juno shell books -c 'transfer(a->b, 1%1)' -c 'SELECT * FROM accounts'
  juno shell books --format json -f report.sql
  juno shell --connect books --as alice
  juno shell books --request 1001 -c 'transfer(a->b, 1%1)'

With --request the commands are numbered from there. A number that was used for the same command
before gives its first result and pays nothing, so a script that is not sure can ask again.
`,
}

func init() { shellVerb.run = runShell }

// texts is a flag that can be given more than once.
type texts []string

func (t *texts) String() string { return "" }

func (t *texts) Set(s string) error {
	*t = append(*t, s)
	return nil
}

func runShell(ctx context.Context, c console, args []string) (err error) {
	set := flags(c, &shellVerb)
	var commands texts
	set.Var(&commands, "c", "run this `text` and end; may be repeated")
	file := set.String("f", "", "run the texts in this `file` and end; - is the input")
	format := set.String("format", "", "table, csv, json, markdown or vertical")
	name := set.String("as", "", "act as the client of that `name`")
	request := set.Uint64("request", 0, "`number` of the first command; 0: the next unused one")
	far := set.String("connect", "", "speak to the cluster of this client `directory`")
	read := set.String("read", "quorum",
		"with --connect: quorum (f+1 nodes say the same), ordered (through the log) or local")
	words, err := parse(set, args, 0, 1)
	if err != nil {
		return err
	}
	run := func(ledger shell.Ledger) error {
		code := shell.Run(ctx, shell.Options{
			Ledger: ledger, Commands: commands, File: *file, Format: *format,
			HistoryFile: historyFile(), Stdin: c.in, Stdout: c.out, Stderr: c.err,
		})
		if code != exitOK {
			return &exitError{code}
		}
		return nil
	}
	if (*far == "") == (len(words) == 0) {
		return usagef("want a ledger's directory, or --connect and a client's")
	}
	if *far == "" && isClientDirectory(words[0]) {
		*far = words[0]
	}
	if *far != "" {
		return runConnected(ctx, c, *far, *name, *read, juno.RequestID(*request), run)
	}
	ledger, err := openLedger(c, words[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	actor, err := actAs(ledger, *name)
	if err != nil {
		return err
	}
	return run(&port{Ledger: ledger, client: actor, request: juno.RequestID(*request)})
}

// runConnected runs the shell on a cluster.
func runConnected(
	ctx context.Context, c console, path, name, read string, first juno.RequestID,
	run func(shell.Ledger) error,
) error {
	how, known := map[string]client.Consistency{
		"quorum": client.Quorum, "ordered": client.Ordered, "local": client.Local,
	}[read]
	if !known {
		return usagef("--read %q: want quorum, ordered or local", read)
	}
	k, err := connect(ctx, c, path, name)
	if err != nil {
		return err
	}
	defer k.Close()
	if err := k.await(ctx); err != nil {
		return err
	}
	k.how, k.request = how, first
	return run(k)
}

// historyFile is where the shell remembers what was typed, over all ledgers.
func historyFile() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".juno_history")
}
