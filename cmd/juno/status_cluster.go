package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"juno/internal/cli"
	"juno/server"
)

// statusOfCluster prints a line for each node. It ends with exit code 1 if there is no quorum, or
// if nodes that have executed the same differ.
func statusOfCluster(ctx context.Context, c cli.Console, path, name string) error {
	k, err := connect(ctx, c, path, name)
	if err != nil {
		return err
	}
	defer k.Close()
	// Who does not answer is said below, of each node by itself.
	_ = k.awaitWithin(ctx, statusWithin)
	return k.printStatus(ctx, c)
}

func (k *connection) printStatus(ctx context.Context, c cli.Console) error {
	all := k.nodes(ctx)
	w := tabwriter.NewWriter(c.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(
		w,
		"node\taddress\trole\tterm\tcommit\tapplied\tlag\tstate\tat\tsnapshot\tevidence",
	)
	highest, reachable := int64(0), 0
	for _, n := range all {
		highest = max(highest, n.number(server.FactCommitted))
		if n.problem == nil && n.voting {
			reachable++
		}
	}
	states := make(map[int64]string)
	differ := false
	for _, n := range all {
		if n.problem != nil {
			fmt.Fprintf(w, "%s\t%s\tno answer\n", n.id, n.address)
			continue
		}
		at, state := n.number(server.FactStateAt), n.text(server.FactState)
		if other, seen := states[at]; seen && other != state {
			differ = true
		}
		states[at] = state
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%.8s\t%d\t%d\t%d\n", n.id, n.address,
			n.text(server.FactRole), n.text(server.FactTerm), n.number(server.FactCommitted),
			n.number(server.FactExecuted), highest-n.number(server.FactExecuted), state, at,
			n.number(server.FactCertified), n.number(server.FactEvidence))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	bad := differ
	for _, n := range all {
		if n.problem != nil {
			fmt.Fprintf(c.Out, "%s: %v\n", n.id, n.problem)
		}
		if n.text(server.FactHalted) == "yes" {
			fmt.Fprintf(c.Out, "%s is halted by administrators; juno resume ends the halt\n", n.id)
		}
		if q := n.text(server.FactQuarantine); q != "" {
			bad = true
			fmt.Fprintf(c.Out, "%s is quarantined: %s; its evidence is in the folder quarantine "+
				"of its directory: compare it with the other nodes, see docs/OPERATIONS.md\n",
				n.id, q)
		}
	}
	if differ {
		fmt.Fprintln(c.Out,
			"STATES DIFFER at the same entry: stop all nodes, and copy their directories")
	}
	config := k.Members()
	if reachable < config.Quorum() {
		bad = true
		fmt.Fprintf(c.Out, "no quorum: %d of %d voters answer, %d are needed\n", reachable,
			len(config.Voters), config.Quorum())
	}
	if bad {
		return cli.ExitFailed
	}
	return nil
}
