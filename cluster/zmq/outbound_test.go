package zmq

import (
	"context"
	"testing"
	"time"
)

// TestHeardOfDuringAnAttempt is a node that starts while another one tries to reach it: what that
// attempt meets was there before. The next one must not wait as if nobody were there.
func TestHeardOfDuringAnAttempt(t *testing.T) {
	for _, state := range []connState{connConnecting, connHandshaking, connAwaitingAnswer} {
		l := &outboundConn{e: &engine{}, state: state, delay: retryMost}
		l.hurry()
		if l.state != state || l.attempt != 0 {
			t.Errorf("state %d: heard of the other end, and gave up an attempt", state)
		}
		l.pause()
		if l.delay != retryFirst {
			t.Errorf("state %d: the next attempt waits for %s, want %s", state, l.delay, retryFirst)
		}
		l.state = state
		l.pause()
		if want := 2 * retryFirst; l.delay != want {
			t.Errorf("state %d: the one after that waits for %s, want %s", state, l.delay, want)
		}
	}
}

// TestHeardOfDuringALookup: a name that is looked up, or a port that is tried, where a machine is
// off may take seconds. Another attempt begins at once, and only one, however often it is heard of.
func TestHeardOfDuringALookup(t *testing.T) {
	background, cancel := context.WithCancel(context.Background())
	cancel() // nobody looks anything up
	e := &engine{background: background, closing: true}
	l := &outboundConn{e: e, state: connResolving, explain: true, target: target{address: "nowhere.invalid:1"}}
	l.until = time.Now().Add(time.Hour)
	for range 3 {
		l.hurry()
	}
	e.helpers.Wait()
	if l.state != connResolving || l.attempt != 1 || l.explain {
		t.Errorf("heard of three times: got state %d, %d attempts, explain %v, want %d, 1, false",
			l.state, l.attempt, l.explain, connResolving)
	}
}
