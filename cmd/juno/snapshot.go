package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"juno"
	"juno/datadir"
	"juno/embedded"
	"juno/internal/cli"
	"juno/shell"
	"juno/verify"
)

var snapshotVerb = cli.Verb{
	Name:    "snapshot",
	Summary: "create, list, verify, prune, export and import snapshots",
	Help: `  juno snapshot create books
  juno snapshot list books
  juno snapshot verify books/snapshots/00000000000000001000.manifest
  juno snapshot prune books --keep 1
  juno snapshot export books books.juno
  juno snapshot import books.juno elsewhere
`,
	Verbs: []cli.Verb{
		{
			Name: "create", Args: "DIR", Summary: "write a snapshot of the current state",
			Help:  "  juno snapshot create books\n",
			Setup: cli.NoFlags(createSnapshot),
		},
		listVerb("list"), listVerb("show"),
		{
			Name: "verify", Args: "FILE", Summary: "check a snapshot offline, as juno verify does",
			Help:  "  juno snapshot verify books/snapshots/00000000000000001000.manifest\n",
			Setup: setupVerify,
		},
		{
			Name: "prune", Args: "DIR", Summary: "remove old snapshots",
			Help:  "  juno snapshot prune books --keep 1      removes all but the newest\n",
			Setup: setupPrune,
		},
		{
			Name: "export", Args: "DIR FILE",
			Summary: "write a ledger to one file: a snapshot and what follows it",
			Help: `  juno snapshot export books books.juno
  juno snapshot export books books.juno --whole      all history
`,
			Setup: setupExportLedger,
		},
		{
			Name: "import", Args: "FILE DIR", Summary: "make a ledger's directory from an export",
			Help: `  juno snapshot import books.juno elsewhere                for reading, verifying
  juno snapshot import books.juno elsewhere --keys books   for writing, too
`,
			Setup: setupImport,
		},
	},
}

// listVerb is the verb that lists snapshots, which has two names.
func listVerb(name string) cli.Verb {
	return cli.Verb{
		Name: name, Args: "DIR", Summary: "list the snapshots",
		Help: "  juno snapshot " + name + " books\n",
		Setup: cli.NoFlags(func(_ context.Context, c cli.Console, words []string) error {
			return listSnapshots(c, words[0])
		}),
	}
}

func setupPrune(set *flag.FlagSet) cli.Action {
	keep := set.Int("keep", 1, "how many of the newest stay")
	return func(_ context.Context, c cli.Console, words []string) error {
		return pruneSnapshots(c, words[0], *keep)
	}
}

func setupExportLedger(set *flag.FlagSet) cli.Action {
	whole := set.Bool("whole", false, "all history, from the first entry")
	return func(ctx context.Context, c cli.Console, words []string) error {
		return exportLedger(ctx, c, words[0], words[1], *whole)
	}
}

func setupImport(set *flag.FlagSet) cli.Action {
	ledger := set.String("ledger", "", "the `hash` of the ledger that it must be of")
	keys := set.String("keys", "", "take the keys of this `directory`, to go on writing")
	return func(ctx context.Context, c cli.Console, words []string) error {
		pinned, err := parsePin(*ledger)
		if err != nil {
			return err
		}
		return importLedger(ctx, c, words[0], words[1],
			embedded.ImportOptions{Pinned: pinned, Keys: *keys})
	}
}

func createSnapshot(ctx context.Context, c cli.Console, words []string) (err error) {
	ledger, err := openLedger(c, words[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	bar := shell.NewProgressBar(c.Err, "writing a snapshot")
	info, err := ledger.Snapshot(ctx, bar.Report)
	bar.Stop()
	if err != nil {
		return err
	}
	printSnapshot(c, info)
	return nil
}

func printSnapshot(c cli.Console, s juno.SnapshotInfo) {
	if s.Err != nil {
		fmt.Fprintf(c.Out, "%10d  DAMAGED: %v\n", s.Index, s.Err)
		return
	}
	fmt.Fprintf(c.Out, "%10d  %s  state %s  %d elements, %d bytes, signed by %s  %s\n", s.Index,
		s.Time, s.StateHash.Short(), s.Elements, s.Bytes, s.Signer, s.Path)
}

func listSnapshots(c cli.Console, path string) error {
	dir, err := datadir.Open(path)
	if err != nil {
		return err
	}
	all, err := embedded.Snapshots(dir)
	if err != nil {
		return err
	}
	for _, s := range all {
		printSnapshot(c, s)
	}
	return nil
}

// pruneSnapshots removes old snapshots and lists what is left.
func pruneSnapshots(c cli.Console, path string, keep int) error {
	if keep < 1 {
		return cli.Usagef("--keep %d: want at least 1", keep)
	}
	dir, err := datadir.Open(path)
	if err != nil {
		return err
	}
	if err := embedded.PruneSnapshots(dir, keep); err != nil {
		return err
	}
	return listSnapshots(c, path)
}

func exportLedger(ctx context.Context, c cli.Console, path, file string, whole bool) (err error) {
	ledger, err := openLedger(c, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	info, err := ledger.Export(ctx, file, whole)
	if err != nil {
		return err
	}
	printExport(c, file, info)
	return nil
}

func printExport(c cli.Console, file string, info embedded.ExportInfo) {
	what := fmt.Sprintf("entries %d to %d", info.From, info.To-1)
	if info.To <= info.From {
		what = "no entries"
	}
	if info.State > 0 {
		what = fmt.Sprintf("the state at %d and %s", info.State, what)
	}
	fmt.Fprintf(c.Out, "%s holds %s, %d bytes\n", file, what, info.Bytes)
}

func importLedger(
	ctx context.Context, c cli.Console, file, path string, o embedded.ImportOptions,
) error {
	bar := shell.NewProgressBar(c.Err, "importing")
	o.Progress = func(n uint64) { bar.Report(int(n), 0) }
	info, err := embedded.Import(ctx, file, path, o)
	bar.Stop()
	if errors.Is(err, embedded.ErrNotProven) || errors.Is(err, verify.ErrPin) {
		return refuse(c, file, err, "text")
	}
	if err != nil {
		return err
	}
	printImport(c, path, info)
	return nil
}

func printImport(c cli.Console, path string, info embedded.ImportInfo) {
	pinned := ""
	if !info.Verdict.Pinned {
		pinned = " (not pinned)"
	}
	fmt.Fprintf(c.Out, "ledger %s%s in %s, up to %d/%s\n", info.Cluster, pinned, path,
		info.Tip.Index, info.Tip.Hash)
	if info.State > 0 {
		fmt.Fprintf(c.Out, "it holds no history before %d: AS OF an earlier index is an error\n",
			info.State)
	}
	if !info.CanWrite {
		fmt.Fprintln(c.Out, "it has no node key: it can be read and verified only")
	}
}
