package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"juno"
	"juno/embedded"
	"juno/internal/cli"
	"juno/shell"
	"juno/snapshot"
	"juno/wal"
)

var verifyVerb = cli.Verb{
	Name:    "verify",
	Summary: "check a ledger, an export, a snapshot or a receipt, offline and without a key",
	Help: `  juno verify books                 the directory of a ledger, open or not
  juno verify books.juno            an export
  juno verify books/snapshots/00000000000000001000.manifest
  juno verify receipt.json --ledger 3fa0…   the ledger that it must be of

Exit code 0: everything is as it was written and signed. 3: it is not; the first bad entry is
named, with what was expected and what was found. 1: it could not be read.
`,
	Args:  "PATH",
	Setup: setupVerify,
}

// verifyCall are the flags of one call.
type verifyCall struct {
	from, to                     uint64
	hashOnly, signatures, replay bool
	ledger                       string
}

func setupVerify(set *flag.FlagSet) cli.Action {
	var v verifyCall
	set.Uint64Var(&v.from, "from", 0, "first index to report on; 0 is the first that is held")
	set.Uint64Var(&v.to, "to", 0, "index after the last; 0 is the end")
	set.BoolVar(&v.hashOnly, "hash-only", false, "the hash chain and nothing else: fast")
	set.BoolVar(&v.signatures, "signatures", true, "check every client signature")
	set.BoolVar(&v.replay, "replay", true,
		"execute the log again and compare states and balances")
	set.StringVar(&v.ledger, "ledger", "", "the `hash` of the ledger that it must be of")
	return func(ctx context.Context, c cli.Console, words []string) error {
		return v.run(ctx, c, words[0])
	}
}

func (v *verifyCall) run(ctx context.Context, c cli.Console, path string) (err error) {
	var pinned juno.ClusterID
	if v.ledger != "" {
		if pinned, err = juno.ParseHash(v.ledger); err != nil || pinned == (juno.ClusterID{}) {
			return cli.Usagef("--ledger %q: want the hash that juno status shows (%v)", v.ledger,
				err)
		}
	}
	kind, err := kindOf(path)
	if err != nil {
		return err
	}
	if kind == kindReceipt {
		return verifyReceipt(c, path, pinned)
	}
	started := time.Now()
	bar := shell.NewProgressBar(c.Err, "verifying")
	verdict, err := verifyPath(ctx, kind, path, embedded.VerifyOptions{
		HashOnly: v.hashOnly, SkipSignatures: !v.signatures,
		SkipReplay: !v.replay, From: juno.Index(v.from), To: juno.Index(v.to),
		Progress: func(done, total int64) { bar.Report(int(done>>10), int(total>>10)) },
	})
	bar.Stop()
	if errors.Is(err, snapshot.ErrCorrupt) || errors.Is(err, juno.ErrMalformed) ||
		errors.Is(err, wal.ErrCluster) {
		fmt.Fprintf(c.Out, "BAD  %s: %v\n", path, err)
		return cli.ExitVerify
	}
	if err != nil {
		return err
	}
	return report(c, path, verdict, pinned, time.Since(started))
}

type pathKind int

const (
	kindDirectory pathKind = iota
	kindCarrier
	kindSnapshot
	kindReceipt
)

// kindOf tells what a path is by looking at it, not by its name alone.
func kindOf(path string) (pathKind, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	if info.IsDir() {
		return kindDirectory, nil
	}
	if strings.HasSuffix(path, ".manifest") || strings.HasSuffix(path, ".state") {
		return kindSnapshot, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	head := make([]byte, 64)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	if bytes.HasPrefix(bytes.TrimLeft(head[:n], " \t\r\n"), []byte("{")) {
		return kindReceipt, nil
	}
	return kindCarrier, nil
}

func verifyPath(
	ctx context.Context, kind pathKind, path string, o embedded.VerifyOptions,
) (*embedded.Verdict, error) {
	switch kind {
	case kindDirectory:
		return embedded.VerifyDirectory(ctx, path, o)
	case kindSnapshot:
		return embedded.VerifySnapshot(ctx, path)
	}
	return embedded.VerifyCarrier(ctx, path, o)
}

// report prints the findings and turns them into an exit code.
func report(
	c cli.Console, path string, v *embedded.Verdict, pinned juno.ClusterID, took time.Duration,
) error {
	if pinned != (juno.ClusterID{}) && pinned != v.Cluster {
		fmt.Fprintf(c.Out, "BAD  %s is of ledger %s, want %s\n", path, v.Cluster, pinned)
		return cli.ExitVerify
	}
	entries := printFindings(c.Out, v)
	took = took.Round(time.Millisecond)
	if !v.OK() {
		fmt.Fprintf(c.Out, "%s: NOT what was written and signed (%s)\n", path, took)
		return cli.ExitVerify
	}
	noun := "entries"
	if entries == 1 {
		noun = "entry"
	}
	tail := ""
	if v.Unproven > 0 {
		tail = fmt.Sprintf(", of which the last %d are not proven final yet", v.Unproven)
	}
	fmt.Fprintf(c.Out, "%s: verified, ledger %s, %d %s to %s%s, in %s\n", path,
		v.Cluster.Short(), entries, noun, v.Tip, tail, took)
	return nil
}

func verifyReceipt(c cli.Console, path string, pinned juno.ClusterID) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, juno.ReceiptBytesMax+1))
	if err != nil {
		return err
	}
	r, err := juno.ParseReceipt(text)
	if err != nil {
		fmt.Fprintf(c.Out, "BAD  %s: %v\n", path, err)
		return cli.ExitVerify
	}
	proven, err := juno.VerifyReceipt(r, pinned)
	if err != nil {
		fmt.Fprintf(c.Out, "BAD  %s: %v\n", path, err)
		return cli.ExitVerify
	}
	fmt.Fprintln(c.Out, proven)
	return nil
}
