package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"juno"
	"juno/datadir"
	"juno/embedded"
	"juno/internal/cli"
	"juno/shell"
	"juno/verify/files"
)

var (
	killRounds = flag.Int("kill.rounds", 20, "how often TestKillUpkeep kills")
	killSeed   = flag.Uint64("kill.seed", 1, "what TestKillUpkeep draws its moments from")
)

// payer is a process that pays for ever, in batches and in singles beside each other, and prints
// for each call that was acknowledged the last index and the hash there. It takes a snapshot now
// and then, and rotates a key. It is not juno, but the same packages: juno-payer DIR SEED.
func payer() {
	if err := pay(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "juno-payer:", err)
		os.Exit(int(cli.ExitFailed))
	}
}

func pay(path, seed string) error {
	ledger, err := embedded.Open(path, embedded.Options{
		Warn: func(text string) { fmt.Fprintln(os.Stderr, "warning:", text) },
	})
	if err != nil {
		return err
	}
	fmt.Println("open")
	p := &payments{ledger: ledger}
	var group sync.WaitGroup
	for i, mode := range []juno.Mode{juno.Batch, juno.Single} {
		random := rand.New(rand.NewPCG(uint64(len(seed)), uint64(seed[len(seed)-1])+uint64(i)))
		group.Go(func() { p.fail(p.loop(mode, random)) })
	}
	group.Go(func() { p.fail(p.upkeep()) })
	group.Wait()
	if p.err == nil {
		<-ledger.Failed() // wait for the kill
		p.err = ledger.Err()
	}
	return p.err
}

// payments are what the goroutines of the payer share.
type payments struct {
	ledger *embedded.Ledger
	mu     sync.Mutex
	err    error
}

func (p *payments) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
}

// killCalls bounds what one round writes, so that verifying all of it stays cheap.
const killCalls = 12

func (p *payments) loop(mode juno.Mode, random *rand.Rand) error {
	client, err := p.ledger.Client("payer")
	if err != nil {
		return err
	}
	for range killCalls {
		texts := make([]string, 1+random.IntN(40))
		for i := range texts {
			texts[i] = "transfer(a->b, 1%1)"
		}
		outcomes, err := client.Submit(context.Background(), texts, mode, nil)
		if err != nil {
			return err
		}
		for _, o := range outcomes {
			if o.Err != nil || o.Result.Status != juno.StatusOK {
				return fmt.Errorf("%+v", o)
			}
		}
		pos, err := p.ledger.Position(outcomes[len(outcomes)-1].Index)
		if err != nil {
			return err
		}
		fmt.Printf("acknowledged %d %s\n", pos.Index, pos.Hash) // one write, or none
	}
	return nil
}

// upkeep does what an operator does while others pay.
func (p *payments) upkeep() error {
	client, err := p.ledger.Client("rotating")
	if err != nil {
		return err
	}
	if _, err := p.ledger.Snapshot(context.Background(), nil); err != nil {
		return err
	}
	o, err := client.Rotate(context.Background())
	if err != nil {
		return err
	}
	if o.Result.Status != juno.StatusOK {
		return fmt.Errorf("rotate: %+v", o.Result)
	}
	pos, err := p.ledger.Position(o.Index)
	fmt.Printf("acknowledged %d %s\n", pos.Index, pos.Hash)
	return err
}

// parseAcknowledged reads a line of the payer.
func parseAcknowledged(line string) (p juno.Pos, err error) {
	var hash string
	if _, err := fmt.Sscanf(line, "acknowledged %d %s", &p.Index, &hash); err != nil {
		return p, fmt.Errorf("the payer said %.80q: %w", line, err)
	}
	p.Hash, err = juno.ParseHash(hash)
	return p, err
}

// TestKillUpkeep kills a process that does everything at once with SIGKILL, at a random moment,
// again and again on the same ledger: while it opens, while two goroutines pay, while it takes
// snapshots, by itself and on demand, and rotates a key. After every kill the files as they lie
// there verify, and everything that was acknowledged in any round is in the log, unchanged.
func TestKillUpkeep(t *testing.T) {
	rounds := *killRounds
	if testing.Short() {
		rounds = min(rounds, 5)
	}
	path := filepath.Join(t.TempDir(), "books")
	_, err := datadir.Create(path, datadir.Options{
		Clients: []string{"payer", "rotating"}, Open: true, CheckpointEvery: 300,
	})
	if err != nil {
		t.Fatal(err)
	}
	k := &killing{t: t, path: path, random: rand.New(rand.NewPCG(*killSeed, 9))}
	k.inLedger(func(l *embedded.Ledger) {
		k.submit(l, "CreateAccount a", "CreateAccount b", "AdjustAccount a 1000000%1")
	})
	for round := range rounds {
		k.round(round)
		if t.Failed() {
			t.Fatalf("round %d, seed %d", round, *killSeed)
		}
	}
	t.Logf("%d kills, %d of them before the ledger was open; %d calls were acknowledged, all of "+
		"them are there; the log ends at %d", rounds, k.early, len(k.acknowledged), k.head)
}

type killing struct {
	t            *testing.T
	path         string
	random       *rand.Rand
	acknowledged []juno.Pos // in all rounds
	early        int        // kills before the ledger was open
	head         juno.Index
}

// round kills one payer, and looks at what it left.
func (k *killing) round(n int) {
	k.acknowledged = append(k.acknowledged, k.killPayer(n)...)
	v, err := files.Directory(context.Background(), k.path, files.Options{})
	if err != nil || !v.Verified() {
		k.t.Errorf("verify what the kill left: %+v, %v", v, err)
		return
	}
	k.inLedger(func(l *embedded.Ledger) {
		for _, want := range k.acknowledged {
			if got, err := l.Position(want.Index); got != want {
				k.t.Errorf("%s was acknowledged, the log has %s (%v)", want, got, err)
			}
		}
		k.head = l.Head().Index
		// Every payment is one dollar: so many postings, so much money.
		k.query(l, "SELECT (SELECT balance FROM accounts WHERE name = 'b') = "+
			"(SELECT count(*) FROM transfers WHERE target = 'b')", "1")
		k.query(l, "SELECT sum(balance) FROM accounts", "0")
	})
}

// killPayer starts a payer, kills it after as many acknowledgements as the dice say and a moment
// more, or at a moment of its start, and returns what it said.
func (k *killing) killPayer(round int) (acknowledged []juno.Pos) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var after int
	moment := time.Duration(k.random.IntN(3000)) * time.Microsecond
	if k.random.IntN(4) == 0 {
		moment, after = time.Duration(k.random.IntN(200))*time.Millisecond, -1
	} else {
		after = k.random.IntN(2 * killCalls)
	}
	cmd := exec.CommandContext(ctx, "juno-payer", k.path, fmt.Sprint(round))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	kill := func() { time.AfterFunc(moment, func() { _ = cmd.Process.Kill() }) }
	opened := false
	if after < 0 {
		kill()
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() == "open" {
			opened = true
		} else {
			pos, err := parseAcknowledged(lines.Text())
			if err != nil {
				k.t.Fatal(err)
			}
			acknowledged = append(acknowledged, pos)
		}
		if len(acknowledged) == after {
			kill()
			after = -1
		}
	}
	if !opened {
		k.early++
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		k.t.Fatalf("the payer ended by itself: %v\n%s", err, stderr.String())
	}
	return acknowledged
}

// inLedger opens the ledger in this process, as the next start would.
func (k *killing) inLedger(do func(l *embedded.Ledger)) {
	ledger, err := embedded.Open(k.path, embedded.Options{})
	if err != nil {
		k.t.Fatalf("open: %v", err)
	}
	do(ledger)
	if err := ledger.Close(); err != nil {
		k.t.Errorf("close: %v", err)
	}
}

func (k *killing) submit(l *embedded.Ledger, texts ...string) {
	client, err := l.Client("payer")
	if err != nil {
		k.t.Fatal(err)
	}
	outcomes, err := client.Submit(context.Background(), texts, juno.Single, nil)
	for _, o := range outcomes {
		err = errors.Join(err, o.Err)
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

func (k *killing) query(l *embedded.Ledger, text, want string) {
	rows, err := l.Query(context.Background(), juno.Query{Text: text})
	if err != nil {
		k.t.Errorf("%s: %v", text, err)
		return
	}
	defer rows.Close()
	row, _ := rows.Next()
	if len(row) != 1 || shell.PlainText(row[0]) != want {
		k.t.Errorf("%s: got %v, want %s", strings.TrimSpace(text), row, want)
	}
}
