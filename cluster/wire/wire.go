// Package wire connects a node to its cluster over ZeroMQ: it makes the transport that package
// cluster wants of the endpoint that package zmq has. It is a room of its own so that whoever
// embeds a ledger without a cluster needs no C library.
//
// A Wire follows the membership: it connects to whoever is a member, and where the node's own key
// was rotated it listens anew under the new one, also if that was while the node was down. It
// guarantees what package zmq does, and repeats nothing that was lost: the consensus does.
package wire

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"juno"
	"juno/cluster"
	"juno/cluster/zmq"
)

// Wire connects a node to the other members, and to clients. The fields are set before Connect.
type Wire struct {
	// Listen is "host:port"; see zmq.Config. Empty stands for the address that the membership
	// gives the node.
	Listen   string
	Software string // of this program, shown to peers
	// Serve gets the requests of clients; nil: no clients.
	Serve func(client juno.PublicKey, request []byte, reply func(response []byte))
	// Warn, if not nil, is told of peers that cannot be reached, and why.
	Warn func(text string)

	mu       sync.Mutex
	link     cluster.TransportConfig
	endpoint *zmq.Endpoint
	key      juno.PrivateKey // what the endpoint speaks under
	config   *juno.EpochConfig
	clients  []juno.PublicKey
	closed   bool
	doubting bool // it will be looked again whether the members know us
	tried    int  // how many keys were tried in vain
	warned   bool // that the members will not let us in by themselves
}

// Connect is a cluster.Connector.
func (w *Wire) Connect(link cluster.TransportConfig) (cluster.Transport, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.link, w.config, w.closed = link, link.Config, false
	w.key = w.keys()[0]
	if err := w.listen(); err != nil {
		return nil, err
	}
	return wireTransport{w}, nil
}

// Endpoint returns the endpoint of this moment. Another one takes its place when the node's key
// is rotated.
func (w *Wire) Endpoint() *zmq.Endpoint {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.endpoint
}

// SetClients says which clients may connect.
func (w *Wire) SetClients(keys []juno.PublicKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clients = keys
	if w.endpoint != nil {
		w.complain(w.endpoint.SetClients(keys))
	}
}

// keysMax is how many of its keys a node tries: the one in force, the one that may be next, and the
// one before.
const keysMax = 3

// keys returns the keys that members may know us by, the likeliest first: the one that the newest
// membership names, and then the others from the newest on. One that was drawn may be in force
// where we have not heard of that; and if we alone have heard that it is in force, the others know
// us by the one before, and we must tell them.
func (w *Wire) keys() []juno.PrivateKey {
	var all []juno.PrivateKey
	me, _, _ := w.config.Member(w.link.ID)
	if key, ok := w.link.Secret(me.Public); ok {
		all = append(all, key)
	}
	for _, key := range w.link.Keys() {
		if key.Public() != me.Public && len(all) < keysMax {
			all = append(all, key)
		}
	}
	return all
}

// listen opens the endpoint. The caller holds w.mu.
func (w *Wire) listen() error {
	me, _, known := w.config.Member(w.link.ID)
	listen := w.Listen
	if listen == "" && known {
		listen = me.Address
	}
	endpoint, err := zmq.Listen(zmq.Config{
		Cluster: w.link.Cluster, ID: w.link.ID, Key: w.key, Software: w.Software, Listen: listen,
		Deliver: w.link.Deliver, Serve: w.Serve,
		OnChange: func(s zmq.PeerStatus) {
			if s.Problem != nil && !errors.Is(s.Problem, zmq.ErrClosed) {
				w.complain(fmt.Errorf("%s: %w", s.ID, s.Problem))
			}
			if errors.Is(s.Problem, zmq.ErrNotAdmitted) || errors.Is(s.Problem, zmq.ErrWrongKey) {
				go w.doubt()
			}
		},
	})
	if err != nil {
		return err
	}
	w.endpoint = endpoint
	w.complain(errors.Join(endpoint.SetPeers(peersOf(w.config)), endpoint.SetClients(w.clients)))
	return nil
}

// doubt is called when a member has another key than we know, or does not admit ours. If so many do
// that one of them is correct, memberships may have come into force that we have not heard of, or
// one that they have not heard of. It is seen again whether that stays so.
func (w *Wire) doubt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.doubting && w.refusals().Any() {
		w.doubting = true
		time.AfterFunc(doubtAfter, w.resolve)
	}
}

// resolve tries the next of our keys, where there is one: whoever admits it tells us the rest, or
// hears it from us.
func (w *Wire) resolve() {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.refusals()
	if !r.Any() {
		w.doubting, w.tried, w.warned = false, 0, false
		return
	}
	time.AfterFunc(doubtAfter, w.resolve)
	keys := w.keys()
	if r.KeyRefused() {
		at := slices.IndexFunc(keys, func(k juno.PrivateKey) bool {
			return k.Public() == w.key.Public()
		})
		w.key = keys[(at+1)%len(keys)]
		if len(keys) > 1 {
			w.reopen()
		}
		if w.tried++; w.tried < len(keys) {
			return
		}
	}
	if r.MembersChanged() {
		w.warnOnce("%d members have other keys than in epoch %d, the newest that %s knows: copy "+
			"the file epochs of another node's directory into its own, and start it again",
			r.WrongKey, w.config.Epoch, w.link.ID)
	} else {
		w.warnOnce("%d members do not admit key %s of %s: no membership in force names it. If "+
			"the directory was just made, hand the change in; if another one has taken its place, "+
			"stop this node; if its key was rotated, start it again, or where "+
			"keys/node-next.key is lost: juno node recover", r.NotAdmitted, w.key.Public().ID(),
			w.link.ID)
	}
}

// refusals counts the voters that do not admit us, or have another key than we know. The caller
// holds w.mu.
func (w *Wire) refusals() zmq.Refusals {
	problems := make(map[juno.NodeID]error)
	if !w.closed && w.endpoint != nil {
		for _, p := range w.endpoint.Status() {
			problems[p.ID] = p.Problem
		}
	}
	return zmq.CountRefusals(w.config, func(id juno.NodeID) error { return problems[id] })
}

// reopen makes the endpoint anew, and goes on trying where that fails. The caller holds w.mu.
func (w *Wire) reopen() {
	if w.endpoint != nil {
		w.complain(w.endpoint.Close())
		w.endpoint = nil
	}
	err := w.listen()
	if err == nil {
		return
	}
	w.complain(err)
	time.AfterFunc(keyGrace, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.closed && w.endpoint == nil {
			w.reopen()
		}
	})
}

func (w *Wire) warnOnce(format string, args ...any) {
	if !w.warned {
		w.warned = true
		w.complain(fmt.Errorf(format, args...))
	}
}

func (w *Wire) complain(err error) {
	if err != nil && w.Warn != nil {
		w.Warn(err.Error())
	}
}

func peersOf(config *juno.EpochConfig) []zmq.Peer {
	var all []zmq.Peer
	for _, m := range slices.Concat(config.Voters, config.Observers) {
		if m.Address != "" {
			all = append(all, zmq.Peer{ID: m.ID, Address: m.Address, Key: m.Public})
		}
	}
	return all
}

// wireTransport is a Wire as its node sees it.
type wireTransport struct{ w *Wire }

// Send implements cluster.Transport.
func (t wireTransport) Send(to juno.NodeID, lane cluster.Lane, frame []byte) bool {
	endpoint := t.w.Endpoint()
	return endpoint != nil && endpoint.Send(to, zmq.Lane(lane), frame)
}

// SetMembers implements cluster.Transport. Where the node's own key is another one the endpoint
// is made anew under it, because the others believe no other any more.
func (t wireTransport) SetMembers(config *juno.EpochConfig) {
	w := t.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || config.Epoch < w.config.Epoch { // we had been told of a newer one
		return
	}
	before := w.config
	w.config = config
	if w.endpoint == nil {
		w.key = w.keys()[0]
		return
	}
	now := peersOf(config)
	kept := slices.Clone(now)
	for i := range kept {
		if m, _, ok := before.Member(kept[i].ID); ok {
			kept[i].Key = m.Public
		}
	}
	w.complain(w.endpoint.SetPeers(kept))
	if !slices.Equal(kept, now) || w.renamed() {
		time.AfterFunc(keyGrace, func() { t.settle(config) })
	}
}

// renamed reports whether the membership gives us another key than the endpoint speaks under. The
// caller holds w.mu.
func (w *Wire) renamed() bool {
	me, _, _ := w.config.Member(w.link.ID)
	_, ours := w.link.Secret(me.Public)
	return ours && me.Public != w.key.Public()
}

// keyGrace is how much longer a member is spoken to under the key before, and we speak under ours,
// when it has got another one: some may not have heard of that yet, and hear of it over no other
// connection. What is said is judged by the membership all the same.
const keyGrace = time.Second

// doubtAfter is how long members have to admit a key of ours: they hear of another one, their grace
// ends, and they try again.
const doubtAfter = 3 * keyGrace

// settle ends the grace for those that have another key.
func (t wireTransport) settle(config *juno.EpochConfig) {
	w := t.w
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed || w.config != config || w.endpoint == nil:
	case w.renamed():
		w.key = w.keys()[0]
		w.reopen()
	default:
		w.complain(w.endpoint.SetPeers(peersOf(config)))
	}
}

// Close implements cluster.Transport.
func (t wireTransport) Close() error {
	w := t.w
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.endpoint == nil {
		return nil
	}
	err := w.endpoint.Close()
	w.endpoint = nil
	return err
}
