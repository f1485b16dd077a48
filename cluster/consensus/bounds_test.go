package consensus

import "fmt"

// Excess names a buffer of the core that has grown beyond its bound, "" if none has (I12). What
// outsiders send must never be able to fill a node's memory.
func Excess(c *Core) string {
	fragments := 0
	for _, f := range c.sync.fragments {
		fragments += f.bytes
	}
	terms, votes := 0, 0
	for i := range c.votes {
		terms = max(terms, len(c.votes[i].rings))
		for j := range c.votes[i].rings {
			votes = max(votes, len(c.votes[i].rings[j].votes))
		}
	}
	unfinal := int(c.log.tip().Index - c.commit.Index)
	for _, b := range []struct {
		name      string
		got, most int
	}{
		{"waiting appends", len(c.term.buffered), c.limits.BufferMax},
		{"headers", len(c.term.headers), headersMax},
		{"new-term messages", len(c.term.newTerms), len(c.epoch.voters)},
		{"terms of a voter's votes", terms, c.limits.RingTerms},
		{"votes of a voter in a term", votes, c.limits.RingVotes},
		{"checkpoints of others", len(c.checkpoints.votes), checkpointsKept * len(c.epoch.voters)},
		{"checkpoints of ours", len(c.checkpoints.mine), checkpointsKept},
		{"accusations", len(c.accused), accusationsMax},
		{"fragments", len(c.sync.fragments), len(c.epoch.peers)},
		{
			"bytes of fragments", fragments,
			fragmentWindows*c.limits.WindowBytesMax + MessageBytesMax,
		},
		{"batches in flight", len(c.leading.batches), c.limits.InFlightMax + 1},
		{
			"entries that are not final", unfinal,
			2*c.limits.WindowEntriesMax + appendEntriesMax,
		},
		{"messages that wait for the disk", c.out.gated, 1 << 20},
	} {
		if b.got > b.most {
			return fmt.Sprintf("%d %s, at most %d", b.got, b.name, b.most)
		}
	}
	return ""
}
