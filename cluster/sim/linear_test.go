package sim

import (
	"fmt"
	"math"
	"testing"

	"github.com/anishathalye/porcupine"

	"juno"
)

// This file looks at the ledger as its clients see it: whatever happens inside, there has to be an
// order of all operations, each of them at one moment between its call and its answer, in which a
// plain ledger would have given the same answers. The oracle of the simulator could be blind for
// the same reason as the core; this check knows nothing of either.

// ledger is the plain ledger: the balances of accounts that exist.
type ledger struct {
	balance [Accounts]int64
	exists  [Accounts]bool
}

// answer is what a client was told; unknown if the run ended before.
type answer struct {
	unknown bool
	code    juno.Code
	value   string
}

// do carries an operation out, and returns what the client should be told.
func (l ledger) do(o *Operation) (ledger, answer) {
	if o.Verb == Transfer { // of an open ledger, which makes the accounts
		l.exists[o.Account], l.exists[o.To] = true, true
		l.balance[o.Account] -= o.Amount
		l.balance[o.To] += o.Amount
		return l, answer{}
	}
	if o.Verb == Create {
		if l.exists[o.Account] {
			return l, answer{code: juno.CodeExists}
		}
		l.exists[o.Account] = true
		return l, answer{}
	}
	if !l.exists[o.Account] {
		return l, answer{code: juno.CodeAccount}
	}
	if o.Verb == Observe {
		text := fmt.Sprintf("%s\tXXX\t%d\n", AccountName(o.Account), l.balance[o.Account])
		return l, answer{value: text}
	}
	l.balance[o.Account] += o.Amount
	return l, answer{}
}

var model = porcupine.Model{
	Init: func() any { return ledger{} },
	Step: func(state, in, out any) (bool, any) {
		o, told := in.(Operation), out.(answer)
		next, want := state.(ledger).do(&o)
		return told.unknown || told == want, next
	},
}

// checkHistory looks for an order. An operation without an answer may have happened at any time
// after its call, or never: that is the same as at the very end, when nobody looks any more.
func checkHistory(all []Operation) error {
	var history []porcupine.Operation
	for _, o := range all {
		if o.Verb == Rotate {
			continue // not about accounts
		}
		p := porcupine.Operation{
			ClientId: o.Client, Input: o, Call: int64(o.Call), Return: int64(o.Return),
			Output: answer{code: o.Code, value: o.Value},
		}
		if o.Return == 0 {
			p.Return, p.Output = math.MaxInt64, answer{unknown: true}
		}
		history = append(history, p)
	}
	if !porcupine.CheckOperations(model, history) {
		return fmt.Errorf("linearizable: no order explains what the clients were told: %+v", all)
	}
	return nil
}

// TestHistoryChecker shows that the checker tells good histories from bad ones.
func TestHistoryChecker(t *testing.T) {
	create := Operation{Client: 0, Verb: Create, Call: 1, Return: 2}
	adjust := Operation{Client: 0, Verb: Adjust, Amount: 5, Call: 3, Return: 6}
	read := func(call, back Micros, value string) Operation {
		return Operation{Client: 1, Verb: Observe, Call: call, Return: back, Value: value}
	}
	const none, five = "account0\tXXX\t0\n", "account0\tXXX\t5\n"
	unknown := adjust
	unknown.Return = 0
	refused := read(5, 6, "")
	refused.Code = juno.CodeAccount
	for _, c := range []struct {
		name    string
		history []Operation
		good    bool
	}{
		{"after the adjustment", []Operation{create, adjust, read(7, 8, five)}, true},
		{"beside it, before", []Operation{create, adjust, read(4, 5, none)}, true},
		{"beside it, behind", []Operation{create, adjust, read(4, 5, five)}, true},
		{"a stale read", []Operation{create, adjust, read(7, 8, none)}, false},
		{"a dirty read", []Operation{create, read(3, 4, five)}, false},
		{
			"two reads that disagree on the order",
			[]Operation{create, adjust, read(3, 4, five), read(5, 6, none)},
			false,
		},
		{"an account that is gone", []Operation{create, refused}, false},
		{"executed, never answered", []Operation{create, unknown, read(7, 8, five)}, true},
		{"never executed", []Operation{create, unknown, read(7, 8, none)}, true},
		{
			"executed and taken back",
			[]Operation{create, unknown, read(7, 8, five), read(9, 10, none)},
			false,
		},
	} {
		if got := checkHistory(c.history) == nil; got != c.good {
			t.Errorf("%s: linearizable %v, want %v", c.name, got, c.good)
		}
	}
}

// TestCredulousClients shows that what the checker guards against happens: clients that believe
// whoever answers first (B8) are told what no ledger would tell them.
func TestCredulousClients(t *testing.T) {
	const seedsMax = 30
	for seed := uint64(1); seed <= seedsMax; seed++ {
		p := PlanOf(seed)
		p.Credulous = true
		if r := Run(p, false); r.Violation == nil && checkHistory(r.History) != nil {
			return
		}
	}
	t.Errorf("%d runs, and nobody was lied to", seedsMax)
}
