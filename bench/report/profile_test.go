package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

// writeProfile writes a profile with one sample for each stack, which is of as many nanoseconds.
func writeProfile(t *testing.T, path string, stacks map[string]int64) {
	t.Helper()
	p := &profile.Profile{SampleType: []*profile.ValueType{
		{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"},
	}}
	for stack, nanoseconds := range stacks {
		s := &profile.Sample{Value: []int64{1, nanoseconds}}
		for name := range strings.SplitSeq(stack, " ") {
			f := &profile.Function{ID: uint64(len(p.Function) + 1), Name: name}
			l := &profile.Location{
				ID: uint64(len(p.Location) + 1), Line: []profile.Line{{Function: f}},
			}
			p.Function, p.Location = append(p.Function, f), append(p.Location, l)
			s.Location = append(s.Location, l)
		}
		p.Sample = append(p.Sample, s)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := p.Write(f); err != nil {
		t.Fatal(err)
	}
}

func TestReadProfiles(t *testing.T) {
	dir := t.TempDir()
	writeProfile(t, filepath.Join(dir, "many-node1.prof"), map[string]int64{
		"crypto/internal/fips140/sha512.block crypto/ed25519.Sign main.main": 30,
		"crypto/internal/fips140/sha256.block juno.HashOf":                   10,
		"runtime.memmove juno/db.(*Store).Write":                             20,
	})
	writeProfile(t, filepath.Join(dir, "many-node2.prof"), map[string]int64{
		"github.com/oasisprotocol/curve25519-voi/curve.vecMul_AVX2":  20,
		"internal/runtime/syscall/linux.Syscall6 syscall.Write wal.": 20,
	})
	all, err := readProfiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	for class, want := range map[string]float64{
		classSignatures: 0.5, "SHA-256 and SHA-512 elsewhere": 0.1, classRest: 0,
		"execution and its projection, without Badger": 0.2,
		"other system calls":                           0.2, "Badger": 0,
	} {
		if got, ok := share("many", class)(all); !ok || got != want {
			t.Errorf("%s: got %v, want %v", class, got, want)
		}
	}
	if got, ok := share("batch", classRest)(all); ok {
		t.Errorf("got %v of a load without profiles", got)
	}
	want := "processor time of the nodes: signatures 50 %, other system calls 20 %"
	if got := largestClasses("many", 2)(all); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var b strings.Builder
	Page{Results: all}.profileChapter(&b)
	if want := "| signatures | 50 % | not measured |"; !strings.Contains(b.String(), want) {
		t.Errorf("no %q in\n%s", want, &b)
	}
}
