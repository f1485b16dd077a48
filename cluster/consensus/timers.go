package consensus

// timers are the reasons to wish for another leader (E5). All are in ticks.
type timers struct {
	leaderHeard uint64          // last word of the leader, or when we learned who it is
	entered     uint64          // when we entered the term
	commit      uint64          // last advance of the commit index, or when there was something to commit again
	backoff     int             // terms that failed in a row
	jitter      uint64          // of this term, so that not all lose patience at once
	cause       TermChangeCause // of our wish
}

// enter starts the timers of a new term.
func (t *timers) enter(c *Core) {
	t.backoff = min(t.backoff+1, c.limits.BackoffMax)
	t.start(c)
}

// start makes all clocks begin now.
func (t *timers) start(c *Core) {
	t.leaderHeard, t.entered, t.commit = c.ticks, c.ticks, c.ticks
	t.jitter = c.rand.Uint64() % (c.limits.ElectionTicks/4 + 1)
}

// committed restarts the timers: the term makes progress.
func (t *timers) committed(c *Core, inTerm bool) {
	t.commit = c.ticks
	if inTerm {
		t.backoff = 0
	}
}

// termTimeout returns how long we wait for a leader: Te, doubled by every term that failed.
func (c *Core) termTimeout() uint64 {
	return c.limits.ElectionTicks<<c.timers.backoff + c.timers.jitter
}

// tickTimers looks at the clocks P1 to P4.
func (c *Core) tickTimers() {
	if !c.mayVote() || c.epoch.alone() {
		return // who is alone has nobody to hand over to
	}
	patience := c.termTimeout()
	switch {
	case !c.term.known && c.ticks-c.timers.entered > patience, // P4
		c.term.known && c.role != Leader && c.ticks-c.timers.leaderHeard > patience, // P1
		c.stalled() && c.ticks-c.timers.commit > 2*patience,                         // P2
		c.requestOverdue(): // P3
		c.requestTerm(c.hard.Term+1, CauseTimeout)
	}
}

// stalled reports whether something was accepted that is not committed (P2).
func (c *Core) stalled() bool {
	return c.hasAccepted() && c.accepted.Pos.Index > c.commit.Index
}

// requestOverdue is P3: a request that was handed to the leader long ago is still not committed. Every
// leader gets the time, counted from when its term began: a request that can never be committed
// must not depose one after the other.
func (c *Core) requestOverdue() bool {
	age, ok := c.pool.OldestTicks()
	age = min(age, c.ticks-c.timers.entered)
	return ok && !c.hard.Halted && age > c.limits.ComplainTicks<<c.timers.backoff
}

// forward asks the host to hand old requests to the leader (P3), once per heartbeat.
func (c *Core) forward() {
	age, ok := c.pool.OldestTicks()
	if ok && c.role != Leader && age > c.limits.ForwardTicks && c.term.known {
		c.out.ready.Forward = c.epoch.config.Leader(c.hard.Term)
	}
}

// heartbeat repeats what may have been lost (N7, N11, E1, E2).
func (c *Core) heartbeat() {
	if c.mayVote() && len(c.epoch.peers) > 0 {
		c.repeatVote()
		if c.requestedTerms[c.epoch.me] > c.hard.Term {
			c.sendTermChange()
		}
		c.wantNewTerm()
		c.forward()
	}
	switch c.role {
	case Leader:
		c.retransmit()
		if c.rotationDue() {
			c.requestTerm(c.hard.Term+1, CauseResign)
		}
	case Candidate:
		c.tryLead()
	}
	c.repeatCheckpoint()
	c.checkLag()
}
