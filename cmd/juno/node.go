package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"juno"
	"juno/client"
	"juno/datadir"
	"juno/internal/cli"
	"juno/internal/vfs"
)

var nodeVerb = cli.Verb{
	Name:    "node",
	Summary: "add, promote, remove and recover the nodes of a cluster, and rotate their keys",
	Help: `  juno node add books books/node5 --address 10.0.0.5:7101   a member that follows
  juno node promote books 5                                 it votes from now on
  juno node recover books books/node2b 2                    a new disk and key for node2
  juno node remove books 5                                  it is no member any more
  juno node rotate books/node2 --connect books              another key, while it runs
  juno node promote books 5 --sign-only change --by ann     sign here, and write it to a file
  juno node promote books 5 --with change --by ben          add a signature, and hand it in

books is the clients' directory. Every change is signed by administrators, whose keys are there,
as many as the ledger demands. Where their keys are on different machines, the first one begins with
--sign-only, the file goes from one to the other, and whoever completes it hands it in. Change one
thing at a time. After add and recover start the new directory, with --listen: its own genesis
does not know where it is. rotate wants the node's own directory, on its machine.
`,
	Verbs: []cli.Verb{
		{
			Name: "add", Args: "DIR NODEDIR", Summary: "make a node a member that follows",
			Help:  "  juno node add books books/node5 --address 10.0.0.5:7101\n",
			Setup: setupNode("add"),
		},
		{
			Name: "promote", Args: "DIR NODE", Summary: "let a member vote",
			Help: "  juno node promote books 5\n", Setup: setupNode("promote"),
		},
		{
			Name: "remove", Args: "DIR NODE", Summary: "end a node's membership",
			Help: "  juno node remove books 5\n", Setup: setupNode("remove"),
		},
		{
			Name: "recover", Args: "DIR NODEDIR NODE",
			Summary: "give a member a new directory and a new key",
			Help:    "  juno node recover books books/node2b 2\n", Setup: setupNode("recover"),
		},
		{
			Name: "rotate", Args: "NODEDIR", Summary: "give a member a new key, while it runs",
			Help: "  juno node rotate books/node2 --connect books\n", Setup: setupNode("rotate"),
		},
	},
}

// nodeCall is one call of the verb.
type nodeCall struct {
	action, path string
	rest         []string
	address      string
	// prepared is the directory that shows that it has the new key: rotated says that it runs, and
	// keeps that key beside the one in force.
	prepared *datadir.Directory
	rotated  bool
}

// setupNode returns the setup of an action.
func setupNode(action string) func(*flag.FlagSet) cli.Action {
	return func(set *flag.FlagSet) cli.Action {
		address, clients, force := new(string), new(string), new(bool)
		switch action {
		case "add", "recover":
			address = set.String("address", "", "`host:port` where the others reach it")
		case "rotate":
			clients = set.String("connect", "", "the clients' `directory` of the cluster")
		case "promote":
			force = set.Bool("force", false, "also a node that does not answer, or is behind")
		}
		signing := signingFlags(set)
		return func(ctx context.Context, c cli.Console, words []string) error {
			call, err := newNodeCall(action, words, *address, *clients)
			if err != nil {
				return err
			}
			return call.run(ctx, c, signing, *force)
		}
	}
}

// run signs the change and hands it in, and waits until it is in force.
func (n *nodeCall) run(ctx context.Context, c cli.Console, s *signing, force bool) error {
	k, err := connect(ctx, c, n.path, "")
	if err != nil {
		return err
	}
	defer k.Close()
	if err := k.await(ctx); err != nil {
		return err
	}
	if n.action == "promote" && !force {
		if err := k.caughtUp(ctx, n.rest[0]); err != nil {
			return err
		}
	}
	draft := func() (*juno.ConfigChange, error) { return n.draft(k.Members()) }
	change, ready, err := signConfig(n.path, s, draft)
	if err != nil || !ready {
		return sayUnfinished(c, s, err)
	}
	within, cancel := context.WithTimeout(ctx, changeWithin)
	defer cancel()
	if err := k.ChangeMembers(within, change); err != nil {
		return fmt.Errorf("%w; see juno status --connect", err)
	}
	return n.say(c, k.Members())
}

// newNodeCall reads the words of a call.
func newNodeCall(action string, words []string, address, clients string) (*nodeCall, error) {
	n := &nodeCall{action: action, address: address}
	if n.rotated = action == "rotate"; !n.rotated {
		n.path, n.rest = words[0], words[1:]
		return n, nil
	}
	if clients == "" {
		return nil, cli.Usagef("want --connect, the clients' directory")
	}
	n.path, n.rest = clients, words
	return n, nil
}

// say tells what is in force now, and what is to be done next.
func (n *nodeCall) say(c cli.Console, m *juno.EpochConfig) error {
	fmt.Fprintf(c.Out, "epoch %d: %d voters, %d observers\n", m.Epoch, len(m.Voters),
		len(m.Observers))
	if n.prepared == nil {
		return nil
	}
	id, err := n.prepared.NodeID()
	if err != nil {
		return err
	}
	there, _, _ := m.Member(id)
	if n.rotated {
		fmt.Fprintf(c.Out, "%s signs with key %s from now on\n", id, there.Public.ID())
		return nil
	}
	fmt.Fprintf(c.Out, "next: juno server %s --listen %s\n", n.prepared.Path, there.Address)
	return nil
}

// promoteWithin is how long a node that is to vote has to answer: it may just have been started.
const promoteWithin = 2 * statusWithin

// caughtUp wants a node to follow closely that is to vote.
func (k *connection) caughtUp(ctx context.Context, node string) error {
	id, err := parseNode(node)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, promoteWithin)
	defer cancel()
	if err := k.CaughtUp(ctx, id); err != nil {
		return fmt.Errorf("promote %w; wait, or promote it all the same with --force", err)
	}
	return nil
}

// changeWithin is how long a change of the membership or of the mode may take until it is in force:
// a few elections on a slow network.
const changeWithin = 30 * time.Second

// draft writes the change down that a call is about.
func (n *nodeCall) draft(present *juno.EpochConfig) (*juno.ConfigChange, error) {
	change, err := present.Draft(n.apply)
	if err != nil {
		return nil, err
	}
	switch {
	case n.prepared == nil:
		return change, nil
	case n.rotated:
		return change, n.prepared.PossessNext(change)
	}
	return change, n.prepared.Possess(change)
}

func (n *nodeCall) apply(next *juno.EpochConfig) error {
	switch n.action {
	case "add":
		if n.address == "" {
			return cli.Usagef("want --address, where the others reach the node")
		}
		m, err := n.prepare(n.rest[0], client.FreeNode(next))
		m.Address = n.address
		return errors.Join(err, juno.AddObserver(m)(next))
	case "recover":
		id, err := parseNode(n.rest[1])
		if err != nil {
			return err
		}
		old, _, ok := next.Member(id)
		if !ok {
			return fmt.Errorf("%s is no member", id)
		}
		m, err := n.prepare(n.rest[0], id)
		if m.Address = old.Address; n.address != "" {
			m.Address = n.address
		}
		return errors.Join(err, juno.ReplaceMember(m)(next))
	}
	if n.rotated {
		m, err := n.draw(next)
		return errors.Join(err, juno.ReplaceMember(m)(next))
	}
	id, err := parseNode(n.rest[0])
	if err != nil {
		return err
	}
	if n.action == "promote" {
		return juno.Promote(id)(next)
	}
	return juno.RemoveMember(id)(next)
}

// draw draws the next key of the node whose directory was named.
func (n *nodeCall) draw(present *juno.EpochConfig) (m juno.Member, err error) {
	dir, err := datadir.Open(n.path)
	if err != nil {
		return m, err
	}
	n.prepared, m, err = client.DrawNode(n.rest[0], dir.Genesis, present)
	return m, err
}

// prepare makes the node's directory, or takes the one that was made for it before.
func (n *nodeCall) prepare(path string, id juno.NodeID) (m juno.Member, err error) {
	dir, err := datadir.Open(n.path)
	if err != nil {
		return m, err
	}
	n.prepared, m, err = client.PrepareNode(path, dir.Genesis, id)
	return m, err
}

func parseNode(text string) (juno.NodeID, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "node"), 10, 32)
	if err != nil || n == 0 {
		return 0, cli.Usagef("node %q: want its number, or node3", text)
	}
	return juno.NodeID(n), nil
}

// readChange reads a change that was begun elsewhere.
func readChange(file string) ([]byte, error) { return vfs.ReadFile(vfs.OS{}, file, changeBytesMax) }

// changeBytesMax bounds the file of a change: what nodes take.
const changeBytesMax = 1 << 20

func writeChange(file string, payload []byte) error { return os.WriteFile(file, payload, 0o644) }
