package state

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"juno"
)

// grow appends one random valid step: an entry, or a whole client batch.
func (c *chain) grow(t *rapid.T) {
	ring := c.prefix.Keyring()
	next := c.prefix.Last() + 1
	request := func(client string) juno.RequestID {
		r := c.prefix.clients[client]
		if r == nil {
			return juno.RequestID(rapid.IntRange(1, 5).Draw(t, "request"))
		}
		id := r.window.Highest() + juno.RequestID(rapid.IntRange(1, 80).Draw(t, "ahead"))
		for back := range juno.RequestID(rapid.IntRange(0, 5).Draw(t, "back")) {
			if lower := id - 80 - back; lower < id && r.window.Fits(lower) {
				return lower
			}
		}
		return id
	}
	alice, rotated := keyAlice, false
	if _, err := ring.Signer(alice.Public().ID(), next); err != nil {
		alice, rotated = keyFresh, true
	}
	switch kind := rapid.IntRange(0, 8).Draw(t, "kind"); {
	case kind <= 2 && !c.prefix.Mode().Halted:
		text := fmt.Sprintf("transfer(a->b, %d%%1)", next)
		c.append(juno.EntryCommand, c.signed(alice, request("alice"), text))
	case kind == 3 && !c.prefix.Mode().Halted:
		first := juno.RequestID(1)
		if r := c.prefix.clients["bob"]; r != nil {
			first = r.window.Highest() + 1
		}
		texts := make([]string, rapid.IntRange(1, 5).Draw(t, "size"))
		for i := range texts {
			texts[i] = pay
		}
		c.appendBatch(c.batch(keyBob, first, texts...))
	case kind == 4:
		fresh := juno.NewPrivateKey(seed(byte(100 + next%100)))
		if _, taken := ring.Lookup(fresh.Public().ID()); taken {
			return
		}
		c.append(juno.EntryKeyOp, c.keyOp(juno.KeyOp{
			Action:  juno.KeyRegister,
			Request: request("ops"), Subject: fmt.Sprint("client", next), Role: juno.RoleClient,
		},
			keyOperator, &fresh))
	case kind == 5 && !rotated:
		c.append(juno.EntryKeyOp, c.keyOp(juno.KeyOp{
			Action:  juno.KeyRotate,
			Request: request("alice"), Subject: "alice", Role: juno.RoleClient,
			Ends: keyAlice.Public().ID(),
		}, keyAlice, &keyFresh))
	case kind == 8:
		for _, r := range ring.Records() {
			if strings.HasPrefix(r.Subject, "client") && r.Until == 0 {
				c.append(juno.EntryKeyOp, c.keyOp(juno.KeyOp{
					Action:  juno.KeyRevoke,
					Request: request("ops"), Subject: r.Subject, Role: r.Role, Ends: r.ID,
				},
					keyOperator, nil))
				return
			}
		}
	case kind == 6:
		c.append(juno.EntryMode, c.modeChange(!c.prefix.Mode().Halted, c.prefix.Mode().Nonce+1))
	case kind == 7:
		c.append(juno.EntryConfig, c.configChange())
	default:
		c.append(juno.EntryNoop, nil)
	}
}

// replay returns the prefix of the first n entries, judged from the start.
func (c *chain) replay(n juno.Index) *Prefix {
	c.t.Helper()
	p, err := NewPrefix(c.genesis)
	if err != nil {
		c.t.Fatal(err)
	}
	for i := range c.entries[:n] {
		if err := p.Append(&c.entries[i]); err != nil {
			c.t.Fatal(err)
		}
	}
	return p
}

// TestPrefixUndo checks that taking entries back, also inside of batches, leaves the same prefix
// as if they had never been there.
func TestPrefixUndo(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newChain(rt)
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			if rapid.IntRange(0, 3).Draw(rt, "back") > 0 {
				c.grow(rt)
				continue
			}
			committed, last := int(c.prefix.committed), int(c.prefix.Last())
			to := juno.Index(rapid.IntRange(committed, last).Draw(rt, "to"))
			c.prefix.TruncateTo(to)
			c.entries = c.entries[:to]
			want := c.replay(to)
			if got, want := c.dump(c.prefix), c.dump(want); got != want {
				rt.Fatalf("truncated to %d:\n%swant\n%s", to, got, want)
			}
			if left := c.prefix.BatchLeft(); left > 0 { // start the batch over
				to -= juno.Index(c.prefix.batch.head.Count-left) + 1
				if to < c.prefix.committed {
					return
				}
				c.prefix.TruncateTo(to)
				c.entries = c.entries[:to]
			}
			if rapid.Bool().Draw(rt, "commit") {
				c.prefix.Committed(to)
			}
		}
	})
}

// TestPrefixAndState applies what a prefix let pass: nothing may be refused for its key or its
// request, and the elements must say what the prefix knows, so that one can be loaded from them.
func TestPrefixAndState(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newChain(rt)
		for range rapid.IntRange(1, 20).Draw(rt, "steps") {
			c.grow(rt)
		}
		stop := juno.Index(rapid.IntRange(0, len(c.entries)).Draw(rt, "stop"))
		for i := range c.entries[:stop] {
			e := &c.entries[i]
			if r := c.apply(e.Type, e.Payload); r.Status != juno.StatusOK {
				rt.Fatalf("entry %d, %s: %+v", e.Index, e.Type, r)
			}
		}
		want := c.replay(stop)
		got, err := LoadPrefix(c.view)
		if err != nil {
			rt.Fatal(err)
		}
		if want.BatchLeft() > 0 && !errors.Is(got.Recalled(), ErrInsideBatch) {
			rt.Fatalf("loaded at %d inside of a batch: %v", stop, got.Recalled())
		}
		for i := range c.entries[:stop] {
			e := &c.entries[i]
			signer, request := requestOf(e)
			r, ok := want.Keyring().Lookup(signer)
			if index, used := got.Lookup(r.Subject, request); ok && (index != 0 || !used) {
				rt.Fatalf("request %d of %s before recall: %d, %v",
					request, r.Subject, index, used)
			}
			if err := got.Recall(e); err != nil {
				rt.Fatal(err)
			}
		}
		if err := got.Recalled(); err != nil {
			rt.Fatal(err)
		}
		for i := range c.entries[stop:] {
			if err := got.Append(&c.entries[int(stop)+i]); err != nil {
				rt.Fatal(err)
			}
		}
		sameKnowledge(rt, c, got)
	})
}

// requestOf returns the signer and the request id of an entry, if it has any.
func requestOf(e *juno.Entry) (juno.KeyID, juno.RequestID) {
	switch e.Type {
	case juno.EntryCommand:
		c, _ := juno.ParseCommand(e.Payload)
		return c.Key, c.Request
	case juno.EntryKeyOp:
		o, _ := juno.ParseKeyOp(e.Payload)
		return o.Key, o.Request
	}
	return juno.KeyID{}, 0
}

// sameKnowledge compares a prefix with the one that saw all entries, except for the order of keys
// and for undone requests.
func sameKnowledge(t *rapid.T, c *chain, p *Prefix) {
	t.Helper()
	for _, r := range c.prefix.Keyring().Records() {
		if got, ok := p.Keyring().Lookup(r.ID); !ok || got != r {
			t.Fatalf("key %+v, want %+v", got, r)
		}
	}
	if got, want := len(p.Keyring().Records()), len(c.prefix.Keyring().Records()); got != want {
		t.Fatalf("%d keys, want %d", got, want)
	}
	if p.Mode() != c.prefix.Mode() || p.Config().Hash() != c.prefix.Config().Hash() ||
		p.Last() != c.prefix.Last() || p.BatchLeft() != c.prefix.BatchLeft() {
		t.Fatalf("got\n%swant\n%s", c.dump(p), c.dump(c.prefix))
	}
	for name, want := range c.prefix.clients { // order: independent checks
		for id := juno.RequestID(1); id <= want.window.Highest()+1; id++ {
			index, used := c.prefix.Lookup(name, id)
			if gotIndex, gotUsed := p.Lookup(name, id); gotIndex != index || gotUsed != used {
				t.Fatalf("request %d of %s: %d, %v, want %d, %v",
					id, name, gotIndex, gotUsed, index, used)
			}
		}
	}
}

// FuzzEntry feeds any payload to a prefix and to a machine: neither may panic, and what one lets
// pass the other executes.
func FuzzEntry(f *testing.F) {
	c := newChain(f)
	f.Add(byte(juno.EntryCommand), c.signed(keyAlice, 1, pay))
	f.Add(byte(juno.EntryCommand), c.signed(keyAlice, 1, `AdjustAccount "a b" -1.5 XXX`))
	f.Add(byte(juno.EntryBatchHead), c.batch(keyAlice, 1, pay, pay)[0])
	f.Add(byte(juno.EntryKeyOp), c.keyOp(juno.KeyOp{
		Action: juno.KeyRotate, Request: 1,
		Subject: "alice", Role: juno.RoleClient, Ends: keyAlice.Public().ID(),
	},
		keyAlice, &keyFresh))
	f.Add(byte(juno.EntryConfig), c.configChange())
	f.Add(byte(juno.EntryMode), c.modeChange(true, 1))
	f.Add(byte(juno.EntryTermStart), make([]byte, juno.HashBytes))
	f.Fuzz(func(t *testing.T, typ byte, payload []byte) {
		c := newChain(t)
		e := c.entry(juno.EntryType(typ), payload)
		_ = c.prefix.Verify([]juno.Entry{*e}) // may say anything but must not panic
		judged := c.prefix.Append(e)
		before := maps.Clone(c.view)
		result := c.apply(e.Type, payload)
		if judged == nil && (result.Code == juno.CodeKey || result.Code == CodeUsed) {
			t.Errorf("let pass, and refused: %+v", result)
		}
		if result.Status == juno.StatusRefused {
			c.unchanged(result.Message, before)
		}
	})
}

func BenchmarkPrefixAppend(b *testing.B) {
	c := newChain(b)
	entries := make([]juno.Entry, 4096)
	for i := range entries {
		command := juno.Command{
			Key: keyAlice.Public().ID(), Request: juno.RequestID(i + 1),
			Language: juno.LanguageHoplite, Text: pay,
		}
		entries[i] = juno.Entry{
			Index: juno.Index(i + 1), Type: juno.EntryCommand,
			Payload: command.Payload(),
		}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%len(entries) == 0 {
			c.prefix.TruncateTo(0)
		}
		if err := c.prefix.Append(&entries[i%len(entries)]); err != nil {
			b.Fatal(err)
		}
	}
}
