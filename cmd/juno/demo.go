package main

import (
	"context"

	"juno/embedded"
	"juno/internal/cli"
	"juno/internal/demo"
	"juno/shell"
)

// demoTools are what the demo needs of this command line.
func demoTools(p *cli.Program) demo.Tools {
	return demo.Tools{
		Call: p.Call,
		Open: openLedger,
		Ledger: func(ledger *embedded.Ledger, client *embedded.Client) shell.Ledger {
			return &port{Ledger: ledger, client: client}
		},
		Connect: func(
			ctx context.Context, c cli.Console, path, name string,
		) (*demo.Cluster, error) {
			k, err := connect(ctx, c, path, name)
			if err != nil {
				return nil, err
			}
			return &demo.Cluster{
				Client: k.Client, Ledger: k, Await: k.await, Nodes: k.demoNodes,
			}, nil
		},
		HistoryFile: historyFile(),
	}
}

// demoNodes asks all members how they are.
func (k *connection) demoNodes(ctx context.Context) []demo.NodeStatus {
	lines := k.nodes(ctx)
	all := make([]demo.NodeStatus, len(lines))
	for i := range lines {
		n := &lines[i]
		all[i] = demo.NodeStatus{
			ID: n.id, Problem: n.problem, Facts: n.facts, Line: n.line(),
		}
	}
	return all
}
