package client

import (
	"slices"
	"sync"
	"time"

	"juno"
	"juno/cluster/rpc"
)

// helloEvery is how often a node hears from us: well within the lease of a session, and soon
// enough for one that was restarted.
const helloEvery = 2 * time.Second

// link is the client's side of one node.
type link struct {
	client *Client
	node   Node
	conn   Conn
	// verify remembers the node's key. Only receive uses it, one frame at a time.
	verifyMu sync.Mutex
	verify   *juno.BatchVerifier

	// Under the client's mu.
	term  juno.Term // the node says it is in
	info  *rpc.Info // its newest
	heard time.Time // when its newest frame came
	asked time.Time // when it was last asked for a newer membership
	gone  bool
	// problem is why there is no connection; nil while it is up, and before a first try has ended.
	problem error
}

// open dials a node. The caller holds mu.
func (c *Client) open(n Node) error {
	l := &link{client: c, node: n, verify: juno.NewBatchVerifier(1)}
	conn, err := c.cfg.Dial(n, l.receive, l.onChange)
	if err != nil {
		return err
	}
	l.conn = conn
	c.links[n.ID] = l
	return nil
}

// relink makes the links those of the members. It returns the ones to be closed. The caller holds
// mu, and has members.
func (c *Client) relink() []*link {
	var gone []*link
	cfg := c.members.config
	for id, l := range c.links {
		if m, _, ok := cfg.Member(id); !ok || m.Public != l.node.Key {
			l.gone = true
			gone = append(gone, l)
			delete(c.links, id)
		}
	}
	for _, all := range [][]juno.Member{cfg.Voters, cfg.Observers} {
		for _, m := range all {
			n := Node{ID: m.ID, Address: m.Address, Key: m.Public}
			for _, given := range c.cfg.Nodes {
				if given.ID == m.ID && given.Address != "" {
					n.Address = given.Address
				}
			}
			if c.links[m.ID] == nil && n.Address != "" && !c.closed {
				// One that cannot be dialled is tried again with the next hello.
				_ = c.open(n)
			}
		}
	}
	return gone
}

// hello asks a node how it is.
func (c *Client) hello(l *link) {
	c.mu.Lock()
	h := &rpc.Hello{Epochs: c.epoch(), Genesis: c.members == nil}
	c.mu.Unlock()
	l.conn.Send(c.frame(h, 0))
}

// frame makes a frame of a request that awaits no answer of its own.
func (c *Client) frame(r rpc.Request, timeout time.Duration) []byte {
	h := rpc.Header{Session: c.session, Number: c.number.Add(1), Timeout: timeout}
	return rpc.AppendRequest(nil, h, r)
}

// receive takes a frame of the node.
func (l *link) receive(frame []byte) {
	c := l.client
	h, r, err := rpc.ParseResponse(frame)
	if err != nil {
		c.accuse(l.node.ID, BadFrame, [][]byte{frame}, "%v", err)
		return
	}
	if h.Session != c.session {
		return // for one that ran before us
	}
	c.mu.Lock()
	l.heard = time.Now()
	gone := l.gone || c.closed
	c.mu.Unlock()
	if gone {
		return
	}
	switch r := r.(type) {
	case *rpc.Info:
		c.onInfo(l, r, frame)
	case *rpc.Answers:
		c.onAnswers(l, r.Sheet, frame)
	case *rpc.Verdicts:
		c.onVerdicts(l, r)
	default:
		c.deliver(l, h.Number, r)
	}
}

// onChange takes the state of the connection.
func (l *link) onChange(problem error) {
	l.client.mu.Lock()
	defer l.client.mu.Unlock()
	l.problem = problem
	l.client.announce()
}

func (c *Client) onInfo(l *link, i *rpc.Info, frame []byte) {
	if i.Node != l.node.ID {
		c.accuse(l.node.ID, BadSignature, [][]byte{frame}, "it calls itself %s", i.Node)
		return
	}
	more, changed := c.learn(l, i, frame)
	c.mu.Lock()
	l.term, l.info = i.Term, i
	var gone []*link
	if changed {
		gone = c.relink()
		c.restart()
	}
	c.announce()
	epochs := slices.Clone(c.epochs)
	c.mu.Unlock()
	if changed && c.cfg.OnEpochs != nil && len(epochs) > len(c.cfg.Epochs) {
		c.cfg.OnEpochs(epochs)
	}
	for _, g := range gone {
		// Not here: this may be the very link that we are called from.
		c.spawn(g.conn.Close)
	}
	if more {
		c.hello(l)
	}
	if changed {
		c.helloAll()
		c.wakeRetry()
	}
}

// call is a request that awaits answers.
type call struct {
	link *link
	in   chan rpc.Response
}

// begin sends a request to a node; its answers come by in. end must follow.
func (c *Client) begin(l *link, r rpc.Request, timeout time.Duration) (*call, uint64, bool) {
	// As many frames as may come before we take one: the credit, and the end.
	k := &call{link: l, in: make(chan rpc.Response, rpc.CreditFirst+2)}
	h := rpc.Header{Session: c.session, Number: c.number.Add(1), Timeout: timeout}
	c.mu.Lock()
	c.calls[h.Number] = k
	c.mu.Unlock()
	if !l.conn.Send(rpc.AppendRequest(nil, h, r)) {
		c.end(h.Number)
		return nil, 0, false
	}
	return k, h.Number, true
}

func (c *Client) end(number uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.calls, number)
}

// deliver gives an answer to whoever waits for it. What does not fit was not granted.
func (c *Client) deliver(l *link, number uint64, r rpc.Response) {
	c.mu.Lock()
	k := c.calls[number]
	c.mu.Unlock()
	if k == nil || k.link != l {
		return
	}
	select {
	case k.in <- r:
	default:
	}
}
