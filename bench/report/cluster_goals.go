package main

import (
	"fmt"
	"slices"
	"strings"

	"juno/bench/measure"
)

// clusterGoals are the promises about a cluster.
var clusterGoals = []goal{
	{
		text: "many, 4 nodes", value: burst("juno/cluster-many", 4), limit: 10_000, unit: "/s",
		why: signatureShare("many"),
	},
	{
		text:  "many, 4 nodes, as a share of signing once and verifying at every node",
		value: ratio(burst("juno/cluster-many", 4), atNodes("juno/cluster-crypto", 4)),
		limit: 0.5, unit: "share", why: signatureShare("many"),
	},
	{
		text: "batch, 4 nodes", value: burst("juno/cluster-batch", 4), limit: 60_000, unit: "/s",
		why: largestClasses("batch", 4),
	},
	{
		text:  "many against the prototype's larger figure, at its worst cluster size",
		value: againstPrototype("juno/cluster-many"), limit: 1, unit: "×",
		why: worstSize("juno/cluster-many"),
	},
	{
		text:  "batch against the prototype's larger figure, at its worst cluster size",
		value: againstPrototype("juno/cluster-batch"), limit: 1, unit: "×",
		why: worstSize("juno/cluster-batch"),
	},
	{
		text: "one command alone, 4 nodes, p50", value: p50("juno/cluster-idle", 1),
		limit: 5000, most: true, unit: "µs", why: idleSteps,
	},
	{
		text: "one command alone, 4 nodes, p99", value: p99("juno/cluster-idle"),
		limit: 20_000, most: true, unit: "µs", why: idleSteps,
	},
	{
		text:  "single commands, 4 nodes, best load, as a multiple of CometBFT's best load",
		value: ratio(atNodes("juno/cluster-many", 4), best("cometbft/cluster-many")),
		limit: 1, unit: "×", why: always("CometBFT's transactions are unsigned"),
	},
	perLatencyGoal(64),
	perLatencyGoal(512),
	perLatencyGoal(2000),
	{
		text: "leader killed, to the first new commit, p50", value: median("juno/cluster-failover"),
		limit: 2, most: true, unit: "s",
		why: always("followers wait for 100 silent ticks of 10 ms before they stand for election"),
	},
	{
		text: "resident memory of a node, 4 nodes", value: atNodes("juno/cluster-memory", 4),
		limit: 300_000_000, most: true, unit: "bytes", why: always("after all loads of this page"),
	},
	{
		text: "memory of a node under load for long, 4 nodes: the most in the second half, as a " +
			"multiple of the most in the first", value: growth("juno/cluster-soak"),
		limit: 1.1, most: true, unit: "×", why: tenths("juno/cluster-soak"),
	},
}

// perLatencyGoal compares throughput per second of latency with so many commands in flight.
func perLatencyGoal(clients int) goal {
	juno, comet := "juno/cluster-many", "cometbft/cluster-many"
	return goal{
		text:  fmt.Sprintf("the same with %d in flight, throughput per second of latency", clients),
		value: ratio(perLatency(juno, 4, clients), perLatency(comet, 4, clients)), limit: 10,
		unit: "×",
		why: func(all results) string {
			var texts []string
			for _, name := range []string{juno, comet} {
				if r, ok := find(all, name, 4, clients); ok {
					texts = append(texts, fmt.Sprintf("%s: %s/s at %s", r.System(),
						number(r.Median()), latency(r.P50)))
				}
			}
			return strings.Join(texts, "; ")
		},
	}
}

// growth compares the largest sample of the second half of a run with that of the first.
func growth(name string) func(results) (float64, bool) {
	return func(all results) (float64, bool) {
		for _, r := range all {
			if n := len(r.Samples); r.Name == name && n > 1 {
				return slices.Max(r.Samples[n/2:]) / slices.Max(r.Samples[:n/2]), true
			}
		}
		return 0, false
	}
}

// tenths tells all samples in megabytes.
func tenths(name string) func(results) string {
	return func(all results) string {
		for _, r := range all {
			if r.Name == name {
				var texts []string
				for _, s := range r.Samples {
					texts = append(texts, fmt.Sprintf("%.0f", s/1e6))
				}
				return "MB in each tenth of the run: " + strings.Join(texts, " ")
			}
		}
		return ""
	}
}

func always(text string) func(results) string { return func(results) string { return text } }

// signatureShare says how much of the nodes' time went into signatures.
func signatureShare(load string) func(results) string {
	return func(all results) string {
		value, ok := share(load, classSignatures)(all)
		if !ok {
			return ""
		}
		return fmt.Sprintf("signatures are %.0f %% of the processor time of the nodes", 100*value)
	}
}

// idleSteps says what a command alone waits for.
func idleSteps(all results) string {
	return "a message to the leader, a sync there and at a quorum, two rounds of votes, an " +
		"answer of f+1; all nodes share the cores and one disk"
}

// worstSize names the cluster size at which the prototype comes closest.
func worstSize(name string) func(results) string {
	return func(all results) string {
		text, least, missing := "", 0.0, ""
		for _, row := range prototype {
			value, ok := burst(name, row.nodes)(all)
			if !ok {
				missing = "not all sizes were measured; of the others, "
			}
			if ratio := value / row.best(); ok && (text == "" || ratio < least) {
				text, least = fmt.Sprintf("%d nodes: %s/s against %.0f/s", row.nodes,
					number(value), row.best()), ratio
			}
		}
		return missing + text
	}
}

// whyRow is the row of a goal with a cell about why.
func (g goal) whyRow(all results) string {
	text := ""
	if g.why != nil {
		text = g.why(all)
	}
	return fmt.Sprintf("%s %s |\n", strings.TrimSuffix(g.row(all), "\n"), text)
}

// burstClients is how many commands are given at once by the prototype's `many` and `batch`.
const burstClients = 8000

// find returns the result of a measure with samples.
func find(all results, name string, nodes, clients int) (measure.Result, bool) {
	for _, r := range all {
		if r.Name == name && r.Nodes == nodes && r.Clients == clients && len(r.Samples) > 0 {
			return r, true
		}
	}
	return measure.Result{}, false
}

// burst returns the median of the prototype's load at one cluster size.
func burst(name string, nodes int) func(results) (float64, bool) {
	return func(all results) (float64, bool) {
		r, ok := find(all, name, nodes, burstClients)
		return r.Median(), ok
	}
}

// atNodes returns the largest median of a measure at one cluster size.
func atNodes(name string, nodes int) func(results) (float64, bool) {
	return func(all results) (value float64, ok bool) {
		for _, r := range all {
			if r.Name == name && r.Nodes == nodes && len(r.Samples) > 0 {
				value, ok = max(value, r.Median()), true
			}
		}
		return value, ok
	}
}

// p99 returns the p99 of the first result of a measure, in microseconds.
func p99(name string) func(results) (float64, bool) {
	return func(all results) (float64, bool) {
		for _, r := range all {
			if r.Name == name {
				return r.P99, r.P99 > 0
			}
		}
		return 0, false
	}
}

// perLatency returns the ratio of throughput to median latency.
func perLatency(name string, nodes, clients int) func(results) (float64, bool) {
	return func(all results) (float64, bool) {
		r, ok := find(all, name, nodes, clients)
		if !ok || r.P50 == 0 {
			return 0, false
		}
		return r.Median() / (r.P50 / 1e6), true
	}
}

// againstPrototype returns the smallest ratio to the prototype over its cluster sizes; all of
// them must have been measured.
func againstPrototype(name string) func(results) (float64, bool) {
	return func(all results) (least float64, ok bool) {
		for i, row := range prototype {
			value, measured := burst(name, row.nodes)(all)
			if !measured {
				return 0, false
			}
			if ratio := value / row.best(); i == 0 || ratio < least {
				least = ratio
			}
		}
		return least, true
	}
}
