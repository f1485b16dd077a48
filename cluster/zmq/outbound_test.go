package zmq

import (
	"context"
	"testing"
	"time"
)

// TestPeerConnectsDuringAttempt: a peer starts while this node tries to connect to it. The attempt
// may have begun too early and fail, but the next one starts with the shortest backoff.
func TestPeerConnectsDuringAttempt(t *testing.T) {
	for _, state := range []connState{connConnecting, connHandshaking, connAwaitingAnswer} {
		c := &outboundConn{e: &engine{}, state: state, backoff: backoffMax}
		c.retryNow()
		if c.state != state || c.attempt != 0 {
			t.Errorf("state %d: the peer has connected: got state %d, %d attempts, want %d, 0",
				state, c.state, c.attempt, state)
		}
		c.scheduleRetry()
		if c.backoff != backoffMin {
			t.Errorf("state %d: first backoff %s, want %s", state, c.backoff, backoffMin)
		}
		c.state = state
		c.scheduleRetry()
		if want := 2 * backoffMin; c.backoff != want {
			t.Errorf("state %d: second backoff %s, want %s", state, c.backoff, want)
		}
	}
}

// TestPeerConnectsDuringLookup: a lookup, or a probe of a machine that is off, may take seconds.
// When the peer connects, another attempt begins at once; when it connects again, none does.
func TestPeerConnectsDuringLookup(t *testing.T) {
	lookupCtx, cancel := context.WithCancel(context.Background())
	cancel() // lookups fail at once
	c := &outboundConn{
		e: &engine{lookupCtx: lookupCtx, closing: true}, state: connResolving, probe: true,
		target: target{address: "nowhere.invalid:1"}, deadline: time.Now().Add(time.Hour),
	}
	for range 3 {
		c.retryNow()
	}
	c.e.lookups.Wait()
	if c.state != connResolving || c.attempt != 1 || c.probe {
		t.Errorf("the peer has connected three times: got state %d, %d attempts, probe %v, "+
			"want %d, 1, false", c.state, c.attempt, c.probe, connResolving)
	}
}
