package server

import (
	"context"
	"fmt"

	"juno"
	"juno/cluster"
)

// facts collects lines of a status.
type facts []juno.Fact

func (f *facts) text(name, value string) {
	*f = append(*f, juno.TextFact(name, value))
}

func (f *facts) number(name string, n uint64) {
	*f = append(*f, juno.IntegerFact(name, int64(n)))
}

func (f *facts) yes(name string, is bool) {
	word := "no"
	if is {
		word = "yes"
	}
	f.text(name, word)
}

// The names of the facts that clients look for.
const (
	FactRole       = "role"
	FactTerm       = "term"
	FactLeader     = "leader"
	FactCommitted  = "commit index"
	FactExecuted   = "executed index"
	FactStateAt    = "state hash at"
	FactState      = "state hash"
	FactCertified  = "certified snapshot"
	FactReachable  = "quorum reachable"
	FactHalted     = "halted"
	FactEvidence   = "evidence"
	FactQuarantine = "quarantine"
)

// Facts returns what an operator wants to know of this node first, in the order to be shown.
func (s *Server) Facts(ctx context.Context) ([]juno.Fact, error) {
	var f facts
	status := s.Ledger.Status()
	f.text("node", status.ID.String())
	f.text("address", s.Address())
	f.text(FactRole, roleOf(&status))
	f.text(FactTerm, status.Term.String())
	f.text(FactLeader, status.Leader.String())
	f.number("epoch", uint64(status.Term.Epoch()))
	f.number("last index", uint64(status.Last.Index))
	f.number(FactCommitted, uint64(status.Committed.Index))
	f.number(FactExecuted, uint64(status.Applied.Index))
	at, hash, err := s.Ledger.StateHash(ctx)
	if err != nil {
		return nil, err
	}
	f.number(FactStateAt, uint64(at.Index))
	f.text(FactState, hash.String())
	f.number(FactCertified, uint64(status.Certified))
	f.yes(FactReachable, status.Reachable)
	f.yes(FactHalted, status.Halted)
	f.number(FactEvidence, uint64(status.Evidence))
	f.text(FactQuarantine, status.Quarantine)
	f.number("commands waiting", uint64(status.Waiting))
	f.number("queued writes", uint64(status.QueuedWrites))
	f.number("queued executions", uint64(status.QueuedJobs))
	f.number("frames dropped", status.Dropped)
	log, state, snapshots := s.Ledger.DiskBytes()
	f.number("log bytes", uint64(log))
	f.number("state bytes", uint64(state))
	f.number("snapshot bytes", uint64(snapshots))
	f.peers(s)
	for _, a := range status.Alarms {
		f.text("alarm "+a.Time.String(), a.Text)
	}
	return f, nil
}

// peers adds a line for each other member: what was heard of it, and how its connection is.
func (f *facts) peers(s *Server) {
	problems := make(map[juno.NodeID]error)
	if e := s.net.Endpoint(); e != nil {
		for _, p := range e.Status() {
			problems[p.ID] = p.Problem
		}
	}
	for _, p := range s.Ledger.Status().Peers {
		line := "never heard in this run"
		if p.Heard >= 0 {
			line = fmt.Sprintf("heard %d ms ago, %s, accepted %d, committed %d", p.Heard, p.Term,
				p.Accepted, p.Committed)
		}
		if problem := problems[p.Node]; problem != nil {
			line += "; " + problem.Error()
		}
		if p.Refused > 0 {
			line += fmt.Sprintf("; %d of no use, the last one: %s", p.Refused, p.Refusal)
		}
		f.text("peer "+p.Node.String(), line)
	}
}

// roleOf is the role in words that an operator need not look up.
func roleOf(s *cluster.Status) string {
	role := s.Role.String()
	if s.Observing {
		role += " (its key does not vote)"
	}
	return role
}
