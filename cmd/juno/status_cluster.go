package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"juno/cluster/rpc"

	"juno/internal/cli"
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
	for i := range all {
		n := &all[i]
		highest = max(highest, n.Number(rpc.FactCommitted))
		if n.Err == nil && n.Voter {
			reachable++
		}
	}
	states := make(map[int64]string)
	differ := false
	for i := range all {
		n := &all[i]
		if n.Err != nil {
			fmt.Fprintf(w, "%s\t%s\tno answer\n", n.Node.ID, n.Node.Address)
			continue
		}
		at, state := n.Number(rpc.FactStateAt), n.Text(rpc.FactState)
		if other, seen := states[at]; seen && other != state {
			differ = true
		}
		states[at] = state
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%.8s\t%d\t%d\t%d\n", n.Node.ID, n.Node.Address,
			n.Text(rpc.FactRole), n.Text(rpc.FactTerm), n.Number(rpc.FactCommitted),
			n.Number(rpc.FactExecuted), highest-n.Number(rpc.FactExecuted), state, at,
			n.Number(rpc.FactCertified), n.Number(rpc.FactEvidence))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	bad := differ
	for i := range all {
		n := &all[i]
		if n.Err != nil {
			fmt.Fprintf(c.Out, "%s: %v\n", n.Node.ID, n.Err)
		}
		if n.Text(rpc.FactHalted) == "yes" {
			fmt.Fprintf(c.Out, "%s is halted by administrators; juno resume ends that\n", n.Node.ID)
		}
		if q := n.Text(rpc.FactQuarantine); q != "" {
			bad = true
			fmt.Fprintf(c.Out, "%s is quarantined: %s; what it knew then is in its directory, "+
				"folder quarantine: compare it with the others, and see docs/OPERATIONS.md\n",
				n.Node.ID, q)
		}
	}
	if differ {
		fmt.Fprintln(c.Out, "STATES DIFFER at the same entry: stop, and copy all directories")
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
