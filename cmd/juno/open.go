package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"juno/embedded"
	"juno/shell"
)

// openLedger opens a directory for a verb: warnings and the progress of a long start go to err.
func openLedger(c console, path string) (*embedded.Ledger, error) {
	report := progressLine(c.err, "executing the log again")
	ledger, err := embedded.Open(path, embedded.Options{
		Warn:     func(text string) { fmt.Fprintf(c.err, "warning: %s\n", text) },
		Progress: report.update,
	})
	report.end()
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

// progressBar reports on something that takes more than a second, on a terminal.
type progressBar struct {
	w       io.Writer
	what    string
	show    bool
	started time.Time
	shown   time.Time
}

func progressLine(w io.Writer, what string) *progressBar {
	return &progressBar{w: w, what: what, show: shell.IsTerminal(w), started: time.Now()}
}

const (
	progressAfter = time.Second
	progressEvery = 100 * time.Millisecond
)

func (p *progressBar) update(done, total int) {
	now := time.Now()
	if !p.show || now.Sub(p.started) < progressAfter || now.Sub(p.shown) < progressEvery {
		return
	}
	p.shown = now
	percent := 0
	if total > 0 {
		percent = done * 100 / total
	}
	fmt.Fprintf(p.w, "\r%s: %3d %% (%d of %d)\x1b[K", p.what, percent, done, total)
}

// end takes the line away.
func (p *progressBar) end() {
	if !p.shown.IsZero() {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
