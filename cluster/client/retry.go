package client

import (
	"time"

	"juno"
	"juno/cluster/rpc"
)

// Times of sending again.
const (
	// latencyFirst is what is taken for the usual time before there was any.
	latencyFirst = time.Second
	// hedgeMin is the least time until all voters are asked: a busy cluster answers in bursts. Less
	// would not help where the leader has died, which its followers take a second to believe.
	hedgeMin = 400 * time.Millisecond
	// hedgeMax is the most; a leader that is slower is to be deposed.
	hedgeMax = 2 * time.Second
	// queuedMax is how long a leader that goes on answering what was sent before is waited for.
	queuedMax = 5 * time.Second
	// askedMax is how many commands all voters are asked for at a time, the oldest first. If the
	// leader drops commands those few are enough for its followers to depose it; if it is only
	// slow, thousands of copies at every node would keep the cluster from ever catching up. It
	// doubles for every hedgeMax that a command has waited: a leader may serve just what its
	// followers know of.
	askedMax      = 256
	askedShiftMax = 6
	// askedRounds is how often a command is sent to all before it makes room for others all the
	// same: what never gets an outcome must not be in the way of what would.
	askedRounds = 3
	// retryTick is how often what is under way is looked at.
	retryTick = 20 * time.Millisecond
	// busyPause, doubled up to busyShiftMax times, is how long a busy node is left alone.
	busyPause    = 10 * time.Millisecond
	busyShiftMax = 6
	// noLeaderPause is how long an election is given before the next try.
	noLeaderPause = 50 * time.Millisecond
)

// unit is what one signature covers, under way.
type unit struct {
	item     rpc.Submission
	first    juno.RequestID
	count    int
	hashes   []juno.Hash // of what is asked for, one for each command
	left     int         // commands without an outcome
	sent     time.Time
	next     time.Time   // to be sent again
	leader   juno.NodeID // who it was sent to alone
	attempts int         // 0: for the leader; then for all voters
	rounds   int         // how often it was sent to all voters, patiently
	asked    time.Time   // when the last of those rounds began
	busy     int
	refusals map[rpc.Code]*voterSet
}

// hedge is how long the leader is waited for. The caller holds mu.
func (c *Client) hedge() time.Duration { return min(max(2*c.latency, hedgeMin), hedgeMax) }

// inQueue reports whether a unit that only the leader has is still on its way there: the leader
// answers, in the order of sending, and has not come to what was sent after this one. Then to ask
// everybody would only make a busy cluster busier, which checks every copy. The caller holds mu.
func (c *Client) inQueue(u *unit, now time.Time) bool {
	return now.Before(c.awaited) && c.reached.Sub(u.sent) < c.hedge() &&
		now.Sub(u.sent) < queuedMax
}

// askedMost returns of how many commands, this one included, all voters are asked at a time.
func (u *unit) askedMost(now time.Time) int {
	return askedMax << min(now.Sub(u.sent)/hedgeMax, askedShiftMax)
}

func (c *Client) wakeRetry() { ring(c.wake) }

// ring tells a goroutine that there is something to do; once is enough until it looks.
func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// retry sends again what has waited for too long. It sleeps while nothing is under way.
func (c *Client) retry() {
	tick := time.NewTicker(retryTick)
	defer tick.Stop()
	for {
		c.mu.Lock()
		idle := len(c.units) == 0
		c.mu.Unlock()
		if idle {
			tick.Stop()
			select {
			case <-c.wake:
			case <-c.stop.Done():
				return
			}
			tick.Reset(retryTick)
		}
		select {
		case <-tick.C:
		case <-c.wake:
		case <-c.stop.Done():
			return
		}
		c.sendDue(time.Now())
	}
}

// sendDue sends the units whose time has come.
func (c *Client) sendDue(now time.Time) {
	c.mu.Lock()
	leader, voters := c.leaderLink(), c.voters()
	one, all := c.due(now, leader)
	c.mu.Unlock()
	if leader != nil {
		c.sendUnits([]*link{leader}, one)
	}
	c.sendUnits(voters, all)
}

// due returns the units that are to be sent to the leader, and those to all voters. The caller
// holds mu.
func (c *Client) due(now time.Time, leader *link) (one, all []*unit) {
	asked := 0
	for _, u := range c.units {
		if u.rounds > 0 && u.rounds <= askedRounds {
			asked += u.left
		}
	}
	for _, u := range c.units {
		switch {
		case u.left == 0 || u.next.After(now):
		case u.attempts == 0 && u.busy > 0 && now.Sub(u.sent) < c.hedge():
			one = append(one, u) // it was only busy
			u.next = now.Add(busyPause << u.busy)
		case u.rounds == 0 && leader != nil && u.leader != leader.node.ID:
			one = append(one, u) // whoever had it does not lead any more
			u.leader, u.attempts = leader.node.ID, 0
			u.sent, u.next = now, now.Add(c.hedge())
		case u.attempts == 0 && c.inQueue(u, now), u.rounds == 0 && asked >= u.askedMost(now):
			u.next = now.Add(retryTick)
		default:
			if u.rounds == 0 {
				asked += u.left
			}
			if u.rounds == 0 || now.Sub(u.asked) >= c.hedge() {
				u.rounds++ // a node that is busy, or says so, does not bring the next one forward
				u.asked = now
			}
			u.attempts++
			u.next = now.Add(min(c.hedge()<<min(u.attempts, 6), hedgeMax))
			all = append(all, u)
		}
	}
	return one, all
}
