// Command juno makes, runs, queries and verifies Juno ledgers. One file per verb; this one finds
// the verb and turns its error into an exit code.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"juno"
	"juno/internal/bench"
	"juno/internal/cli"
	"juno/internal/demo"
)

// version is set by the linker, see the Makefile.
var version = "unknown"

// program returns the command line.
func program() *cli.Program {
	p := &cli.Program{
		Name:    "juno",
		About:   "Juno is a ledger database: signed commands in, SQL over every moment out.",
		Unknown: []error{juno.ErrUnknown},
	}
	p.Verbs = []cli.Verb{
		initVerb, serverVerb, shellVerb, demo.Verb(demoTools(p)), verifyVerb, snapshotVerb,
		exportVerb, receiptVerb, logVerb, keyVerb, nodeVerb, freezeVerb, resumeVerb, statusVerb,
		bench.Verb(version), versionVerb,
	}
	return p
}

func main() {
	limitGarbage()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := cli.Console{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	os.Exit(int(cli.Profiled(c, func() cli.ExitCode { return program().Run(ctx, c, os.Args[1:]) })))
}

// garbagePercent is how much garbage may lie beside what is in use before it is collected. Most
// of what a ledger uses is caches, in which there is nothing to look for: collecting twice as
// often as Go does by itself costs less than 1 % of the time, and saves a quarter of the memory.
const garbagePercent = 50

// limitGarbage sets it, unless the environment says otherwise in Go's own way.
func limitGarbage() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}
