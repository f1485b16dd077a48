package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"juno"
	"juno/cluster/client"
	"juno/internal/cli"
	"juno/internal/ports"
	"juno/remote"
)

const (
	// clusterKeys is how many client keys, and so connections to each node, the load comes from.
	clusterKeys = 4
	// clusterTransfer is the command of the prototype's `many` and `batch`.
	clusterTransfer = "transfer(Acct1->Acct2, 1%1)"
	// stopWithin is how long a node has for its clean end; then it is killed.
	stopWithin = 15 * time.Second
)

// processes is a cluster of processes, and clients of it in this one.
type processes struct {
	ctx      context.Context // its end kills the processes
	program  string          // juno
	dir      string
	profiles string // the beginning of the paths of profiles; empty: none are written
	size     int
	nodes    []*node // node1 first
	clients  []*client.Client
}

// node is one process.
type node struct {
	process *exec.Cmd
	errors  bytes.Buffer // what it says; to be read when it has ended
}

// startCluster makes and starts a cluster with the accounts of the load.
func (b *bench) startCluster(dir string, size int, profiles string) (_ *processes, err error) {
	c := &processes{
		ctx:      b.ctx,
		dir:      dir,
		size:     size,
		profiles: profiles,
		nodes:    make([]*node, size),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.stop())
		}
	}()
	if c.program, err = os.Executable(); err != nil {
		return nil, err
	}
	address, err := ports.Free(size)
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range clusterKeys {
		names = append(names, clientName(i))
	}
	out, err := exec.CommandContext(b.ctx, c.program, "init", dir, "--open", "--nodes",
		fmt.Sprint(size), "--listen", address, "--clients", strings.Join(names, ",")).
		CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("juno init: %w: %s", err, out)
	}
	for i := range size {
		if err := c.startNode(i); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		k, err := remote.Open(b.ctx, dir, remote.Options{Name: name, Software: "juno " + b.version})
		if err != nil {
			return nil, err
		}
		c.clients = append(c.clients, k)
	}
	return c, c.fund(b.ctx)
}

// startNode starts the process of one node, for the first time or again.
func (c *processes) startNode(i int) error {
	n := &node{}
	n.process = exec.CommandContext(c.ctx, c.program, "server",
		filepath.Join(c.dir, fmt.Sprintf("node%d", i+1)))
	n.process.Stderr = &n.errors
	profile := ""
	if c.profiles != "" {
		profile = fmt.Sprintf("%snode%d.prof", c.profiles, i+1)
	}
	n.process.Env = append(ports.Share(c.size), cli.ProfileVariable+"="+profile)
	if err := n.process.Start(); err != nil {
		return err
	}
	c.nodes[i] = n
	return nil
}

// fund makes the accounts of both loads. The first command may have to wait for a leader.
func (c *processes) fund(ctx context.Context) error {
	made := []string{"CreateAccount Acct1", "CreateAccount Acct2"}
	filled := []string{"AdjustAccount Acct1 1000000000%1"}
	for i := range loadAccounts {
		made = append(made, fmt.Sprintf("CreateAccount a%d", i))
		filled = append(filled, fmt.Sprintf("AdjustAccount a%d %d%%1", i, loadOpening))
	}
	// Two calls, because within one a batch that has to be sent twice is overtaken.
	for _, texts := range [][]string{made, filled} {
		outcomes, err := c.clients[0].Submit(ctx, texts, juno.Batch, nil)
		if err == nil {
			err = executed(outcomes)
		}
		if err != nil {
			return fmt.Errorf("make accounts: %w", err)
		}
	}
	return nil
}

// executed returns why a command was not executed, of the first one that was not.
func executed(outcomes []juno.Outcome) error {
	for i, o := range outcomes {
		if o.Err == nil && o.Result.Status != juno.StatusOK {
			o.Err = fmt.Errorf("%v: %s", o.Result.Status, o.Result.Message)
		}
		if o.Err != nil {
			return fmt.Errorf("command %d of %d: %w", i+1, len(outcomes), o.Err)
		}
	}
	return nil
}

// submit sends one command with the key of a loop, and waits until it was executed.
func (c *processes) submit(ctx context.Context, loop int, text string) error {
	k := c.clients[loop%len(c.clients)]
	outcomes, err := k.Submit(ctx, []string{text}, juno.Single, nil)
	if err != nil {
		return err
	}
	return executed(outcomes)
}

// stop ends the clients and the nodes, as an operator would.
func (c *processes) stop() error {
	for _, k := range c.clients {
		k.Close()
	}
	var errs []error
	for _, n := range c.nodes {
		if n != nil {
			errs = append(errs, n.process.Process.Signal(syscall.SIGTERM))
		}
	}
	for i, n := range c.nodes {
		if n == nil {
			continue
		}
		late := time.AfterFunc(stopWithin, func() { _ = n.process.Process.Kill() })
		if err := n.process.Wait(); err != nil {
			errs = append(errs, fmt.Errorf("node%d: %w: %s", i+1, err, n.last()))
		}
		late.Stop()
	}
	if c.ctx.Err() != nil {
		return nil // they were killed; that the time was over is an error already
	}
	return errors.Join(errs...)
}

// last is the last line that a process wrote before it ended.
func (n *node) last() string {
	lines := strings.Split(strings.TrimSpace(n.errors.String()), "\n")
	return lines[len(lines)-1]
}
