package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"juno"
	"juno/embedded"
	"juno/snapshot"
	"juno/wal"
)

var verifyVerb = verb{
	name:    "verify",
	summary: "check a ledger, an export, a snapshot or a receipt, offline and without a key",
	help: `  juno verify books                 the directory of a ledger, open or not
  juno verify books.juno            an export
  juno verify books/snapshots/00000000000000001000.manifest
  juno verify receipt.json --ledger 3fa0…   the ledger that it must be of

Exit code 0: everything is as it was written and signed. 3: it is not; the first bad entry is
named, with what was expected and what was found. 1: it could not be read.
`,
}

func init() { verifyVerb.run = runVerify }

func runVerify(ctx context.Context, c console, args []string) error {
	set := flags(c, &verifyVerb)
	from := set.Uint64("from", 0, "first index to report on; 0 is the first that is held")
	to := set.Uint64("to", 0, "index after the last; 0 is the end")
	hashOnly := set.Bool("hash-only", false, "the hash chain and nothing else: fast")
	signatures := set.Bool("signatures", true, "check every client signature")
	replay := set.Bool("replay", true, "execute the log again and compare states and balances")
	ledger := set.String("ledger", "", "the `hash` of the ledger that it must be of")
	words, err := parse(set, args, 1, 1)
	if err != nil {
		return err
	}
	var pinned juno.ClusterID
	if *ledger != "" {
		if pinned, err = juno.ParseHash(*ledger); err != nil || pinned == (juno.ClusterID{}) {
			return usagef("--ledger %q: want the hash that juno status shows (%v)", *ledger, err)
		}
	}
	bar := progressLine(c.err, "verifying")
	options := embedded.VerifyOptions{
		HashOnly: *hashOnly, SkipSignatures: !*signatures,
		SkipReplay: !*replay, From: juno.Index(*from), To: juno.Index(*to),
		Progress: func(done, total int64) { bar.update(int(done>>10), int(total>>10)) },
	}
	started := time.Now()
	kind, err := kindOf(words[0])
	if err != nil {
		return err
	}
	if kind == kindReceipt {
		return verifyReceipt(c, words[0], pinned)
	}
	v, err := verifyPath(ctx, kind, words[0], options)
	bar.end()
	if errors.Is(err, snapshot.ErrCorrupt) || errors.Is(err, juno.ErrMalformed) ||
		errors.Is(err, wal.ErrCluster) {
		fmt.Fprintf(c.out, "BAD  %s: %v\n", words[0], err)
		return &exitError{exitVerify}
	}
	if err != nil {
		return err
	}
	return report(c, words[0], v, pinned, time.Since(started))
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
	c console, path string, v *embedded.Verdict, pinned juno.ClusterID, took time.Duration,
) error {
	if pinned != (juno.ClusterID{}) && pinned != v.Cluster {
		fmt.Fprintf(c.out, "BAD  %s is of ledger %s, want %s\n", path, v.Cluster, pinned)
		return &exitError{exitVerify}
	}
	entries := printFindings(c.out, v)
	took = took.Round(time.Millisecond)
	if !v.OK() {
		fmt.Fprintf(c.out, "%s: NOT what was written and signed (%s)\n", path, took)
		return &exitError{exitVerify}
	}
	noun := "entries"
	if entries == 1 {
		noun = "entry"
	}
	tail := ""
	if v.Unproven > 0 {
		tail = fmt.Sprintf(", of which the last %d are not proven final yet", v.Unproven)
	}
	fmt.Fprintf(c.out, "%s: verified, ledger %s, %d %s to %s%s, in %s\n", path,
		v.Cluster.Short(), entries, noun, v.Tip, tail, took)
	return nil
}

func verifyReceipt(c console, path string, pinned juno.ClusterID) error {
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
		fmt.Fprintf(c.out, "BAD  %s: %v\n", path, err)
		return &exitError{exitVerify}
	}
	proven, err := juno.VerifyReceipt(r, pinned)
	if err != nil {
		fmt.Fprintf(c.out, "BAD  %s: %v\n", path, err)
		return &exitError{exitVerify}
	}
	fmt.Fprintln(c.out, proven)
	return nil
}
