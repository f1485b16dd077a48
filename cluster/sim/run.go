package sim

import (
	"fmt"
	"runtime/debug"

	"juno"
)

// Result is the result of a run.
type Result struct {
	Plan      Plan
	Violation *Violation  // nil if every invariant held and the cluster made progress
	Digest    uint64      // of everything that happened; equal plans have equal digests
	History   []Operation // of the clients
	Trace     []string    // if requested
	Stats     Stats
}

// Run carries out a plan. With trace it also describes what happened.
func Run(p Plan, trace bool) (r Result) {
	w := newWorld(p)
	w.logging = trace
	defer func() {
		caught := recover()
		switch v := caught.(type) {
		case nil:
		case *Violation:
			r.Violation = v
		default:
			r.Violation = &Violation{w.now, "panic", fmt.Sprint(v)}
			if trace {
				w.note(nil, "panic", "%s", debug.Stack())
			}
		}
		w.sum()
		r.Plan, r.Digest, r.Trace, r.Stats = p, w.digest, w.log, w.Stats
		r.History = w.operations()
	}()
	w.run()
	return r
}

// more is how many entries must become final after healing.
const more = 10

// run runs the cluster until it is well again after all the faults.
func (w *World) run() {
	for _, n := range w.nodes {
		n.guard(n.start)
	}
	w.unleash()
	w.queue.plan(w.plan.Chaos, w.heal)
	for {
		e, ok := w.queue.next()
		if !ok {
			w.oracle.fail("live", "nothing happens any more")
		}
		if w.now = e.at; w.healed && w.now > w.plan.Chaos+w.plan.Limit {
			w.oracle.fail("live", "%s after healing: %s", w.plan.Limit, w.stragglers())
		}
		w.count(Events)
		e.run()
		if w.healed && w.isWell() {
			break
		}
	}
	for _, n := range w.honest {
		w.oracle.damaged(n)
	}
}

// heal ends all faults except for the adversary.
func (w *World) heal() {
	w.healed = true
	w.links.heal()
	w.note(nil, "heal", "all links; who is down starts")
	for _, n := range w.nodes {
		if !n.up {
			n.guard(n.start)
		}
	}
	w.resume()
	w.target = juno.Index(len(w.oracle.golden) - 1 + more)
	w.checkedAt = w.now
}

// isWell reports, from time to time, whether every correct node has committed enough, and every
// earlier command was answered.
func (w *World) isWell() bool {
	if w.now-w.checkedAt < 5*millisecond {
		return false
	}
	w.checkedAt = w.now
	if w.plan.Faults.Corrupt && w.now < w.plan.Chaos+3*second {
		return false // until the damage must have come to light
	}
	for _, n := range w.honest {
		if n.executed < w.target && n.corrupt == 0 {
			return false
		}
	}
	for _, c := range w.clients {
		if c.op != nil && c.op.Call < w.plan.Chaos {
			return false
		}
	}
	return true
}

// stragglers describes what is still missing.
func (w *World) stragglers() string {
	text := fmt.Sprintf("history to %d, wanted %d;", len(w.oracle.golden)-1, w.target)
	for _, n := range w.honest {
		st := n.core.Status()
		text += fmt.Sprintf(" %d is %s in %s, asks for %s, log to %d, high %s/%d, executed %d;",
			n.id, st.Role, st.Term, st.RequestedTerm, st.Last.Index, st.HighRank.Term,
			st.HighRank.Index, n.executed)
	}
	for _, c := range w.clients {
		if c.op != nil && c.op.Call < w.plan.Chaos {
			text += fmt.Sprintf(" client %d waits since %s;", c.number, c.op.Call)
		}
	}
	return text
}

// operations returns the operations of the clients, unanswered ones last.
func (w *World) operations() []Operation {
	all := w.history
	for _, c := range w.clients {
		if c.op != nil {
			all = append(all, *c.op)
		}
	}
	return all
}
