// Command report measures Juno and its peers in one run and writes docs/BENCHMARKS.md.
//
//	make bench            one node, and embedded stores
//	make bench-cluster    clusters, with -cluster: docs/BENCHMARKS.cluster.md and a plot
//
// It runs `juno bench all --json` and the peers one after the other on an otherwise idle
// machine, with their ledgers on the same file system, and renders what both print. The raw
// results are kept beside the page, with the ending .json, so that later runs can be compared.
package main

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"juno/bench/measure"
)

// settings are the flags.
type settings struct {
	juno    string
	page    string
	dir     string
	samples int
	length  time.Duration
	cluster bool
	nodes   string
	kills   int
	soak    time.Duration
}

func main() {
	var s settings
	flag.StringVar(&s.juno, "juno", "", "the juno binary; empty: the peers alone")
	flag.StringVar(&s.page, "out", "BENCHMARKS.md", "the page to write")
	flag.StringVar(&s.dir, "dir", "", "where ledgers are made; default: where temporary files are")
	flag.IntVar(&s.samples, "samples", 0, "runs of every measure; 0: 5, or with -cluster 3")
	flag.DurationVar(&s.length, "length", 0,
		"length of one run of a peer, or of a cluster; 0: 2s, or with -cluster 3s")
	flag.BoolVar(&s.cluster, "cluster", false, "measure clusters instead of one node")
	flag.StringVar(&s.nodes, "nodes", "1,4,8,12,16,20", "sizes of Juno's clusters")
	flag.IntVar(&s.kills, "kills", 20, "leaders of Juno's cluster that are killed")
	flag.DurationVar(&s.soak, "soak", 10*time.Minute,
		"how long Juno's cluster is kept under load for its memory")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	samples, length := 5, 2*time.Second
	if s.cluster {
		samples, length = 3, 3*time.Second
	}
	s.samples, s.length = cmp.Or(s.samples, samples), cmp.Or(s.length, length)
	if err := s.run(); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func (s settings) run() error {
	dir, err := os.MkdirTemp(s.dir, "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	page := Page{Machine: thisMachine(dir), Samples: s.samples}
	if s.cluster {
		err = s.measureClusters(dir, &page)
	} else {
		err = s.measureAll(dir, &page)
	}
	if err != nil {
		return err
	}
	var raw bytes.Buffer
	if err := measure.Write(&raw, page.Results); err != nil {
		return err
	}
	base := strings.TrimSuffix(s.page, ".md")
	text := page.Markdown
	if s.cluster {
		text = func() string { return page.ClusterMarkdown(filepath.Base(base) + ".svg") }
		if err := os.WriteFile(base+".svg", []byte(page.Plot()), 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(base+".json", raw.Bytes(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(s.page, []byte(text()), 0o644)
}

// measureAll runs Juno, then the peers.
func (s settings) measureAll(dir string, page *Page) (err error) {
	if s.juno != "" {
		if page.Juno, err = output(dir, noDeadline, s.juno, "version"); err != nil {
			return err
		}
		if err := page.measure(dir, noDeadline, s.juno, "bench", "all", "--json"); err != nil {
			return err
		}
	}
	return page.measure(dir, noDeadline, "go", "run", "./peers", "-samples",
		strconv.Itoa(s.samples), "-length", s.length.String())
}

// measure runs a program and adds the results that it prints.
func (p *Page) measure(dir string, within time.Duration, program string, args ...string) error {
	command := strings.Join(append([]string{filepath.Base(program)}, args...), " ")
	fmt.Fprintln(os.Stderr, "report:", command)
	start := time.Now()
	text, err := output(dir, within, program, args...)
	if err != nil {
		return err
	}
	results, err := measure.Read(strings.NewReader(text))
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	p.Results = append(p.Results, results...)
	p.Runs = append(p.Runs, Run{Command: command, Took: time.Since(start)})
	return nil
}

// noDeadline is longer than anything takes.
const noDeadline = 24 * time.Hour

// output runs a program whose temporary files go below dir and returns what it prints. It is
// killed when its time is over.
func output(dir string, within time.Duration, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = time.Second // for children that hold its output open
	out, err := cmd.Output()
	if ctx.Err() != nil {
		err = fmt.Errorf("killed after %v", within)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}
