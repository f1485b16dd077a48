package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"juno/datadir"
	"juno/internal/cli"
	"juno/internal/ports"
)

// scriptPorts sets LISTEN to a loopback address with so many free ports from there on, and NEXT
// to the last of them: ports N.
func scriptPorts(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	address, err := ports.Free(n)
	ts.Check(err)
	ts.Setenv("LISTEN", address)
	host, port, err := net.SplitHostPort(address)
	ts.Check(err)
	first, err := strconv.Atoi(port)
	ts.Check(err)
	ts.Setenv("NEXT", net.JoinHostPort(host, strconv.Itoa(first+n-1)))
}

// scriptServe runs a node in this process until the script ends, and wants it to end cleanly:
// serve DIR [ADDRESS].
func scriptServe(ts *testscript.TestScript, _ bool, args []string) {
	ctx, stop := context.WithCancel(context.Background())
	reading, out := io.Pipe()
	ended := make(chan cli.ExitCode, 1)
	words := []string{"server", ts.MkAbs(args[0])}
	if len(args) > 1 {
		words = append(words, "--listen", args[1])
	}
	var says bytes.Buffer // to be read when it has ended
	go func() {
		code := program().Run(ctx, cli.Console{Out: out, Err: &says}, words)
		out.Close()
		ended <- code
	}()
	ts.Defer(func() {
		stop()
		if code := <-ended; code != cli.ExitOK {
			ts.Fatalf("juno server %s ended with code %d: %s", args[0], code, says.String())
		}
	})
	if _, err := reading.Read(make([]byte, 1)); err != nil {
		ts.Fatalf("juno server %s: %v", args[0], err)
	}
	go func() { _, _ = io.Copy(io.Discard, reading) }()
}

// scriptAddresses sets ADDRESS1, ADDRESS2, … to where the members of a genesis listen: addresses
// DIR.
func scriptAddresses(ts *testscript.TestScript, _ bool, args []string) {
	dir, err := datadir.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, m := range dir.Genesis.Config.Voters {
		ts.Setenv(fmt.Sprintf("ADDRESS%d", m.ID), m.Address)
	}
}

// awaitMost is how long a script waits for what it awaits: a machine that is busy is no failure.
const awaitMost = 2 * time.Minute

// scriptAwait runs a program again and again until what it prints matches: await PATTERN PROGRAM
// ARGS.
func scriptAwait(ts *testscript.TestScript, _ bool, args []string) {
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for end := time.Now().Add(awaitMost); time.Now().Before(end); {
		_ = ts.Exec(args[1], args[2:]...) // its exit code may say that it is not so yet
		if want.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("waited for %q; the last answer:\n%s%s", args[0], ts.ReadFile("stdout"),
		ts.ReadFile("stderr"))
}
