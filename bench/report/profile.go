package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/pprof/profile"

	"juno/bench/measure"
)

// profileClass is a kind of work. A sample belongs to the first class of which any frame of its
// stack is.
type profileClass struct {
	name   string
	frames []string // parts of the names of functions
}

const (
	classSignatures = "signatures"
	classRest       = "the rest"
)

var profileClasses = []profileClass{
	{classSignatures, []string{
		"curve25519-voi", "ed25519", "edwards25519", "juno.(*BatchVerifier)", "juno.(*equation)",
	}},
	{"SHA-256 and SHA-512 elsewhere", []string{"sha256", "sha512"}},
	{"Badger", []string{"dgraph-io/"}},
	{"ZeroMQ, with its encryption", []string{
		"pebbe/zmq4", "runtime.cgocall", "runtime._ExternalCode",
	}},
	{"other system calls", []string{"syscall.", "internal/poll."}},
	{"garbage collector", []string{
		"runtime.gcBgMarkWorker", "runtime.gcAssist", "runtime.bgsweep", "runtime.bgscavenge",
	}},
	{"execution and its projection, without Badger", []string{"juno/db."}},
	{"consensus, and the checks of entries", []string{"juno/cluster/consensus."}},
	{"answers to clients", []string{"juno/cluster/rpc."}},
	{"the log", []string{"juno/wal."}},
	{"Go's scheduler", []string{"runtime.schedule", "runtime.mcall", "runtime.mstart"}},
}

// profileLoads are the loads under which nodes are profiled: the beginnings of the names of files.
var profileLoads = []string{"many", "batch"}

// profileName is that of the results that are shares of the profiles under a load.
func profileName(load string) string { return "juno/cluster-cpu-" + load }

// readProfiles sums the CPU profiles of all nodes in a directory, and returns the share of each
// class of work under each load.
func readProfiles(dir string) (all []measure.Result, err error) {
	for _, load := range profileLoads {
		paths, err := filepath.Glob(filepath.Join(dir, load+"-*.prof"))
		if err != nil {
			return nil, err
		}
		sums := make(map[string]int64)
		for _, path := range paths {
			if err := addProfile(sums, path); err != nil {
				return nil, err
			}
		}
		all = append(all, shares(load, len(paths), sums)...)
	}
	return all, nil
}

func addProfile(sums map[string]int64, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	p, err := profile.Parse(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, s := range p.Sample {
		sums[classOf(s)] += s.Value[len(s.Value)-1] // nanoseconds; the one before counts samples
	}
	return nil
}

// classOf finds the class of a stack.
func classOf(s *profile.Sample) string {
	for _, c := range profileClasses {
		for _, at := range s.Location {
			for _, line := range at.Line {
				if line.Function != nil && c.has(line.Function.Name) {
					return c.name
				}
			}
		}
	}
	return classRest
}

func (c profileClass) has(function string) bool {
	return slices.ContainsFunc(c.frames, func(part string) bool {
		return strings.Contains(function, part)
	})
}

// shares makes results, in the order of the classes.
func shares(load string, nodes int, sums map[string]int64) (all []measure.Result) {
	total := int64(0)
	for _, v := range sums {
		total += v
	}
	if total == 0 {
		return nil
	}
	for _, c := range append(slices.Clone(profileClasses), profileClass{name: classRest}) {
		all = append(all, measure.Result{
			Name: profileName(load), Unit: "share", Nodes: nodes, Note: c.name,
			Samples: []float64{float64(sums[c.name]) / float64(total)},
		})
	}
	return all
}

// share returns the share of a class under a load.
func share(load, class string) func(results) (float64, bool) {
	return func(all results) (float64, bool) {
		for _, r := range all {
			if r.Name == profileName(load) && r.Note == class {
				return r.Median(), true
			}
		}
		return 0, false
	}
}

// largestClasses tells what took most of the time under a load.
func largestClasses(load string, n int) func(results) string {
	return func(all results) string {
		var found []measure.Result
		for _, r := range all {
			if r.Name == profileName(load) {
				found = append(found, r)
			}
		}
		slices.SortStableFunc(found, func(a, b measure.Result) int {
			return cmp.Compare(b.Median(), a.Median())
		})
		var texts []string
		for _, r := range found[:min(n, len(found))] {
			texts = append(texts, fmt.Sprintf("%s %.0f %%", r.Note, 100*r.Median()))
		}
		return "processor time of the nodes: " + strings.Join(texts, ", ")
	}
}

// profileChapter tells where the time of the nodes went.
func (p Page) profileChapter(b *strings.Builder) {
	if _, ok := share(profileLoads[0], classRest)(p.Results); !ok {
		return
	}
	b.WriteString("\n## Where the processor time of the nodes goes\n\nCPU profiles of all 4 " +
		"nodes, summed, each from its start to its clean end. A sample counts for the first row " +
		"that any function of its stack belongs to. Processor time that the clients use is not " +
		"in it.\n\n| work | under `many` | under `batch` |\n|---|---:|---:|\n")
	for _, c := range append(slices.Clone(profileClasses), profileClass{name: classRest}) {
		fmt.Fprintf(b, "| %s |", c.name)
		for _, load := range profileLoads {
			value, ok := share(load, c.name)(p.Results)
			text := "not measured"
			if ok {
				text = fmt.Sprintf("%.0f %%", 100*value)
			}
			fmt.Fprintf(b, " %s |", text)
		}
		b.WriteString("\n")
	}
}
