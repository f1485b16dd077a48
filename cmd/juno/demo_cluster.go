package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"juno"
	"juno/cluster/consensus"
	"juno/datadir"
	"juno/internal/ports"
	"juno/server"
)

const (
	demoNodes = 4
	// demoPatience bounds every wait for the cluster; nothing takes so long unless it is broken.
	demoPatience = 30 * time.Second
	// demoLook is how long nodes have to say how they are, and demoPoll how often they are asked.
	demoLook = 500 * time.Millisecond
	demoPoll = 50 * time.Millisecond
)

// clusterDemo is one run on four nodes.
type clusterDemo struct {
	stage
	path    string // the client's directory, with those of the nodes in it
	nursery *nursery
	nodes   []*demoNode
	ledger  *connection
	load    *load

	setup  int        // payments before the load
	paid   int        // all payments that were acknowledged, once they are counted
	early  juno.Index // moments for the audit
	middle juno.Index
}

// runDemoCluster is the demo with four processes. They end with it, whatever happens.
func runDemoCluster(ctx context.Context, c console, dir string, ends bool) (err error) {
	d := &clusterDemo{stage: stage{console: c}}
	if d.path, err = demoDirectory(dir, "cluster"); err != nil {
		return err
	}
	if d.nursery, err = newNursery(); err != nil {
		return err
	}
	defer func() {
		d.disconnect()
		for _, n := range d.nodes {
			n.kill()
		}
		d.nursery.close()
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
func (d *clusterDemo) dead() error {
	var all []error
	for _, n := range d.nodes {
		if n.ended != nil && !n.runs() && n.err != nil && !n.killed {
			all = append(all, n.failure())
		}
	}
	return errors.Join(all...)
}

func (d *clusterDemo) create(ctx context.Context) error {
	d.say("A cluster: %d processes on this machine, any %d of them may fail or lie", demoNodes,
		(demoNodes-1)/3)
	listen, err := ports.Free(demoNodes)
	if err != nil {
		return err
	}
	quiet := d.console
	quiet.out = io.Discard // it says what to do next, and here the demo does that
	err = initCluster(quiet, d.path, demoNodes, listen, datadir.Options{
		Clients: []string{demoClient}, Open: true, Admins: []string{"admin"},
	})
	if err != nil {
		return err
	}
	d.printf("made %s, with a directory for each node in it", d.path)
	for i := range demoNodes {
		id := juno.NodeID(i + 1)
		d.nodes = append(d.nodes, &demoNode{id: id, path: filepath.Join(d.path, id.String())})
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
		leader.id, leader.text(server.FactTerm), brief(time.Since(started)))
	return nil
}

// startAll starts all nodes and connects to them.
func (d *clusterDemo) startAll(ctx context.Context) (err error) {
	for _, n := range d.nodes {
		if err := d.nursery.start(n); err != nil {
			return err
		}
	}
	if d.ledger, err = connect(ctx, d.console, d.path, demoClient); err != nil {
		return err
	}
	return d.ledger.await(ctx)
}

func (d *clusterDemo) disconnect() {
	if d.ledger != nil {
		d.ledger.Close()
		d.ledger = nil
	}
}

// look asks all nodes how they are.
func (d *clusterDemo) look(ctx context.Context) []nodeLine {
	ctx, cancel := context.WithTimeout(ctx, demoLook)
	defer cancel()
	return d.ledger.nodes(ctx)
}

// await asks all nodes how they are until that is what somebody waits for.
func (d *clusterDemo) await(
	ctx context.Context, what string, until func(all []nodeLine) bool,
) error {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	poll := time.NewTicker(demoPoll)
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
				fmt.Fprintf(&said, "\n%s: %s", all[i].id, all[i].line())
			}
			return fmt.Errorf("wait until %s: %w; the nodes say:%s", what, ctx.Err(), &said)
		}
	}
}

// leader returns the node that says it leads, in the highest term that any leads.
func (d *clusterDemo) leader(ctx context.Context) (leader nodeLine, err error) {
	var highest juno.Term
	err = d.await(ctx, "a node leads", func(all []nodeLine) bool {
		for _, n := range all {
			term, err := juno.ParseTerm(n.text(server.FactTerm))
			if err == nil && n.text(server.FactRole) == consensus.Leader.String() &&
				term >= highest {
				leader, highest = n, term
			}
		}
		return leader.id != 0
	})
	return leader, err
}

// prototype is the demo of 2016, with the same commands.
func (d *clusterDemo) prototype(ctx context.Context) error {
	d.say(
		"The prototype's demo: two accounts, 100000 dollars, one dollar moves; then %d under one\n"+
			"   signature for many, and %d signed one by one",
		demoCommands,
		demoCommands,
	)
	d.printf("What is answered is on the disks of a quorum; every node checks every signature.")
	err := d.show(ctx, d.ledger, "CreateAccount 000", "CreateAccount 001",
		"AdjustAccount 000 100000%1", demoPayment)
	if err != nil {
		return err
	}
	d.early = d.ledger.Head().Index
	if err = d.show(ctx, d.ledger, demoMany("batch")); err != nil {
		return err
	}
	d.middle = d.ledger.Head().Index
	d.setup = 1 + 2*demoCommands
	return d.show(ctx, d.ledger, demoMany("many"))
}

// demoMany is the prototype's order for many payments.
func demoMany(word string) string {
	return fmt.Sprintf("%s test:%d %s", word, demoCommands, demoPayment)
}

// compare shows that all nodes have the same state.
func (d *clusterDemo) compare(ctx context.Context) error {
	d.say("The state of all nodes at the same entry")
	var all []nodeLine
	err := d.await(ctx, "all nodes have executed the same entries", func(now []nodeLine) bool {
		all = now
		for _, n := range now {
			if n.problem != nil ||
				n.number(server.FactStateAt) != now[0].number(server.FactStateAt) {
				return false
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(&indent{w: d.out, text: "   "}, 0, 0, 2, ' ', 0)
	for _, n := range all {
		fmt.Fprintf(w, "%s\t%s\tentry %d\tstate %s\n", n.id, n.text(server.FactRole),
			n.number(server.FactStateAt), n.text(server.FactState))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, n := range all {
		if n.text(server.FactState) != all[0].text(server.FactState) {
			return fmt.Errorf("%s and %s have different states at entry %d", n.id, all[0].id,
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
