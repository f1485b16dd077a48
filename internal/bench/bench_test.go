package bench

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"juno/internal/cli"
)

// runVerb runs a command line that has the one verb bench.
func runVerb(t *testing.T, out, errs io.Writer, args []string) cli.ExitCode {
	t.Helper()
	program := cli.Program{Name: "juno", Verbs: []cli.Verb{Verb("test")}}
	c := cli.Console{In: strings.NewReader(""), Out: out, Err: errs}
	return program.Run(t.Context(), c, args)
}

// runBenchIn runs juno bench on little ledgers and returns what it prints.
func runBenchIn(t *testing.T, args ...string) (out string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var stdout, stderr bytes.Buffer
	args = append([]string{
		"bench", "--entries", "3000", "--accounts", "300", "--samples", "2",
		"--length", "1ms", "--warmup", "1ms",
	}, args...)
	if code := runVerb(t, &stdout, &stderr, args); code != cli.ExitOK {
		t.Fatalf("exit code %d:\n%s", code, &stderr)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
	return stdout.String()
}

func TestBenchMeasuresEverything(t *testing.T) {
	if testing.Short() {
		t.Skip("writes and reads a few ledgers")
	}
	decoder := json.NewDecoder(strings.NewReader(runBenchIn(t, "all", "--json")))
	decoder.DisallowUnknownFields()
	var results []result
	if err := decoder.Decode(&results); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range results {
		want := 2
		if r.Name == "juno/bytes" {
			want = 1
		}
		if len(r.Samples) != want || slices.Min(r.Samples) <= 0 || r.Unit == "" {
			t.Errorf("%s: got samples %v of %q, want %d above zero", r.Name, r.Samples, r.Unit,
				want)
		}
		if r.P99 < r.P50 {
			t.Errorf("%s: p99 %v is below p50 %v", r.Name, r.P99, r.P50)
		}
		names = append(names, r.Name)
	}
	slices.Sort(names)
	want := []string{
		"disk/fsync", "juno/asof", "juno/asof-sql", "juno/batch", "juno/batch-large",
		"juno/bytes", "juno/crypto", "juno/crypto-verify", "juno/group-sql", "juno/log-tail-sql",
		"juno/many", "juno/memory", "juno/restart", "juno/restart-killed", "juno/scan-sql",
		"juno/transfer", "juno/verify-all", "juno/verify-hash", "juno/verify-signatures",
	}
	if got := slices.Compact(names); !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestBenchForPeople(t *testing.T) {
	out := runBenchIn(t, "crypto")
	for _, want := range []string{"measure", "commands/s", "signatures/s"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestBenchRefuses(t *testing.T) {
	for _, args := range [][]string{
		{"bench"},
		{"bench", "nothing"},
		{"bench", "all", "--samples", "0"},
		{"bench", "all", "--entries", "10"},
		{"bench", "cluster", "--nodes", "21"},
	} {
		if code := runVerb(t, &bytes.Buffer{}, &bytes.Buffer{}, args); code != cli.ExitUsage {
			t.Errorf("%v: exit code %d, want %d", args, code, cli.ExitUsage)
		}
	}
}

// The first draws of seed 1 are those of bench/measure: whoever draws others measures another
// load.
func TestPairsAreThoseOfThePeers(t *testing.T) {
	draw := &pairs{state: 1}
	for i, want := range [][2]uint64{{465, 241}, {590, 777}, {761, 50}} {
		from, to := draw.next(loadAccounts)
		if got := [2]uint64{from, to}; got != want {
			t.Errorf("pair %d: got %v, want %v", i, got, want)
		}
	}
}

func TestMedianAndPercentile(t *testing.T) {
	r := result{Samples: []float64{4, 1, 3, 2}}
	if got, want := r.median(), 2.5; got != want {
		t.Errorf("median: got %v, want %v", got, want)
	}
	if got, want := r.spread(), 1.2; got != want {
		t.Errorf("spread: got %v, want %v", got, want)
	}
	latencies := []time.Duration{3 * time.Microsecond, time.Microsecond, 2 * time.Microsecond}
	for share, want := range map[float64]float64{0: 1, 0.5: 2, 0.99: 3, 1: 3} {
		if got := percentile(latencies, share); got != want {
			t.Errorf("percentile %v: got %v, want %v", share, got, want)
		}
	}
}
