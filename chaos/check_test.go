//go:build linux

package chaos

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"juno"
	"juno/cluster"
	"juno/embedded"
	"juno/verify/files"
)

// checkNode verifies a stopped node's directory, and looks for every acknowledged outcome in it.
func checkNode(t *testing.T, n *node, l *load) {
	t.Helper()
	ctx := t.Context()
	v, err := files.Directory(ctx, n.path, files.Options{})
	if err != nil || !v.Verified() {
		t.Errorf("verify %s: %+v, %v", n.path, v, err)
		return
	}
	// The node is opened where it hears nobody: what it holds is all that it can tell.
	ledger, err := embedded.Open(n.path, embedded.Options{
		Transport: cluster.NewSwitch().Connect,
	})
	if err != nil {
		t.Errorf("open %s: %v", n.path, err)
		return
	}
	defer func() {
		if err := ledger.Close(); err != nil {
			t.Errorf("close %s: %v", n.path, err)
		}
	}()
	wrong := 0
	for _, op := range l.all {
		want := &op.outcome
		e, got, found, err := ledger.Request(ctx, l.keys[op.client], op.request)
		if err != nil || !found || e.Index != want.Index || got.Hash() != want.Result.Hash() {
			if wrong++; wrong == 1 {
				t.Errorf("%s: client %d was told that request %d is at %d with %+v; the node has "+
					"%t, %d, %+v, %v", n.id, op.client, op.request, want.Index, want.Result, found,
					e.Index, got, err)
			}
		}
	}
	if wrong > 1 {
		t.Errorf("%s: %d such outcomes of %d", n.id, wrong, len(l.all))
	}
	checkBalances(ctx, t, n.id, ledger, l.all)
}

// checkBalances wants every payment exactly once in the balances.
func checkBalances(
	ctx context.Context, t *testing.T, id juno.NodeID, ledger *embedded.Ledger, all []*operation,
) {
	t.Helper()
	var want [accounts]int
	total := 0
	for _, op := range all {
		if !op.read {
			want[op.account]++
			total++
		}
	}
	for a := range accounts {
		check(ctx, t, id, ledger, account(a), fmt.Sprint(want[a]))
	}
	check(ctx, t, id, ledger, "pool", fmt.Sprint(-total))
}

func check(
	ctx context.Context, t *testing.T, id juno.NodeID, ledger *embedded.Ledger, name, want string,
) {
	t.Helper()
	rows, err := ledger.Query(ctx, juno.Query{
		Text: "SELECT balance FROM accounts WHERE name = ?",
		Args: juno.Args(juno.TextValue(name)),
	})
	if err != nil {
		t.Errorf("%s: balance of %s: %v", id, name, err)
		return
	}
	defer rows.Close()
	row, ok := rows.Next()
	if !ok || strings.TrimSpace(row[0].Text) != want {
		t.Errorf("%s: balance of %s: %v (%v), want %s: so many payments were accepted", id, name,
			row, rows.Err(), want)
	}
}
