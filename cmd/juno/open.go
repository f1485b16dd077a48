package main

import (
	"fmt"
	"slices"
	"strings"

	"juno/embedded"
	"juno/internal/cli"
	"juno/shell"
)

// openLedger opens a directory for a verb: warnings and the progress of a long start go to err.
func openLedger(c cli.Console, path string) (*embedded.Ledger, error) {
	bar := shell.NewProgressBar(c.Err, "replaying the log")
	ledger, err := embedded.Open(path, embedded.Options{
		Warn:     func(text string) { fmt.Fprintf(c.Err, "warning: %s\n", text) },
		Progress: bar.Report,
	})
	bar.Stop()
	return ledger, err
}

// actAs returns the client that a verb acts for: the named one, or the first of the genesis whose
// key is here. No key at all gives nil: reading needs none.
func actAs(ledger *embedded.Ledger, name string) (*embedded.Client, error) {
	if name != "" {
		return ledger.Client(name)
	}
	if ledger.ReadOnly() {
		return nil, nil
	}
	here, err := ledger.Directory().ClientNames()
	if err != nil {
		return nil, err
	}
	for _, k := range ledger.Directory().Genesis.Clients {
		if slices.Contains(here, k.Name) {
			return ledger.Client(k.Name)
		}
	}
	return nil, nil
}

// place returns the directory that a call is about, its first word or that of --connect, and the
// word behind it, which word names; it is empty where there is none.
func place(words []string, connect, word string) (path, value string, err error) {
	want, all := 1, words
	if word != "" {
		want = 2
	}
	if connect != "" {
		all = append([]string{connect}, words...)
	}
	if len(all) != want {
		return "", "", cli.Usagef("want %s, or %s", strings.TrimSpace("DIR "+word),
			strings.TrimSpace("--connect DIR "+word))
	}
	return all[0], strings.Join(all[1:], ""), nil
}
