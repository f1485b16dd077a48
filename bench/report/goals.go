package main

import (
	"fmt"

	"juno/bench/measure"
)

// goal is one promise about speed or size, and how to see from the results whether it is kept.
type goal struct {
	text string
	// value returns what was measured; ok is false where a result is missing.
	value func(results) (value float64, ok bool)
	most  bool    // the limit is the most that is allowed; otherwise the least
	limit float64 // in the unit of format
	unit  string
	// why says, of the results, what the value depends on; nil: there is nothing to be said.
	why func(results) string
}

var goals = []goal{
	{
		text:  "many, each signed by itself, as a share of signing and verifying alone",
		value: ratio(best("juno/many"), best("juno/crypto")),
		limit: 0.5, unit: "share",
	},
	{text: "transfers in signed batches", value: best("juno/batch"), limit: 50_000, unit: "/s"},
	{
		text:  "one client alone, p50 in fsyncs",
		value: ratio(p50("juno/transfer", 1), p50("disk/fsync", 1)),
		limit: 3, most: true, unit: "×",
	},
	{
		text: "balance AS OF, in the store, p50", value: p50("juno/asof", 1),
		limit: 50, most: true, unit: "µs",
	},
	{
		text: "balance AS OF, in SQL, p50", value: p50("juno/asof-sql", 1),
		limit: 1000, most: true, unit: "µs",
	},
	{
		text: "last ten rows of the log, in SQL", value: median("juno/log-tail-sql"),
		limit: 0.005, most: true, unit: "s",
	},
	{text: "verify, hashes only, entries", value: best("juno/verify-hash"), limit: 1e6, unit: "/s"},
	{
		text:  "verify with signatures, as a share of batch verification alone",
		value: ratio(best("juno/verify-signatures"), best("juno/crypto-verify")),
		limit: 0.8, unit: "share",
	},
	{
		text: "restart of 1M entries", value: median("juno/restart"),
		limit: 2, most: true, unit: "s",
	},
	{
		text: "bytes on disk for a transfer", value: median("juno/bytes"),
		limit: 400, most: true, unit: "bytes",
	},
	{
		text: "resident memory at 1M accounts", value: median("juno/memory"),
		limit: 512 << 20, most: true, unit: "bytes",
	},
}

// results are looked up by name.
type results []measure.Result

// best returns the largest median of a measure over all numbers of clients.
func best(name string) func(results) (float64, bool) {
	return func(all results) (value float64, ok bool) {
		for _, r := range all {
			if r.Name == name {
				value, ok = max(value, r.Median()), true
			}
		}
		return value, ok
	}
}

// median returns the median of the first result of a measure.
func median(name string) func(results) (float64, bool) {
	return func(all results) (float64, bool) {
		for _, r := range all {
			if r.Name == name {
				return r.Median(), true
			}
		}
		return 0, false
	}
}

// p50 returns the median latency of a measure with a number of clients, in microseconds.
func p50(name string, clients int) func(results) (float64, bool) {
	return func(all results) (float64, bool) {
		for _, r := range all {
			if r.Name == name && r.Clients == clients {
				return r.P50, r.P50 > 0
			}
		}
		return 0, false
	}
}

// ratio divides two measured values.
func ratio(a, b func(results) (float64, bool)) func(results) (float64, bool) {
	return func(all results) (float64, bool) {
		x, ok := a(all)
		y, also := b(all)
		if !ok || !also || y == 0 {
			return 0, false
		}
		return x / y, true
	}
}

// row renders the goal as a row of a table.
func (g goal) row(all results) string {
	bound := "at least "
	if g.most {
		bound = "at most "
	}
	want := bound + quantity(g.limit, g.unit)
	value, ok := g.value(all)
	if !ok {
		return fmt.Sprintf("| %s | %s | not measured | |\n", g.text, want)
	}
	reached := "**no**"
	if g.most && value <= g.limit || !g.most && value >= g.limit {
		reached = "yes"
	}
	return fmt.Sprintf("| %s | %s | %s | %s |\n", g.text, want, quantity(value, g.unit), reached)
}

// quantity prints a number with its unit, with three figures that mean something.
func quantity(value float64, unit string) string {
	switch unit {
	case "share":
		return fmt.Sprintf("%.0f %%", 100*value)
	case "×":
		return number(value) + " ×"
	case "/s":
		return number(value) + "/s"
	}
	return number(value) + " " + unit
}
