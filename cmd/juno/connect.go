package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"juno"
	"juno/client"
	"juno/cluster/rpc"
	"juno/datadir"
	"juno/internal/cli"
	"juno/shell"
)

const (
	// connectWithin is how long a verb looks for a quorum before it says that there is none.
	connectWithin = 10 * time.Second
	// statusWithin is how long nodes have to say how they are.
	statusWithin = 3 * time.Second
)

// connection is a cluster as the shell and the verbs see it.
type connection struct {
	languages
	*client.Client
	path    string
	name    string // of the client whose key is used
	how     client.Consistency
	request juno.RequestID // of the next command, if not 0
}

var _ shell.Cluster = (*connection)(nil)

// clientOptions are how this program connects as the client of that name.
func clientOptions(c cli.Console, name string) client.Options {
	return client.Options{
		Name: name, Software: "juno " + version,
		OnEvidence: func(e client.Evidence) { fmt.Fprintf(c.Err, "warning: %s\n", e) },
	}
}

// connect speaks to the cluster whose client directory that is, for the client of that name; empty:
// the first one of the genesis whose key is there.
func connect(ctx context.Context, c cli.Console, path, name string) (*connection, error) {
	if name == "" {
		dir, err := datadir.Open(path)
		if err != nil {
			return nil, err
		}
		if name, err = dir.DefaultClient(); err != nil {
			return nil, err
		}
	}
	k, err := client.Connect(ctx, path, clientOptions(c, name))
	if err != nil {
		return nil, err
	}
	return &connection{Client: k, path: path, name: name}, nil
}

// await waits until a quorum answers; the error says what is wrong with each of the others.
func (k *connection) await(ctx context.Context) error {
	return k.awaitWithin(ctx, connectWithin)
}

func (k *connection) awaitWithin(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return explainReach(k.Client.Await(ctx), k.path, k.name)
}

// explainReach adds to why too few nodes answer what to do in the client's directory.
func explainReach(err error, path, name string) error {
	var e *client.ReachError
	if !errors.As(err, &e) {
		return err
	}
	if e.KeyRefused && e.KeyPending && !e.MembersChanged {
		return fmt.Errorf("%s: %w: juno key rotate --connect %s --as %s finishes that", path, err,
			path, name)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// Identity implements shell.Ledger.
func (k *connection) Identity() shell.Identity {
	return shell.Identity{
		Ledger: filepath.Base(k.path), Client: k.Name(), Key: k.KeyID(), Remote: true,
	}
}

// Query implements shell.Ledger.
func (k *connection) Query(ctx context.Context, q juno.Query) (juno.Rows, error) {
	rows, err := k.Client.Query(ctx, q, k.how)
	if err != nil {
		return nil, err
	}
	return vouchedRows{rows}, nil
}

// Quorum implements shell.Cluster.
func (k *connection) Quorum() bool { return k.how != client.Local }

// SetQuorum implements shell.Cluster.
func (k *connection) SetQuorum(on bool) {
	if k.how = client.Local; on {
		k.how = client.Quorum
	}
}

// vouchedRows are rows that say who stands behind them.
type vouchedRows struct{ *client.Rows }

// Vouchers implements shell.Vouched.
func (r vouchedRows) Vouchers() string {
	p := r.Proof()
	text := juno.NodeNames(p.Nodes)
	switch {
	case len(p.Nodes) > 1:
		text += " agree"
	case len(p.Nodes) == 1:
		text += " says so"
	}
	if len(p.Disagree) > 0 {
		text += "; DISAGREEING: " + juno.NodeNames(p.Disagree)
	}
	return text
}

// Submit implements shell.Ledger.
func (k *connection) Submit(
	ctx context.Context, texts []string, mode juno.Mode, progress juno.Progress,
) ([]juno.Outcome, error) {
	if k.request == 0 {
		return k.Client.Submit(ctx, texts, mode, progress)
	}
	first := k.request
	k.request += juno.RequestID(len(texts))
	return k.SubmitAt(ctx, first, texts, mode, progress)
}

// Verify implements shell.Ledger.
func (k *connection) Verify(
	context.Context, juno.Index, juno.Index, juno.Progress,
) ([]juno.Finding, error) {
	return nil, errors.New(
		"a cluster is verified by its nodes: SELECT * FROM verify_all(), or on " +
			"a node's machine: juno verify DIR",
	)
}

// Snapshot implements shell.Ledger.
func (k *connection) Snapshot(context.Context, juno.Progress) (juno.SnapshotInfo, error) {
	return juno.SnapshotInfo{}, errors.New("the nodes of a cluster take their snapshots " +
		"together, by themselves; see the column snapshot of \\status")
}

// Status implements shell.Ledger: one line for each node.
func (k *connection) Status(ctx context.Context) ([]juno.Fact, error) {
	var facts []juno.Fact
	all := k.nodes(ctx)
	for i := range all {
		facts = append(facts, juno.TextFact(all[i].Node.ID.String(), nodeLine(&all[i])))
	}
	return facts, nil
}

// nodeLine is what one node says of itself, in one line.
func nodeLine(n *client.NodeStatus) string {
	if n.Err != nil {
		return "no answer: " + n.Err.Error()
	}
	text := fmt.Sprintf("%s of %s, committed %d, executed %d, state %.8s at %d",
		n.Text(rpc.FactRole), n.Text(rpc.FactTerm), n.Number(rpc.FactCommitted),
		n.Number(rpc.FactExecuted), n.Text(rpc.FactState), n.Number(rpc.FactStateAt))
	if q := n.Text(rpc.FactQuarantine); q != "" {
		text += "; QUARANTINED: " + q
	}
	return text
}

// nodes asks all members how they are.
func (k *connection) nodes(ctx context.Context) []client.NodeStatus {
	ctx, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	return k.Client.Status(ctx)
}

// isClientDirectory reports whether a path is the clients' directory of a cluster.
func isClientDirectory(path string) bool {
	dir, err := datadir.Open(path)
	if err != nil || len(dir.Genesis.Config.Voters) < 2 {
		return false
	}
	_, err = dir.NodePublic()
	return errors.Is(err, datadir.ErrNoKey)
}
