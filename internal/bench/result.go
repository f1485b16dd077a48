package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// result is one measure. Its form is that of bench/measure, which a module of its own reads.
type result struct {
	Name    string    `json:"name"`            // "juno/transfer"
	Unit    string    `json:"unit"`            // what one number of Samples counts
	Clients int       `json:"clients"`         // concurrent clients; 0 where that means nothing
	Nodes   int       `json:"nodes,omitempty"` // of a cluster; 0: no cluster
	Samples []float64 `json:"samples"`         // one number for each run, in order
	P50     float64   `json:"p50_us"`          // latency of one operation, µs; 0 = not measured
	P99     float64   `json:"p99_us"`          // the same
	Note    string    `json:"note"`            // what a reader needs in order to judge the number
	// Failure is what happened where there are no samples.
	Failure string `json:"failure,omitempty"`

	cpuMicros float64 // of all cores, for one unit; 0 = not measured
}

// median returns the middle sample.
func (r *result) median() float64 {
	sorted := slices.Sorted(slices.Values(r.Samples))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// spread returns the distance between best and worst sample as a share of the median.
func (r *result) spread() float64 {
	if median := r.median(); median != 0 {
		return (slices.Max(r.Samples) - slices.Min(r.Samples)) / median
	}
	return 0
}

// percentile returns the smallest latency that at least that share of all does not exceed, in µs.
// It sorts its argument.
func percentile(latencies []time.Duration, share float64) float64 {
	if len(latencies) == 0 {
		return 0
	}
	slices.Sort(latencies)
	at := min(int(share*float64(len(latencies))), len(latencies)-1)
	return float64(latencies[at].Nanoseconds()) / 1e3
}

// writeResults prints results for people, or as one JSON array with a result to a line.
func writeResults(w io.Writer, results []result, asJSON bool) error {
	if asJSON {
		return writeJSON(w, results)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "measure\tclients\tmedian\tunit\tspread\tp50\tp99\tcpu\t")
	for i := range results {
		r := &results[i]
		if r.Failure != "" {
			continue // it was said
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.0f %%\t%s\t%s\t%s\t\n",
			strings.TrimPrefix(r.Name, "juno/"), blankZero(r.Clients), figures(r.median()), r.Unit,
			100*r.spread(), micros(r.P50), micros(r.P99), micros(r.cpuMicros))
	}
	return t.Flush()
}

func writeJSON(w io.Writer, results []result) error {
	var b strings.Builder
	b.WriteString("[")
	for i := range results {
		line, err := json.Marshal(&results[i])
		if err != nil {
			return fmt.Errorf("encode %s: %w", results[i].Name, err)
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

func blankZero(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// micros prints microseconds in a unit that reads well; nothing where none were measured.
func micros(us float64) string {
	if us == 0 {
		return ""
	}
	return time.Duration(us * 1e3).Round(10 * time.Nanosecond).String()
}

// figures prints a number without digits that mean nothing.
func figures(x float64) string {
	if x >= 1000 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}
