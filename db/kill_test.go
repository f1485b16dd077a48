package db

import (
	"bufio"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"testing"
)

// killedDir is the environment variable that makes the test binary the process that is killed.
const killedDir = "JUNO_DB_TEST_DIR"

// killedWriter returns the log that both processes know.
func killedWriter() *writer {
	w := newWriter()
	rng := rand.New(rand.NewSource(12))
	for range 40_000 {
		w.transfer(randomName(rng), randomName(rng), 1)
	}
	return w
}

func killedOptions(w *writer, dir string) Options {
	o := w.options(dir)
	o.PointEvery = 700
	return o
}

// TestKilledProcess applies the log, a line per batch, until it is killed.
func TestKilledProcess(t *testing.T) {
	dir := os.Getenv(killedDir)
	if dir == "" {
		t.Skip("is run by TestKill")
	}
	w := killedWriter()
	fmt.Println("begin")
	l, err := Open(killedOptions(w, dir))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewSource(int64(os.Getpid())))
	for next := l.Applied(); next < w.log.LastIndex(); next = l.Applied() {
		n := min(uint64(1+rng.Intn(200)), uint64(w.log.LastIndex()-next))
		mustApply(t, l, w.log.entries[next:uint64(next)+n]...)
		fmt.Println("applied", l.Applied())
	}
	_, _ = io.ReadAll(os.Stdin) // until it is killed
}

// TestKill kills a process that applies, over and over at another moment, and looks at what it
// leaves behind.
func TestKill(t *testing.T) {
	w := killedWriter()
	want := newModelHashes(t, w)
	dir := t.TempDir()
	rng := rand.New(rand.NewSource(13))
	reached := 0
	for range 12 {
		killOnce(t, dir, rng.Intn(40))
		l, err := Open(killedOptions(w, dir))
		if err != nil {
			t.Fatal(err)
		}
		pos, hash, err := l.StateHash(t.Context())
		if err != nil || hash != want(pos.Index) {
			t.Errorf("state hash at %s is %s, %v", pos, hash.Short(), err)
		}
		reached = max(reached, int(pos.Index))
		if rng.Intn(3) == 0 { // not the first thing that the next process does
			mustApply(t, l, w.log.entries[pos.Index:min(int(pos.Index)+300, len(w.log.entries))]...)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if reached < 2000 {
		t.Errorf("got no further than entry %d: nothing was tested", reached)
	}
}

// killOnce runs the other process and kills it after that many lines.
func killOnce(t *testing.T, dir string, lines int) {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^TestKilledProcess$")
	c.Env = append(os.Environ(), killedDir+"="+dir)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(out)
	for n := 0; n <= lines && scanner.Scan(); n++ {
		continue
	}
	if err := c.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = c.Wait() // killed
}
