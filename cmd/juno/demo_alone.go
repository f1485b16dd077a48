package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"juno"
	"juno/embedded"
)

const (
	demoClient   = "demo"
	demoCommands = 8000
	demoPayment  = "transfer(000->001, 1%1)"
)

// demo is one run on a single node.
type demo struct {
	stage
	path   string
	ledger *embedded.Ledger
	client *embedded.Client
	early  juno.Index // three moments for the audit
	middle juno.Index
}

// runDemoAlone is the demo without a cluster: one directory, no server.
func runDemoAlone(ctx context.Context, c console, dir string, ends bool) (err error) {
	d := &demo{stage: stage{console: c}}
	if d.path, err = demoDirectory(dir, "ledger"); err != nil {
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
	return d.open(ctx, &port{Ledger: d.ledger, client: d.client})
}

// run shows texts as somebody would type them, and what the shell answers.
func (d *demo) run(ctx context.Context, lines ...string) error {
	return d.show(ctx, &port{Ledger: d.ledger, client: d.client}, lines...)
}

func (d *demo) create(context.Context) error {
	d.say("A ledger: one directory, no server")
	_, err := embedded.Create(nil, d.path, embedded.CreateOptions{
		Clients: []string{demoClient}, Open: true,
	})
	if err != nil {
		return err
	}
	d.printf("made %s", d.path)
	return d.start()
}

func (d *demo) start() (err error) {
	if d.ledger, err = openLedger(d.console, d.path); err != nil {
		return err
	}
	d.client, err = d.ledger.Client(demoClient)
	return err
}

func (d *demo) close() error {
	err := d.ledger.Close()
	d.ledger = nil
	return err
}

func (d *demo) accounts(ctx context.Context) error {
	d.say("The prototype's demo: two accounts, 100000 dollars, one dollar moves")
	err := d.run(ctx, "CreateAccount 000", "CreateAccount 001", "AdjustAccount 000 100000%1",
		demoPayment)
	d.early = d.ledger.Head().Index
	return err
}

func (d *demo) load(ctx context.Context) error {
	d.say("%d payments under one signature for each %d, then %d signed one by one; "+
		"every answer comes after fsync", demoCommands, juno.BatchCommandsMax, demoCommands)
	err := d.run(ctx, fmt.Sprintf("batch test:%d %s", demoCommands, demoPayment))
	d.middle = d.ledger.Head().Index
	if err != nil {
		return err
	}
	return d.run(ctx, fmt.Sprintf("many test:%d %s", demoCommands, demoPayment))
}

func (d *demo) audit(ctx context.Context) error {
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
