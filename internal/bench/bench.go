package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"juno/internal/cli"
)

// plan says how much is measured.
type plan struct {
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
	cli.Console
	ctx     context.Context
	version string // of this program
	plan    plan
	dir     string // of this run, removed at its end
	large   string // the large ledger; empty: not made yet
	results []result
}

// part is one word behind "juno bench".
type part struct {
	name string
	run  func(*bench) error
}

// parts are in the order of "all": memory comes first, while the process is small.
var parts = []part{
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
var clusterPart = part{"cluster", (*bench).cluster}

// Verb returns juno bench. version is that of the program.
func Verb(version string) cli.Verb {
	return cli.Verb{
		Name:    "bench",
		Summary: "measure speed and size on this machine",
		Args:    "MEASURE",
		Help: `  juno bench many              durable commands, each signed by itself
  juno bench all --json        everything, as one JSON array
  juno bench verify --ledger DIR   on a ledger that an earlier run has left there
  juno bench cluster --nodes 4 --kills 5   clusters of juno server processes

Measures: many, batch, query, verify, restart, size, memory, crypto, all (of these), and cluster.
Ledgers are made where temporary files are (TMPDIR), on the real disk and with real syncs, and
removed. With JUNO_CPUPROFILE in its environment any verb writes its CPU profile to that file.
`,
		Setup: func(set *flag.FlagSet) cli.Action { return setup(set, version) },
	}
}

func setup(set *flag.FlagSet, version string) cli.Action {
	b := &bench{version: version}
	asJSON := set.Bool("json", false, "print one JSON array")
	profile := set.String("cpuprofile", "", "write a CPU profile of all of it to this `file`")
	set.StringVar(&b.large, "ledger", "", "keep the large ledger in this `directory`")
	set.IntVar(&b.plan.samples, "samples", 5, "runs of every measure")
	set.DurationVar(&b.plan.length, "length", 2*time.Second, "length of a run")
	set.DurationVar(&b.plan.warmup, "warmup", 500*time.Millisecond, "before a run, not counted")
	set.IntVar(&b.plan.entries, "entries", 1_000_000, "entries of the large ledger")
	set.IntVar(&b.plan.accounts, "accounts", 1_000_000, "accounts when memory is measured")
	set.StringVar(&b.plan.nodes, "nodes", "1,4,8,12,16,20",
		"sizes of the clusters; empty: none, for --soak alone")
	set.IntVar(&b.plan.kills, "kills", 20, "leaders of a cluster that are killed")
	set.DurationVar(&b.plan.soak, "soak", 0,
		"keep a cluster under load for so long, and measure its memory")
	set.StringVar(&b.plan.profiles, "profiles", "",
		"write CPU profiles of a cluster's nodes to this `directory`")
	set.DurationVar(&b.plan.within, "within", 10*time.Minute,
		"clusters that are not measured by then are reported as failed")
	return func(ctx context.Context, c cli.Console, words []string) error {
		b.Console, b.ctx = c, ctx
		return b.measure(words[0], *asJSON, *profile)
	}
}

// measure takes the measures that a word names, and prints the results when all of them are there.
func (b *bench) measure(word string, asJSON bool, profile string) (err error) {
	parts, err := partsOf(word)
	if err != nil {
		return err
	}
	if least := 2 * loadAccounts; b.plan.samples < 1 || b.plan.entries < least {
		return cli.Usagef("want at least 1 sample and %d entries", least)
	}
	if b.dir, err = os.MkdirTemp("", "juno-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	stop, err := cli.StartProfile(profile)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err := part.run(b); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", part.name, err), stop())
		}
	}
	return errors.Join(stop(), writeResults(b.Out, b.results, asJSON))
}

func partsOf(word string) ([]part, error) {
	if word == "all" {
		return parts, nil
	}
	parts := append(slices.Clone(parts), clusterPart)
	i := slices.IndexFunc(parts, func(p part) bool { return p.name == word })
	if i < 0 {
		var names []string
		for _, p := range parts {
			names = append(names, p.name)
		}
		return nil, cli.Usagef("no measure %.40q; there are: %s, all", word,
			strings.Join(names, ", "))
	}
	return parts[i : i+1], nil
}

// path returns a place for a new ledger.
func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// say reports progress. Results are printed elsewhere, when all of them are there.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.Err, "bench: %s\n", fmt.Sprintf(format, args...))
}
