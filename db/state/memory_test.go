package state

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"juno"
)

// tester is a *testing.T, *testing.B or *rapid.T.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// memory is a View over a map.
type memory map[string][]byte

func (m memory) Get(key []byte) ([]byte, error) { return m[string(key)], nil }

func (m memory) Scan(prefix []byte, yield func(key, value []byte) bool) error {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if !strings.HasPrefix(key, string(prefix)) {
			continue
		}
		k, v := []byte(key), bytes.Clone(m[key])
		more := yield(k, v)
		clear(k) // they are valid during the call only
		clear(v)
		if !more {
			return nil
		}
	}
	return nil
}

// put takes the effects of an entry over. It checks that Before is what was there.
func (m memory) put(t tester, fx *Effects) {
	t.Helper()
	seen := make(map[string]bool)
	for _, w := range fx.Writes {
		if !bytes.Equal(m[string(w.Key)], w.Before) || seen[string(w.Key)] || w.After == nil {
			t.Fatalf("write of %q: before %x, the view has %x; written twice: %v",
				w.Key, w.Before, m[string(w.Key)], seen[string(w.Key)])
		}
		seen[string(w.Key)] = true
		m[string(w.Key)] = bytes.Clone(w.After)
	}
}

func seed(b byte) (s [juno.SeedBytes]byte) {
	for i := range s {
		s[i] = b
	}
	return s
}

// Keys of the test ledgers.
var (
	keyAlice    = juno.NewPrivateKey(seed(1))
	keyBob      = juno.NewPrivateKey(seed(2))
	keyOperator = juno.NewPrivateKey(seed(3))
	keyNode     = juno.NewPrivateKey(seed(4))
	keyAdmin    = juno.NewPrivateKey(seed(5))
	keyFresh    = juno.NewPrivateKey(seed(6))
)

func testGenesis(open bool) *juno.Genesis {
	return &juno.Genesis{
		Created: 1_700_000_000_000,
		Open:    open,
		Config: juno.EpochConfig{
			Voters:          []juno.Member{{ID: 1, Public: keyNode.Public()}},
			Admins:          []juno.Admin{{Name: "root", Public: keyAdmin.Public()}},
			AdminThreshold:  1,
			FirstLeader:     1,
			CheckpointEvery: 1000,
		},
		Clients: []juno.ClientKey{
			{Name: "alice", Role: juno.RoleClient, Public: keyAlice.Public()},
			{Name: "bob", Role: juno.RoleClient, Public: keyBob.Public()},
			{Name: "ops", Role: juno.RoleOperator, Public: keyOperator.Public()},
		},
	}
}

// ledger drives a machine over a map, as the db room does over its store.
type ledger struct {
	t        tester
	genesis  *juno.Genesis
	machine  *Machine
	view     memory
	fx       Effects
	last     juno.Index
	requests map[juno.KeyID]juno.RequestID
}

func newLedger(t tester, open bool) *ledger {
	t.Helper()
	l := &ledger{
		t: t, genesis: testGenesis(open), machine: NewMachine(), view: make(memory),
		requests: make(map[juno.KeyID]juno.RequestID),
	}
	elements, err := Genesis(l.genesis)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range elements {
		l.view[string(e.Key)] = e.Value
	}
	return l
}

// apply appends an entry and applies it.
func (l *ledger) apply(typ juno.EntryType, payload []byte) juno.Result {
	l.t.Helper()
	l.last++
	e := &juno.Entry{
		Index: l.last, Time: l.genesis.Created + juno.Millis(l.last), Type: typ,
		Payload: payload,
	}
	result, err := l.machine.Apply(l.view, e, &l.fx)
	if err != nil {
		l.t.Fatal(err)
	}
	l.view.put(l.t, &l.fx)
	d := juno.NewDecoder(juno.AppendResult(nil, &result))
	if back := d.Result(); d.Done() != nil || back != result {
		l.t.Fatalf("result %.200q of entry %d comes back as %.200q, %v", result, e.Index, back,
			d.Done())
	}
	return result
}

// do executes a command as the next request of a key.
func (l *ledger) do(key juno.PrivateKey, text string) juno.Result {
	l.t.Helper()
	id := key.Public().ID()
	l.requests[id]++
	c := juno.Command{
		Key: id, Request: l.requests[id], Language: juno.DetectLanguage(text), Text: text,
		Batched: true,
	} // Apply looks at no signature
	return l.apply(juno.EntryCommand, c.Payload())
}

// must executes a command that is not refused.
func (l *ledger) must(key juno.PrivateKey, text string) {
	l.t.Helper()
	if r := l.do(key, text); r.Status != juno.StatusOK {
		l.t.Fatalf("%s: %s %s", text, r.Code, r.Message)
	}
}

// balance returns a balance as text, "none" where there is no such element.
func (l *ledger) balance(account, currency string) string {
	l.t.Helper()
	value := l.view[string(AppendBalanceKey(nil, account, currency))]
	if value == nil {
		return "none"
	}
	b, err := ParseBalance(value)
	if err != nil {
		l.t.Fatal(err)
	}
	return b.Amount.String()
}
