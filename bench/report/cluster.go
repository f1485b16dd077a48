package main

import (
	"fmt"
	"strings"
)

// clusterChapters are in the order of the page.
var clusterChapters = []chapter{
	{"cluster-many", "Commands one by one", "Every command signed by its client, every signature " +
		"checked by every node, every command on the disks of a quorum before f+1 nodes have " +
		"acknowledged it. Clients are commands in flight: each sends its next one when its last " +
		"one is acknowledged, and p50 and p99 are of one command. Only Juno's 8000 are bursts, " +
		"the prototype's `many test:8000`, one after the other."},
	{"cluster-batch", "Commands in batches", "Juno: `batch test:8000`, one signature over many " +
		"commands. " +
		"etcd: many puts in one transaction. CometBFT's kvstore has no such thing."},
	{"cluster-idle", "One command alone", "One client, which sends its next command when the " +
		"last one is acknowledged."},
	{"cluster-failover", "Leader killed", "From SIGKILL to the first new commit; every run is a " +
		"kill. The load goes on meanwhile."},
	{"cluster-memory", "Memory", "Resident memory of the largest node after the runs."},
	{"cluster-soak", "Memory under load for long", "Resident memory of the largest node; every " +
		"run is the most in a tenth of the time, in order in BENCHMARKS.cluster.json."},
	{"cluster-crypto", "Signing once and verifying at every node", "No network, no disk: the " +
		"ceiling over commands that are signed one by one, on the cores that all nodes share."},
}

// fairness says what is compared and what is not.
const fairness = `## What is compared

All clusters run on loopback on one machine, so all nodes and all clients share its cores and its
disk, and there is no network latency. Every system syncs its log to the same disk as it does by
default.

- Juno and CometBFT go on when one of four nodes lies; etcd goes on when one of three is silent,
  and believes what it is told. etcd needs no signatures for that.
- Commands of Juno are signed by clients, and every node checks every signature. Transactions of
  CometBFT's kvstore and of etcd are not signed. CometBFT signs votes and proposals.
- Juno executes a transfer: two balances, the books, a record, a signed answer. The others store
  the record of a transfer and read no balance.
- Juno's clients are in one process and use juno's Go package client over ZeroMQ, encrypted. They
  believe an answer when f+1 nodes have signed the same.
- Juno's nodes are processes of their own. The peers' nodes are in one process with their clients,
  which saves them switches between processes, and CometBFT is called without RPC.
- Juno's nodes get a share of the processors each, at least one (GOMAXPROCS), as an operator would
  set it where nodes share a machine.
- Clusters of 8 and more nodes of Juno get many and batch only, twice each and without a warm-up, so
  that the whole run takes less than twenty minutes on two cores.
- The prototype's table is what its authors published, on their machine: 4 cores, nothing on disk,
  and a majority of the nodes as quorum. It is no measurement of this run.

`

// ClusterMarkdown renders the page about clusters; plot is the name of its picture.
func (p Page) ClusterMarkdown(plot string) string {
	var b strings.Builder
	b.WriteString("# Benchmarks of a cluster\n\nWritten by `make bench-cluster`; do not edit. " +
		"One node alone: BENCHMARKS.md.\n\n## Machine and commands\n\n")
	p.provenance(&b)
	fmt.Fprintf(&b, "\nA number is the median of its runs (%d unless a row says otherwise); the "+
		"spread is the distance between the best and the worst run as a share of the median. "+
		"p50 and p99 are latencies of one acknowledged operation.\n\n", p.Samples)
	p.failures(&b)
	b.WriteString(fairness)
	b.WriteString("## Goals\n\n| what | goal | measured | reached | why |\n|---|---|---|---|---|\n")
	for _, g := range clusterGoals {
		b.WriteString(g.whyRow(p.Results))
	}
	fmt.Fprintf(
		&b,
		"\n## Throughput against cluster size\n\n![Throughput against cluster size](%s)"+
			"\n\nCommands per second; the prototype's figures are those of\n<%s>.\n\n",
		plot,
		prototypeSource,
	)
	b.WriteString("| nodes | Juno `batch` | prototype, client batching | Juno `many` " +
		"| prototype, leader batching |\n|---:|---:|---:|---:|---:|\n")
	for _, row := range prototype {
		fmt.Fprintf(&b, "| %d | %s | %.0f | %s | %.0f |\n", row.nodes,
			p.cell("juno/cluster-batch", row.nodes), row.clientBatching,
			p.cell("juno/cluster-many", row.nodes), row.leaderBatching)
	}
	for _, c := range clusterChapters {
		p.chapter(&b, c)
	}
	p.profileChapter(&b)
	return b.String()
}

// failures tells what did not work; nothing if all did.
func (p Page) failures(b *strings.Builder) {
	var lines []string
	for _, r := range p.Results {
		if r.Failure != "" {
			lines = append(lines, fmt.Sprintf("- %s, %d nodes: %s\n", r.Name, r.Nodes,
				strings.Join(strings.Fields(r.Failure), " ")))
		}
	}
	lines = append(lines, p.Failed...)
	if len(lines) > 0 {
		b.WriteString("## What failed\n\n" + strings.Join(lines, "") + "\n")
	}
}

// cell prints the median of the prototype's load at one cluster size.
func (p Page) cell(name string, nodes int) string {
	if value, ok := burst(name, nodes)(p.Results); ok {
		return number(value)
	}
	for _, r := range p.Results {
		if r.Failure != "" && r.Nodes == nodes {
			return "failed"
		}
	}
	return "not measured"
}
