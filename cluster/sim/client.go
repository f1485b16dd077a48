package sim

import (
	"fmt"

	"juno"
	"juno/db/state"
)

// Operation is an operation of a client, with its times: the input of the linearizability check.
type Operation struct {
	Client  int
	Verb    Verb
	Account int
	To      int   // account that a transfer goes to
	Amount  int64 // of an adjustment or a transfer
	Call    Micros
	Return  Micros // 0 if the answer had not come when the run ended
	Code    juno.Code
	Value   string
}

// Verb is what an operation does.
type Verb string

// The operations of clients.
const (
	Create   Verb = "create"   // an account
	Observe  Verb = "observe"  // the balance of an account
	Adjust   Verb = "adjust"   // the balance of an account, by Amount
	Transfer Verb = "transfer" // Amount from Account to To; both are made if missing
	Rotate   Verb = "rotate"   // the client's own key
)

// client sends one command after the other and believes an answer that enough nodes give.
type client struct {
	w       *World
	number  int
	seal    *secretKey
	keys    uint32 // that it had before this one
	next    juno.RequestID
	op      *Operation // on its way; nil while the client thinks
	request *request
	command juno.Hash
	heard   []answerFrom
	asked   int // number of requests sent
}

// answerFrom is the answer of one node.
type answerFrom struct {
	node   juno.NodeID
	at     juno.Index
	result juno.Hash
}

const (
	clientTimeout = 150 * millisecond // then it asks all nodes
	clientRepeat  = 400 * millisecond
	// Accounts is how many accounts clients use: few, so that they meet.
	Accounts = 3
)

// AccountName returns the name of an account that clients use.
func AccountName(i int) string { return fmt.Sprintf("account%d", i) }

func (w *World) makeClients() {
	for i := range w.plan.Clients {
		c := &client{w: w, number: i, seal: secretKeyOf(holderClient+uint32(i), 0)}
		w.clients = append(w.clients, c)
		w.queue.plan(between(w.rng, 1, 100*millisecond), c.act)
	}
}

// act sends the next command.
func (c *client) act() {
	w := c.w
	c.next++
	op := c.draw()
	entries := c.entries(&op)
	c.op, c.request = &op, newRequest(entries...)
	c.command = juno.CommandID(entries[len(entries)-1].Payload)
	c.heard, c.asked = c.heard[:0], 0
	w.requestFrom(juno.NodeID(1+w.rng.IntN(len(w.parties))), c.request)
	c.retry(clientTimeout)
}

// draw decides what to do next.
func (c *client) draw() Operation {
	rng := c.w.rng
	op := Operation{Client: c.number, Account: rng.IntN(Accounts), Call: c.w.now}
	switch draw := rng.IntN(24); {
	case draw == 0:
		op.Verb = Rotate
	case draw < 3:
		op.Verb = Create
	case draw < 10:
		op.Verb = Observe
	case draw < 17:
		op.Verb, op.Amount = Adjust, int64(1+rng.IntN(9))
	default:
		op.Verb, op.Amount = Transfer, int64(1+rng.IntN(9))
		op.To = (op.Account + 1 + rng.IntN(Accounts-1)) % Accounts
	}
	return op
}

// text returns the command of an operation.
func (o *Operation) text() string {
	account := AccountName(o.Account)
	switch o.Verb {
	case Create:
		return "CreateAccount " + account
	case Adjust:
		return fmt.Sprintf("AdjustAccount %s %d%%1", account, o.Amount)
	case Transfer:
		return fmt.Sprintf("transfer(%s->%s, %d%%1)", account, AccountName(o.To), o.Amount)
	}
	return "ObserveAccount " + account
}

// rotation asks for another key.
func (c *client) rotation() juno.Entry {
	next := c.nextKey()
	o := juno.KeyOp{
		Action: juno.KeyRotate, Request: c.next, Subject: clientName(c.number),
		Role: juno.RoleClient, Public: next.public, Ends: c.seal.id,
	}
	o.Sign(c.seal.private, &next.private, c.w.book.cluster)
	return juno.Entry{Type: juno.EntryKeyOp, Payload: o.Payload()}
}

func (c *client) nextKey() *secretKey {
	return secretKeyOf(holderClient+uint32(c.number), c.keys+1)
}

func clientName(number int) string { return fmt.Sprintf("client%d", number) }

// entries makes a command, or a batch of several of which the last one is the command.
func (c *client) entries(op *Operation) []juno.Entry {
	if op.Verb == Rotate {
		return []juno.Entry{c.rotation()}
	}
	w, key, cluster, text := c.w, c.seal.private, c.w.book.cluster, op.text()
	command := juno.Command{
		Key: c.seal.id, Request: c.next, Language: state.Detect(text), Text: text,
	}
	if w.rng.IntN(8) != 0 {
		if w.plan.Real {
			command.Sign(key, cluster)
		}
		return []juno.Entry{{Type: juno.EntryCommand, Payload: command.Payload()}}
	}
	w.count(Batches)
	more := 1 + w.rng.IntN(3)
	all := make([]juno.Command, 0, more+1)
	for range more {
		transfer := fmt.Sprintf("transfer(left%d->right, %d%%1)", c.number, 1+w.rng.IntN(9))
		all = append(all, juno.Command{Language: state.Detect(transfer), Text: transfer})
	}
	head, payloads := juno.SignBatch(key, cluster, c.next, append(all, command))
	c.next += juno.RequestID(more)
	entries := []juno.Entry{{Type: juno.EntryBatchHead, Payload: head.Payload()}}
	for _, p := range payloads {
		entries = append(entries, juno.Entry{Type: juno.EntryCommand, Payload: p})
	}
	return entries
}

// retry asks all nodes if no answer came.
func (c *client) retry(after Micros) {
	op := c.op
	c.w.queue.plan(c.w.now+after, func() {
		if c.op != op {
			return
		}
		c.asked++
		for _, p := range c.w.parties {
			c.w.requestFrom(p.id, c.request)
		}
		c.retry(clientRepeat)
	})
}

// answered processes the answer of one node.
func (c *client) answered(from juno.NodeID, command juno.Hash, at juno.Index, r juno.Result) {
	if c.op == nil || command != c.command {
		return
	}
	for _, h := range c.heard {
		if h.node == from {
			return
		}
	}
	said := answerFrom{from, at, r.Hash()}
	c.heard = append(c.heard, said)
	agree := 0
	for _, h := range c.heard {
		if h.at == said.at && h.result == said.result {
			agree++
		}
	}
	switch {
	case c.w.plan.Credulous:
	case agree <= c.w.faulty():
		return
	default:
		c.w.oracle.believed(c, said, command)
	}
	c.op.Return, c.op.Code, c.op.Value = c.w.now, r.Code, r.Value
	c.w.history = append(c.w.history, *c.op)
	c.w.count(Answers)
	if c.op.Verb == Rotate && r.Status == juno.StatusOK {
		c.seal, c.keys = c.nextKey(), c.keys+1
		c.w.count(KeyOps)
	}
	c.op = nil
	c.w.queue.plan(c.w.now+between(c.w.rng, millisecond, 20*millisecond), c.act)
}

// believed is I13: an answer that a client believes agrees with the one history.
func (o *oracle) believed(c *client, said answerFrom, command juno.Hash) {
	if int(said.at) >= len(o.golden) {
		o.fail("I13", "client %d believes that its command is at %d, the history ends at %d",
			c.number, said.at, len(o.golden)-1)
	}
	e := &o.golden[said.at].entry
	if juno.CommandID(e.Payload) != command || o.results[said.at] != said.result {
		o.fail("I13", "client %d believes %s at %d, the history says %s", c.number,
			said.result.Short(), said.at, o.results[said.at].Short())
	}
}

// requestFrom delivers a request from outside of the cluster to a node.
func (w *World) requestFrom(to juno.NodeID, r *request) { w.request(0, to, r) }

// request delivers a request to a node. Between nodes it goes through the network.
func (w *World) request(from, to juno.NodeID, r *request) {
	after, ok := w.delay(from, to)
	if !ok {
		return
	}
	w.queue.plan(w.now+after, func() {
		p := w.parties[to-1]
		if p.byzantine {
			w.adversary.asked(p.id, r)
		}
		for _, n := range p.hosts {
			if n.up {
				n.awake(func() { n.guard(func() { n.admit(r) }) })
			}
		}
	})
}

// answer sends a client the result of its command.
func (w *World) answer(n *node, e *juno.Entry, r juno.Result) {
	if e.Type != juno.EntryCommand && e.Type != juno.EntryKeyOp {
		return
	}
	if n.party.byzantine {
		r, e = w.adversary.answers(r, e)
	}
	command, at := juno.CommandID(e.Payload), e.Index
	for _, c := range w.clients {
		if c.op == nil || c.command != command {
			continue
		}
		if after, ok := w.delay(n.id, 0); ok {
			w.queue.plan(w.now+after, func() { c.answered(n.id, command, at, r) })
		}
	}
}

// replay answers a request that was executed already, and reports whether it is in the log.
func (w *World) replay(n *node, r *request) bool {
	last := &r.entries[len(r.entries)-1]
	name, err := requestOf(last)
	if err != nil {
		return false
	}
	at, used := juno.Index(0), false
	if signer, known := n.prefix.Keyring().Lookup(name.key); known {
		at, used = n.prefix.Lookup(signer.Subject, name.request)
	}
	if known := w.oracle.requests[name]; at == 0 && known <= n.executed {
		at, used = known, used || known > 0 // as db finds it in its store
	}
	if !used {
		return false
	}
	if result, ok := n.results[at]; ok && at <= n.executed {
		e := *last
		e.Index = at
		w.answer(n, &e, result)
	}
	return true
}
