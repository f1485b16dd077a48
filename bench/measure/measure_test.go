package measure

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPairsAreTheSameEverywhere(t *testing.T) {
	// The first draws of seed 1. A system that draws others runs another benchmark.
	pairs := NewPairs(1)
	want := []Pair{{From: 465, To: 241}, {From: 590, To: 777}, {From: 761, To: 50}}
	for i, w := range want {
		if got := pairs.Next(); got != w {
			t.Errorf("pair %d: got %v, want %v", i, got, w)
		}
	}
}

func TestPairsStayInRange(t *testing.T) {
	pairs := NewPairs(7)
	seen := make(map[int]bool)
	for range 100_000 {
		p := pairs.Next()
		if p.From == p.To || p.From < 0 || p.To < 0 || p.From >= Accounts || p.To >= Accounts {
			t.Fatalf("got %v, want two different accounts below %d", p, Accounts)
		}
		seen[p.From], seen[p.To] = true, true
	}
	if len(seen) != Accounts {
		t.Errorf("%d accounts were drawn, want all %d", len(seen), Accounts)
	}
}

func TestMedianAndSpread(t *testing.T) {
	for _, test := range []struct {
		samples        []float64
		median, spread float64
	}{
		{nil, 0, 0},
		{[]float64{4}, 4, 0},
		{[]float64{3, 1, 2}, 2, 1},
		{[]float64{4, 1, 3, 2}, 2.5, 1.2},
		{[]float64{0, 0}, 0, 0},
	} {
		r := Result{Samples: slices.Clone(test.samples)}
		if r.Median() != test.median || r.Spread() != test.spread {
			t.Errorf("%v: got %v and %v, want %v and %v",
				test.samples, r.Median(), r.Spread(), test.median, test.spread)
		}
		if !slices.Equal(r.Samples, test.samples) {
			t.Errorf("samples were reordered: %v, want %v", r.Samples, test.samples)
		}
	}
}

func TestPercentile(t *testing.T) {
	var latencies []time.Duration
	for i := 100; i > 0; i-- {
		latencies = append(latencies, time.Duration(i)*time.Microsecond)
	}
	for share, want := range map[float64]float64{0: 1, 0.5: 51, 0.99: 100, 1: 100} {
		if got := Percentile(latencies, share); got != want {
			t.Errorf("percentile %v: got %v, want %v", share, got, want)
		}
	}
	if got := Percentile(nil, 0.5); got != 0 {
		t.Errorf("no latencies: got %v, want 0", got)
	}
}

func TestWriteAndRead(t *testing.T) {
	want := []Result{
		{
			Name: "juno/transfer", Unit: "transfers/s", Clients: 16,
			Samples: []float64{1, 2.5}, P50: 3,
		},
		{Name: "juno/bytes", Unit: "bytes", Samples: []float64{312}, Note: "a \"quoted\" note"},
		{Name: "juno/size", Samples: []float64{}, Failure: "out of memory"},
	}
	var b bytes.Buffer
	if err := Write(&b, want); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	equal := func(a, b Result) bool {
		return a.Name == b.Name && a.Unit == b.Unit && a.Clients == b.Clients && a.P50 == b.P50 &&
			a.P99 == b.P99 && a.Note == b.Note && a.Failure == b.Failure &&
			slices.Equal(a.Samples, b.Samples)
	}
	if !slices.EqualFunc(got, want, equal) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestReadRefuses(t *testing.T) {
	for _, text := range []string{
		``, `{}`, `[{"name":"juno","unit":"s","samples":[1]}]`, `[{"name":"juno/x","unit":"s"}]`,
		`[{"name":"juno/x","samples":[1]}]`, `[{"name":"/x","unit":"s","samples":[1]}]`,
		`[{"name":"juno/x","unit":"s","samples":[1],"p50":3}]`,
	} {
		if got, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s: got %v, want an error", text, got)
		}
	}
}

func TestLoopCountsWhatWasDone(t *testing.T) {
	plan := Plan{Samples: 3, Length: 5 * time.Millisecond}
	done := make([]int, 4)
	result, err := plan.Loop(4, func(client int, pairs *Pairs) (int, error) {
		done[client]++
		return 2, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Samples) != 3 || result.Clients != 4 || slices.Min(done) == 0 {
		t.Errorf("got %v with %v operations, want 3 samples of 4 busy clients", result, done)
	}
	if slices.Min(result.Samples) <= 0 || result.P99 < result.P50 {
		t.Errorf("got %v, want positive rates and p50 <= p99", result)
	}
}

func TestLoopStopsAtAnError(t *testing.T) {
	broken := errors.New("broken")
	plan := Plan{Samples: 1, Length: time.Minute}
	_, err := plan.Loop(1, func(int, *Pairs) (int, error) { return 0, broken })
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

func TestDirBytesIgnoresHoles(t *testing.T) {
	dir := t.TempDir()
	before, err := DirBytes(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "full"), make([]byte, 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "hole"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "hole"), 1<<30); err != nil {
		t.Fatal(err)
	}
	after, err := DirBytes(dir)
	if err != nil {
		t.Fatal(err)
	}
	if grown := after - before; grown < 100_000 || grown > 200_000 {
		t.Errorf("grown by %d bytes, want about 100000", grown)
	}
}
