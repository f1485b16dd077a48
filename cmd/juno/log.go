package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"

	"juno"
	"juno/datadir"
	"juno/internal/cli"
	"juno/internal/vfs"
	"juno/wal"
)

var logVerb = cli.Verb{
	Name:    "log",
	Summary: "print the entries of a ledger's log",
	Help: `  juno log books --from 10 --to 20
  juno log books --json

Entries [from, to) are read from the files as they are; the ledger may be open elsewhere.
`,
	Args:  "DIR",
	Setup: setupLog,
}

// logRow is an entry as --json prints it.
type logRow struct {
	Index   juno.Index     `json:"log_index"`
	Term    string         `json:"term"`
	Time    string         `json:"committed_at"`
	Kind    string         `json:"kind"`
	Hash    string         `json:"hash"`
	Key     string         `json:"key_id,omitempty"`
	Request juno.RequestID `json:"request_id,omitempty"`
	Text    string         `json:"body,omitempty"`
	Payload string         `json:"payload,omitempty"` // of what is no command
}

func setupLog(set *flag.FlagSet) cli.Action {
	from := set.Uint64("from", 1, "first index")
	to := set.Uint64("to", 0, "index after the last; 0 is the end")
	asJSON := set.Bool("json", false, "one JSON object a line")
	return func(_ context.Context, c cli.Console, words []string) error {
		if *to != 0 && *to <= *from {
			return cli.Usagef("--from %d --to %d: no entry is in between; --to is the index after "+
				"the last", *from, *to)
		}
		return printLog(c, words[0], *from, *to, *asJSON)
	}
}

// printLog prints the entries [from, to); to is 0 for the end.
func printLog(c cli.Console, path string, from, to uint64, asJSON bool) error {
	dir, err := datadir.Open(path)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(c.Out)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false) // transfer(a->b, 1%1) is read by people too
	printed := func(e *juno.Chained) error {
		if asJSON {
			return encoder.Encode(toLogRow(e))
		}
		return printEntry(out, e)
	}
	_, err = wal.Verify(wal.VerifyOptions{
		FS: vfs.OS{}, Dir: dir.LogPath(), Cluster: dir.Genesis.ID(), Workers: 1,
		Visit: func(entries []juno.Chained) error {
			for i := range entries {
				index := uint64(entries[i].Index)
				if index < from || (to != 0 && index >= to) {
					continue
				}
				if err := printed(&entries[i]); err != nil {
					return err
				}
			}
			return nil
		},
	})
	return errors.Join(err, out.Flush())
}

func toLogRow(e *juno.Chained) logRow {
	row := logRow{
		Index: e.Index, Term: e.Term.String(), Time: e.Time.String(),
		Kind: e.Type.String(), Hash: e.Hash.String(),
	}
	if e.Type != juno.EntryCommand {
		row.Payload = hex.EncodeToString(e.Payload)
		return row
	}
	if command, err := juno.ParseCommand(e.Payload); err == nil {
		row.Key, row.Request, row.Text = command.Key.String(), command.Request, command.Text
	}
	return row
}

func printEntry(w io.Writer, e *juno.Chained) error {
	row := toLogRow(e)
	what := fmt.Sprintf("%d bytes", len(e.Payload))
	if e.Type == juno.EntryCommand {
		what = fmt.Sprintf("%s#%d %q", row.Key, row.Request, row.Text)
	}
	_, err := fmt.Fprintf(w, "%8d  %s  %s  %-10s  %s  %s\n", e.Index, row.Time, row.Term, row.Kind,
		e.Hash.Short(), what)
	return err
}
