package rpc

import (
	"context"
	"sync"
	"time"

	"juno"
)

const (
	// requestTimeout is how long a request may take that brings no timeout of its own.
	requestTimeout = 30 * time.Second
	// requestsMax bounds the requests that a server answers at once, commands apart: each is a
	// goroutine, and most of them a statement of SQL.
	requestsMax = 256
)

// ServerConfig is what a Server is made of.
type ServerConfig struct {
	Cluster juno.ClusterID
	Node    juno.NodeID
	// Key returns the node's key in an epoch, which signs answers; false if the node is not in
	// that epoch now. Then what is asked is not answered, and the client asks again.
	Key    func(epoch uint32) (juno.PrivateKey, bool)
	Ledger Ledger
}

// Server answers clients on behalf of one node. It is safe for concurrent use.
type Server struct {
	cfg      ServerConfig
	stop     context.Context
	halt     context.CancelFunc
	wait     sync.WaitGroup
	slots    chan struct{} // one for every request that is being answered
	answerer answerer

	mu       sync.Mutex
	sessions map[sessionName]*session
	byKey    map[juno.KeyID][]*session
	closed   bool
}

// NewServer returns a running server. Close ends it.
func NewServer(cfg ServerConfig) *Server {
	s := &Server{
		cfg: cfg, slots: make(chan struct{}, requestsMax),
		sessions: make(map[sessionName]*session), byKey: make(map[juno.KeyID][]*session),
	}
	s.stop, s.halt = context.WithCancel(context.Background())
	s.answerer.init(s)
	s.wait.Go(s.answerer.run)
	s.wait.Go(s.sweep)
	return s
}

// Close gives up everything that is under way and waits until all of it has ended. What Serve and
// Executed bring afterwards is dropped.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.halt()
	s.wait.Wait()
}

// Serve takes one frame of a client whose key the transport has authenticated. reply sends a frame
// to the connection that this one came from, or drops it if there is no such connection any more;
// it is kept and called later, from other goroutines, and must not block. Serve returns at once;
// the frame is the server's from then on.
func (s *Server) Serve(client juno.PublicKey, frame []byte, reply func([]byte)) {
	h, r, err := ParseRequest(frame)
	if err != nil {
		e := &Error{Code: CodeMalformed, Text: err.Error(), Offset: -1}
		reply(AppendResponse(nil, h, e))
		return
	}
	c, refusal := s.session(sessionName{client, h.Session}, reply)
	if refusal != nil {
		reply(AppendResponse(nil, h, refusal))
		return
	}
	switch r := r.(type) {
	case *Submit:
		s.submit(c, h.Number, r)
	case *Credit:
		c.grant(r)
	case *Cancel:
		c.cancel(r.Of)
	default:
		s.start(c, h, r)
	}
}

// session returns the session of that name, opened if need be, and notes that it was heard of.
func (s *Server) session(name sessionName, reply func([]byte)) (*session, *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, &Error{Code: CodeNoLeader, Text: "the node is stopping", Offset: -1}
	}
	c := s.sessions[name]
	if c == nil {
		key := name.client.ID()
		if len(s.sessions) >= sessionsMax || len(s.byKey[key]) >= clientSessionsMax {
			return nil, &Error{Code: CodeBusy, Text: "busy: too many sessions", Offset: -1}
		}
		c = &session{name: name, key: key, requests: make(map[uint64]*request)}
		s.sessions[name] = c
		s.byKey[key] = append(s.byKey[key], c)
	}
	c.mu.Lock()
	c.reply, c.heard = reply, time.Now()
	c.mu.Unlock()
	return c, nil
}

// listeners returns the sessions of a key.
func (s *Server) listeners(key juno.KeyID) []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byKey[key]
}

// sweep closes the sessions of clients that have vanished.
func (s *Server) sweep() {
	tick := time.NewTicker(SessionLease / 3)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.stop.Done():
			return
		}
		for _, c := range s.expired(time.Now()) {
			c.cancelAll()
		}
	}
}

// expired takes the sessions out that nothing was heard of for too long.
func (s *Server) expired(now time.Time) []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gone []*session
	for name, c := range s.sessions {
		c.mu.Lock()
		silent := now.Sub(c.heard)
		c.mu.Unlock()
		if silent <= SessionLease {
			continue
		}
		gone = append(gone, c)
		delete(s.sessions, name)
		// A new slice: listeners has handed out the old one.
		var left []*session
		for _, other := range s.byKey[c.key] {
			if other != c {
				left = append(left, other)
			}
		}
		if s.byKey[c.key] = left; len(left) == 0 {
			delete(s.byKey, c.key)
		}
	}
	return gone
}

// start answers a request in a goroutine of its own.
func (s *Server) start(c *session, h Header, r Request) {
	timeout := h.Timeout
	if timeout == 0 {
		timeout = requestTimeout
	}
	ctx, cancel := context.WithTimeout(s.stop, timeout)
	under, ok := c.begin(h.Number, cancel)
	if !ok {
		cancel()
		c.send(h.Number, newError(CodeBusy))
		return
	}
	end := func() {
		c.finish(h.Number)
		cancel()
	}
	select {
	case s.slots <- struct{}{}:
	default:
		end()
		c.send(h.Number, newError(CodeBusy))
		return
	}
	s.wait.Go(func() {
		defer func() { <-s.slots }()
		defer end()
		j := &answering{server: s, session: c, number: h.Number, ctx: ctx, under: under}
		if err := j.answer(r); err != nil {
			c.send(h.Number, ErrorOf(err))
		}
	})
}

// submit hands commands to the node.
func (s *Server) submit(c *session, number uint64, r *Submit) {
	for i := range r.Items {
		item := &r.Items[i]
		first, asks, err := asksOf(item)
		if err != nil {
			s.answerer.refuse(
				c,
				number,
				Verdict{first, max(1, len(asks)), CodeRefused, err.Error()},
			)
			continue
		}
		commands, bytes := len(asks), SubmissionBytes(item)
		if !c.take(commands, bytes) {
			s.answerer.refuse(c, number, Verdict{first, commands, CodeBusy, CodeBusy.String()})
			continue
		}
		s.cfg.Ledger.Submit(*item, func(outcomes []juno.Outcome, err error) {
			c.give(commands, bytes)
			if err != nil {
				e := ErrorOf(err)
				s.answerer.refuse(c, number, Verdict{first, commands, e.Code, e.Text})
				return
			}
			s.answerer.replay(c, number, asks, outcomes)
		})
	}
}
