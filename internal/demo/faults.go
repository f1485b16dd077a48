package demo

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"time"

	"juno"
	"juno/cluster/client"
	"juno/cluster/rpc"
	"juno/server"
	"juno/shell"
)

const (
	// loadFor is how long the demo watches payments before and after it breaks something.
	loadFor = time.Second
	// cutFor is how long a node is cut off: several elections, if it were needed.
	cutFor = 2 * time.Second
)

// crash kills the leader under load, and counts what is there afterwards.
func (d *clusterRun) crash(ctx context.Context) error {
	d.say("kill -9 of the leader, under load")
	d.load = startLoad(ctx, d.ledger.Client)
	if err := d.rate(ctx); err != nil {
		return err
	}
	leader, err := d.leader(ctx)
	if err != nil {
		return err
	}
	before := d.load.last()
	hash, err := d.hashAt(ctx, before.index)
	if err != nil {
		return err
	}
	victim := d.nodes[leader.ID-1]
	victim.killed = true
	d.load.mark()
	victim.kill()
	d.printf("killed %s, which led in term %s", victim.id, leader.text(server.FactTerm))
	if err := d.recovery(ctx, leader.ID); err != nil {
		return err
	}
	if err := d.rate(ctx); err != nil {
		return err
	}
	after, err := d.hashAt(ctx, before.index)
	if err != nil {
		return err
	}
	if after != hash {
		return fmt.Errorf("entry %d was %s before the kill, and is %s", before.index, hash, after)
	}
	d.printf("entry %d, acknowledged before the kill, has the hash %.8s as before", before.index,
		hash)
	return d.count(ctx)
}

// recovery waits for the first payment of those that were made after the kill.
func (d *clusterRun) recovery(ctx context.Context, old juno.NodeID) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	took, err := d.load.awaitFresh(limited)
	if err != nil {
		return fmt.Errorf("no payment is acknowledged since the leader is gone: %w", err)
	}
	leader, err := d.leader(ctx)
	if err != nil {
		return err
	}
	if leader.ID == old {
		return fmt.Errorf("%s was killed, and is said to lead", old)
	}
	d.printf("the first payment made after that was acknowledged %s after the kill: %s leads "+
		"in term %s", brief(took), leader.ID, leader.text(server.FactTerm))
	return nil
}

// rate watches the load for a while.
func (d *clusterRun) rate(ctx context.Context) error {
	begun, before := time.Now(), d.load.count()
	if err := pause(ctx, loadFor); err != nil {
		return err
	}
	paid := d.load.count() - before
	d.printf("%.0f payments/s, each acknowledged by a quorum",
		float64(paid)/time.Since(begun).Seconds())
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// count ends the load and compares what was acknowledged with what is in the ledger: each payment
// where its answer said, and as many dollars as payments.
func (d *clusterRun) count(ctx context.Context) error {
	if err := d.load.stop(); err != nil {
		return err
	}
	all := d.load.all
	for part := range slices.Chunk(all, rpc.AskRequestsMax) {
		if err := d.stillThere(ctx, part); err != nil {
			return err
		}
	}
	d.paid += len(all)
	balance, err := d.one(ctx, "SELECT balance FROM accounts WHERE name = '001'")
	if err != nil {
		return err
	}
	if want := fmt.Sprint(d.setup + d.paid); balance != want {
		return fmt.Errorf("001 has %s dollars, %s payments of one were acknowledged", balance, want)
	}
	d.printf("%d payments were acknowledged in this step (%d of them asked for again): every one",
		len(all), d.load.again)
	d.printf("is at the entry that its answer named, and 001 has %s dollars, one for each so far:",
		balance)
	d.printf("nothing was lost, nothing ran twice")
	return nil
}

// stillThere asks f+1 nodes for payments that were acknowledged.
func (d *clusterRun) stillThere(ctx context.Context, all []paid) error {
	requests := make([]juno.RequestID, len(all))
	for i, p := range all {
		requests[i] = p.request
	}
	outcomes, err := d.ledger.Ask(ctx, requests...)
	if err != nil {
		return err
	}
	for i, o := range outcomes {
		if o.Err != nil || o.Index != all[i].index || o.Result.Status != juno.StatusOK {
			return fmt.Errorf(
				"lost: payment %d was acknowledged at entry %d, now the cluster says "+
					"%d, %s (%w)",
				all[i].request,
				all[i].index,
				o.Index,
				o.Result.Status,
				o.Err,
			)
		}
	}
	return nil
}

// restart starts the killed node again, and waits until it has what it missed.
func (d *clusterRun) restart(ctx context.Context) error {
	var victim *node
	for _, n := range d.nodes {
		if n.killed {
			victim = n
		}
	}
	d.say("%s starts again, under load", victim.id)
	d.load = startLoad(ctx, d.ledger.Client)
	started := time.Now()
	if err := d.starter.start(victim); err != nil {
		return err
	}
	victim.killed = false
	if err := d.caughtUp(ctx, victim.id, started); err != nil {
		return err
	}
	return d.rate(ctx)
}

// caughtUp waits until a node has executed what the cluster has by now.
func (d *clusterRun) caughtUp(ctx context.Context, id juno.NodeID, since time.Time) error {
	target, has := int64(d.ledger.Head().Index), int64(0)
	what := fmt.Sprintf("%s has executed entry %d", id, target)
	err := d.await(ctx, what, func(all []NodeStatus) bool {
		for _, n := range all {
			if n.ID == id {
				has = n.number(server.FactExecuted)
			}
		}
		return has >= target
	})
	if err != nil {
		return err
	}
	d.printf("%s has caught up after %s, with entry %d", id, brief(time.Since(since)), has)
	return nil
}

// cutOff stops a node that does not lead for a while: its connections stay, and it is silent.
func (d *clusterRun) cutOff(ctx context.Context) error {
	leader, err := d.leader(ctx)
	if err != nil {
		return err
	}
	n := d.nodes[int(leader.ID)%len(d.nodes)]
	d.say("%s is cut off for %s, under load", n.id, cutFor)
	if err := n.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("stop %s: %w", n.id, err)
	}
	d.load.mark()
	before := d.load.count()
	if err := pause(ctx, cutFor); err != nil {
		return err
	}
	d.printf("the other three went on: %d payments, of which none waited for more than %s",
		d.load.count()-before, brief(d.load.longest()))
	if err := n.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		return fmt.Errorf("continue %s: %w", n.id, err)
	}
	if err := d.caughtUp(ctx, n.id, time.Now()); err != nil {
		return err
	}
	return d.count(ctx)
}

// hashAt asks a quorum for the chain hash at an entry.
func (d *clusterRun) hashAt(ctx context.Context, index juno.Index) (string, error) {
	return d.one(ctx, fmt.Sprintf("SELECT hash FROM log WHERE log_index = %d", index))
}

// one asks a quorum for a single value.
func (d *clusterRun) one(ctx context.Context, text string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rows, err := d.ledger.Client.Query(ctx, juno.Query{Text: text}, client.Quorum)
	if err != nil {
		return "", fmt.Errorf("%s: %w", text, err)
	}
	defer rows.Close()
	row, ok := rows.Next()
	if !ok || len(row) != 1 {
		return "", fmt.Errorf("%s: no value (%w)", text, rows.Err())
	}
	return shell.PlainText(row[0]), nil
}
