package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// audit asks about the past, and proves an entry to somebody who has nothing but the ledger's id.
func (d *clusterRun) audit(ctx context.Context) error {
	d.say("Audit: any moment of the past, in rows that f+1 nodes have signed")
	err := d.show(ctx, d.ledger.Ledger,
		fmt.Sprintf("SELECT %d AS at, name, balance FROM accounts AS OF %d WHERE name = '001' "+
			"UNION ALL SELECT %d, name, balance FROM accounts AS OF %d WHERE name = '001' "+
			"UNION ALL SELECT last_index(), name, balance FROM accounts WHERE name = '001'",
			d.early, d.early, d.middle, d.middle),
		"SELECT log_index, change, delta, balance, actor, committed_at FROM accounts_history "+
			"WHERE name = '000' ORDER BY log_index LIMIT 5",
		"SELECT term, leader, count(*) AS entries FROM log GROUP BY term, leader ORDER BY 1")
	if err != nil {
		return err
	}
	return d.receipt(ctx)
}

func (d *clusterRun) receipt(ctx context.Context) error {
	p := d.load.last()
	text, err := d.ledger.Receipt(ctx, p.index)
	if err != nil {
		return err
	}
	path := filepath.Join(d.path, "receipt.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	ledger := d.ledger.Cluster().String()
	fmt.Fprintln(d.Out)
	d.printf("receipt.json: the proof of entry %d, a payment; whoever gets it needs the ledger's",
		p.index)
	d.printf("id and no node:")
	fmt.Fprintln(d.Out)
	d.printf("juno verify receipt.json --ledger %s", ledger)
	return d.tools.Call(ctx, d.inner(), "verify", path, "--ledger", ledger)
}

// verify stops all nodes, and checks their directories from the files alone.
func (d *clusterRun) verify(ctx context.Context) error {
	d.say("All nodes stop; their directories are verified offline, without a key")
	d.disconnect()
	if err := d.stopAll(ctx); err != nil {
		return err
	}
	d.printf("%d processes ended with exit code 0", len(d.nodes))
	for _, n := range d.nodes {
		var said bytes.Buffer
		c := d.inner()
		fmt.Fprintln(d.Out)
		d.printf("juno verify %s", n.id)
		shown := c.Out
		if n != d.nodes[0] {
			c.Out = &said // one is shown in full
		}
		if err := d.tools.Call(ctx, c, "verify", n.path); err != nil {
			return errors.Join(err, errors.New(said.String()))
		}
		lines := bytes.Split(bytes.TrimSpace(said.Bytes()), []byte("\n"))
		if last := lines[len(lines)-1]; len(last) > 0 {
			fmt.Fprintf(shown, "%s\n", last)
		}
	}
	return nil
}

// stopAll asks all nodes to end, all at once, and wants exit code 0 of each.
func (d *clusterRun) stopAll(ctx context.Context) error {
	ended := make(chan error, len(d.nodes))
	for _, n := range d.nodes {
		go func() { ended <- n.stop(ctx) }()
	}
	var all []error
	for range d.nodes {
		all = append(all, <-ended)
	}
	return errors.Join(all...)
}

func (d *clusterRun) tamper(ctx context.Context) error {
	n := d.nodes[len(d.nodes)-1]
	d.say("One bit flipped in a copy of %s", n.id)
	return d.flip(ctx, n.path, n.path+"-tampered")
}

// reopen starts the nodes again and ends in the shell.
func (d *clusterRun) reopen(ctx context.Context) error {
	if err := d.startAll(ctx); err != nil {
		return errors.Join(err, d.dead())
	}
	if _, err := d.leader(ctx); err != nil {
		return err
	}
	fmt.Fprintf(d.Out, "\nThe %d nodes run again, until you leave. Another terminal can join:\n",
		len(d.nodes))
	fmt.Fprintf(d.Out, "juno shell --connect %s; juno status --connect %s\n", d.path, d.path)
	err := d.open(ctx, d.ledger.Ledger)
	d.disconnect()
	return errors.Join(err, d.stopAll(context.WithoutCancel(ctx)))
}
