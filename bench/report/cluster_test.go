package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"juno/bench/measure"
)

func clusterSample(
	name string, nodes, clients int, p50, perSecond float64,
) measure.Result {
	return measure.Result{
		Name: name, Unit: "commands/s", Nodes: nodes, Clients: clients, P50: p50,
		Samples: []float64{perSecond},
	}
}

// clusterResults beat the prototype everywhere but at 12 nodes, with many.
func clusterResults() results {
	all := results{
		clusterSample("juno/cluster-crypto", 4, 2, 0, 20_000),
		clusterSample("cometbft/cluster-many", 4, 2000, 1e6, 5000),
		clusterSample("cometbft/cluster-many", 4, 512, 1e5, 2500),
		clusterSample("juno/cluster-many", 4, 512, 5e4, 15_500),
		{Name: "juno/cluster-size", Unit: "failure", Nodes: 16, Failure: "node7:\nkilled"},
	}
	for _, row := range prototype {
		perSecond := 2 * row.best()
		if row.nodes == 12 {
			perSecond = 1550
		}
		all = append(
			all,
			clusterSample("juno/cluster-many", row.nodes, burstClients, 5e4, perSecond),
			clusterSample("juno/cluster-batch", row.nodes, burstClients, 5e4, 90_000),
		)
	}
	return all
}

func TestClusterMarkdown(t *testing.T) {
	page := Page{Samples: 3, Results: clusterResults()}.ClusterMarkdown("x.svg")
	for _, want := range []string{
		"| at least 10,000/s | 15,500/s | yes |",
		"| at least 50 % | 77 % | yes |",
		"worst cluster size | at least 1.00 × | 0.500 × | **no** | " +
			"12 nodes: 1,550/s against 3100/s |",
		"worst cluster size | at least 1.00 × | 11.6 × | yes |",
		"CometBFT's best load | at least 1.00 × | 3.10 × | yes | " +
			"CometBFT's transactions are unsigned |",
		"with 512 in flight, throughput per second of latency | at least 10.0 × | 12.4 × | yes | " +
			"juno: 15,500/s at 50.0 ms; cometbft: 2,500/s at 100 ms |",
		"with 2000 in flight, throughput per second of latency | at least 10.0 × | not measured |",
		"## What failed\n\n- juno/cluster-size, 16 nodes: node7: killed\n",
		"| leader killed, to the first new commit, p50 | at most 2.00 s | not measured | |",
		"| 12 | 90,000 | 2147 | 1,550 | 3100 |",
		"| system | nodes | clients | commands/s |",
		"| cometbft | 4 | 2000 | 5,000 |",
		"](x.svg)",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}

// A size that is missing is no victory.
func TestClusterGoalWantsAllSizes(t *testing.T) {
	all := results{clusterSample("juno/cluster-many", 4, burstClients, 1, 1e6)}
	if value, ok := againstPrototype("juno/cluster-many")(all); ok {
		t.Errorf("got %v, want nothing where sizes are missing", value)
	}
}

func TestPlotIsWellFormed(t *testing.T) {
	for name, all := range map[string]results{"empty": nil, "full": clusterResults()} {
		plot := Page{Results: all}.Plot()
		decoder := xml.NewDecoder(strings.NewReader(plot))
		for {
			_, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v in\n%s", name, err, plot)
			}
		}
		if got, want := strings.Contains(plot, "Juno, many"), all != nil; got != want {
			t.Errorf("%s: a line of Juno is %v, want %v", name, got, want)
		}
		if !strings.Contains(plot, "prototype, leader batching") {
			t.Errorf("%s: no line of the prototype", name)
		}
	}
}

// More commands are higher up, and nothing leaves the picture.
func TestPlotScale(t *testing.T) {
	if plotY(2000) <= plotY(20_000) {
		t.Error("2000 is not below 20000")
	}
	if y := plotY(1); y != plotHeight-plotBottom {
		t.Errorf("1 is at %v, want it at the foot", y)
	}
	if y := plotY(1e6); y < plotTop-0.01 {
		t.Errorf("a million is at %v, above the picture", y)
	}
}
