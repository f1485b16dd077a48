package cluster

import (
	"crypto/sha256"
	"sync"

	"juno"
)

// seenMax bounds each of the two generations of seen: the signatures of a whole window of entries
// (W of N1), so that a verified signature is still known when its entry is validated.
const seenMax = 1 << 16

// seen stores verified signatures, by a hash over key, message and signature, so that none is
// verified twice: a command that its client sent to all nodes, a vote that comes again in a
// certificate. It is safe for concurrent use.
type seen struct {
	mu            sync.Mutex
	recent, older map[juno.Hash]struct{}
}

func newSeen() *seen {
	return &seen{recent: make(map[juno.Hash]struct{}), older: make(map[juno.Hash]struct{})}
}

// signatureHash identifies a signature with its message and its key.
func signatureHash(public juno.PublicKey, message []byte, s juno.Signature) juno.Hash {
	b := make([]byte, 0, 512)
	b = append(append(b, public[:]...), s[:]...)
	return sha256.Sum256(append(b, message...))
}

// has reports whether a signature was verified before.
func (c *seen) has(h juno.Hash) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.recent[h]; ok {
		return true
	}
	_, ok := c.older[h]
	return ok
}

// add stores verified signatures.
func (c *seen) add(all ...juno.Hash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range all {
		if len(c.recent) >= seenMax {
			c.recent, c.older = c.older, c.recent
			clear(c.recent)
		}
		c.recent[h] = struct{}{}
	}
}
