//go:build linux

package chaos

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"juno/cluster/client"
)

var (
	rounds = flag.Int("rounds", 1, "rounds of TestChaos")
	seed   = flag.Uint64("seed", 1, "seed of the first round; the others follow")
	size   = flag.Int("nodes", 0, "nodes of every cluster; 0: four and seven in turn")
	lasts  = flag.Duration("lasts", 0, "how long a round breaks things; 0: as many rounds allow")
)

// build makes the program as everybody has it, and the one that lies.
func build(t *testing.T) binaries {
	t.Helper()
	dir := t.TempDir()
	b := binaries{honest: filepath.Join(dir, "juno"), liar: filepath.Join(dir, "liar")}
	for path, program := range map[string]string{
		b.honest: "juno/cmd/juno", b.liar: "juno/chaos/liar",
	} {
		out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path,
			program).CombinedOutput()
		if err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
	}
	return b
}

// TestChaos runs rounds, see the package comment. One short round with four nodes, one of them a
// liar, is what it does without flags.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes for half a minute")
	}
	b := build(t)
	for i := range *rounds {
		s := *seed + uint64(i)
		n := *size
		if n == 0 {
			n = 4 + 3*int(1-s%2)
		}
		long := *lasts
		if long == 0 {
			long = 5 * time.Second
			if *rounds > 1 {
				long = 15 * time.Second
			}
		}
		t.Run(fmt.Sprintf("seed%d", s), func(t *testing.T) { round(t, s, draw(s, n, long), b) })
	}
}

// round is one cluster from its beginning to its end.
func round(t *testing.T, seed uint64, p plan, b binaries) {
	home, err := os.MkdirTemp("", "juno-chaos-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if t.Failed() {
			t.Errorf("seed %d with %d nodes failed; directories and journals: %s", seed, p.nodes,
				home)
		} else if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	}()
	w, err := found(filepath.Join(home, "books"), p.nodes, p.liar, b)
	defer func() { err = errors.Join(err, w.close()) }()
	if err == nil {
		err = w.start()
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute+p.lasts)
	defer cancel()
	l, err := connect(ctx, w.home)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	x := &nemesis{town: w, ask: l.handles[0]}
	storm(ctx, t, x, l, seed, p)
	if t.Failed() {
		return
	}
	judge(ctx, t, x, l, seed, p)
}

// storm breaks things under load, heals them, and waits until every outcome is known.
func storm(ctx context.Context, t *testing.T, x *nemesis, l *load, seed uint64, p plan) {
	if err := l.begin(ctx); err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		l.run(ctx, stop, seed)
	}()
	breaking, healed := context.WithTimeout(ctx, p.lasts)
	defer healed()
	if err := x.run(breaking, seed, p); err != nil {
		t.Error(err)
	}
	pause(ctx, time.Second) // under load, with everything healed
	close(stop)
	<-done
	for _, err := range l.errs {
		t.Error(err)
	}
}

// judge checks what has to hold in the end, and prints the line of the round.
func judge(ctx context.Context, t *testing.T, x *nemesis, l *load, seed uint64, p plan) {
	w := x.town
	evidence, at, err := w.agree(ctx, l.handles[0])
	if err != nil {
		t.Errorf("honest nodes do not agree: %v", err)
	}
	if err := w.stop(); err != nil {
		t.Error(err)
	}
	for _, n := range w.honest() {
		checkNode(t, n, l)
	}
	if err := checkHistory(l.all); err != nil {
		t.Error(err)
	}
	var lies string
	if w.liar != nil {
		said := w.liar.said(0)
		last, _, _ := strings.Cut(said[strings.LastIndex(said, "byz: ")+1:], "\n")
		lies = fmt.Sprintf("; %s lies: %s", w.liar.id, last)
		if strings.Contains(lies, "forked") && evidence == 0 {
			t.Errorf("%s has shown two chains, and no honest node has evidence", w.liar.id)
		}
	}
	for _, e := range l.evidence {
		if w.liar == nil || e.Node != w.liar.id || e.Fault == client.Fault("") {
			t.Errorf("a client accuses an honest node: %s", e)
		}
	}
	fmt.Printf("seed %d, n=%d: %s%s; %d entries, %d commands, %d asked again, evidence %d, "+
		"longest pause %v\n", seed, p.nodes, strings.Join(x.did, ", "), lies, at, len(l.all),
		l.unknowns, evidence, l.longest.Round(time.Millisecond))
}
