package embedded

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"juno"
	"juno/verify/files"
)

// killDir, in the environment, makes TestKillWriter the process that is killed.
const killDir = "JUNO_TEST_KILL_DIR"

// TestKillWriter is no test by itself: TestKillNine starts it as a process of its own. It pays for
// ever, batched and one by one, and prints where each acknowledged command stands.
func TestKillWriter(t *testing.T) {
	path := os.Getenv(killDir)
	if path == "" {
		return
	}
	l := open(t, path)
	for {
		for _, o := range submit(t, l, "operator", juno.Batch, pay(50)...) {
			acknowledge(t, l, o)
		}
		for _, o := range submit(t, l, "operator", juno.Single, pay(20)...) {
			acknowledge(t, l, o)
		}
	}
}

func acknowledge(t *testing.T, l *Ledger, o juno.Outcome) {
	pos, err := l.Position(o.Index)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("acknowledged %d %s\n", pos.Index, pos.Hash)
}

// TestKillNine kills a writer under load with SIGKILL, fifty times over on the same ledger, the
// first moments of a start included. Whatever was acknowledged is there afterwards, unchanged, and
// the verifier finds nothing.
func TestKillNine(t *testing.T) {
	const rounds = 50
	path := newLedger(t, true)
	l := open(t, path)
	must(t, l, "operator", "CreateAccount a", "CreateAccount b")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(9, 9))
	acknowledged := make(map[juno.Index]juno.Hash)
	for round := range rounds {
		killOne(t, path, r.IntN(400), acknowledged)
		v, err := files.Directory(context.Background(), path, files.Options{})
		if err != nil || !v.Verified() {
			t.Fatalf("round %d: verify: %+v, %v", round, v, err)
		}
		l := open(t, path)
		for index, hash := range acknowledged {
			if pos, err := l.Position(index); err != nil || pos.Hash != hash {
				t.Fatalf("round %d: %d was acknowledged with hash %s, the log has %s (%v)", round,
					index, hash.Short(), pos.Hash.Short(), err)
			}
		}
		books := query(t, l, "SELECT (SELECT count(*) FROM transfers) = balance FROM accounts "+
			"WHERE name = 'b'")
		if books != "1\n" {
			t.Fatalf("round %d: b does not hold one dollar for every transfer", round)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(acknowledged) < 20*rounds {
		t.Errorf("only %d commands were acknowledged: that was no load", len(acknowledged))
	}
}

// killOne starts a writer and kills it once it has acknowledged after commands.
func killOne(t *testing.T, path string, after int, acknowledged map[juno.Index]juno.Hash) {
	t.Helper()
	writer := exec.Command(os.Args[0], "-test.run", "^TestKillWriter$")
	writer.Env = append(os.Environ(), killDir+"="+path)
	out, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	take := func() bool {
		if !lines.Scan() {
			return false
		}
		var index juno.Index
		var text string
		if _, err := fmt.Sscanf(lines.Text(), "acknowledged %d %s", &index, &text); err != nil {
			if strings.Contains(lines.Text(), "FAIL") {
				t.Errorf("the writer failed: %s", lines.Text())
			}
			return true // the line was cut off by the kill, or is the test framework's
		}
		if hash, err := juno.ParseHash(text); err == nil {
			acknowledged[index] = hash
		}
		return true
	}
	for n := 0; n < after && take(); n++ {
		continue
	}
	if err := writer.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for take() { // what it said before the kill counts too
		continue
	}
	_ = writer.Wait() // "signal: killed" is what was asked for
}
