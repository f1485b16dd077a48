package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"juno"
	"juno/cluster/client"
	"juno/datadir"
	"juno/internal/cli"
	"juno/remote"
	"juno/server"
	"juno/shell"
)

const (
	// connectWithin is how long a verb looks for a quorum before it says that there is none.
	connectWithin = 10 * time.Second
	// awaitStep is how long it waits before it looks at what is in the way.
	awaitStep = 100 * time.Millisecond
	// refusedWithin is how long f+1 nodes may refuse us, or have other keys than we know: they may
	// be behind, or we.
	refusedWithin = 2 * time.Second
	// statusWithin is how long nodes have to say how they are.
	statusWithin = 3 * time.Second
)

// connection is a cluster as the shell and the verbs see it.
type connection struct {
	languages
	*client.Client
	path    string
	name    string // of the client whose key is used; empty if that is not the one in force
	how     client.Consistency
	request juno.RequestID // of the next command, if not 0

	mu       sync.Mutex
	problems map[juno.NodeID]error
}

var _ shell.Cluster = (*connection)(nil)

// connect speaks to the cluster whose client directory that is, for the client of that name.
func connect(ctx context.Context, c cli.Console, path, name string) (*connection, error) {
	return connectAs(ctx, c, path, remote.Options{Name: name})
}

// connectAs is connect for a client that is named otherwise. What nodes are caught at is said.
func connectAs(
	ctx context.Context, c cli.Console, path string, o remote.Options,
) (*connection, error) {
	k := &connection{path: path, problems: make(map[juno.NodeID]error)}
	o.Software = "juno " + version
	o.OnEvidence = func(e client.Evidence) { fmt.Fprintf(c.Err, "warning: %s\n", e) }
	o.OnChange = func(id juno.NodeID, problem error) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.problems[id] = problem
	}
	if o.Name == "" && o.Key == nil {
		dir, err := datadir.Open(path)
		if err != nil {
			return nil, err
		}
		if o.Name, err = dir.DefaultClient(); err != nil {
			return nil, err
		}
	}
	k.name = o.Name
	var err error
	k.Client, err = remote.Open(ctx, path, o)
	return k, err
}

// await waits until a quorum answers; the error says what is wrong with each of the others.
func (k *connection) await(ctx context.Context) error {
	return k.awaitWithin(ctx, connectWithin)
}

func (k *connection) awaitWithin(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	unfinished, admitted := k.unfinished(), time.Now()
	for {
		step, done := context.WithTimeout(ctx, awaitStep)
		_, err := k.Next(step)
		done()
		if err == nil || errors.Is(err, client.ErrClosed) ||
			errors.Is(ctx.Err(), context.Canceled) {
			return err
		}
		refused := k.refused()
		if !refused && !k.strange() {
			admitted = time.Now()
		}
		if ctx.Err() != nil || refused && unfinished || time.Since(admitted) > refusedWithin {
			return k.whyNot(unfinished)
		}
	}
}

// unfinished reports whether the client has a next key, which may have come into force.
func (k *connection) unfinished() bool {
	dir, err := datadir.Open(k.path)
	if err != nil {
		return false
	}
	_, err = dir.NextKey(k.name)
	return err == nil
}

// refused reports whether so many voters do not admit the key that one of them is correct.
func (k *connection) refused() bool {
	return k.count(remote.ErrNotAdmitted) > k.Members().Faulty()
}

// strange reports whether so many voters have other keys than we know that one of them is correct.
func (k *connection) strange() bool {
	return k.count(remote.ErrWrongKey) > k.Members().Faulty()
}

// count returns how many voters there is that problem with.
func (k *connection) count(problem error) (n int) {
	for _, m := range k.Members().Voters {
		if errors.Is(k.problem(m.ID), problem) {
			n++
		}
	}
	return n
}

// whyNot says what is wrong with each of the nodes.
func (k *connection) whyNot(unfinished bool) error {
	lines := []string{fmt.Sprintf("%s: too few nodes answer", k.path)}
	for _, m := range k.Members().Voters {
		if p := k.problem(m.ID); p != nil {
			lines = append(lines, fmt.Sprintf("  %s at %s: %v", m.ID, m.Address, p))
		}
	}
	text := strings.Join(lines, "\n")
	switch {
	case k.strange():
		return fmt.Errorf("%s\nthe nodes seem to have other keys than in epoch %d, the newest "+
			"that is known here: copy the file epochs of any node's directory to %s", text,
			k.Members().Epoch, k.path)
	case !k.refused():
		return errors.New(text)
	case unfinished:
		return fmt.Errorf("%s\nkey %s is %w, and was being changed: juno key rotate --connect %s "+
			"--as %s finishes that", text, k.KeyID(), remote.ErrNotAdmitted, k.path, k.name)
	}
	return fmt.Errorf("%s\nkey %s is %w: it has ended, is not in the log yet, or is of another "+
		"ledger", text, k.KeyID(), remote.ErrNotAdmitted)
}

func (k *connection) problem(id juno.NodeID) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.problems[id]
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
	for _, n := range k.nodes(ctx) {
		facts = append(facts, juno.TextFact(n.id.String(), n.line()))
	}
	return facts, nil
}

// nodeLine is what one node says of itself.
type nodeLine struct {
	id      juno.NodeID
	address string
	voting  bool
	problem error // there are no facts
	facts   map[string]juno.Value
}

func (n *nodeLine) text(name string) string { return n.facts[name].Text }

func (n *nodeLine) number(name string) int64 { return n.facts[name].Integer }

func (n *nodeLine) line() string {
	if n.problem != nil {
		return "no answer: " + n.problem.Error()
	}
	text := fmt.Sprintf("%s of %s, committed %d, executed %d, state %.8s at %d",
		n.text(server.FactRole), n.text(server.FactTerm), n.number(server.FactCommitted),
		n.number(server.FactExecuted), n.text(server.FactState), n.number(server.FactStateAt))
	if q := n.text(server.FactQuarantine); q != "" {
		text += "; QUARANTINED: " + q
	}
	return text
}

// nodes asks all members how they are.
func (k *connection) nodes(ctx context.Context) []nodeLine {
	return k.nodesWithin(ctx, statusWithin)
}

func (k *connection) nodesWithin(ctx context.Context, within time.Duration) []nodeLine {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	answers := make(map[juno.NodeID]client.NodeStatus)
	for _, a := range k.Client.Status(ctx) {
		answers[a.Node.ID] = a
	}
	var all []nodeLine
	config := k.Members()
	for _, m := range slices.Concat(config.Voters, config.Observers) {
		_, voting := config.Voter(m.ID)
		n := nodeLine{
			id: m.ID, address: m.Address, voting: voting, facts: make(map[string]juno.Value),
		}
		a, asked := answers[m.ID]
		switch {
		case !asked || a.Err != nil:
			if n.problem = k.problem(m.ID); n.problem == nil {
				n.problem = a.Err
			}
			if n.problem == nil {
				n.problem = client.ErrNoQuorum
			}
		default:
			n.take(a.Facts)
		}
		all = append(all, n)
	}
	return all
}

func (n *nodeLine) take(facts []juno.Fact) {
	for _, f := range facts {
		n.facts[f.Name] = f.Value
	}
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
