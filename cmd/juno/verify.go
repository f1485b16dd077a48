package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"juno"
	"juno/internal/cli"
	"juno/shell"
	"juno/snapshot"
	"juno/verify"
	"juno/verify/files"
	"juno/wal"
)

var verifyVerb = cli.Verb{
	Name:    "verify",
	Args:    "PATH",
	Summary: "check a ledger, an export, a snapshot or a receipt, offline and without a key",
	Help: `  juno verify books                 the directory of a ledger, open or not
  juno verify books.juno            an export
  juno verify books/snapshots/00000000000000001000.manifest
  juno verify receipt.json --ledger 3fa0…   the ledger that it must be of

Exit code 0: verified, up to the head that is named; what is held behind it is counted, and what
was not checked is named. 3: something is wrong, or is no more than somebody's word; the first bad
entry is named, with what was expected and found, or who claims what. 1: it could not be read.
`,
	Setup: setupVerify,
}

// verifyCall are the flags of one call.
type verifyCall struct {
	from, to                     uint64
	hashOnly, signatures, replay bool
	ledger, format               string
}

func setupVerify(set *flag.FlagSet) cli.Action {
	var v verifyCall
	set.Uint64Var(&v.from, "from", 0, "first index to report on; 0 is the first that is held")
	set.Uint64Var(&v.to, "to", 0, "index after the last; 0 is the end")
	set.BoolVar(&v.hashOnly, "hash-only", false,
		"only the hash chain, the members and the newest certificate: fast")
	set.BoolVar(&v.signatures, "signatures", true, "check every client signature")
	set.BoolVar(&v.replay, "replay", true,
		"execute the log again and compare states and balances")
	set.StringVar(&v.ledger, "ledger", "", "the `hash` of the ledger that it must be of")
	set.StringVar(&v.format, "format", "text", "text, or json: one record for each check")
	return func(ctx context.Context, c cli.Console, words []string) error {
		return v.run(ctx, c, words[0])
	}
}

func (v *verifyCall) run(ctx context.Context, c cli.Console, path string) error {
	pinned, err := parsePin(v.ledger)
	if err != nil {
		return err
	}
	if v.format != "text" && v.format != "json" {
		return cli.Usagef("--format %q: want text or json", v.format)
	}
	kind, err := kindOf(path)
	if err != nil {
		return err
	}
	if kind == kindReceipt {
		return verifyReceipt(c, path, pinned, v.format)
	}
	bar := shell.NewProgressBar(c.Err, "verifying")
	started := time.Now()
	verdict, err := verifyPath(ctx, kind, path, files.Options{
		Pinned: pinned, HashOnly: v.hashOnly, SkipSignatures: !v.signatures,
		SkipReplay: !v.replay, From: juno.Index(v.from), To: juno.Index(v.to),
		Progress: func(done, total int64) { bar.Report(int(done>>10), int(total>>10)) },
	})
	bar.Stop()
	if errors.Is(err, snapshot.ErrCorrupt) || errors.Is(err, juno.ErrMalformed) ||
		errors.Is(err, wal.ErrCluster) || errors.Is(err, verify.ErrPin) ||
		errors.Is(err, verify.ErrEvidence) {
		return refuse(c, path, err, v.format)
	}
	if err != nil {
		return err
	}
	return report(c, path, verdict, v.format, time.Since(started))
}

// parsePin reads the hash of the ledger that somebody expects; empty stands for any.
func parsePin(text string) (pinned juno.ClusterID, err error) {
	if text == "" {
		return pinned, nil
	}
	if pinned, err = juno.ParseHash(text); err != nil || pinned == (juno.ClusterID{}) {
		return pinned, cli.Usagef("--ledger %q: want the hash that juno status shows (%v)", text,
			err)
	}
	return pinned, nil
}

// refuse prints why nothing could be verified of a path: it is of another ledger, or its bytes are
// no ledger's.
func refuse(c cli.Console, path string, err error, format string) error {
	if format == "json" {
		_ = printJSON(c.Out, map[string]any{"verified": false, "problem": juno.Clean(err.Error())})
	} else {
		fmt.Fprintf(c.Out, "BAD  %s: %s\n", path, juno.Clean(err.Error()))
	}
	return cli.ExitVerify
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
func report(
	c cli.Console, path string, v *verify.Verdict, format string, took time.Duration,
) error {
	switch {
	case format == "json":
		if err := printJSON(c.Out, v.Record()); err != nil {
			return err
		}
	default:
		wrong := printFindings(c.Out, v.Findings)
		if v.Missing != nil {
			fmt.Fprintf(c.Out, "BAD claimed    %s\n", juno.Clean(v.Missing.Error()))
		}
		took = took.Round(time.Millisecond)
		if wrong {
			fmt.Fprintf(c.Out, "%s: NOT what was written and signed, ledger %s (%s)\n", path,
				v.Ledger,
				took)
		} else {
			fmt.Fprintf(c.Out, "%s: %s, in %s\n", path, v.Summary(), took)
		}
	}
	if !v.Verified() {
		return cli.ExitVerify
	}
	return nil
}

func verifyReceipt(c cli.Console, path string, pinned juno.ClusterID, format string) error {
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
		return printJSON(c.Out, proven.Record())
	}
	fmt.Fprintln(c.Out, proven)
	return nil
}
