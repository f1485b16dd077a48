package cluster

import (
	"slices"
	"sync"

	"juno"
)

// keys are the secrets of the node: the one in force, and others that may be one day.
type keys struct {
	mu  sync.Mutex
	all []juno.PrivateKey
}

func (k *keys) add(all ...juno.PrivateKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = append(k.all, all...)
}

// secret returns the key with that public half.
func (k *keys) secret(public juno.PublicKey) (juno.PrivateKey, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.all {
		if s.Public() == public {
			return s, true
		}
	}
	return juno.PrivateKey{}, false
}

// newest returns the key that was added last.
func (k *keys) newest() juno.PrivateKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.all[len(k.all)-1]
}

// newestFirst returns all keys, beginning with the one that was added last.
func (k *keys) newestFirst() []juno.PrivateKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := slices.Clone(k.all)
	slices.Reverse(all)
	return all
}

// AddKey gives the node another key, which it signs with as soon as a membership names it.
func (n *Node) AddKey(key juno.PrivateKey) { n.keys.add(key) }

// findKey looks for the key that a membership gives the node, if it is none that it has.
func (n *Node) findKey(config *juno.EpochConfig) {
	m, _, ok := config.Member(n.cfg.ID)
	if !ok || n.cfg.FindKey == nil {
		return
	}
	if _, have := n.keys.secret(m.Public); have {
		return
	}
	if key, found := n.cfg.FindKey(m.Public); found {
		n.keys.add(key)
	}
}

// Secret returns the key that the membership in force gives the node, with which it signs. Where
// that is none of its keys it can only ask questions; it does so under the newest one, which may be
// in force already where it does not know of yet.
func (n *Node) Secret() juno.PrivateKey {
	if m, _, ok := n.admission.config.Load().Member(n.cfg.ID); ok {
		if key, ok := n.keys.secret(m.Public); ok {
			return key
		}
	}
	return n.keys.newest()
}

// mustObserve reports whether the node may not vote in a membership, because the key that it
// names is none of ours: somebody else speaks under it, or it was lost with everything that was
// promised under it (docs/SPECIFICATION.md §3.4).
func (n *Node) mustObserve(config *juno.EpochConfig) bool {
	m, voting, ok := config.Member(n.cfg.ID)
	if !ok || !voting {
		return false // it is no voter anyway
	}
	_, ok = n.keys.secret(m.Public)
	return !ok
}

// Sign implements consensus.Signer with the node's key.
func (n *Node) Sign(kind juno.Kind, body []byte) (juno.KeyID, juno.Signature) {
	key := n.Secret()
	message := juno.AppendSigningBytes(make([]byte, 0, 64+len(body)), kind, n.cfg.Cluster, body)
	public := key.Public()
	s := key.Sign(message)
	if n.transport != nil {
		n.seen.add(signatureHash(public, message, s)) // it comes back in certificates
	}
	return public.ID(), s
}
