package client

import (
	"runtime"
	"time"

	"juno"
	"juno/cluster/rpc"
)

// One frame of commands is bounded, apart from a single batch.
const (
	submitBytesMax = 256 << 10
	submitItemsMax = 1024
)

// launch enters the commands of units, whose outcomes go to w from at on, to be sent.
func (c *Client) launch(w *waiting, at int, units []*unit) {
	now := time.Now()
	c.mu.Lock()
	wasIdle := len(c.units) == 0
	for _, u := range units {
		u.sent, u.next = now, now.Add(c.hedge())
		for i := range u.count {
			k := &command{
				request: u.first + juno.RequestID(i), asked: u.hashes[i], unit: u,
				wanted: []target{{w, at + i}}, floor: c.head.Index,
			}
			if c.closed {
				k.unit = nil
				c.settle(k, juno.Outcome{Request: k.request, Err: ErrClosed})
				continue
			}
			// A number that is under way already, by SubmitAt: this is another signature for it,
			// and whoever waited for the first waits for this one.
			if old := c.commands[k.request]; old != nil && !old.settled {
				k.wanted = append(k.wanted, old.wanted...)
				if old.unit != nil {
					old.unit.left--
				}
			}
			c.commands[k.request] = k
			u.left++
		}
		at += u.count
		c.units = append(c.units, u)
	}
	c.queue = append(c.queue, units...)
	c.mu.Unlock()
	if wasIdle {
		c.wakeRetry()
	}
	ring(c.queued)
}

// sendQueued sends what was launched. Callers that were answered together send their next commands
// at about the same time: those go into one frame, which costs every stage of their way less than
// a frame for each.
func (c *Client) sendQueued() {
	for {
		select {
		case <-c.queued:
		case <-c.stop.Done():
			return
		}
		c.collect()
		c.mu.Lock()
		units := c.queue
		c.queue = nil
		leader, to := c.leaderLink(), c.voters()
		if leader != nil {
			for _, u := range units {
				u.leader = leader.node.ID
			}
			to = []*link{leader}
		}
		if c.closed {
			to = nil
		}
		c.mu.Unlock()
		c.sendUnits(to, units)
	}
}

// collect lets callers run that are about to launch something, as long as there are any.
func (c *Client) collect() {
	for before := -1; ; {
		c.mu.Lock()
		n := len(c.queue)
		c.mu.Unlock()
		if n == before || n >= submitItemsMax {
			return
		}
		before = n
		runtime.Gosched()
	}
}

// leaderLink returns the link to the leader, or nil. The caller holds mu.
func (c *Client) leaderLink() *link {
	if c.members == nil || c.closed {
		return nil
	}
	return c.links[c.leader()]
}

// sendUnits sends units in their order, as few frames as it takes.
func (c *Client) sendUnits(to []*link, units []*unit) {
	for len(units) > 0 {
		n, size := 0, 0
		s := &rpc.Submit{}
		for n < len(units) && n < submitItemsMax {
			size += rpc.SubmissionBytes(&units[n].item)
			if n > 0 && size > submitBytesMax {
				break
			}
			s.Items = append(s.Items, units[n].item)
			n++
		}
		units = units[n:]
		frame := c.frame(s, 0)
		for _, l := range to {
			// What does not get on its way is sent again like what gets lost.
			l.conn.Send(frame)
		}
	}
}
