package sim

import (
	"maps"

	"juno"
	"juno/cluster/consensus"
)

// fetch gets the state of a checkpoint from a node that has it (Y5).
func (n *node) fetch(r *consensus.SnapshotRequest) {
	n.wanted = r
	n.w.note(n, "fetch", "state at %d from %d", r.Checkpoint.Index, r.From)
	n.later(between(n.w.rng, millisecond, 100*millisecond), func() {
		n.advance() // a crowd of messages may have brought the offer of another one
		if n.wanted == r {
			n.wanted = nil
			n.install(r)
			n.advance()
		}
	})
}

// install installs a state, if it is the one of the checkpoint and still needed.
func (n *node) install(r *consensus.SnapshotRequest) {
	s := n.w.offered(n, r)
	k := r.Checkpoint
	if s == nil || s.pos != k.Pos() || rootOf(s.view) != k.StateRoot ||
		n.core.Status().Committed.Index >= k.Index {
		n.core.NotInstalled()
		return
	}
	if n.snapshotAt(k.Index) == nil {
		n.snapshots = append(n.snapshots, s)
	}
	maps.Copy(n.results, s.results)
	n.loadPrefix(s.view)
	n.app, n.executed = newApp(s, n.results), k.Index
	n.installed = true
	n.check(n.core.Installed())
	n.w.count(Installed)
	n.w.note(n, "install", "state at %s", k.Pos())
}

// offered returns the state of a checkpoint as the other node sends it. The adversary may send
// another one.
func (w *World) offered(to *node, r *consensus.SnapshotRequest) *snapshot {
	ids := []juno.NodeID{r.From, juno.NodeID(1 + w.rng.IntN(len(w.parties)))}
	for _, id := range ids {
		if id == to.id || w.links.cut[id][to.id] > w.now {
			continue
		}
		p := w.parties[id-1]
		for _, n := range p.hosts {
			s := n.snapshotAt(r.Checkpoint.Index)
			if s == nil || !n.up {
				continue
			}
			if p.byzantine {
				return w.adversary.forgeState(s)
			}
			return s
		}
	}
	return nil
}
