//go:build linux

package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"juno"
)

// model is one account of a plain ledger: a payment adds one, a read tells the sum.
var model = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		parts := make([][]porcupine.Operation, accounts)
		for _, o := range history {
			a := o.Input.(*operation).account
			parts[a] = append(parts[a], o)
		}
		return parts
	},
	Init: func() any { return 0 },
	Step: func(state, input, output any) (bool, any) {
		n, op := state.(int), input.(*operation)
		if !op.read {
			return true, n + 1
		}
		return output == observed(op.account, n), n
	},
}

// observed is what a client is told of an account that holds n dollars.
func observed(a, n int) string { return fmt.Sprintf("%s\tXXX\t%d\n", account(a), n) }

// checkHistory checks that the order of the log explains what clients were told, and that each
// command stands there as if it had happened between its call and its answer. Porcupine, which
// knows nothing of the log, must not prove the contrary; it is not waited for long, because it has
// to try orders of hundreds of equal payments that were under way at a time.
func checkHistory(all []*operation) error {
	if err := checkOrder(all); err != nil {
		return err
	}
	if search(all, 10*time.Second) == porcupine.Illegal {
		return fmt.Errorf("no order of the %d commands explains what clients were told", len(all))
	}
	return nil
}

// checkOrder takes the order of the log for the one that is looked for.
func checkOrder(all []*operation) error {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b *operation) int {
		return cmp.Compare(a.outcome.Index, b.outcome.Index)
	})
	var sums [accounts]any
	for a := range sums {
		sums[a] = model.Init()
	}
	var latest *operation // of those before in the log, the one that was called last
	for i, op := range all {
		if i > 0 && op.outcome.Index == all[i-1].outcome.Index {
			return fmt.Errorf("two commands are entry %d", op.outcome.Index)
		}
		if latest == nil || op.called.After(latest.called) {
			latest = op
		}
		if latest.called.After(op.told) {
			return fmt.Errorf("entry %d stands before entry %d, and was called after its answer",
				latest.outcome.Index, op.outcome.Index)
		}
		ok, next := model.Step(sums[op.account], op, op.outcome.Result.Value)
		if !ok {
			return fmt.Errorf("entry %d was answered with %q, want %q", op.outcome.Index,
				op.outcome.Result.Value, observed(op.account, sums[op.account].(int)))
		}
		sums[op.account] = next
	}
	return nil
}

// search looks for an order of all operations on each account that explains what clients were
// told, in which each happened between its call and its answer.
func search(all []*operation, patience time.Duration) porcupine.CheckResult {
	var history []porcupine.Operation
	for _, op := range all {
		history = append(history, porcupine.Operation{
			ClientId: op.client, Input: op, Output: op.outcome.Result.Value,
			Call: op.called.UnixNano(), Return: op.told.UnixNano(),
		})
	}
	return porcupine.CheckOperationsTimeout(model, history, patience)
}

// TestHistory shows that the checks tell good histories from bad ones. Commands are in the order of
// the log.
func TestHistory(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	pay := func(from, to int) *operation {
		return &operation{called: at(from), told: at(to)}
	}
	read := func(from, to, n int) *operation {
		return &operation{
			client: 1, read: true, called: at(from), told: at(to),
			outcome: juno.Outcome{Result: juno.Result{Value: observed(0, n)}},
		}
	}
	for _, c := range []struct {
		name       string
		all        []*operation
		log, order bool // good in the order of the log, in some order
	}{
		{"in order", []*operation{pay(1, 2), read(3, 4, 1)}, true, true},
		{"side by side", []*operation{read(3, 4, 0), pay(1, 9), read(5, 6, 1)}, true, true},
		{"other order", []*operation{read(3, 4, 0), read(5, 6, 1), pay(1, 9)}, false, true},
		{"late", []*operation{read(3, 4, 0), pay(1, 2)}, false, false},
		{"stale", []*operation{pay(1, 2), read(3, 4, 0)}, false, false},
		{"twice", []*operation{pay(1, 2), read(3, 4, 2)}, false, false},
		{"taken back", []*operation{pay(1, 9), read(3, 4, 1), read(5, 6, 0)}, false, false},
	} {
		for i, op := range c.all {
			op.outcome.Index = juno.Index(i + 1)
		}
		if err := checkOrder(c.all); (err == nil) != c.log {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := search(c.all, time.Minute); (got == porcupine.Ok) != c.order {
			t.Errorf("%s: some order: %v", c.name, got)
		}
		if err := checkHistory(c.all); (err == nil) != c.log {
			t.Errorf("%s: both: %v", c.name, err)
		}
	}
}
