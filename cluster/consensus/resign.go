package consensus

// Resign gives the term back, because the node is about to end: the others need not wait until
// they have lost patience. It does nothing where we do not lead, or nobody else could.
func (c *Core) Resign() {
	if c.role == Leader && !c.epoch.alone() {
		c.requestTerm(c.hard.Term+1, CauseEnd)
	}
}

// leaderResigns reports whether a wish is that of the present leader, who is about to end. To grant it costs
// no more than what a leader can have by keeping silent.
func (c *Core) leaderResigns(w *TermChange) bool {
	return w.Cause == CauseEnd && w.Node == c.epoch.config.Leader(c.hard.Term) &&
		w.Term == c.hard.Term+1
}
