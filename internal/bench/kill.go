package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"juno"
	"juno/cluster/client"
	"juno/server"
)

const (
	// killLoad is how many closed loops go on while leaders are killed: enough that there are
	// always commands under way.
	killLoad = 4
	// killPause is between two looks for a leader, or at a node that catches up.
	killPause = 20 * time.Millisecond
	// killStatusMax is how long nodes have to say how far they are.
	killStatusMax = 2 * time.Second
)

// killer kills leaders of a cluster under load.
type killer struct {
	*processes
	acknowledged atomic.Int64 // payments to Acct2
}

// failover kills leaders and measures how long it takes until a command that was given right
// after the kill is acknowledged. Afterwards the books are compared with what was acknowledged.
func (b *bench) failover() error {
	c, err := b.startCluster(b.path("failover"), mainNodes, "")
	if err != nil {
		return err
	}
	k := &killer{processes: c}
	took, err := k.killAll(b.ctx, b.plan.kills)
	if len(took) > 0 {
		r := result{
			Name: "juno/cluster-failover", Unit: "s", Clients: 1 + killLoad, Nodes: c.size,
			Note: fmt.Sprintf("SIGKILL to the acknowledgement of a command that was given right "+
				"after it, with %d closed loops going on; each sample is a kill, and the killed "+
				"node has caught up before the next; the books hold all of the %d payments that "+
				"were acknowledged, once each", killLoad, k.acknowledged.Load()),
		}
		if err != nil {
			r.Note = "the part failed after these kills, see there"
		}
		for _, t := range took {
			r.Samples = append(r.Samples, t.Seconds())
		}
		kills := len(took)
		r.P50, r.P99 = percentile(took, 0.50), percentile(took, 0.99)
		b.say("%-24s p50 %s of %d kills", r.Name, micros(r.P50), kills)
		b.results = append(b.results, r)
	}
	return errors.Join(err, c.stop(), os.RemoveAll(c.dir))
}

// killAll kills leaders under load, and checks the books when the load has ended.
func (k *killer) killAll(ctx context.Context, kills int) (took []time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var loops sync.WaitGroup
	var over atomic.Bool
	for i := range killLoad {
		loops.Go(func() {
			for !over.Load() {
				if err := k.pay(ctx, i); err != nil {
					cancel(fmt.Errorf("under load: %w", err))
					return
				}
			}
		})
	}
	for range kills {
		elapsed, err := k.kill(ctx)
		if err != nil {
			cancel(fmt.Errorf("kill %d: %w", len(took)+1, err))
			break
		}
		took = append(took, elapsed)
	}
	over.Store(true)
	loops.Wait()
	if ctx.Err() != nil {
		return took, context.Cause(ctx)
	}
	return took, k.checkBooks(ctx)
}

// pay submits a payment to Acct2 and counts it when it is acknowledged.
func (k *killer) pay(ctx context.Context, loop int) error {
	err := k.submit(ctx, loop, clusterTransfer)
	if err == nil {
		k.acknowledged.Add(1)
	}
	return err
}

// kill kills the leader once, waits for a commit, starts the node again, and waits until it has
// executed what was acknowledged before.
func (k *killer) kill(ctx context.Context) (time.Duration, error) {
	leader, err := k.leader(ctx)
	if err != nil {
		return 0, err
	}
	node := k.nodes[leader-1].process
	if err := node.Process.Kill(); err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := k.pay(ctx, 0); err != nil {
		return 0, err
	}
	elapsed := time.Since(begin)
	_ = node.Wait() // "signal: killed", as it should be
	if err := k.startNode(int(leader) - 1); err != nil {
		return 0, err
	}
	return elapsed, k.caughtUp(ctx, leader, k.clients[0].Head().Index)
}

// leader returns the leader that the voters name.
func (k *killer) leader(ctx context.Context) (juno.NodeID, error) {
	for ctx.Err() == nil {
		if id := k.clients[0].Leader(); id >= 1 && int(id) <= len(k.nodes) {
			return id, nil
		}
		time.Sleep(killPause)
	}
	return 0, fmt.Errorf("the voters name no leader: %w", context.Cause(ctx))
}

// caughtUp waits until a node has executed an entry.
func (k *killer) caughtUp(ctx context.Context, id juno.NodeID, index juno.Index) error {
	executed := int64(0)
	for ctx.Err() == nil {
		asking, cancel := context.WithTimeout(ctx, killStatusMax)
		answers := k.clients[0].Status(asking)
		cancel()
		for _, a := range answers {
			for _, f := range a.Facts {
				if a.Node.ID == id && f.Name == server.FactExecuted {
					executed = f.Value.Integer
				}
			}
		}
		if executed >= int64(index) {
			return nil
		}
		time.Sleep(killPause)
	}
	return fmt.Errorf("%s runs again and has executed %d, want %d: %w", id, executed, index,
		context.Cause(ctx))
}

// checkBooks compares the balance of Acct2 with the payments that were acknowledged. All others
// of the load have an outcome by now, so it has to be equal: less is a loss, more an execution
// twice.
func (k *killer) checkBooks(ctx context.Context) error {
	rows, err := k.clients[0].Query(ctx, juno.Query{
		Text: "SELECT balance FROM accounts WHERE name = 'Acct2'",
	}, client.Quorum)
	if err != nil {
		return err
	}
	defer rows.Close()
	row, ok := rows.Next()
	if !ok {
		return fmt.Errorf("balance of Acct2: no row: %w", rows.Err())
	}
	if got, want := row[0].Text, strconv.FormatInt(k.acknowledged.Load(), 10); got != want {
		return fmt.Errorf("the balance of Acct2 is %s, and %s payments were acknowledged", got,
			want)
	}
	return nil
}
