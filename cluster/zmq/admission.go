package zmq

import (
	"fmt"
	"sync"

	"juno"
)

// member is who may connect under one ed25519 key. A key can be a peer's and a client's at once.
type member struct {
	curve  curveKey
	node   juno.NodeID // 0: no peer
	client bool
}

// admission is the list of who may connect. The handshake asks it by curve key, because that is
// all the handshake knows, and the hello asks it by ed25519 key.
//
// Two ed25519 keys, P and -P, have one curve key. Somebody who registers -P of a client P gets
// nothing by it: the handshake takes P's secret. The owner of P could say hello as -P, an
// identity that somebody else registered for himself and cannot use.
type admission struct {
	mu      sync.RWMutex
	members map[juno.PublicKey]member
	curves  map[curveKey]bool
}

// admits says whether somebody with that curve key may connect.
func (a *admission) admits(k curveKey) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.curves[k]
}

// who returns what a key stands for; the zero member if nothing.
func (a *admission) who(key juno.PublicKey) member {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.members[key]
}

// setPeers replaces the peers, setClients the clients. A key that cannot be used is left out, and
// the first such is the error.
func (a *admission) setPeers(peers []Peer) (err error) {
	next := make(map[juno.PublicKey]member, len(peers))
	for _, p := range peers {
		m := member{node: p.ID}
		var bad error
		if m.curve, bad = a.curveOf(p.Key); bad != nil {
			err = firstError(err, fmt.Errorf("zmq: %s: %w", p.ID, bad))
			continue
		}
		next[p.Key] = m
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, m := range a.members {
		if m.client {
			n := next[key]
			n.curve, n.client = m.curve, true
			next[key] = n
		}
	}
	a.replace(next)
	return err
}

func (a *admission) setClients(keys []juno.PublicKey) (err error) {
	next := make(map[juno.PublicKey]member, len(keys))
	for _, key := range keys {
		m := member{client: true}
		var bad error
		if m.curve, bad = a.curveOf(key); bad != nil {
			err = firstError(err, fmt.Errorf("zmq: client: %w", bad))
			continue
		}
		next[key] = m
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, m := range a.members {
		if m.node != 0 {
			n := next[key]
			n.curve, n.node = m.curve, m.node
			next[key] = n
		}
	}
	a.replace(next)
	return err
}

// curveOf converts a key unless that was done before: a long list is set often, with few changes.
func (a *admission) curveOf(key juno.PublicKey) (curveKey, error) {
	if m := a.who(key); m != (member{}) {
		return m.curve, nil
	}
	return curvePublic(key)
}

func (a *admission) replace(members map[juno.PublicKey]member) {
	a.members = members
	a.curves = make(map[curveKey]bool, len(members))
	for _, m := range members {
		a.curves[m.curve] = true
	}
}

func firstError(first, second error) error {
	if first != nil {
		return first
	}
	return second
}
