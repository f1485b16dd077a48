// Package server runs a ledger's node on the network: it opens the directory (package embedded),
// connects it to the other members and to clients over ZeroMQ (package cluster/zmq), and answers
// clients (package cluster/rpc).
//
// It is a room of its own, beside embedded, because it needs the C library of the transport, which
// nobody who embeds a ledger should have to install.
//
// # Guarantees
//
// Those of package embedded, for this node's disk; those of package cluster, for the cluster. What
// a client is told, package cluster/rpc says.
//
// # What it does not do
//
// It holds no opinion on processes: who wants a server that goes on after a crash starts it again,
// and it resumes where it was.
package server

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"juno"
	"juno/cluster"
	"juno/cluster/rpc"
	"juno/embedded"
)

// Options are how a node is run. The zero value is fine.
type Options struct {
	// Listen is "host:port"; empty: the address that the membership gives the node.
	Listen string
	// Software names this program to peers.
	Software string
	// Warn, if not nil, is told what an operator should know and that stops nothing. It is called
	// from any goroutine.
	Warn func(text string)
	// Progress, if not nil, is told while entries are executed again.
	Progress juno.Progress
	// Transport, if not nil, puts another transport in the place of the node's, or between the node
	// and it. Tests break clusters with it (package chaos).
	Transport func(cluster.Connector) cluster.Connector
}

// Server is a running node.
type Server struct {
	Ledger *embedded.Ledger
	net    *transport

	mu  sync.RWMutex
	rpc *rpc.Server // nil until the ledger is open
}

// Open opens the directory of a node and runs it. The node takes part in the cluster, and answers
// clients, until Close.
func Open(path string, o Options) (*Server, error) {
	s := &Server{}
	s.net = &transport{Listen: o.Listen, Software: o.Software, Serve: s.serve, Warn: o.Warn}
	connect := s.net.Connect
	if o.Transport != nil {
		connect = o.Transport(connect)
	}
	ledger, err := embedded.Open(path, embedded.Options{
		Warn: o.Warn, Progress: o.Progress, Transport: connect,
		ClientKeys: s.net.SetClients, Answer: s.executed,
	})
	if err != nil {
		return nil, err
	}
	if ledger.ReadOnly() {
		return nil, errors.Join(fmt.Errorf("serve %s: %w", path, embedded.ErrReadOnly),
			ledger.Close())
	}
	s.Ledger = ledger
	serving := rpc.NewServer(rpc.ServerConfig{
		Cluster: ledger.Directory().Genesis.ID(), Node: ledger.NodeID(), Key: ledger.NodeKey,
		Ledger: &port{ledger: ledger, server: s},
	})
	s.mu.Lock()
	s.rpc = serving
	s.mu.Unlock()
	return s, nil
}

// serve hands on the request of a client. Before the ledger is open there is nobody to answer it,
// and the client asks again.
func (s *Server) serve(client juno.PublicKey, request []byte, reply func([]byte)) {
	if r := s.serving(); r != nil {
		r.Serve(client, request, reply)
	}
}

// executed hands on what the node has executed, which clients wait for.
func (s *Server) executed(
	term juno.Term, upto juno.Pos, entries []juno.Entry, results []juno.Result,
) {
	if r := s.serving(); r != nil {
		r.Executed(term, upto, entries, results)
	}
}

func (s *Server) serving() *rpc.Server {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.rpc
}

func (s *Server) warn(err error) { s.net.complain(err) }

// Address returns "host:port" that the node listens on; empty once it is closed.
func (s *Server) Address() string {
	if e := s.net.Endpoint(); e != nil {
		return e.Address()
	}
	return ""
}

// Close ends the node: a leader gives its term back, what is in the log is executed, and
// everything is made durable.
func (s *Server) Close() error {
	s.rpc.Close()
	return s.Ledger.Close()
}

// Wait returns when the node has stopped by itself, with the reason, or when ctx ends, with nil.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-s.Ledger.Failed():
		return s.Ledger.Err()
	case <-ctx.Done():
		return nil
	}
}
