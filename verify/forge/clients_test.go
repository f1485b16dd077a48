package forge

import (
	"crypto/sha256"
	"fmt"

	"juno"
	"juno/db/state"
)

// someClient draws a client whose key is valid.
func (b *builder) someClient() string {
	all := []string{alice, alice, bob, bob, mallory, olga}
	if b.known[carol] {
		all = append(all, carol, carol)
	}
	return all[b.rng.IntN(len(all))]
}

func (b *builder) key(client string) juno.PrivateKey {
	k := clientKey(client, b.rotated[client])
	b.w.keys[k.Public().ID()] = k
	return k
}

func (b *builder) request(client string) juno.RequestID {
	b.requests[client]++
	return b.requests[client]
}

// text draws a command; some are refused when they are executed.
func (b *builder) text() string {
	name := func() string { return fmt.Sprintf("a%d", b.rng.IntN(6)) }
	switch n := b.rng.IntN(12); {
	case n < 3:
		return "CreateAccount " + name()
	case n < 5:
		return fmt.Sprintf("AdjustAccount %s %d%%1", name(), 1+b.rng.IntN(1000))
	case n == 5:
		return "CreateCurrency USD 2"
	case n == 6:
		return fmt.Sprintf("AdjustAccount %s %d.50 USD", name(), b.rng.IntN(100))
	case n == 7:
		return "ObserveAccounts"
	case n == 8:
		return "gibberish \u00e9"
	}
	return fmt.Sprintf("transfer(%s->%s, %d%%%d)", name(), name(), 1+b.rng.IntN(50),
		1+b.rng.IntN(3))
}

// say notes what an honest client signed.
func (w *world) say(client string, payload []byte) {
	if client != mallory && client != olga && client != eve {
		w.said[sha256.Sum256(payload)] = true
	}
}

// command returns the payload of a signed command.
func (b *builder) command(client, text string) []byte {
	c := juno.Command{Request: b.request(client), Language: state.Detect(text), Text: text}
	if b.rng.IntN(4) == 0 {
		c.Expires = b.last() + 1000
	}
	c.Sign(b.key(client), b.w.cluster)
	payload := c.Payload()
	b.w.say(client, payload)
	return payload
}

func (b *builder) single() {
	client := b.someClient()
	b.append(juno.EntryCommand, b.command(client, b.text()))
}

// batch writes commands that a client signed together.
func (b *builder) batch(n int) {
	client := b.someClient()
	commands := make([]juno.Command, n)
	for i := range commands {
		text := b.text()
		commands[i] = juno.Command{Language: state.Detect(text), Text: text}
	}
	head, payloads := juno.SignBatch(b.key(client), b.w.cluster, b.requests[client]+1, commands)
	b.requests[client] += juno.RequestID(n)
	b.w.say(client, head.Payload())
	b.append(juno.EntryBatchHead, head.Payload())
	b.head = b.last()
	for _, p := range payloads {
		b.w.say(client, p)
		b.append(juno.EntryCommand, p)
	}
	b.head = 0
}

// keys writes a change of the clients' keys.
func (b *builder) keys() {
	o := &juno.KeyOp{Role: juno.RoleClient}
	signer, by := alice, b.key(alice)
	var fresh *juno.PrivateKey
	switch {
	case !b.known[carol]:
		k := b.key(carol)
		o.Action, o.Subject, fresh, b.known[carol] = juno.KeyRegister, carol, &k, true
	case !b.known[eve]:
		k := b.key(eve)
		o.Action, o.Subject, fresh, b.known[eve] = juno.KeyRegister, eve, &k, true
	case b.rotated[eve] == 0:
		o.Action, o.Subject = juno.KeyRevoke, eve
		o.Ends, b.rotated[eve] = b.key(eve).Public().ID(), 1
	default:
		by, signer = b.key(bob), bob
		b.rotated[bob]++
		k := b.key(bob)
		o.Action, o.Subject, fresh, o.Ends = juno.KeyRotate, bob, &k, by.Public().ID()
	}
	o.Request = b.request(signer)
	o.Sign(by, fresh, b.w.cluster)
	b.w.say(signer, o.Payload())
	b.append(juno.EntryKeyOp, o.Payload())
}

// mode halts the ledger and lets it go on.
func (b *builder) mode() {
	config := b.prefix.Config()
	for _, halted := range []bool{true, false} {
		b.nonce += 1 + b.rng.Uint64N(3)
		m := &juno.ModeChange{Halted: halted, Nonce: b.nonce, Reason: "drill"}
		for _, i := range b.rng.Perm(len(config.Admins))[:config.AdminThreshold] {
			m.Approve(b.w.keys[config.Admins[i].Public.ID()], b.w.cluster)
		}
		b.append(juno.EntryMode, m.Payload())
	}
}
