// Package demo is juno demo: it makes a ledger, puts it under load, kills and restarts what keeps
// it, compares the states, audits the past, and verifies all of it offline. Each step prints what
// it does and what came of it; a step that does not find what it expects ends the demo with an
// error.
//
// By default the ledger is a cluster of four processes of juno server on this machine, with one
// client in this process. With --alone it is one directory without a server, and the process that
// is killed is a writer in that directory. All processes end with the demo.
//
// The demo shows the command line: it runs the verbs that it prints, through [Tools].
package demo
