package rpc

import (
	"context"
	"sync"
	"time"

	"juno"
)

// Limits of what one session can have under way.
const (
	// sessionRequestsMax bounds the requests of a session that are being answered, streams
	// included: what a shell, or a program with a few threads, has at once.
	sessionRequestsMax = 32
	// sessionCommandsMax bounds the commands of a session that have no outcome: the request window
	// of a client, and a few batches that come again.
	sessionCommandsMax = 16 << 10
	// sessionBytesMax bounds the bytes of those commands.
	sessionBytesMax = 16 << 20
	// clientSessionsMax bounds the sessions of one key.
	clientSessionsMax = 64
	// sessionsMax bounds the sessions of a server.
	sessionsMax = 4096
)

// sessionName tells sessions apart: nobody can speak in the session of another key.
type sessionName struct {
	client juno.PublicKey
	id     uint64
}

// session is one running client.
type session struct {
	name sessionName
	key  juno.KeyID

	mu       sync.Mutex
	reply    func([]byte) // of the newest request: where the client is now
	heard    time.Time
	requests map[uint64]*request
	commands int // under way
	bytes    int // under way
}

// request is one request that is being answered, apart from commands.
type request struct {
	cancel context.CancelFunc
	credit chan struct{} // one for every frame that may be sent
}

// send sends a response. It is dropped if the client is gone.
func (s *session) send(number uint64, r Response) {
	s.sendFrame(AppendResponse(nil, Header{Session: s.name.id, Number: number}, r))
}

func (s *session) sendFrame(frame []byte) {
	s.mu.Lock()
	reply := s.reply
	s.mu.Unlock()
	reply(frame)
}

// begin enters a request, or reports that there are too many, or one of that number already.
func (s *session) begin(number uint64, cancel context.CancelFunc) (*request, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.requests[number]; known || len(s.requests) >= sessionRequestsMax {
		return nil, false
	}
	r := &request{cancel: cancel, credit: make(chan struct{}, CreditMax)}
	for range CreditFirst {
		r.credit <- struct{}{}
	}
	s.requests[number] = r
	return r, true
}

func (s *session) finish(number uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.requests, number)
}

func (s *session) find(number uint64) *request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[number]
}

// grant gives a stream more frames; beyond CreditMax they are lost.
func (s *session) grant(c *Credit) {
	r := s.find(c.Of)
	if r == nil {
		return // it has ended meanwhile
	}
	for range c.Frames {
		select {
		case r.credit <- struct{}{}:
		default:
			return
		}
	}
}

func (s *session) cancel(number uint64) {
	if r := s.find(number); r != nil {
		r.cancel()
	}
}

// cancelAll gives up everything that is under way.
func (s *session) cancelAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		r.cancel()
	}
}

// take accounts for commands under way, or reports that there are too many.
func (s *session) take(commands, bytes int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.commands+commands > sessionCommandsMax || s.bytes+bytes > sessionBytesMax {
		return false
	}
	s.commands += commands
	s.bytes += bytes
	return true
}

func (s *session) give(commands, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commands -= commands
	s.bytes -= bytes
}
