package sim

import (
	"fmt"
	"math/bits"

	"juno"
	"juno/cluster/consensus"
)

// style is the behaviour of one of the adversary's nodes between the moves.
type style int

const (
	styleSilent    style = iota // it does nothing but the moves
	styleObedient               // it runs a correct core
	styleTwins                  // it runs two, with one key; each talks to some of the others
	styleBroken                 // it runs a core that breaks a rule
	styleSelective              // it runs a correct core that serves some of the others only
	styleTardy                  // it runs a correct core that is slow, just not too slow
	styleMiser                  // it runs a correct core and answers no sync requests
	styles
)

var styleNames = [...]string{
	"silent", "obedient", "twins", "broken", "selective", "tardy", "miser",
}

// String returns the name that plans show.
func (s style) String() string {
	if s >= 0 && s < styles {
		return styleNames[s]
	}
	return fmt.Sprintf("style(%d)", int(s))
}

// hosts returns how many processes one of the adversary's nodes runs.
func (a *adversary) hosts(id juno.NodeID) int {
	switch a.styles[id] {
	case styleSilent:
		return 0
	case styleTwins:
		return 2
	}
	return 1
}

// reconnect draws, again and again, which parties the processes of the adversary talk to.
func (a *adversary) reconnect() {
	for _, id := range a.ids {
		side := a.rng.Uint64()
		for i, n := range a.w.parties[id-1].hosts {
			switch {
			case a.styles[id] == styleTwins && i == 1:
				a.contacts[n] = ^side // each sees the parties that the other does not
			case a.styles[id] == styleTwins, a.styles[id] == styleSelective:
				a.contacts[n] = side
			default:
				a.contacts[n] = ^uint64(0)
			}
			if a.styles[id] == styleBroken {
				all := harmfulMutants()
				n.mutant = all[a.rng.IntN(len(all))] // at its next start
			}
		}
	}
	a.w.queue.plan(a.w.now+between(a.rng, 100*millisecond, 2*second), a.reconnect)
}

// hears reports whether a process of the adversary listens to a packet.
func (a *adversary) hears(n *node, p *packet) bool {
	if a.styles[n.id] == styleSelective {
		return true
	}
	return p.from == 0 || a.contacts[n]>>(p.from-1)&1 == 1
}

// sends sends a message of an adversary's core, or does something else with it.
func (a *adversary) sends(n *node, p *packet, out *consensus.Out) {
	w := a.w
	if a.styles[n.id] == styleMiser && out.Message.Kind() == consensus.KindSyncReply {
		return
	}
	for _, to := range out.To {
		if a.contacts[n]>>(to-1)&1 == 0 {
			continue
		}
		if a.styles[n.id] == styleTardy {
			late := Micros(w.plan.Limits.ElectionTicks) * tickEvery / 2
			w.queue.plan(w.now+between(a.rng, late/2, late), func() { w.deliver(p, to) })
			continue
		}
		w.carry(p, to)
	}
}

// half draws a set of about half of the parties that is not empty.
func (a *adversary) half() uint64 {
	all := uint64(1)<<len(a.w.parties) - 1
	for {
		if s := a.rng.Uint64() & all; bits.OnesCount64(s) > 0 {
			return s
		}
	}
}
