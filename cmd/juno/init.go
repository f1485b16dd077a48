package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"juno/datadir"
	"juno/internal/cli"
)

var initVerb = cli.Verb{
	Name:    "init",
	Summary: "make a ledger in a directory",
	Args:    "DIR",
	Help: `  juno init books --clients alice,bob
  juno shell books

  juno init books --nodes 4
  juno server books/node1        # and node2, node3, node4: here, or moved to their machines
  juno shell --connect books

The first client is an operator: it may issue money and define currencies. --open makes a ledger
as permissive as the 2016 prototype: a payment makes the account that it goes to, and anyone may
debit any account.

With --nodes, books holds the genesis, the keys of clients and administrators, and one directory for
each node, which is complete in itself. Administrators change the membership and halt the ledger.
`,
	Setup: setupInit,
}

// nodesMax bounds --nodes; a cluster can grow beyond it later.
const nodesMax = 31

func setupInit(set *flag.FlagSet) cli.Action {
	clients := set.String("clients", "operator", "make a key for each of these clients, `a,b`")
	open := set.Bool("open", false,
		"the prototype's rules: accounts have no owners and no overdraft limit")
	every := set.Uint64("checkpoint-every", datadir.DefaultCheckpointEvery,
		"entries between two automatic snapshots")
	nodes := set.Int("nodes", 0, "make a cluster of `n` nodes; 0: a ledger in this directory alone")
	listen := set.String("listen", "127.0.0.1:7101",
		"`address` of the first node, each other node one port higher; or one for each, `a,b`")
	admins := set.String("admins", "admin", "names of the administrators of a cluster, `a,b`")
	threshold := set.Int("threshold", 0,
		"how many administrators must sign a change; 0: more than half of them")
	return func(_ context.Context, c cli.Console, words []string) error {
		o := datadir.Options{
			Clients: strings.Split(*clients, ","), Open: *open, CheckpointEvery: *every,
		}
		if *nodes == 0 {
			return initAlone(c, words[0], o)
		}
		o.Admins, o.AdminThreshold = strings.Split(*admins, ","), *threshold
		return initCluster(c, words[0], *nodes, *listen, o)
	}
}

// initAlone makes a ledger of one node.
func initAlone(c cli.Console, path string, o datadir.Options) error {
	dir, err := datadir.Create(path, o)
	if err != nil {
		return err
	}
	if err := sayKeys(c, dir); err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "next: juno shell %s\n", dir.Path)
	return nil
}

// sayKeys says what was made, and where its secrets are.
func sayKeys(c cli.Console, dir *datadir.Directory) error {
	names, err := dir.ClientNames()
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "ledger %s in %s\n", dir.Genesis.ID().Short(), dir.Path)
	fmt.Fprintf(c.Out, "keys of %s in %s; keep them secret: anyone who has one can sign with it\n",
		strings.Join(names, ", "), filepath.Join(dir.Path, "keys"))
	return nil
}

// initCluster makes a client's directory with a directory for each node in it.
func initCluster(c cli.Console, path string, n int, listen string, o datadir.Options) error {
	if n < 1 || n > nodesMax {
		return cli.Usagef("--nodes %d: want 1 to %d", n, nodesMax)
	}
	addresses, err := nodeAddresses(listen, n)
	if err != nil {
		return err
	}
	o.Home = path
	var places []datadir.Place
	for i := range n {
		places = append(places, datadir.Place{
			Path:    filepath.Join(path, "node"+strconv.Itoa(i+1)),
			Address: addresses[i],
		})
	}
	if _, err := datadir.CreateCluster(places, o); err != nil {
		return err
	}
	dir, err := datadir.Open(path)
	if err != nil {
		return err
	}
	if err := sayKeys(c, dir); err != nil {
		return err
	}
	g := &dir.Genesis.Config
	lying := "none may lie"
	if f := g.Faulty(); f > 0 {
		lying = fmt.Sprintf("any %d may fail or lie", f)
	}
	fmt.Fprintf(c.Out, "%d voters, %s; %d of %d administrators must sign a change\n",
		len(g.Voters), lying, g.AdminThreshold, len(g.Admins))
	for i, m := range g.Voters {
		fmt.Fprintf(c.Out, "%s at %s: juno server %s\n", m.ID, m.Address, places[i].Path)
	}
	fmt.Fprintf(c.Out, "next: start them, then juno shell --connect %s\n", path)
	return nil
}

// nodeAddresses returns where the nodes listen: one address for each, or that of the first, whose
// port is counted up.
func nodeAddresses(listen string, n int) ([]string, error) {
	if all := strings.Split(listen, ","); len(all) == n && n > 1 {
		for _, a := range all {
			if host, _, err := net.SplitHostPort(a); err != nil || host == "" {
				return nil, cli.Usagef("--listen %.80q: want host:port", a)
			}
		}
		return all, nil
	}
	host, text, err := net.SplitHostPort(listen)
	port, bad := strconv.Atoi(text)
	if err != nil || bad != nil || port < 1 || port+n-1 > 65535 || host == "" {
		return nil, cli.Usagef("--listen %.80q: want host:port, with room for %d ports, or %d of "+
			"them with commas", listen, n, n)
	}
	all := make([]string, n)
	for i := range all {
		all[i] = net.JoinHostPort(host, strconv.Itoa(port+i))
	}
	return all, nil
}
