//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"juno"
	"juno/cluster/client"
	"juno/datadir"
	"juno/internal/ports"
	"juno/server"
)

// binaries are the programs that nodes run.
type binaries struct{ honest, byz string }

// town is one cluster of processes, and the network between them.
type town struct {
	home  string
	nodes []*node
	net   *network
	liar  *node // nil: nobody lies
}

// found makes the directories and the proxies of a cluster. liar is the node that lies, 0 nobody.
func found(home string, n int, liar juno.NodeID, b binaries) (*town, error) {
	w := &town{home: home}
	w.net = newNetwork(n, w.owner)
	var places []datadir.Place
	for i := range n {
		id := juno.NodeID(i + 1)
		real, err := ports.Free(1)
		if err != nil {
			return w, err
		}
		address, err := w.net.proxy(id, real)
		if err != nil {
			return w, err
		}
		path := filepath.Join(home, "node"+strconv.Itoa(i+1))
		node := &node{
			id: id, path: path, listen: real, journal: path + ".log", binary: b.honest,
		}
		if id == liar {
			node.binary, w.liar = b.byz, node
		}
		w.nodes = append(w.nodes, node)
		places = append(places, datadir.Place{Path: path, Address: address})
	}
	o := datadir.Options{
		Open: true, Admins: []string{"admin"}, Home: home, CheckpointEvery: 500,
	}
	for i := range clients {
		o.Clients = append(o.Clients, clientName(i))
	}
	_, err := datadir.CreateCluster(places, o)
	return w, err
}

// owner implements network.owner.
func (w *town) owner(from, proxy *net.TCPAddr) juno.NodeID {
	inode := inodeOf(from, proxy)
	for _, n := range w.nodes {
		if pid := n.pid(); pid != 0 && inode != "" && holds(pid, inode) {
			return n.id
		}
	}
	return 0
}

func (w *town) start() error {
	for _, n := range w.nodes {
		if err := n.start(); err != nil {
			return err
		}
	}
	return nil
}

// honest returns the nodes that are to be well in the end.
func (w *town) honest() []*node {
	var all []*node
	for _, n := range w.nodes {
		if n != w.liar && !n.lost {
			all = append(all, n)
		}
	}
	return all
}

// agree waits until all honest nodes have the same state at the same index, and returns how much
// evidence they have, and the index.
func (w *town) agree(ctx context.Context, c *client.Client) (evidence int64, at int64, err error) {
	err = await(ctx, time.Minute, func() error {
		within, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		facts := make(map[juno.NodeID]map[string]juno.Value)
		for _, s := range c.Status(within) {
			facts[s.Node.ID] = make(map[string]juno.Value)
			for _, f := range s.Facts {
				facts[s.Node.ID][f.Name] = f.Value
			}
		}
		evidence = 0
		first := facts[w.honest()[0].id]
		for _, n := range w.honest() {
			f := facts[n.id]
			evidence = max(evidence, f[server.FactEvidence].Integer)
			if q := f[server.FactQuarantine].Text; q != "" {
				return fmt.Errorf("%s is in quarantine: %s", n.id, q)
			}
			at = f[server.FactStateAt].Integer
			if len(f) == 0 || at == 0 || at != first[server.FactStateAt].Integer ||
				f[server.FactState].Text != first[server.FactState].Text {
				return fmt.Errorf("%s has state %s at %d, %s has %s at %d", w.honest()[0].id,
					first[server.FactState].Text, first[server.FactStateAt].Integer, n.id,
					f[server.FactState].Text, at)
			}
		}
		return nil
	})
	return evidence, at, err
}

// stop ends all processes; the honest ones have to end well.
func (w *town) stop() error {
	var all error
	for _, n := range w.nodes {
		if n.pid() != 0 {
			all = errors.Join(all, n.signal(syscall.SIGTERM))
		}
	}
	for _, n := range w.nodes {
		if n.pid() == 0 {
			continue
		}
		err, over := n.ended(30 * time.Second)
		if n != w.liar && (err != nil || !over) {
			all = errors.Join(all, fmt.Errorf("%s after SIGTERM: ended %t, %w", n.id, over, err))
		}
	}
	return all
}

// close kills what is left.
func (w *town) close() error {
	for _, n := range w.nodes {
		if n.pid() != 0 {
			_ = n.signal(syscall.SIGKILL) // it may have ended just now
			_, _ = n.ended(10 * time.Second)
		}
	}
	return w.net.close()
}
