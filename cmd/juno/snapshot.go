package main

import (
	"context"
	"errors"
	"fmt"

	"juno"
	"juno/embedded"
	"juno/verify"
)

var snapshotVerb = verb{
	name:    "snapshot",
	summary: "create, list, verify, prune, export and import snapshots",
	help: `  juno snapshot create books
  juno snapshot list books
  juno snapshot verify books/snapshots/00000000000000001000.manifest
  juno snapshot prune books --keep 1             removes all but the newest
  juno snapshot export books books.juno          a snapshot and what follows; --whole: all history
  juno snapshot import books.juno elsewhere      --keys books: go on writing there
`,
}

func init() { snapshotVerb.run = runSnapshot }

func runSnapshot(ctx context.Context, c console, args []string) error {
	set := flags(c, &snapshotVerb)
	whole := set.Bool("whole", false, "export: all history, from the first entry")
	ledger := set.String("ledger", "", "import: the `hash` of the ledger that it must be of")
	keys := set.String("keys", "", "import: take the keys of this `directory`, to go on writing")
	keep := set.Int("keep", 1, "prune: how many stay, the newest ones")
	words, err := parse(set, args, 2, 3)
	if err != nil {
		return err
	}
	action, rest := words[0], words[1:]
	wanted := map[string]int{
		"create": 1, "list": 1, "show": 1, "verify": 1, "prune": 1, "export": 2, "import": 2,
	}
	if wanted[action] != len(rest) {
		return usagef("%s: want create|list|show|verify|prune PATH, export DIR FILE or "+
			"import FILE DIR", action)
	}
	switch action {
	case "create":
		return createSnapshot(ctx, c, rest[0])
	case "export":
		return exportLedger(ctx, c, rest[0], rest[1], *whole)
	case "import":
		pinned, err := parsePin(*ledger)
		if err != nil {
			return err
		}
		return importLedger(ctx, c, rest[0], rest[1],
			embedded.ImportOptions{Pinned: pinned, Keys: *keys})
	case "verify":
		return runVerify(ctx, c, rest)
	case "prune":
		return pruneSnapshots(c, rest[0], *keep)
	}
	return listSnapshots(c, rest[0])
}

func createSnapshot(ctx context.Context, c console, path string) (err error) {
	ledger, err := openLedger(c, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	bar := progressLine(c.err, "writing a snapshot")
	info, err := ledger.Snapshot(ctx, bar.update)
	bar.end()
	if err != nil {
		return err
	}
	printSnapshot(c, info)
	return nil
}

func printSnapshot(c console, s juno.SnapshotInfo) {
	if s.Err != nil {
		fmt.Fprintf(c.out, "%10d  DAMAGED: %v\n", s.Index, s.Err)
		return
	}
	fmt.Fprintf(c.out, "%10d  %s  state %s  %d elements, %d bytes, signed by %s  %s\n", s.Index,
		s.Time, s.StateHash.Short(), s.Elements, s.Bytes, s.Signer, s.Path)
}

func listSnapshots(c console, path string) error {
	dir, err := embedded.Look(nil, path)
	if err != nil {
		return err
	}
	all, err := dir.Snapshots()
	if err != nil {
		return err
	}
	for _, s := range all {
		printSnapshot(c, s)
	}
	return nil
}

// pruneSnapshots removes old snapshots and lists what is left.
func pruneSnapshots(c console, path string, keep int) error {
	if keep < 1 {
		return usagef("--keep %d: want at least 1", keep)
	}
	dir, err := embedded.Look(nil, path)
	if err != nil {
		return err
	}
	if err := dir.PruneSnapshots(keep); err != nil {
		return err
	}
	return listSnapshots(c, path)
}

func exportLedger(ctx context.Context, c console, path, file string, whole bool) (err error) {
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

func printExport(c console, file string, info embedded.ExportInfo) {
	what := fmt.Sprintf("entries %d to %d", info.From, info.To-1)
	if info.To <= info.From {
		what = "no entries"
	}
	if info.State > 0 {
		what = fmt.Sprintf("the state at %d and %s", info.State, what)
	}
	fmt.Fprintf(c.out, "%s holds %s, %d bytes\n", file, what, info.Bytes)
}

func importLedger(
	ctx context.Context, c console, file, path string, o embedded.ImportOptions,
) error {
	bar := progressLine(c.err, "importing")
	o.Progress = func(n uint64) { bar.update(int(n), 0) }
	info, err := embedded.Import(ctx, file, path, o)
	bar.end()
	if errors.Is(err, embedded.ErrNotProven) || errors.Is(err, verify.ErrPin) {
		return refuse(c, file, err, "text")
	}
	if err != nil {
		return err
	}
	printImport(c, path, info)
	return nil
}

func printImport(c console, path string, info embedded.ImportInfo) {
	pinned := ""
	if !info.Verdict.Pinned {
		pinned = " (not pinned)"
	}
	fmt.Fprintf(c.out, "ledger %s%s in %s, up to %d/%s\n", info.Cluster, pinned, path,
		info.Tip.Index, info.Tip.Hash)
	if info.State > 0 {
		fmt.Fprintf(c.out, "it holds no history before %d: AS OF an earlier index is an error\n",
			info.State)
	}
	if !info.CanWrite {
		fmt.Fprintln(c.out, "it has no node key: for reading and verifying only")
	}
}
