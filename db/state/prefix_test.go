package state

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"juno"
)

// chain makes signed entries and feeds them to a prefix and to a machine, as a node does.
type chain struct {
	*ledger
	prefix  *Prefix
	entries []juno.Entry
}

func newChain(t tester) *chain {
	t.Helper()
	l := newLedger(t, true)
	p, err := NewPrefix(l.genesis)
	if err != nil {
		t.Fatal(err)
	}
	return &chain{ledger: l, prefix: p}
}

// entry returns the next entry.
func (c *chain) entry(typ juno.EntryType, payload []byte) *juno.Entry {
	return &juno.Entry{
		Index: c.prefix.Last() + 1, Time: c.genesis.Created, Type: typ,
		Payload: payload,
	}
}

// append feeds an entry that must be valid.
func (c *chain) append(typ juno.EntryType, payload []byte) {
	c.t.Helper()
	e := c.entry(typ, payload)
	if err := c.prefix.Verify([]juno.Entry{*e}); err != nil {
		c.t.Fatal(err)
	}
	if err := c.prefix.Append(e); err != nil {
		c.t.Fatal(err)
	}
	c.entries = append(c.entries, *e)
}

// refuse checks that an entry is refused and changes nothing; want nil stands for any error.
func (c *chain) refuse(what string, typ juno.EntryType, payload []byte, want error) {
	c.t.Helper()
	before := c.dump(c.prefix)
	err := c.prefix.Append(c.entry(typ, payload))
	if err == nil || (want != nil && !errors.Is(err, want)) {
		c.t.Errorf("%s: %v, want %v", what, err, want)
	}
	if after := c.dump(c.prefix); after != before {
		c.t.Errorf("%s: refused, and the prefix went from\n%s to\n%s", what, before, after)
	}
}

// dump prints everything that a prefix knows.
func (c *chain) dump(p *Prefix) string {
	var b strings.Builder
	fmt.Fprintf(&b, "last %d mode %+v batch %d config %s\n", p.Last(), p.Mode(), p.BatchLeft(),
		p.Config().Hash().Short())
	for _, r := range p.Keyring().Records() {
		fmt.Fprintf(&b, "key %s of %s [%d,%d)\n", r.ID, r.Subject, r.From, r.Until)
	}
	for _, name := range slices.Sorted(maps.Keys(p.clients)) {
		w := p.clients[name].window
		if w.Highest() == 0 {
			continue
		}
		fmt.Fprintf(&b, "client %s %x:", name, AppendWindow(nil, w))
		for id := juno.RequestID(1); id <= min(w.Highest(), 200); id++ {
			index, used := p.Lookup(name, id)
			fmt.Fprintf(&b, " %d:%d:%v", id, index, used)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// signed returns the payload of a command that stands by itself.
func (c *chain) signed(key juno.PrivateKey, request juno.RequestID, text string) []byte {
	command := juno.Command{Request: request, Language: juno.DetectLanguage(text), Text: text}
	command.Sign(key, c.genesis.ID())
	return command.Payload()
}

// batch returns the payloads of a client batch, the head first.
func (c *chain) batch(key juno.PrivateKey, first juno.RequestID, texts ...string) [][]byte {
	commands := make([]juno.Command, len(texts))
	for i, text := range texts {
		commands[i] = juno.Command{Language: juno.DetectLanguage(text), Text: text}
	}
	head, payloads := juno.SignBatch(key, c.genesis.ID(), first, commands)
	return append([][]byte{head.Payload()}, payloads...)
}

// appendBatch feeds a whole batch.
func (c *chain) appendBatch(payloads [][]byte) {
	c.t.Helper()
	c.append(juno.EntryBatchHead, payloads[0])
	for _, p := range payloads[1:] {
		c.append(juno.EntryCommand, p)
	}
}

func (c *chain) keyOp(o juno.KeyOp, signer juno.PrivateKey, fresh *juno.PrivateKey) []byte {
	o.Sign(signer, fresh, c.genesis.ID())
	return o.Payload()
}

func (c *chain) modeChange(halted bool, nonce uint64) []byte {
	m := juno.ModeChange{Halted: halted, Nonce: nonce}
	m.Approve(keyAdmin, c.genesis.ID())
	return m.Payload()
}

func (c *chain) configChange() []byte {
	change := juno.ConfigChange{Previous: c.prefix.Config().Hash(), Next: *c.prefix.Config()}
	change.Next.Epoch++
	change.Next.CheckpointEvery++
	change.Approve(keyAdmin, c.genesis.ID())
	return change.Payload()
}

const pay = "transfer(a->b, 1%1)"

func TestPrefixRefuses(t *testing.T) {
	c := newChain(t)
	c.append(juno.EntryTermStart, make([]byte, juno.HashBytes))
	c.append(juno.EntryCommand, c.signed(keyAlice, 5, pay))
	expired := juno.Command{Request: 6, Expires: 2, Text: pay, Language: juno.LanguageHoplite}
	expired.Sign(keyAlice, c.genesis.ID())
	loose := c.batch(keyAlice, 6, pay, pay)

	c.refuse("unknown type", 99, nil, ErrPayload)
	c.refuse("huge", juno.EntryNoop, make([]byte, juno.EntryPayloadBytesMax+1), ErrPayload)
	c.refuse("term start without proof", juno.EntryTermStart, nil, ErrPayload)
	c.refuse("noop with payload", juno.EntryNoop, []byte{1}, ErrPayload)
	for _, typ := range []juno.EntryType{
		juno.EntryCommand, juno.EntryBatchHead, juno.EntryKeyOp,
		juno.EntryConfig, juno.EntryMode,
	} {
		c.refuse("nothing as "+typ.String(), typ, nil, juno.ErrMalformed)
	}
	c.refuse("unknown key", juno.EntryCommand, c.signed(keyFresh, 1, pay), juno.ErrUnknownKey)
	c.refuse("head of unknown key", juno.EntryBatchHead, c.batch(keyFresh, 1, pay)[0],
		juno.ErrUnknownKey)
	c.refuse("expired", juno.EntryCommand, expired.Payload(), ErrExpired)
	c.refuse("used", juno.EntryCommand, c.signed(keyAlice, 5, pay), ErrUsed)
	c.refuse("used with another body", juno.EntryCommand, c.signed(keyAlice, 5, "x"), ErrUsed)
	c.refuse("batched without head", juno.EntryCommand, loose[1], ErrBatch)

	expired.Expires = 3 // just in time
	expired.Sign(keyAlice, c.genesis.ID())
	c.append(juno.EntryCommand, expired.Payload())
	c.append(juno.EntryCommand, c.signed(keyBob, 5, pay)) // the ids of another client
	c.append(juno.EntryCommand, c.signed(keyAlice, 4, pay))
	c.append(juno.EntryCommand, c.signed(keyAlice, 6+WindowRequests, pay))
	c.refuse("too old", juno.EntryCommand, c.signed(keyAlice, 3, pay), ErrUsed)
	c.refuse("too old, and used", juno.EntryCommand, c.signed(keyAlice, 6, pay), ErrUsed)
	c.append(juno.EntryCommand, c.signed(keyAlice, 7, pay))
}

func TestPrefixBatches(t *testing.T) {
	c := newChain(t)
	good := c.batch(keyAlice, 10, pay, "x", "y")
	other := c.batch(keyAlice, 10, pay, "x", "z")
	c.append(juno.EntryBatchHead, good[0])
	if got, want := c.prefix.BatchLeft(), 3; got != want {
		t.Errorf("%d commands are missing, want %d", got, want)
	}
	c.refuse("noop inside", juno.EntryNoop, nil, ErrBatch)
	c.refuse("head inside", juno.EntryBatchHead, good[0], ErrBatch)
	c.refuse("single command inside", juno.EntryCommand, c.signed(keyAlice, 10, pay), ErrBatch)
	c.refuse("second command first", juno.EntryCommand, good[2], ErrBatch)
	c.refuse("command of another client", juno.EntryCommand, c.batch(keyBob, 10, pay)[1], ErrBatch)
	c.append(juno.EntryCommand, good[1])
	c.append(juno.EntryCommand, other[2]) // the same in both
	c.refuse("another last command", juno.EntryCommand, other[3], ErrBatch)
	c.append(juno.EntryCommand, good[3])
	if got, want := c.prefix.BatchLeft(), 0; got != want {
		t.Errorf("%d commands are missing, want %d", got, want)
	}
	c.refuse("one command more", juno.EntryCommand, c.batch(keyAlice, 13, pay)[1], ErrBatch)
	c.prefix.TruncateTo(2)
	c.refuse("the command after the next", juno.EntryCommand, good[3], ErrBatch)
	for _, payload := range good[2:] {
		c.append(juno.EntryCommand, payload)
	}
	c.appendBatch(c.batch(keyAlice, 13, pay))
	c.append(juno.EntryBatchHead, c.batch(keyAlice, 10, pay)[0]) // ids are the commands' business
	c.refuse("used", juno.EntryCommand, c.batch(keyAlice, 10, pay)[1], ErrUsed)
}

func TestPrefixKeys(t *testing.T) {
	c := newChain(t)
	carol, next := juno.NewPrivateKey(seed(40)), juno.NewPrivateKey(seed(41))
	register := juno.KeyOp{
		Action: juno.KeyRegister, Request: 1, Subject: "carol",
		Role: juno.RoleClient,
	}
	c.refuse("registered by a client", juno.EntryKeyOp, c.keyOp(register, keyAlice, &carol), nil)
	nameless := register
	nameless.Subject = "ca\nrol"
	c.refuse("bad name", juno.EntryKeyOp, c.keyOp(nameless, keyOperator, &carol),
		juno.ErrMalformed)
	c.append(juno.EntryKeyOp, c.keyOp(register, keyOperator, &carol))
	c.refuse("replayed", juno.EntryKeyOp, c.keyOp(register, keyOperator, &carol), juno.ErrKeyExists)
	c.append(juno.EntryCommand, c.signed(carol, 1, pay))

	rotate := juno.KeyOp{
		Action: juno.KeyRotate, Request: 1, Subject: "carol",
		Role: juno.RoleClient, Ends: carol.Public().ID(),
	}
	c.refuse("used request", juno.EntryKeyOp, c.keyOp(rotate, carol, &next), ErrUsed)
	rotate.Request = 2
	c.append(juno.EntryKeyOp, c.keyOp(rotate, carol, &next))
	c.refuse("rotated", juno.EntryCommand, c.signed(carol, 3, pay), juno.ErrKeyNotValid)
	c.refuse("used under the old key", juno.EntryCommand, c.signed(next, 1, pay), ErrUsed)
	c.append(juno.EntryCommand, c.signed(next, 3, pay))

	revoke := juno.KeyOp{
		Action: juno.KeyRevoke, Request: 2, Subject: "carol",
		Role: juno.RoleClient, Ends: next.Public().ID(),
	}
	c.append(juno.EntryKeyOp, c.keyOp(revoke, keyOperator, nil))
	c.refuse("revoked", juno.EntryCommand, c.signed(next, 4, pay), juno.ErrKeyNotValid)
	c.prefix.TruncateTo(c.prefix.Last() - 1)
	c.append(juno.EntryCommand, c.signed(next, 4, pay))
	c.prefix.TruncateTo(0)
	c.refuse("not registered again", juno.EntryCommand, c.signed(carol, 1, pay), juno.ErrUnknownKey)
}

func TestPrefixModeAndMembership(t *testing.T) {
	c := newChain(t)
	forged := juno.ModeChange{Halted: true, Nonce: 1}
	forged.Approve(keyAlice, c.genesis.ID())
	c.refuse("forged halt", juno.EntryMode, forged.Payload(), juno.ErrNotApproved)
	c.append(juno.EntryMode, c.modeChange(true, 1))
	c.refuse("halted", juno.EntryCommand, c.signed(keyAlice, 1, pay), juno.ErrHalted)
	c.refuse("halted", juno.EntryBatchHead, c.batch(keyAlice, 1, pay)[0], juno.ErrHalted)
	c.append(juno.EntryNoop, nil)
	c.append(juno.EntryKeyOp, c.keyOp(juno.KeyOp{
		Action: juno.KeyRotate, Request: 1,
		Subject: "alice", Role: juno.RoleClient, Ends: keyAlice.Public().ID(),
	},
		keyAlice, &keyFresh))
	change := c.configChange()
	c.append(juno.EntryConfig, change)
	c.refuse("same membership change", juno.EntryConfig, change, nil)
	c.refuse("mode change with a used nonce", juno.EntryMode, c.modeChange(false, 1), nil)
	c.append(juno.EntryMode, c.modeChange(false, 2))
	c.append(juno.EntryCommand, c.signed(keyFresh, 2, pay))
	c.prefix.TruncateTo(1)
	c.refuse("halted again", juno.EntryCommand, c.signed(keyAlice, 1, pay), juno.ErrHalted)
	c.prefix.TruncateTo(0)
	c.append(juno.EntryCommand, c.signed(keyAlice, 1, pay))
}

// TestPrefixPlaces has requests that share a place, or would if there were fewer.
func TestPrefixPlaces(t *testing.T) {
	c := newChain(t)
	at := func(p *Prefix, id juno.RequestID, want juno.Index, wantUsed bool) {
		t.Helper()
		if index, used := p.Lookup("alice", id); index != want || used != wantUsed {
			t.Errorf("request %d: %d, %v, want %d, %v", id, index, used, want, wantUsed)
		}
	}
	c.append(juno.EntryCommand, c.signed(keyAlice, 1, pay))
	c.append(juno.EntryCommand, c.signed(keyAlice, 1+WindowRequests/2, pay))
	at(c.prefix, 1, 1, true)
	at(c.prefix, 1+WindowRequests/2, 2, true)
	at(c.prefix, 2, 0, false)
	c.append(juno.EntryCommand, c.signed(keyAlice, 1+WindowRequests, pay))
	at(c.prefix, 1, 0, true) // too old
	at(c.prefix, 1+WindowRequests, 3, true)
	c.prefix.TruncateTo(2)
	at(c.prefix, 1, 1, true)

	c.apply(juno.EntryCommand, c.entries[0].Payload)
	loaded, err := LoadPrefix(c.view)
	if err != nil {
		t.Fatal(err)
	}
	at(loaded, 1, 0, true) // used, nobody knows where
	if err := loaded.Append(&juno.Entry{
		Index: 2, Type: juno.EntryCommand,
		Payload: c.entries[2].Payload,
	}); err != nil {
		t.Fatal(err)
	}
	if err := loaded.Recall(&c.entries[0]); err != nil {
		t.Fatal(err)
	}
	at(loaded, 1+WindowRequests, 2, true)
}

func TestPrefixForgets(t *testing.T) {
	c := newChain(t)
	for range 10 {
		c.append(juno.EntryNoop, nil)
	}
	c.prefix.Committed(4)
	c.prefix.Committed(3) // behind what it knows
	if got, want := len(c.prefix.journal), 6; got != want {
		t.Errorf("keeps %d entries to take back, want %d", got, want)
	}
	c.prefix.Committed(99) // ahead of what it holds
	if got, want := len(c.prefix.journal), 0; got != want {
		t.Errorf("keeps %d entries to take back, want %d", got, want)
	}
}

func TestPrefixPanics(t *testing.T) {
	c := newChain(t)
	c.append(juno.EntryNoop, nil)
	c.append(juno.EntryNoop, nil)
	c.prefix.Committed(2)
	for _, row := range []struct {
		name string
		do   func()
	}{
		{"skip an entry", func() {
			_ = c.prefix.Append(&juno.Entry{Index: 4, Type: juno.EntryNoop})
		}},
		{"truncate what is committed", func() { c.prefix.TruncateTo(1) }},
		{"recall the future", func() { _ = c.prefix.Recall(&juno.Entry{Index: 3}) }},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", row.name)
				}
			}()
			row.do()
		}()
	}
}

func TestVerify(t *testing.T) {
	c := newChain(t)
	carol := juno.NewPrivateKey(seed(40))
	register := juno.KeyOp{
		Action: juno.KeyRegister, Request: 1, Subject: "carol",
		Role: juno.RoleClient,
	}
	batch := c.batch(keyAlice, 1, pay, pay)
	run := func(payloads ...any) []juno.Entry {
		var entries []juno.Entry
		for i := 0; i < len(payloads); i += 2 {
			entries = append(entries, juno.Entry{
				Index: juno.Index(1 + i/2),
				Type:  payloads[i].(juno.EntryType), Payload: payloads[i+1].([]byte),
			})
		}
		return entries
	}
	forged := c.signed(keyAlice, 3, pay)
	forged[len(forged)-1] ^= 1
	forgedHead := slices.Clone(batch[0])
	forgedHead[len(forgedHead)-1] ^= 1
	for _, row := range []struct {
		name    string
		entries []juno.Entry
		index   juno.Index
		want    error
	}{
		{"nothing", nil, 0, nil},
		{
			"good ones", run(juno.EntryTermStart, make([]byte, 32), juno.EntryBatchHead, batch[0],
				juno.EntryCommand, batch[1], juno.EntryCommand, batch[2],
				juno.EntryCommand, c.signed(keyBob, 1, pay)), 0, nil,
		},
		{
			"key of the same run", run(juno.EntryKeyOp, c.keyOp(register, keyOperator, &carol),
				juno.EntryCommand, c.signed(carol, 1, pay)), 0, nil,
		},
		{
			"unknown key", run(juno.EntryNoop, []byte{},
				juno.EntryCommand, c.signed(carol, 1, pay)), 2, juno.ErrUnknownKey,
		},
		{
			"forged",
			run(juno.EntryCommand, c.signed(keyBob, 1, pay), juno.EntryCommand, forged), 2,
			juno.ErrBadSignature,
		},
		{"forged head", run(juno.EntryBatchHead, forgedHead), 1, juno.ErrBadSignature},
		{"malformed", run(juno.EntryCommand, []byte{7}), 1, juno.ErrMalformed},
		{"malformed head", run(juno.EntryBatchHead, []byte{7}), 1, juno.ErrMalformed},
	} {
		err := c.prefix.Verify(row.entries)
		if !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", row.name, err, row.want)
		}
		var bad *SignatureError
		if errors.As(err, &bad) && bad.Index != row.index {
			t.Errorf("%s: at entry %d, want %d", row.name, bad.Index, row.index)
		}
	}
}
