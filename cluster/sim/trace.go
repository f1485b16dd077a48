package sim

import (
	"fmt"
	"strings"

	"juno"
	"juno/cluster/consensus"
)

// TraceHeader explains the columns of a trace.
const TraceHeader = "time       node  event    term  role  last  acc   prep  done  what"

// note adds a line to the trace, if there is one. n is nil for events without a node.
func (w *World) note(n *node, event, format string, args ...any) {
	if !w.logging {
		return
	}
	w.log = append(w.log, fmt.Sprintf("%-10s %-45s  %s", w.now, columns(n, event),
		fmt.Sprintf(format, args...)))
}

// columns returns the fixed part of a line: node, event, and the node's position.
func columns(n *node, event string) string {
	if n == nil {
		return fmt.Sprintf("%-5s %-8s", "-", event)
	}
	name := fmt.Sprint(uint32(n.id))
	if n.party.byzantine {
		name += string(rune('a' + n.twin))
	}
	if n.core == nil {
		return fmt.Sprintf("%-5s %-8s", name, event)
	}
	st := n.core.Status()
	return fmt.Sprintf("%-5s %-8s %-5s %-5s %-5d %-5s %-5s %-5d", name, event, st.Term,
		shortRole(st.Role), st.Last.Index, shortIndex(st.Accepted), shortIndex(st.Prepared),
		st.Committed.Index)
}

func shortRole(r consensus.Role) string { return strings.ToLower(r.String())[:4] }

func shortIndex(p *juno.Pos) string {
	if p == nil {
		return "-"
	}
	return fmt.Sprint(p.Index)
}

// signed checks and traces a message that a correct node is about to send.
func (w *World) signed(n *node, m consensus.Message, to []juno.NodeID) {
	if err := n.durable.Check(m); err != nil {
		w.oracle.fail("I6", "%s: %v", n.id, err)
	}
	w.oracle.signed(n, m, to)
}

// refused traces a message that a node refused.
func (w *World) refused(n *node, m consensus.Message, err error) {
	if err != nil && w.logging {
		w.note(n, "refuse", "%s: %v", m.Kind(), err)
	}
}
