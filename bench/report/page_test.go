package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"juno/bench/measure"
)

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", 0.00123: "0.00123", 1.5: "1.50", 12.34: "12.3", 99.96: "100.0", 312: "312",
		1234: "1,230", 54321: "54,300", 1234567: "1,230,000", -1234: "-1,230", 999: "999",
	} {
		if got := number(x); got != want {
			t.Errorf("number(%v): got %q, want %q", x, got, want)
		}
	}
}

func TestLatency(t *testing.T) {
	for us, want := range map[float64]string{
		0: "", 2.5: "2.50 µs", 812: "812 µs", 1500: "1.50 ms", 2_000_000: "2.00 s",
	} {
		if got := latency(us); got != want {
			t.Errorf("latency(%v): got %q, want %q", us, got, want)
		}
	}
}

func sample(name, unit string, clients int, p50 float64, samples ...float64) measure.Result {
	return measure.Result{Name: name, Unit: unit, Clients: clients, P50: p50, Samples: samples}
}

func TestGoals(t *testing.T) {
	all := results{
		sample("juno/transfer", "transfers/s", 1, 500, 2000),
		sample("juno/many", "transfers/s", 1, 4000, 9000, 10_000, 11_000),
		sample("juno/crypto", "commands/s", 0, 0, 16_000),
		sample("juno/batch", "transfers/s", 1, 0, 49_999),
		sample("disk/fsync", "syncs/s", 1, 200, 5000),
		sample("juno/bytes", "bytes", 0, 0, 312),
	}
	var page strings.Builder
	for _, g := range goals {
		page.WriteString(g.row(all))
	}
	for _, want := range []string{
		"| at least 50 % | 62 % | yes |",
		"| at least 50,000/s | 50,000/s | **no** |",
		"| at most 3.00 × | 2.50 × | yes |",
		"| at most 400 bytes | 312 bytes | yes |",
		"| restart of 1M entries | at most 2.00 s | not measured | |",
	} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("no %q in\n%s", want, page.String())
		}
	}
}

func TestMarkdown(t *testing.T) {
	immudb := sample("immudb/transfer", "transfers/s", 16, 900, 3000, 5000, 4000)
	immudb.Note = "v1, its default options"
	page := Page{
		Machine: Machine{Processor: "a processor", Date: time.Unix(0, 0).UTC()},
		Juno:    "juno v0.1.0", Samples: 3,
		Runs: []Run{{Command: "juno bench all --json", Took: 61 * time.Second}},
		Results: results{
			sample("juno/transfer", "transfers/s", 16, 800, 10_000), immudb, immudb,
			sample("juno/surprise", "things/s", 0, 0, 7),
		},
	}.Markdown()
	for _, want := range []string{
		"# Benchmarks\n", "a processor", "- juno v0.1.0\n", "- `juno bench all --json`: 1m1s\n",
		"| juno | 16 | 10,000 | 0 % | 1 | 800 µs |  |\n",
		"| immudb | 16 | 4,000 | 50 % | 3 | 900 µs |  |\n",
		"\n- immudb: v1, its default options\n",
		"## surprise\n\n| system | clients | things/s |",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
	if n := strings.Count(page, "its default options"); n != 1 {
		t.Errorf("the note stands there %d times, want once", n)
	}
	if strings.Contains(page, "The last ten rows") {
		t.Errorf("a chapter without results in\n%s", page)
	}
}

func TestFileSystem(t *testing.T) {
	mounts := filepath.Join(t.TempDir(), "mounts")
	text := "disk / ext4 rw 0 0\nproc /proc proc rw 0 0\nmem /mnt tmpfs rw 0 0\n" +
		"x /mnt/deep xfs rw\n"
	if err := os.WriteFile(mounts, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		"/": "ext4", "/mnt": "tmpfs", "/mnt/a": "tmpfs", "/mnt/deep/b": "xfs", "/mntx": "ext4",
	} {
		if got := fileSystem(mounts, dir); got != want {
			t.Errorf("%s: got %s, want %s", dir, got, want)
		}
	}
}
