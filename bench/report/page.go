package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"juno/bench/measure"
)

// Page is everything that docs/BENCHMARKS.md tells.
type Page struct {
	Machine Machine
	Juno    string // what juno version prints; empty when only peers were measured
	Samples int
	Runs    []Run
	Results results
	Failed  []string // programs that failed, as lines of a list
}

// Run is one program that was run for the page.
type Run struct {
	Command string
	Took    time.Duration
}

// chapter is one measure with a heading of its own.
type chapter struct{ measure, title, text string }

// chapters are in the order of the page; measures without a chapter come last.
var chapters = []chapter{
	{"transfer", "Durable transfers, one command each", "Each transfer is a transaction of its " +
		"own, on disk before it is acknowledged. Juno's are signed by the client as well."},
	{
		"many",
		"Durable transfers, given at once, one signature each",
		"As the shell's `many` does: " +
			"one client signs and submits thousands without waiting for each, and waits for all.",
	},
	{"batch", "Durable transfers in batches", "Many transfers in one transaction, or under one " +
		"signature. Each of Juno's is still an entry of its own, with a proof of its own."},
	{"batch-large", "Durable transfers in the largest batches", "As many as one signature can be " +
		"about."},
	{"bytes", "Bytes on disk", "Growth of the directory for each transfer, after closing: " +
		"blocks that the file system has allocated."},
	{"fsync", "The disk alone", "Append 8 KiB to a file and make it durable: the floor under " +
		"every latency above."},
	{"crypto", "Signing and verifying alone", "No disk: the ceiling over individually signed " +
		"commands."},
	{"crypto-verify", "Batch verification alone", "No disk: the ceiling over verify with " +
		"signatures."},
	{"asof", "A balance in the past, from the store", "A random account at a random earlier " +
		"moment."},
	{"asof-sql", "A balance in the past, through SQL", "The same with AS OF."},
	{"log-tail-sql", "The last ten rows of the log, through SQL", "On a ledger of 1M entries."},
	{"scan-sql", "Scan through SQL", "Over 1M transfers."},
	{"group-sql", "GROUP BY through SQL", "Over 1M transfers."},
	{"verify-hash", "Verify, hashes only", "The chain is recomputed from the first entry."},
	{"verify-signatures", "Verify with signatures", "And every signature checked, on all cores."},
	{
		"verify-all",
		"Verify everything",
		"And all commands executed again, and states and balances " +
			"compared.",
	},
	{"restart", "Restart", "From opening the directory to the first answer."},
	{"restart-killed", "Restart after a kill", "The whole log is verified, and what was executed " +
		"after the last sync point is executed again."},
	{"memory", "Memory", "Resident memory of the process."},
}

// provenance says on what machine, of which version and by which commands it was measured.
func (p Page) provenance(b *strings.Builder) {
	b.WriteString(p.Machine.String())
	if p.Juno != "" {
		fmt.Fprintf(b, "- %s\n", p.Juno)
	}
	for _, run := range p.Runs {
		fmt.Fprintf(b, "- `%s`: %s\n", run.Command, run.Took.Round(time.Second))
	}
}

// Markdown renders the page.
func (p Page) Markdown() string {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\nWritten by `make bench`; do not edit. " +
		"The workload is described in `bench/measure`. Clusters: BENCHMARKS.cluster.md.\n\n" +
		"## Machine and commands\n\n")
	p.provenance(&b)
	fmt.Fprintf(&b, "\nA number is the median of its runs (peers: %d); the spread is the distance "+
		"between the best and the worst run as a share of the median. p50 and p99 are latencies "+
		"of one acknowledged operation, over all runs.\n", p.Samples)
	if p.Juno != "" {
		b.WriteString("\n## Goals\n\n| what | goal | measured | reached |\n|---|---|---|---|\n")
		for _, g := range goals {
			b.WriteString(g.row(p.Results))
		}
	}
	told := make(map[string]bool)
	for _, c := range chapters {
		told[c.measure] = true
		p.chapter(&b, c)
	}
	for _, r := range p.Results {
		if m := r.Measure(); !told[m] {
			told[m] = true
			p.chapter(&b, chapter{measure: m, title: m})
		}
	}
	return b.String()
}

// chapter renders one measure of all systems, if anybody measured it.
func (p Page) chapter(b *strings.Builder, c chapter) {
	rows := slices.DeleteFunc(slices.Clone(p.Results), func(r measure.Result) bool {
		return r.Measure() != c.measure || len(r.Samples) == 0
	})
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n", c.title)
	if c.text != "" {
		fmt.Fprintf(b, "%s\n\n", c.text)
	}
	nodes, line := "", ""
	if slices.ContainsFunc(rows, func(r measure.Result) bool { return r.Nodes > 0 }) {
		nodes, line = " nodes |", "---:|"
	}
	fmt.Fprintf(b, "| system |%s clients | %s | spread | runs | p50 | p99 |\n",
		nodes, rows[0].Unit)
	fmt.Fprintf(b, "|---|%s---:|---:|---:|---:|---:|---:|\n", line)
	for _, r := range rows {
		if nodes != "" {
			nodes = fmt.Sprintf(" %s |", orBlank(r.Nodes))
		}
		fmt.Fprintf(
			b,
			"| %s |%s %s | %s | %.0f %% | %d | %s | %s |\n",
			r.System(),
			nodes,
			orBlank(r.Clients),
			number(r.Median()),
			100*r.Spread(),
			len(r.Samples),
			latency(r.P50),
			latency(r.P99),
		)
	}
	notes(b, rows)
}

// notes lists what the rows say about themselves, each note once.
func notes(b *strings.Builder, rows []measure.Result) {
	said := make(map[string]bool)
	for _, r := range rows {
		text := fmt.Sprintf("- %s: %s\n", r.System(), r.Note)
		if r.Note == "" || said[text] {
			continue
		}
		if len(said) == 0 {
			b.WriteString("\n")
		}
		said[text] = true
		b.WriteString(text)
	}
}

func orBlank(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// latency prints microseconds in a unit that reads well; nothing where none was measured.
func latency(us float64) string {
	switch {
	case us == 0:
		return ""
	case us >= 1e6:
		return number(us/1e6) + " s"
	case us >= 1e3:
		return number(us/1e3) + " ms"
	}
	return number(us) + " µs"
}

// number prints three figures, and whole numbers with separators from 1000.
func number(x float64) string {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Sprint(x)
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(x))))
	if digits > 0 {
		return fmt.Sprintf("%.*f", digits, x)
	}
	scale := math.Pow(10, float64(-digits))
	text := fmt.Sprintf("%.0f", math.Round(x/scale)*scale)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
