package sim

import (
	"juno/cluster/consensus"
)

// This file is I12: neither the messages of a node nor its memory grow without bound.

// rate counts the messages of a node in a stretch of time.
type rate struct {
	since Micros
	said  int
}

const (
	rateSpan = 10 * tickEvery
	// rateMax bounds the messages of a node in rateSpan, each counted once for every recipient.
	// Beyond it nodes have begun to make each other talk (F15). A tenth of it is usual.
	rateMax = 600
	// inFlightMax bounds the messages on their way in the whole cluster.
	inFlightMax = 50_000
)

// rate counts the messages of a Ready.
func (w *World) rate(n *node, rd *consensus.Ready) {
	w.Stats.Counts[Messages] += len(rd.Now) + len(rd.After)
	if n.party.byzantine {
		return
	}
	r := &n.rate
	if w.now-r.since > rateSpan {
		r.since, r.said = w.now, 0
	}
	if r.said += len(rd.Now) + len(rd.After); r.said > rateMax {
		w.oracle.fail("I12", "%s says %d things in %s", n.id, r.said, w.now-r.since)
	}
	if w.inFlight > inFlightMax {
		w.oracle.fail("I12", "%d messages are on their way", w.inFlight)
	}
}
