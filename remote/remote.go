// Package remote speaks to the nodes of a cluster over the network, for one client of the ledger:
// package cluster/client over the transport of package cluster/zmq. Programs that use a ledger
// that runs elsewhere begin here:
//
//	c, err := remote.Open(ctx, "books", remote.Options{})
//	defer c.Close()
//	outcomes, err := c.Submit(ctx, []string{"transfer(a->b, 1%1)"}, juno.Single, nil)
//	rows, err := c.Query(ctx, juno.Query{Text: "SELECT * FROM accounts"}, client.Quorum)
//
// # Concepts
//
// A client's directory holds the genesis of the ledger, which names it and its first members, and
// the client's keys; `juno init --nodes` makes one. Nothing in it is needed to keep the ledger: a
// lost one is made again of the genesis and the keys. What the client hears of changes of the
// membership it notes there, in the file "epochs" that a node's directory has, too: where the keys
// of all nodes have been rotated since the genesis, only that leads to them.
//
// # What it does not do
//
// It keeps nothing else on disk, and decides nothing: what is believed, package cluster/client
// says.
package remote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"juno"
	"juno/cluster/client"
	"juno/cluster/rpc"
	"juno/cluster/zmq"
	"juno/datadir"
	"juno/db/state"
)

// Options say who speaks, and to whom. The zero value is fine.
type Options struct {
	// Name is whose key is used; empty: the first client of the genesis whose key is there.
	Name string
	// Key, if not nil, is used in the place of one from the directory.
	Key *juno.PrivateKey
	// Addresses go before those that the membership gives the nodes.
	Addresses map[juno.NodeID]string
	// Software names this program to the nodes.
	Software string
	// OnEvidence may be nil; see client.Config.
	OnEvidence func(client.Evidence)
	// OnChange, if not nil, is told when the connection to a node is up (nil) and why it is not;
	// from any goroutine. It returns soon.
	OnChange func(node juno.NodeID, problem error)
}

// ErrNotAdmitted is told of a node that does not admit the client's key: it is not in its log yet,
// or has ended there.
var ErrNotAdmitted = zmq.ErrNotAdmitted

// ErrWrongKey is told of a node that has another key than the membership that is known here.
var ErrWrongKey = zmq.ErrWrongKey

// ErrNoClientKey is returned where a directory has no key of a client.
var ErrNoClientKey = errors.New("no key of a client here")

// Open returns a client as soon as the membership of the cluster is proven.
func Open(ctx context.Context, path string, o Options) (*client.Client, error) {
	dir, err := datadir.Open(path)
	if err != nil {
		return nil, err
	}
	key, err := o.keyOf(dir)
	if err != nil {
		return nil, err
	}
	g := dir.Genesis
	cfg := client.Config{
		Cluster: g.ID(), Genesis: g, Key: key, OnEvidence: o.OnEvidence,
		Dial:   dialer(g.ID(), key, &o),
		Detect: func(text string) juno.Language { return state.Detect(text) },
	}
	for id, address := range o.Addresses {
		cfg.Nodes = append(cfg.Nodes, client.Node{ID: id, Address: address})
	}
	// They need not be believed, nor be there.
	cfg.Epochs, _ = dir.Epochs()
	var noting sync.Mutex
	cfg.OnEpochs = func(all []juno.EpochChange) {
		noting.Lock()
		defer noting.Unlock()
		_ = dir.NoteEpochs(all) // or it is learnt again the next time
	}
	c, err := client.Open(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the nodes of %s: %w", path, err)
	}
	return c, nil
}

func (o *Options) keyOf(dir *datadir.Directory) (juno.PrivateKey, error) {
	if o.Key != nil {
		return *o.Key, nil
	}
	name, err := o.Name, error(nil)
	if name == "" {
		if name, err = DefaultName(dir); err != nil {
			return juno.PrivateKey{}, err
		}
	}
	return dir.ClientKey(name)
}

// DefaultName returns the first client of the genesis whose key is in a directory.
func DefaultName(dir *datadir.Directory) (string, error) {
	here, err := dir.ClientNames()
	if err != nil {
		return "", err
	}
	for _, k := range dir.Genesis.Clients {
		if slices.Contains(here, k.Name) {
			return k.Name, nil
		}
	}
	return "", fmt.Errorf("%s: %w", dir.Path, ErrNoClientKey)
}

// dialer connects over ZeroMQ.
func dialer(cluster juno.ClusterID, key juno.PrivateKey, o *Options) client.Dial {
	software, onChange := o.Software, o.OnChange
	return func(node client.Node, receive func([]byte)) (client.Conn, error) {
		c, err := zmq.Dial(zmq.DialConfig{
			Cluster: cluster, Address: node.Address, Server: node.Key, Key: key,
			Software: software, Receive: receive, FrameBytesMax: rpc.FrameBytesMax,
			OnChange: func(problem error) {
				if onChange != nil {
					onChange(node.ID, problem)
				}
			},
		})
		if err != nil {
			return nil, err
		}
		return conn{c}, nil
	}
}

// conn is a connection as package client sees it.
type conn struct{ *zmq.Conn }

// Close implements client.Conn. There is nothing to be done about an error: the connection is
// gone.
func (c conn) Close() { _ = c.Conn.Close() }
