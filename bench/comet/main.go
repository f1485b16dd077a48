// Command comet measures four CometBFT validators on loopback, each with its own stores, its own
// log and its own fsyncs, running CometBFT's kvstore, under the load of package measure as far
// as that can do it.
//
//	go -C bench/comet run . -samples 5
//
// A transfer is one transaction with its record: who, to whom, how much. The kvstore's
// transactions are not signed, no balance is read and none is checked, so a validator does less
// than a node of Juno does for a transfer; votes and blocks are signed. A client waits until its
// transaction is in a block that its validator has executed. Clients are spread over all
// validators and call them without HTTP or JSON between.
//
// The validators are nodes in this process; config.go says what is not as CometBFT's defaults
// have it. Afterwards the number of transactions that every kvstore has executed is compared
// with the number of acknowledged transfers.
//
// It prints one JSON array of results.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"juno/bench/measure"
)

// load is one closed loop; every client has one transaction on its way.
type load struct {
	measure string
	clients int
}

// loads ends with as many transactions on their way as `many test:8000` has.
var loads = []load{
	{"cluster-idle", 1},
	{"cluster-many", 64},
	{"cluster-many", 512},
	{"cluster-many", 2000},
	{"cluster-many", 8000},
}

func main() {
	plan := measure.Plan{}
	flag.IntVar(&plan.Samples, "samples", 5, "runs of every measure")
	flag.DurationVar(&plan.Length, "length", 10*time.Second, "length of one run")
	flag.DurationVar(&plan.Warmup, "warmup", time.Second, "before each run, not counted")
	dir := flag.String("dir", "", "where validators live; default: where temporary files are")
	flag.Parse()
	if flag.NArg() > 0 || plan.Samples < 1 {
		flag.Usage()
		os.Exit(2)
	}
	results, err := run(plan, *dir)
	if err == nil {
		err = measure.Write(os.Stdout, results)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "comet:", err)
		os.Exit(1)
	}
}

// run starts a cluster in a new directory, puts it under every load and checks what it kept.
func run(plan measure.Plan, parent string) ([]measure.Result, error) {
	dir, err := os.MkdirTemp(parent, "comet")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	c, err := startCluster(dir)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	var results []measure.Result
	transfers := 0
	for _, l := range loads {
		result, acknowledged, err := l.run(plan, c)
		if err != nil {
			return nil, fmt.Errorf("%s, %d clients: %w", l.measure, l.clients, err)
		}
		transfers += acknowledged
		results = append(results, result)
	}
	return results, c.check(transfers)
}

// run drives the closed loop of all clients and returns how many transfers were acknowledged.
func (l load) run(plan measure.Plan, c *cluster) (measure.Result, int, error) {
	counts := make([]int, l.clients)
	result, err := plan.Loop(l.clients, func(client int, pairs *measure.Pairs) (int, error) {
		counts[client]++
		p := pairs.Next()
		tx := fmt.Sprintf("%s/%d/%d/%d=%d/%d/1", l.measure, l.clients, client, counts[client],
			p.From, p.To)
		return 1, c.validators[client%validators].submit([]byte(tx))
	})
	if err != nil {
		return measure.Result{}, 0, err
	}
	result.Name, result.Unit, result.Nodes = "cometbft/"+l.measure, "transfers/s", validators
	result.Note = measure.Version(
		"github.com/cometbft/cometbft",
	) + ", kvstore: unsigned records without balances; " +
		tuning
	total := 0
	for _, n := range counts {
		total += n
	}
	return result, total, nil
}
