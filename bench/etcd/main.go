// Command etcd measures a cluster of three etcd members on loopback, each with its own log and
// its own fsyncs, under the load of package measure as far as etcd can do it.
//
//	go -C bench/etcd run . -samples 5
//
// A transfer is one put of its record: who, to whom, how much. Nothing is signed, no balance is
// read and none is checked, so etcd does less than Juno does for a transfer. A batch is one
// transaction of batchTransfers such puts. Clients speak gRPC to the leader.
//
// The members are servers in this process, with the defaults of the embed package apart from
// what the notes of the results say. Afterwards the number of records is counted on every member:
// it must be the number of acknowledged transfers.
//
// It prints one JSON array of results.
package main

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"juno/bench/measure"
)

const (
	// batchTransfers is the largest transaction that etcd allows by default (MaxTxnOps).
	batchTransfers = 128
	// prefix is that of the keys of transfers.
	prefix = "t"
)

// load is one closed loop.
type load struct {
	measure string
	clients int
	batch   int
}

var loads = []load{
	{"cluster-idle", 1, 1},
	{"cluster-many", 64, 1},
	{"cluster-many", 512, 1},
	{"cluster-batch", 1, batchTransfers},
	{"cluster-batch", 16, batchTransfers},
}

func main() {
	plan := measure.Plan{}
	flag.IntVar(&plan.Samples, "samples", 5, "runs of every measure")
	flag.DurationVar(&plan.Length, "length", 2*time.Second, "length of one run")
	flag.DurationVar(&plan.Warmup, "warmup", 500*time.Millisecond, "before each run, not counted")
	dir := flag.String("dir", "", "where members live; default: where temporary files are")
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
		fmt.Fprintln(os.Stderr, "etcd:", err)
		os.Exit(1)
	}
}

// run starts a cluster in a new directory, puts it under every load and checks what it kept.
func run(plan measure.Plan, parent string) (results []measure.Result, err error) {
	dir, err := os.MkdirTemp(parent, "etcd")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	c, err := startCluster(dir)
	if err != nil {
		return nil, err
	}
	defer c.close()
	transfers := 0
	for _, l := range loads {
		result, acknowledged, err := l.run(plan, c.leader)
		if err != nil {
			return nil, fmt.Errorf("%s, %d clients: %w", l.measure, l.clients, err)
		}
		transfers += acknowledged
		results = append(results, result)
	}
	return results, c.check(transfers)
}

// run drives the closed loop of all clients and returns how many transfers were acknowledged.
func (l load) run(plan measure.Plan, c *clientv3.Client) (measure.Result, int, error) {
	counts := make([]uint64, l.clients)
	result, err := plan.Loop(l.clients, func(client int, pairs *measure.Pairs) (int, error) {
		puts := make([]clientv3.Op, l.batch)
		for i := range puts {
			counts[client]++
			puts[i] = clientv3.OpPut(l.key(client, counts[client]), record(pairs.Next()))
		}
		if l.batch == 1 {
			_, err := c.Do(context.Background(), puts[0])
			return 1, err
		}
		answer, err := c.Txn(context.Background()).Then(puts...).Commit()
		if err == nil && !answer.Succeeded {
			err = fmt.Errorf("transaction of %d puts refused", len(puts))
		}
		return l.batch, err
	})
	if err != nil {
		return measure.Result{}, 0, err
	}
	result.Name, result.Unit, result.Nodes = "etcd/"+l.measure, "transfers/s", members
	result.Note = measure.Version(
		"go.etcd.io/etcd/server/v3",
	) + ", unsigned puts of a record without " +
		"balances, gRPC to the leader; 3 members in one process, defaults, quota 8 GiB"
	if l.batch > 1 {
		result.Note += fmt.Sprintf(", %d puts in a transaction", l.batch)
	}
	total := 0
	for _, n := range counts {
		total += int(n)
	}
	return result, total, nil
}

// key names a transfer of one client within one load.
func (l load) key(client int, number uint64) string {
	return fmt.Sprintf("%s/%s/%d/%d/%d", prefix, l.measure, l.clients, client, number)
}

// record is the value of a transfer, the bytes that the other key-value peers keep.
func record(p measure.Pair) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(p.From))
	b = binary.BigEndian.AppendUint32(b, uint32(p.To))
	return string(binary.BigEndian.AppendUint64(b, 1))
}
