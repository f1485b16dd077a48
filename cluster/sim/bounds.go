package sim

import (
	"juno/cluster/consensus"
)

// This file is I12: nothing grows without bound, neither what a node says nor what it keeps.

// rate counts what a node says in a stretch of time.
type rate struct {
	since Micros
	said  int
}

const (
	rateSpan = 10 * tickEvery
	// rateMax is how many messages a node may say in rateSpan, once to how many others; beyond it
	// nodes have begun to make each other talk (F15). What is usual is a tenth of it.
	rateMax = 600
	// inFlightMax bounds the messages on their way in the whole cluster.
	inFlightMax = 50_000
)

// rate counts what a Ready wants said.
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
