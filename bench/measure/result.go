// Package measure is what Juno's benchmark and its peers agree on: the workload, the closed
// loop that drives it, and the form of a result.
//
// # Workload
//
// There are Accounts accounts, each opened with Opening units. Client c draws pairs of accounts
// from a Pairs with seed c+1, and each transfer moves one unit: it reads and writes both balances
// and writes one record of the transfer, and it is durable before it is acknowledged. A client
// sends its next transfer when the last one is acknowledged (a closed loop).
//
// # Results
//
// A program prints one JSON array of Result on standard output. The name of a result is
// "system/measure"; the report knows how to compare the measures that Measures lists and prints
// the others as they are.
//
// # What it does not do
//
// A closed loop hides the queueing that an open system would see, so the latencies are those of
// an unloaded client; they are comparable between systems that ran the same loop, and no promise
// about a service.
package measure

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Result is one measure of one system.
type Result struct {
	Name    string    `json:"name"`            // "system/measure"
	Unit    string    `json:"unit"`            // of a sample, such as "transfers/s"
	Clients int       `json:"clients"`         // concurrent clients; 0 where that means nothing
	Nodes   int       `json:"nodes,omitempty"` // of a cluster; 0: no cluster
	Samples []float64 `json:"samples"`         // one number for each run, in order
	P50     float64   `json:"p50_us"`          // latency of one operation, µs; 0 = not measured
	P99     float64   `json:"p99_us"`          // latency of one operation, µs; 0 = not measured
	Note    string    `json:"note"`            // what a reader needs in order to judge it
	// Failure is what happened where there are no samples.
	Failure string `json:"failure,omitempty"`
}

// System is the part of the name before the slash.
func (r Result) System() string {
	system, _, _ := strings.Cut(r.Name, "/")
	return system
}

// Measure is the part of the name after the slash.
func (r Result) Measure() string {
	_, measure, _ := strings.Cut(r.Name, "/")
	return measure
}

// Median is the middle sample, 0 without samples.
func (r Result) Median() float64 {
	if len(r.Samples) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(r.Samples))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Spread is the distance between the largest and the smallest sample as a share of the median.
func (r Result) Spread() float64 {
	median := r.Median()
	if median == 0 {
		return 0
	}
	return (slices.Max(r.Samples) - slices.Min(r.Samples)) / median
}

// Write prints the results as one JSON array, one result to a line.
func Write(w io.Writer, results []Result) error {
	var b strings.Builder
	b.WriteString("[")
	for i, r := range results {
		line, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("measure: encode %s: %w", r.Name, err)
		}
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n")
		b.Write(line)
	}
	b.WriteString("\n]\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// Read parses what Write prints and refuses results that cannot be compared.
func Read(r io.Reader) ([]Result, error) {
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	var results []Result
	if err := decoder.Decode(&results); err != nil {
		return nil, fmt.Errorf("measure: decode results: %w", err)
	}
	for _, result := range results {
		if result.System() == "" || result.Measure() == "" {
			return nil, fmt.Errorf("measure: name %q, want system/measure", result.Name)
		}
		if result.Failure != "" && len(result.Samples) == 0 {
			continue
		}
		if result.Unit == "" || len(result.Samples) == 0 {
			return nil, fmt.Errorf("measure: %s has unit %q and %d samples, want both",
				result.Name, result.Unit, len(result.Samples))
		}
	}
	return results, nil
}

// Percentile returns the smallest latency that at least the given share of all latencies do not
// exceed, in microseconds; 0 without latencies. It sorts its argument.
func Percentile(latencies []time.Duration, share float64) float64 {
	if len(latencies) == 0 {
		return 0
	}
	slices.Sort(latencies)
	at := min(int(share*float64(len(latencies))), len(latencies)-1)
	return float64(latencies[at].Nanoseconds()) / 1e3
}
