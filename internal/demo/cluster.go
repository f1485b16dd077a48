package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"text/tabwriter"
	"time"

	"juno"
	"juno/cluster/consensus"
	"juno/internal/ports"
	"juno/server"
)

const (
	clusterNodes = 4
	// patience bounds every wait for the cluster; nothing takes so long unless it is broken.
	patience = 30 * time.Second
	// lookWithin is how long nodes have to report their status, and lookEvery how often they are
	// asked.
	lookWithin = 500 * time.Millisecond
	lookEvery  = 50 * time.Millisecond
)

// clusterRun is one run on four nodes.
type clusterRun struct {
	stage
	path    string // the client's directory, with those of the nodes in it
	starter *starter
	nodes   []*node
	ledger  *Cluster
	load    *load

	setup  int        // payments before the load
	paid   int        // all payments that were acknowledged, once they are counted
	early  juno.Index // moments for the audit
	middle juno.Index
}

// runCluster is the demo with four processes. They end with it, whatever happens.
func runCluster(ctx context.Context, s stage, dir string, ends bool) (err error) {
	d := &clusterRun{stage: s}
	if d.path, err = placeFor(dir, "cluster"); err != nil {
		return err
	}
	if d.starter, err = newStarter(); err != nil {
		return err
	}
	defer func() {
		d.disconnect()
		for _, n := range d.nodes {
			n.kill()
		}
		d.starter.close()
		if dir == "" {
			err = errors.Join(err, os.RemoveAll(filepath.Dir(d.path)))
		}
	}()
	err = d.play(ctx, d.create, d.prototype, d.crash, d.restart, d.cutOff, d.compare, d.audit,
		d.verify, d.tamper)
	if err != nil {
		return errors.Join(err, d.dead())
	}
	if ends {
		return nil
	}
	return d.reopen(ctx)
}

// dead says which nodes have ended without being asked to: that explains most errors.
func (d *clusterRun) dead() error {
	var all []error
	for _, n := range d.nodes {
		if n.ended != nil && !n.runs() && n.err != nil && !n.killed {
			all = append(all, n.failure())
		}
	}
	return errors.Join(all...)
}

func (d *clusterRun) create(ctx context.Context) error {
	d.say("A cluster: %d processes on this machine, any %d of them may fail or lie", clusterNodes,
		(clusterNodes-1)/3)
	listen, err := ports.Free(clusterNodes)
	if err != nil {
		return err
	}
	quiet := d.Console
	quiet.Out = io.Discard // it says what to do next, which here the demo does
	err = d.tools.Call(ctx, quiet, "init", d.path, "--nodes", strconv.Itoa(clusterNodes),
		"--listen", listen, "--clients", clientName, "--open")
	if err != nil {
		return err
	}
	d.printf("made %s, with a directory for each node in it", d.path)
	for i := range clusterNodes {
		id := juno.NodeID(i + 1)
		d.nodes = append(d.nodes, &node{id: id, path: filepath.Join(d.path, id.String())})
	}
	started := time.Now()
	if err := d.startAll(ctx); err != nil {
		return err
	}
	leader, err := d.leader(ctx)
	if err != nil {
		return err
	}
	for i, m := range d.ledger.Members().Voters {
		d.printf("%s at %s: juno server, process %d", m.ID, m.Address, d.nodes[i].cmd.Process.Pid)
	}
	d.printf("ledger %s: %s leads in term %s, %s after the start", d.ledger.Cluster().Short(),
		leader.ID, leader.text(server.FactTerm), brief(time.Since(started)))
	return nil
}

// startAll starts all nodes and connects to them.
func (d *clusterRun) startAll(ctx context.Context) (err error) {
	for _, n := range d.nodes {
		if err := d.starter.start(n); err != nil {
			return err
		}
	}
	if d.ledger, err = d.tools.Connect(ctx, d.Console, d.path, clientName); err != nil {
		return err
	}
	return d.ledger.Await(ctx)
}

func (d *clusterRun) disconnect() {
	if d.ledger != nil {
		d.ledger.Close()
		d.ledger = nil
	}
}

// look asks all nodes how they are.
func (d *clusterRun) look(ctx context.Context) []NodeStatus {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	return d.ledger.Nodes(ctx)
}

// await asks all nodes how they are until that is what somebody waits for.
func (d *clusterRun) await(
	ctx context.Context, what string, until func(all []NodeStatus) bool,
) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	poll := time.NewTicker(lookEvery)
	defer poll.Stop()
	for {
		all := d.look(ctx)
		if until(all) {
			return nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			var said bytes.Buffer
			for i := range all {
				fmt.Fprintf(&said, "\n%s: %s", all[i].ID, all[i].Line)
			}
			return fmt.Errorf("wait until %s: %w; the nodes say:%s", what, ctx.Err(), &said)
		}
	}
}

// leader returns the node that says it leads, in the highest term that any leads.
func (d *clusterRun) leader(ctx context.Context) (leader NodeStatus, err error) {
	var highest juno.Term
	err = d.await(ctx, "a node leads", func(all []NodeStatus) bool {
		for _, n := range all {
			term, err := juno.ParseTerm(n.text(server.FactTerm))
			if err == nil && n.text(server.FactRole) == consensus.Leader.String() &&
				term >= highest {
				leader, highest = n, term
			}
		}
		return leader.ID != 0
	})
	return leader, err
}

// prototype is the demo of 2016, with the same commands.
func (d *clusterRun) prototype(ctx context.Context) error {
	d.say(
		"The prototype's demo: two accounts, 100000 dollars, one dollar moves; then %d under one\n"+
			"   signature for many, and %d signed one by one",
		commands,
		commands,
	)
	d.printf("What is answered is on the disks of a quorum; every node checks every signature.")
	err := d.show(ctx, d.ledger.Ledger, "CreateAccount 000", "CreateAccount 001",
		"AdjustAccount 000 100000%1", payment)
	if err != nil {
		return err
	}
	d.early = d.ledger.Head().Index
	if err = d.show(ctx, d.ledger.Ledger, manyOf("batch")); err != nil {
		return err
	}
	d.middle = d.ledger.Head().Index
	d.setup = 1 + 2*commands
	return d.show(ctx, d.ledger.Ledger, manyOf("many"))
}

// manyOf is the prototype's order for many payments.
func manyOf(word string) string {
	return fmt.Sprintf("%s test:%d %s", word, commands, payment)
}

// compare shows that all nodes have the same state.
func (d *clusterRun) compare(ctx context.Context) error {
	d.say("The state of all nodes at the same entry")
	var all []NodeStatus
	err := d.await(ctx, "all nodes have executed the same entries", func(now []NodeStatus) bool {
		all = now
		for _, n := range now {
			if n.Problem != nil ||
				n.number(server.FactStateAt) != now[0].number(server.FactStateAt) {
				return false
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(&indent{w: d.Out, text: "   "}, 0, 0, 2, ' ', 0)
	for _, n := range all {
		fmt.Fprintf(w, "%s\t%s\tentry %d\tstate %s\n", n.ID, n.text(server.FactRole),
			n.number(server.FactStateAt), n.text(server.FactState))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, n := range all {
		if n.text(server.FactState) != all[0].text(server.FactState) {
			return fmt.Errorf("%s and %s have different states at entry %d", n.ID, all[0].ID,
				n.number(server.FactStateAt))
		}
	}
	d.printf("equal")
	return nil
}

// brief is a duration as people want to read it.
func brief(took time.Duration) string {
	if took < time.Second {
		return took.Round(time.Millisecond).String()
	}
	return took.Round(10 * time.Millisecond).String()
}
