package forge

import (
	"crypto/sha256"
	"fmt"
	"sync"

	"juno"
)

// keyPool holds the keys that were made so far, by name. The keys of a name are the same in every
// world: a node may serve two ledgers with one key, and only the ledger's identity in what it
// signs keeps the two apart.
var keyPool sync.Map

// keyNamed returns the key of a name.
func keyNamed(name string) juno.PrivateKey {
	if k, ok := keyPool.Load(name); ok {
		return k.(juno.PrivateKey)
	}
	k, _ := keyPool.LoadOrStore(name, juno.NewPrivateKey(sha256.Sum256([]byte(name))))
	return k.(juno.PrivateKey)
}

// nodeKey returns a node's key; generation counts its rotations.
func nodeKey(id juno.NodeID, generation int) juno.PrivateKey {
	return keyNamed(fmt.Sprintf("%s/%d", id, generation))
}

func adminKey(name string) juno.PrivateKey { return keyNamed("admin/" + name) }

// clientKey returns a client's key; generation counts its rotations.
func clientKey(name string, generation int) juno.PrivateKey {
	return keyNamed(fmt.Sprintf("client/%s/%d", name, generation))
}

// The clients of every world.
const (
	alice   = "alice"   // an operator
	bob     = "bob"     // rotates his key in some worlds
	carol   = "carol"   // is registered on the way in some worlds
	mallory = "mallory" // a client whose key the forger has
	olga    = "olga"    // an operator whose key the forger has
	eve     = "eve"     // registered and revoked on the way in some worlds; the forger has her key
)

// stolenClients are the clients whose keys the forger has.
var stolenClients = []string{mallory, olga, eve}
