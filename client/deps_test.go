package client_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestNoDatabase: a program that uses a ledger over the network does not contain one.
func TestNoDatabase(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "juno/client").Output()
	if err != nil {
		t.Fatalf("go list -deps juno/client: %v", err)
	}
	packages := strings.Fields(string(out))
	if len(packages) < 20 {
		t.Fatalf("go list names %d packages, want those of the standard library too", len(packages))
	}
	for _, p := range packages {
		for _, room := range []string{
			"juno/embedded", "juno/db", "juno/snapshot", "juno/shell", "juno/server",
			"juno/cluster/consensus", "github.com/dgraph-io/badger", "modernc.org",
			"go.etcd.io/bbolt",
		} {
			if p == room || strings.HasPrefix(p, room+"/") {
				t.Errorf("package client depends on %s", p)
			}
		}
	}
}
