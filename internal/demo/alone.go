package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"juno"
	"juno/embedded"
)

const (
	clientName = "demo"
	commands   = 8000
	payment    = "transfer(000->001, 1%1)"
)

// aloneRun is one run on a single node.
type aloneRun struct {
	stage
	path   string
	ledger *embedded.Ledger
	client *embedded.Client
	early  juno.Index // three moments for the audit
	middle juno.Index
}

// runAlone is the demo without a cluster: one directory, no server.
func runAlone(ctx context.Context, s stage, dir string, ends bool) (err error) {
	d := &aloneRun{stage: s}
	if d.path, err = placeFor(dir, "ledger"); err != nil {
		return err
	}
	keep := dir != ""
	defer func() {
		if d.ledger != nil {
			err = errors.Join(err, d.ledger.Close())
		}
		if !keep {
			err = errors.Join(err, os.RemoveAll(filepath.Dir(d.path)))
		}
	}()
	err = d.play(ctx, d.create, d.accounts, d.load, d.crash, d.audit, d.carry, d.tamper)
	if err != nil || ends {
		return err
	}
	return d.open(ctx, d.tools.Ledger(d.ledger, d.client))
}

// run shows texts as somebody would type them, and what the shell answers.
func (d *aloneRun) run(ctx context.Context, lines ...string) error {
	return d.show(ctx, d.tools.Ledger(d.ledger, d.client), lines...)
}

func (d *aloneRun) create(ctx context.Context) error {
	d.say("A ledger: one directory, no server")
	quiet := d.Console
	quiet.Out = io.Discard // it says what to do next, which here the demo does
	err := d.tools.Call(ctx, quiet, "init", d.path, "--clients", clientName, "--open")
	if err != nil {
		return err
	}
	d.printf("made %s", d.path)
	return d.start()
}

func (d *aloneRun) start() (err error) {
	if d.ledger, err = d.tools.Open(d.Console, d.path); err != nil {
		return err
	}
	d.client, err = d.ledger.Client(clientName)
	return err
}

func (d *aloneRun) close() error {
	err := d.ledger.Close()
	d.ledger = nil
	return err
}

func (d *aloneRun) accounts(ctx context.Context) error {
	d.say("The prototype's demo: two accounts, 100000 dollars, one dollar moves")
	err := d.run(ctx, "CreateAccount 000", "CreateAccount 001", "AdjustAccount 000 100000%1",
		payment)
	d.early = d.ledger.Head().Index
	return err
}

func (d *aloneRun) load(ctx context.Context) error {
	d.say("%d payments under one signature for each %d, then %d signed one by one; "+
		"every answer comes after fsync", commands, juno.BatchCommandsMax, commands)
	err := d.run(ctx, fmt.Sprintf("batch test:%d %s", commands, payment))
	d.middle = d.ledger.Head().Index
	if err != nil {
		return err
	}
	return d.run(ctx, fmt.Sprintf("many test:%d %s", commands, payment))
}

func (d *aloneRun) audit(ctx context.Context) error {
	d.say("Audit: SQL over every moment of the past")
	return d.run(ctx,
		fmt.Sprintf("SELECT %d AS at, name, balance FROM accounts AS OF %d WHERE name = '000' "+
			"UNION ALL SELECT %d, name, balance FROM accounts AS OF %d WHERE name = '000' "+
			"UNION ALL SELECT last_index(), name, balance FROM accounts WHERE name = '000'",
			d.early, d.early, d.middle, d.middle),
		"SELECT log_index, change, delta, balance, actor, committed_at FROM accounts_history "+
			"WHERE name = '000' ORDER BY log_index LIMIT 5",
		"SELECT s.value AS at, sum(a.balance) AS books FROM generate_series(1000, last_index(), "+
			"1000) s JOIN accounts a ON a.as_of = s.value GROUP BY s.value ORDER BY 1 LIMIT 5",
		`\verify`)
}
