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
		c := &outboundConn{e: &engine{}, state: state, backoff: backoffMax}
		c.retryNow()
		if c.state != state || c.attempt != 0 {
			t.Errorf("state %d: heard of the other end, and gave up an attempt", state)
		}
		c.scheduleRetry()
		if c.backoff != backoffMin {
			t.Errorf("state %d: the next attempt waits for %s, want %s", state, c.backoff, backoffMin)
		}
		c.state = state
		c.scheduleRetry()
		if want := 2 * backoffMin; c.backoff != want {
			t.Errorf("state %d: the one after that waits for %s, want %s", state, c.backoff, want)
		}
	}
}

// TestHeardOfDuringALookup: a name that is looked up, or a port that is tried, where a machine is
// off may take seconds. Another attempt begins at once, and only one, however often it is heard of.
func TestHeardOfDuringALookup(t *testing.T) {
	background, cancel := context.WithCancel(context.Background())
	cancel() // nobody looks anything up
	e := &engine{lookupCtx: background, closing: true}
	c := &outboundConn{e: e, state: connResolving, probe: true, target: target{address: "nowhere.invalid:1"}}
	c.deadline = time.Now().Add(time.Hour)
	for range 3 {
		c.retryNow()
	}
	e.lookups.Wait()
	if c.state != connResolving || c.attempt != 1 || c.probe {
		t.Errorf("heard of three times: got state %d, %d attempts, explain %v, want %d, 1, false",
			c.state, c.attempt, c.probe, connResolving)
	}
}
