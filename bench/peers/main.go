// Command peers measures other embedded, durable stores with Juno's own workload: the same
// accounts, the same transfers, the same closed loop (see package measure).
//
//	go -C bench run ./peers -only immudb,sqlite -samples 5
//
// It prints one JSON array of results. Before a number is believed, every peer is closed, opened
// again and checked: the sum of all balances must be what was put in, and the number of transfer
// records must be the number of acknowledged transfers.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"juno/bench/measure"
)

func main() {
	plan := measure.Plan{}
	flag.IntVar(&plan.Samples, "samples", 5, "runs of every measure")
	flag.DurationVar(&plan.Length, "length", 2*time.Second, "length of one run")
	flag.DurationVar(&plan.Warmup, "warmup", 500*time.Millisecond, "before each run, not counted")
	dir := flag.String("dir", "", "where ledgers are made; default: where temporary files are")
	only := flag.String("only", "", "names of peers, separated by commas; default: all")
	flag.Parse()
	if flag.NArg() > 0 || plan.Samples < 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(plan, *dir, *only); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(plan measure.Plan, dir, only string) error {
	dir, err := os.MkdirTemp(dir, "peers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	probe, err := plan.Syncs(dir)
	if err != nil {
		return err
	}
	results := []measure.Result{probe}
	for _, p := range peers {
		if only != "" && !strings.Contains(","+only+",", ","+p.name+",") {
			continue
		}
		measured, err := measurePeer(p, plan, dir)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		results = append(results, measured...)
	}
	return measure.Write(os.Stdout, results)
}
