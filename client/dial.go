package client

import (
	"context"
	"fmt"
	"sync"

	"juno"
	"juno/cluster/rpc"
	"juno/cluster/zmq"
	"juno/datadir"
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
	// OnEvidence may be nil; see Config.
	OnEvidence func(Evidence)
}

// ErrNotAdmitted is the state of the connection to a node that does not admit the client's key: the
// key is not in the node's log yet, or has ended there.
var ErrNotAdmitted = zmq.ErrNotAdmitted

// ErrWrongKey is the state of the connection to a node that has another key than the membership
// that is known here says.
var ErrWrongKey = zmq.ErrWrongKey

// Connect returns a client of the cluster that a directory belongs to, over the network, as soon as
// the membership of the cluster is proven. It does not wait for the nodes: [Client.Await] does.
//
// What the client hears of changes of the membership is noted in the directory. Where the keys of
// all nodes have been rotated since the genesis, only that leads to them.
func Connect(ctx context.Context, path string, o Options) (*Client, error) {
	dir, err := datadir.Open(path)
	if err != nil {
		return nil, err
	}
	name, key, err := o.signer(dir)
	if err != nil {
		return nil, err
	}
	g := dir.Genesis
	cfg := Config{
		Cluster: g.ID(), Genesis: g, Key: key, OnEvidence: o.OnEvidence,
		Dial: dialer(g.ID(), key, o.Software),
	}
	if name != "" {
		cfg.KeyPending = func() bool {
			_, err := dir.NextKey(name)
			return err == nil
		}
	}
	for id, address := range o.Addresses {
		cfg.Nodes = append(cfg.Nodes, Node{ID: id, Address: address})
	}
	// They need not be believed, nor be there.
	cfg.Epochs, _ = dir.Epochs()
	var noting sync.Mutex
	cfg.OnEpochs = func(all []juno.EpochChange) {
		noting.Lock()
		defer noting.Unlock()
		_ = dir.NoteEpochs(all) // or it is learnt again the next time
	}
	c, err := Open(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the nodes of %s: %w", path, err)
	}
	return c, nil
}

// signer returns the key that signs, and whose it is in the directory; no name for a key from
// elsewhere.
func (o *Options) signer(dir *datadir.Directory) (string, juno.PrivateKey, error) {
	if o.Key != nil {
		return "", *o.Key, nil
	}
	name, err := o.Name, error(nil)
	if name == "" {
		if name, err = dir.DefaultClient(); err != nil {
			return "", juno.PrivateKey{}, err
		}
	}
	key, err := dir.ClientKey(name)
	return name, key, err
}

// dialer connects over ZeroMQ.
func dialer(cluster juno.ClusterID, key juno.PrivateKey, software string) Dial {
	return func(node Node, receive func([]byte), changed func(error)) (Conn, error) {
		c, err := zmq.Dial(zmq.DialConfig{
			Cluster: cluster, Address: node.Address, Server: node.Key, Key: key,
			Software: software, Receive: receive, OnChange: changed,
			FrameBytesMax: rpc.FrameBytesMax,
		})
		if err != nil {
			return nil, err
		}
		return conn{c}, nil
	}
}

// conn is a connection as a Client sees it.
type conn struct{ *zmq.Conn }

// Close implements Conn. Nothing can be done about an error: the connection is gone.
func (c conn) Close() { _ = c.Conn.Close() }
