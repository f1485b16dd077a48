package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"juno"
	"juno/datadir"
	"juno/internal/cli"
	"juno/internal/vfs"
	"juno/server"
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
  juno node promote books 5 --with change --by ben          add a signature, and submit it

books is the clients' directory. Every change is signed by as many administrators as the ledger
demands, with their keys in that directory. If the keys are on different machines, the first
administrator begins with --sign-only, the others add --with, and the last signature submits the
change. Change one thing at a time. After add and recover, start the new node with --listen: its
genesis does not name its address. rotate takes the node's own directory, on its machine.
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
			force = set.Bool("force", false,
				"promote the node even if it does not answer, or is behind")
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
	if err := k.Admin(ctx, juno.KindConfig, change.Payload()); err != nil {
		return err
	}
	if err := k.epochBegins(ctx, change.Next.Epoch); err != nil {
		return err
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

// promoteLagMax is how many entries a node may be behind that is to vote: what it fetches within a
// second.
const promoteLagMax = 10_000

// promoteWithin is how long a node that is to vote has to answer: it may just have been started.
const promoteWithin = 2 * statusWithin

// caughtUp wants a node to answer and to have executed about what the others have. A voter that is
// far behind counts for the quorum, and cannot vote.
func (k *connection) caughtUp(ctx context.Context, node string) error {
	id, err := parseNode(node)
	if err != nil {
		return err
	}
	highest, executed := int64(0), int64(-1)
	for _, n := range k.nodesWithin(ctx, promoteWithin) {
		highest = max(highest, n.number(server.FactCommitted))
		switch {
		case n.id != id:
		case n.problem != nil:
			return fmt.Errorf("promote %s: it does not answer: %w; --force promotes it all the "+
				"same", id, n.problem)
		default:
			executed = n.number(server.FactExecuted)
		}
	}
	if executed >= 0 && highest-executed > promoteLagMax {
		return fmt.Errorf("promote %s: it has executed %d of %d entries; wait, or --force", id,
			executed, highest)
	}
	return nil
}

// epochWithin is how long a change of the membership may take until it is in force, a few elections
// on a slow network, and epochLook how often that is looked at.
const (
	epochWithin = 30 * time.Second
	epochLook   = 500 * time.Millisecond
)

// epochBegins waits until the nodes prove that a membership is in force.
func (k *connection) epochBegins(ctx context.Context, epoch uint32) error {
	tick := time.NewTicker(epochLook)
	defer tick.Stop()
	for end := time.Now().Add(epochWithin); time.Now().Before(end); {
		if k.Members().Epoch >= epoch {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("submitted, but epoch %d has not begun within %s: see juno status --connect",
		epoch, epochWithin)
}

// draft writes the change down that a call is about.
func (n *nodeCall) draft(present *juno.EpochConfig) (*juno.ConfigChange, error) {
	next := *present
	next.Epoch++
	next.Voters, next.Observers = slices.Clone(present.Voters), slices.Clone(present.Observers)
	if err := n.apply(&next); err != nil {
		return nil, err
	}
	if err := next.Check(); err != nil {
		return nil, err
	}
	change := &juno.ConfigChange{Previous: present.Hash(), Next: next}
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
		m, err := n.prepare(n.rest[0], freeNode(next))
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
	client, err := datadir.Open(n.path)
	if err != nil {
		return m, err
	}
	if n.prepared, err = datadir.Open(n.rest[0]); err != nil {
		return m, err
	}
	if n.prepared.Genesis.ID() != client.Genesis.ID() {
		return m, fmt.Errorf("%s is of ledger %s, %s of %s", n.rest[0],
			n.prepared.Genesis.ID().Short(), n.path, client.Genesis.ID().Short())
	}
	id, err := n.prepared.NodeID()
	if err != nil {
		return m, err
	}
	m, _, ok := present.Member(id)
	if !ok {
		return m, fmt.Errorf("%s is no member", id)
	}
	public, err := n.prepared.DrawNodeKey()
	if err == nil && public == m.Public {
		err = fmt.Errorf("the key that was drawn before for %s is in force, and its node has not "+
			"put it in its place yet: start it, or try again in a moment", id)
	}
	m.Public = public
	return m, err
}

// prepare makes the node's directory, or takes the one that was made for it before.
func (n *nodeCall) prepare(path string, id juno.NodeID) (m juno.Member, err error) {
	client, err := datadir.Open(n.path)
	if err != nil {
		return m, err
	}
	if n.prepared, err = datadir.Open(path); errors.Is(err, datadir.ErrNoLedger) {
		n.prepared, err = datadir.PrepareNode(path, client.Genesis, id)
	}
	if err != nil {
		return m, err
	}
	there, err := n.prepared.NodeID()
	if err == nil && (there != id || n.prepared.Genesis.ID() != client.Genesis.ID()) {
		err = fmt.Errorf("%s is the directory of %s of ledger %s", path, there,
			n.prepared.Genesis.ID().Short())
	}
	if err != nil {
		return m, err
	}
	public, err := n.prepared.NodePublic()
	return juno.Member{ID: id, Public: public}, err
}

// freeNode returns a number that no member has and no earlier one is likely to have had.
func freeNode(c *juno.EpochConfig) juno.NodeID {
	highest := juno.NodeID(0)
	for _, m := range slices.Concat(c.Voters, c.Observers) {
		highest = max(highest, m.ID)
	}
	return highest + 1
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
