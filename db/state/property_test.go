package state

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"juno"
)

var testNames = []string{"a", "b", "c", "a b", "sys:issuance", "v:x"}

// genCommand draws a command that often makes sense.
func genCommand(t *rapid.T) string {
	pick := func(label string, from ...string) string {
		return rapid.SampledFrom(from).Draw(t, label)
	}
	name := func() string { return quoteName(pick("name", testNames...)) }
	amounts := []string{"1%1", "1%3", "0%1", "5%1 USD", "0.25 USD", "0.001 USD", "3 EUR", "7 GOLD"}
	switch pick("verb", "transfer", "transfer", "transfer", "adjust", "account", "other") {
	case "transfer":
		route := []string{name(), name()}
		for range rapid.IntRange(0, 2).Draw(t, "more") {
			route = append(route, name())
		}
		return "transfer(" + strings.Join(route, "->") + ", " + pick("amount", amounts...) + ")"
	case "adjust":
		return "AdjustAccount " + name() + " " + pick("sign", "", "-") + pick("amount", amounts...)
	case "account":
		return "CreateAccount " + name()
	}
	return pick("other", "CreateCurrency USD 2", "CreateCurrency GOLD any", "ObserveAccounts",
		`(#transfer "a" "b" (% 2 3) "x")`, "ObserveAccount a", "nonsense", "transfer(a->b, 1%0)")
}

// TestLedgerProperties drives random commands of three clients through a ledger and checks after
// every one what must always hold.
func TestLedgerProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		open := rapid.Bool().Draw(rt, "open")
		l := newLedger(rt, open)
		keys := []juno.PrivateKey{keyAlice, keyBob, keyOperator}
		hash, changes := setHashOf(l.view), Changes{}
		for range rapid.IntRange(1, 40).Draw(rt, "commands") {
			key := rapid.SampledFrom(keys).Draw(rt, "client")
			text := genCommand(rt)
			before := maps.Clone(l.view)
			result := l.do(key, text)
			if result.Status == juno.StatusRefused {
				l.unchanged(text, before)
			}
			l.checkOps(text, &result, before)
			l.checkBooks(text, open)
			changes.Fold(&l.fx)
			if rapid.IntRange(0, 3).Draw(rt, "batch ends") == 0 {
				changes.Flush(hash)
			}
		}
		changes.Flush(hash)
		if want := setHashOf(l.view); !hash.Equal(want) {
			rt.Fatalf("state hash %s, of the elements %s", hash.Hash(), want.Hash())
		}
	})
}

func setHashOf(view memory) *SetHash {
	h := &SetHash{}
	for key, value := range view { // order: sums commute
		h.Add([]byte(key), value)
	}
	return h
}

// checkOps checks that the movements explain the changes of balances, and follow from the text.
func (l *ledger) checkOps(text string, result *juno.Result, before memory) {
	l.t.Helper()
	want := make(map[string]juno.Amount)
	for _, op := range l.fx.Ops {
		key := func(name string) string { return string(AppendBalanceKey(nil, name, op.Currency)) }
		want[key(op.Source)] = add(l.t, want[key(op.Source)], op.Amount.Neg())
		want[key(op.Target)] = add(l.t, want[key(op.Target)], op.Amount)
	}
	got := make(map[string]juno.Amount)
	for _, w := range l.fx.Writes {
		if KindOf(w.Key) != KindBalance {
			continue
		}
		old, fresh := Balance{}, Balance{}
		if w.Before != nil {
			old = l.parseBalance(before[string(w.Key)])
		}
		fresh = l.parseBalance(w.After)
		got[string(w.Key)] = add(l.t, fresh.Amount, old.Amount.Neg())
		if fresh.Changes != old.Changes+1 {
			l.t.Errorf("%s: change %d of %q behind change %d",
				text, fresh.Changes, w.Key, old.Changes)
		}
	}
	if !maps.EqualFunc(got, want, juno.Amount.Equal) {
		l.t.Errorf("%s: balances changed by %v, movements by %v", text, got, want)
	}
	c := juno.Command{Language: juno.DetectLanguage(text), Text: text}
	if ops := Operations(&c, result); !slices.EqualFunc(ops, l.fx.Ops, equalOps) {
		l.t.Errorf("%s: operations %+v, movements %+v", text, ops, l.fx.Ops)
	}
}

func (l *ledger) parseBalance(value []byte) Balance {
	l.t.Helper()
	b, err := ParseBalance(value)
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

// checkBooks checks that all balances of a currency add up to zero, that no account is below its
// floor, and that every account with a balance exists.
func (l *ledger) checkBooks(text string, open bool) {
	l.t.Helper()
	sums := make(map[string]juno.Amount)
	for _, key := range slices.Sorted(maps.Keys(l.view)) {
		k, err := ParseKey([]byte(key))
		if err != nil {
			l.t.Fatal(err)
		}
		if k.Kind != KindBalance {
			continue
		}
		b := l.parseBalance(l.view[key])
		sums[k.Currency] = add(l.t, sums[k.Currency], b.Amount)
		if !open && b.Amount.Sign() < 0 && k.Name != IssuanceAccount {
			l.t.Errorf("%s: %s holds %s %s", text, k.Name, b.Amount, k.Currency)
		}
		if l.view[string(AppendAccountKey(nil, k.Name))] == nil ||
			l.view[string(AppendCurrencyKey(nil, k.Currency))] == nil {
			l.t.Errorf("%s: balance of %s in %s, one of which is not there",
				text, k.Name, k.Currency)
		}
	}
	for currency, sum := range sums { // order: independent checks
		if sum.Sign() != 0 {
			l.t.Errorf("%s: all balances in %s add up to %s", text, currency, sum)
		}
	}
}

// TestReplays checks that the same log gives the same bytes, whatever the machine did before, and
// that a command that gets into the log twice executes once.
func TestReplays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		first := newLedger(rt, rapid.Bool().Draw(rt, "open"))
		second := newLedger(rt, first.genesis.Open)
		var payloads [][]byte
		for i := range rapid.IntRange(1, 20).Draw(rt, "commands") {
			text := genCommand(rt)
			c := juno.Command{
				Key: keyOperator.Public().ID(), Request: juno.RequestID(i + 1),
				Language: juno.DetectLanguage(text), Text: text, Batched: true,
			}
			payloads = append(payloads, c.Payload())
			a := first.apply(juno.EntryCommand, c.Payload())
			second.machine = NewMachine()
			if b := second.apply(juno.EntryCommand, c.Payload()); a != b {
				rt.Fatalf("%s: %+v and %+v", text, a, b)
			}
		}
		if !maps.EqualFunc(first.view, second.view, bytes.Equal) {
			rt.Fatal("two machines, two states")
		}
		again := rapid.SampledFrom(payloads).Draw(rt, "again")
		before := maps.Clone(first.view)
		if r := first.apply(juno.EntryCommand, again); r.Code != CodeUsed {
			rt.Fatalf("used twice: %+v, want %s", r, CodeUsed)
		}
		first.unchanged("replay", before)
	})
}

// TestTraceTells checks that two ledgers that once did something different never have the same
// trace again, also if their balances agree.
func TestTraceTells(t *testing.T) {
	trace := func(texts ...string) juno.Hash {
		l := newLedger(t, true)
		for _, text := range texts {
			l.do(keyAlice, text)
		}
		p, err := ParseProgress(l.view[string(keyProgress)])
		if err != nil {
			t.Fatal(err)
		}
		return p.Trace
	}
	seen := make(map[juno.Hash]string)
	for _, texts := range [][]string{
		nil,
		{"CreateAccount a"},
		{"transfer(a->b, 1%1)"},
		{"transfer(a->b, 1%1)", "transfer(b->a, 1%1)"},
		{"transfer(a->b, 2%1)", "transfer(b->a, 2%1)"},
		{"ObserveAccount a"},
		{"transfer(a->b, 1%0)"},
		{"nonsense"},
	} {
		h, what := trace(texts...), fmt.Sprint(texts)
		if other, twice := seen[h]; twice {
			t.Errorf("%s and %s have the same trace", what, other)
		}
		seen[h] = what
	}
}

// TestTraceBytes computes a trace by hand.
func TestTraceBytes(t *testing.T) {
	l := newLedger(t, true)
	cluster := l.genesis.ID()
	genesis := sha256.Sum256(append([]byte("juno1/trace"), cluster[:]...))
	l.must(keyAlice, "CreateAccount a")
	ok := juno.Result{Status: juno.StatusOK}
	okHash := ok.Hash()
	b := append([]byte("juno1/trace"), genesis[:]...)
	b = append(append(b, 0, 0, 0, 0, 0, 0, 0, 1), okHash[:]...)
	key := AppendAccountKey(nil, "a")
	b = append(append(b, byte(len(key))), key...)
	b = append(append(b, byte(len(l.view[string(key)]))), l.view[string(key)]...)
	p, err := ParseProgress(l.view[string(keyProgress)])
	if want := juno.Hash(sha256.Sum256(b)); err != nil || p.Trace != want {
		t.Errorf("trace %s, %v, want %s", p.Trace, err, want)
	}
}
