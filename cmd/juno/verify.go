package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"juno"
	"juno/snapshot"
	"juno/verify"
	"juno/verify/files"
	"juno/wal"
)

var verifyVerb = verb{
	name:    "verify",
	summary: "check a ledger, an export, a snapshot or a receipt, offline and without a key",
	help: `  juno verify books                 the directory of a ledger, open or not
  juno verify books.juno            an export
  juno verify books/snapshots/00000000000000001000.manifest
  juno verify receipt.json --ledger 3fa0…   the ledger that it must be of

Exit code 0: verified, up to the head that is named; what is held behind it is counted, and what
was not checked is named. 3: something is wrong, or is no more than somebody's word; the first bad
entry is named, with what was expected and found, or who claims what. 1: it could not be read.
`,
}

func init() { verifyVerb.run = runVerify }

func runVerify(ctx context.Context, c console, args []string) error {
	set := flags(c, &verifyVerb)
	from := set.Uint64("from", 0, "first index to report on; 0 is the first that is held")
	to := set.Uint64("to", 0, "index after the last; 0 is the end")
	hashOnly := set.Bool("hash-only", false, "only the hash chain, the members and the newest "+
		"certificate: fast")
	signatures := set.Bool("signatures", true, "check every client signature")
	replay := set.Bool("replay", true, "execute the log again and compare states and balances")
	ledger := set.String("ledger", "", "the `hash` of the ledger that it must be of")
	format := set.String("format", "text", "text, or json: one record for each check")
	words, err := parse(set, args, 1, 1)
	if err != nil {
		return err
	}
	pinned, err := parsePin(*ledger)
	if err != nil {
		return err
	}
	if *format != "text" && *format != "json" {
		return usagef("--format %q: want text or json", *format)
	}
	kind, err := kindOf(words[0])
	if err != nil {
		return err
	}
	if kind == kindReceipt {
		return verifyReceipt(c, words[0], pinned, *format)
	}
	bar := progressLine(c.err, "verifying")
	started := time.Now()
	v, err := verifyPath(ctx, kind, words[0], files.Options{
		Pinned: pinned, HashOnly: *hashOnly, SkipSignatures: !*signatures,
		SkipReplay: !*replay, From: juno.Index(*from), To: juno.Index(*to),
		Progress: func(done, total int64) { bar.update(int(done>>10), int(total>>10)) },
	})
	bar.end()
	if errors.Is(err, snapshot.ErrCorrupt) || errors.Is(err, juno.ErrMalformed) ||
		errors.Is(err, wal.ErrCluster) || errors.Is(err, verify.ErrPin) ||
		errors.Is(err, verify.ErrEvidence) {
		return refuse(c, words[0], err, *format)
	}
	if err != nil {
		return err
	}
	return report(c, words[0], v, *format, time.Since(started))
}

// parsePin reads the hash of the ledger that somebody expects; empty stands for any.
func parsePin(text string) (pinned juno.ClusterID, err error) {
	if text == "" {
		return pinned, nil
	}
	if pinned, err = juno.ParseHash(text); err != nil || pinned == (juno.ClusterID{}) {
		return pinned, usagef("--ledger %q: want the hash that juno status shows (%v)", text, err)
	}
	return pinned, nil
}

// refuse prints why nothing could be verified of a path: it is of another ledger, or its bytes are
// no ledger's.
func refuse(c console, path string, err error, format string) error {
	if format == "json" {
		_ = printJSON(c.out, map[string]any{"verified": false, "problem": juno.Clean(err.Error())})
	} else {
		fmt.Fprintf(c.out, "BAD  %s: %s\n", path, juno.Clean(err.Error()))
	}
	return &exitError{exitVerify}
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
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
	ctx context.Context, kind pathKind, path string, o files.Options,
) (*verify.Verdict, error) {
	switch kind {
	case kindDirectory:
		return files.Directory(ctx, path, o)
	case kindSnapshot:
		return files.Snapshot(ctx, path, o)
	}
	return files.Export(ctx, path, o)
}

// report prints the findings and turns them into an exit code.
func report(c console, path string, v *verify.Verdict, format string, took time.Duration) error {
	switch {
	case format == "json":
		if err := printJSON(c.out, v.Record()); err != nil {
			return err
		}
	default:
		wrong := printFindings(c.out, v.Findings)
		if v.Missing != nil {
			fmt.Fprintf(c.out, "BAD claimed    %s\n", juno.Clean(v.Missing.Error()))
		}
		took = took.Round(time.Millisecond)
		if wrong {
			fmt.Fprintf(c.out, "%s: NOT what was written and signed, ledger %s (%s)\n", path,
				v.Ledger,
				took)
		} else {
			fmt.Fprintf(c.out, "%s: %s, in %s\n", path, v.Summary(), took)
		}
	}
	if !v.Verified() {
		return &exitError{exitVerify}
	}
	return nil
}

func verifyReceipt(c console, path string, pinned juno.ClusterID, format string) error {
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
		return refuse(c, path, err, format)
	}
	proven, err := verify.Receipt(r, pinned)
	if err != nil {
		return refuse(c, path, err, format)
	}
	if format == "json" {
		return printJSON(c.out, proven.Record())
	}
	fmt.Fprintln(c.out, proven)
	return nil
}
