package cluster

import (
	"slices"
	"sync"

	"juno"
)

// keys are the secret keys of the node: the one in force, and others that may be in force later.
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

// AddKey adds a key. The node signs with it as soon as a membership names it.
func (n *Node) AddKey(key juno.PrivateKey) { n.keys.add(key) }

// findKey looks for the key that a membership gives the node, unless the node has it.
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

// Secret returns the key that the membership in force gives the node, with which it signs. If the
// node does not have that key it can only send sync requests; these are signed with the newest key,
// which may be the one of a later membership.
func (n *Node) Secret() juno.PrivateKey {
	if m, _, ok := n.admission.config.Load().Member(n.cfg.ID); ok {
		if key, ok := n.keys.secret(m.Public); ok {
			return key
		}
	}
	return n.keys.newest()
}

// mustObserve reports whether the node may not vote in a membership, because it does not have the
// key that the membership names: another process signs with it, or it was lost together with the
// promises made under it (docs/SPECIFICATION.md §3.4).
func (n *Node) mustObserve(config *juno.EpochConfig) bool {
	m, voting, ok := config.Member(n.cfg.ID)
	if !ok || !voting {
		return false // not a voter anyway
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
