package server

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

// transport connects a node to the other members, and to clients: it makes the transport that
// package cluster wants of the endpoint that package zmq has. It follows the membership: it
// connects to the members, and if the node's own key was rotated it listens anew under the new one,
// also if that was while the node was down. It repeats nothing that was lost: the consensus does.
// The exported fields are set before Connect.
type transport struct {
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
func (w *transport) Connect(link cluster.TransportConfig) (cluster.Transport, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.link, w.config, w.closed = link, link.Config, false
	w.key = w.keys()[0]
	if err := w.listen(); err != nil {
		return nil, err
	}
	return outgoing{w}, nil
}

// Endpoint returns the endpoint of this moment. Another one takes its place when the node's key
// is rotated.
func (w *transport) Endpoint() *zmq.Endpoint {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.endpoint
}

// SetClients says which clients may connect.
func (w *transport) SetClients(keys []juno.PublicKey) {
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
func (w *transport) keys() []juno.PrivateKey {
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
func (w *transport) listen() error {
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
func (w *transport) doubt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if refuse, changed := w.strangers(); !w.doubting && max(refuse, changed) > w.config.Faulty() {
		w.doubting = true
		time.AfterFunc(doubtAfter, w.resolve)
	}
}

// resolve tries the next of our keys, where there is one: whoever admits it tells us the rest, or
// hears it from us.
func (w *transport) resolve() {
	w.mu.Lock()
	defer w.mu.Unlock()
	refuse, changed := w.strangers()
	if max(refuse, changed) <= w.config.Faulty() {
		w.doubting, w.tried, w.warned = false, 0, false
		return
	}
	time.AfterFunc(doubtAfter, w.resolve)
	keys := w.keys()
	if refuse > w.config.Faulty() {
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
	if changed > w.config.Faulty() {
		w.warnOnce("%d members have other keys than in epoch %d, the newest that %s knows: copy "+
			"the file epochs of another node's directory into its own, and start it again",
			changed, w.config.Epoch, w.link.ID)
	} else {
		w.warnOnce("%d members do not admit key %s of %s: no membership in force names it. If "+
			"the directory was just made, hand the change in; if another one has taken its place, "+
			"stop this node; if its key was rotated, start it again, or where "+
			"keys/node-next.key is lost: juno node recover", refuse, w.key.Public().ID(), w.link.ID)
	}
}

// strangers returns how many voters do not admit us, and how many have another key than we know.
// The caller holds w.mu.
func (w *transport) strangers() (refuse, changed int) {
	if w.closed || w.endpoint == nil {
		return 0, 0
	}
	return w.count(zmq.ErrNotAdmitted), w.count(zmq.ErrWrongKey)
}

// reopen makes the endpoint anew, and goes on trying where that fails. The caller holds w.mu.
func (w *transport) reopen() {
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

// count returns how many voters there is that problem with. The caller holds w.mu.
func (w *transport) count(problem error) (n int) {
	for _, p := range w.endpoint.Status() {
		if _, voter := w.config.Voter(p.ID); voter && errors.Is(p.Problem, problem) {
			n++
		}
	}
	return n
}

func (w *transport) warnOnce(format string, args ...any) {
	if !w.warned {
		w.warned = true
		w.complain(fmt.Errorf(format, args...))
	}
}

func (w *transport) complain(err error) {
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

// outgoing is a transport as its node sees it.
type outgoing struct{ w *transport }

// Send implements cluster.Transport.
func (t outgoing) Send(to juno.NodeID, lane cluster.Lane, frame []byte) bool {
	endpoint := t.w.Endpoint()
	return endpoint != nil && endpoint.Send(to, zmq.Lane(lane), frame)
}

// SetMembers implements cluster.Transport. Where the node's own key is another one the endpoint
// is made anew under it, because the others believe no other any more.
func (t outgoing) SetMembers(config *juno.EpochConfig) {
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
func (w *transport) renamed() bool {
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
func (t outgoing) settle(config *juno.EpochConfig) {
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
func (t outgoing) Close() error {
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
