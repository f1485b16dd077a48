package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

var benchVerb = verb{
	name:    "bench",
	summary: "measure speed and size on this machine",
	help: `  juno bench many              durable commands, each signed by itself
  juno bench all --json        everything, as one JSON array
  juno bench verify --ledger DIR   on a ledger that an earlier run has left there
  juno bench cluster --nodes 4 --kills 5   clusters of juno server processes

Measures: many, batch, query, verify, restart, size, memory, crypto, all (of these), and cluster.
Ledgers are made where temporary files are (TMPDIR), on the real disk and with real syncs, and
removed. With JUNO_CPUPROFILE in its environment any verb writes its CPU profile to that file.
`,
}

func init() { benchVerb.run = runBench }

// benchPlan says how much is measured.
type benchPlan struct {
	samples  int           // runs of each measure
	warmup   time.Duration // before a run, not counted
	length   time.Duration // of a run
	entries  int           // of the large ledger
	accounts int           // of the ledger whose memory is measured
	nodes    string        // sizes of the clusters
	kills    int           // of leaders
	soak     time.Duration // how long a cluster is kept under load for its memory; 0: not at all
	profiles string        // directory for CPU profiles of nodes; empty: none
	within   time.Duration // that all clusters are measured in
}

// bench is one run of the verb.
type bench struct {
	console
	ctx     context.Context
	plan    benchPlan
	dir     string // of this run, removed at its end
	large   string // the large ledger; empty: not made yet
	results []benchResult
}

// benchPart is one word behind "juno bench".
type benchPart struct {
	name string
	run  func(*bench) error
}

// benchParts are in the order of "all": memory comes first, while the process is small.
var benchParts = []benchPart{
	{"memory", (*bench).memory},
	{"many", (*bench).many},
	{"batch", (*bench).batch},
	{"size", (*bench).size},
	{"restart", (*bench).restart},
	{"query", (*bench).query},
	{"verify", (*bench).verify},
	{"crypto", (*bench).crypto},
}

// clusterPart starts processes and takes minutes, so it is no part of "all".
var clusterPart = benchPart{"cluster", (*bench).cluster}

func runBench(ctx context.Context, c console, args []string) (err error) {
	b := &bench{console: c, ctx: ctx}
	set := flags(c, &benchVerb)
	asJSON := set.Bool("json", false, "print one JSON array")
	profile := set.String("cpuprofile", "", "write a CPU profile of all of it to this `file`")
	set.StringVar(&b.large, "ledger", "", "keep the large ledger in this `directory`")
	set.IntVar(&b.plan.samples, "samples", 5, "runs of every measure")
	set.DurationVar(&b.plan.length, "length", 2*time.Second, "length of a run")
	set.DurationVar(&b.plan.warmup, "warmup", 500*time.Millisecond, "before a run, not counted")
	set.IntVar(&b.plan.entries, "entries", 1_000_000, "entries of the large ledger")
	set.IntVar(&b.plan.accounts, "accounts", 1_000_000, "accounts when memory is measured")
	set.StringVar(&b.plan.nodes, "nodes", "1,4,8,12,16,20",
		"sizes of the clusters; empty: none, for -soak alone")
	set.IntVar(&b.plan.kills, "kills", 20, "leaders of a cluster that are killed")
	set.DurationVar(&b.plan.soak, "soak", 0,
		"keep a cluster under load for so long, and look at its memory")
	set.StringVar(&b.plan.profiles, "profiles", "",
		"write CPU profiles of a cluster's nodes to this `directory`")
	set.DurationVar(&b.plan.within, "within", 10*time.Minute,
		"what of the clusters is not measured by then is told as failed")
	words, err := parse(set, args, 1, 1)
	if err != nil {
		return err
	}
	parts, err := benchPartsOf(words[0])
	if err != nil {
		return err
	}
	if least := 2 * benchAccounts; b.plan.samples < 1 || b.plan.entries < least {
		return usagef("want at least 1 sample and %d entries", least)
	}
	if b.dir, err = os.MkdirTemp("", "juno-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	stop, err := startProfile(*profile)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err := part.run(b); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", part.name, err), stop())
		}
	}
	return errors.Join(stop(), writeResults(c.out, b.results, *asJSON))
}

func benchPartsOf(word string) ([]benchPart, error) {
	if word == "all" {
		return benchParts, nil
	}
	parts := append(slices.Clone(benchParts), clusterPart)
	i := slices.IndexFunc(parts, func(p benchPart) bool { return p.name == word })
	if i < 0 {
		var names []string
		for _, p := range parts {
			names = append(names, p.name)
		}
		return nil, usagef("no measure %.40q; there are: %s, all", word, strings.Join(names, ", "))
	}
	return parts[i : i+1], nil
}

// startProfile starts a CPU profile unless file is empty; the function it returns ends it.
func startProfile(file string) (stop func() error, err error) {
	if file == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// path returns a place for a new ledger.
func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// say tells what goes on. Results go elsewhere, when all of them are there.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.err, "bench: %s\n", fmt.Sprintf(format, args...))
}
