package consensus

import (
	"fmt"
	"strings"

	"juno"
)

// Describe returns one line about a message, for traces that people read.
func Describe(m Message) string {
	switch m := m.(type) {
	case *Vote:
		return fmt.Sprintf("vote of %d in %s: accepted %s, prepared %s, committed %s",
			m.Node, m.Term, describePos(m.Accepted), describePos(m.Prepared),
			describePos(&m.Committed))
	case *TermChange:
		return fmt.Sprintf("term-change of %d for %s: %s", m.Node, m.Term, m.Cause)
	case *NewTerm:
		return fmt.Sprintf("new-term of %d to %d in %s: %s of %s",
			m.Node, m.Candidate, m.Term, describePos(&m.Pos), m.Rank.Term)
	case *Append:
		return describeAppend(m)
	case *SyncRequest:
		return fmt.Sprintf("sync request of %d in %s: from %d, committed %s, wants %s",
			m.Node, m.Term, m.From, describePos(&m.Commit), describePos(m.Want))
	case *SyncReply:
		return describeReply(m)
	case *Checkpoint:
		return fmt.Sprintf("checkpoint of %d at %d: %s", m.Node, m.Index, m.StateRoot.Short())
	case *Evidence:
		node, term := m.Accused()
		return fmt.Sprintf("evidence against %d in %s: %s", node, term, m.What)
	case *Leave:
		return fmt.Sprintf("leave of %d: %s", m.Node, m.Reason)
	case *Halt:
		return fmt.Sprintf("halt %d", m.Change.Nonce)
	case *Revolution:
		return fmt.Sprintf("revolution against %d in %s", m.Leader, m.Term)
	}
	return m.Kind().String()
}

// describePos prints an index and four digits of the hash, "-" for none.
func describePos(p *juno.Pos) string {
	switch {
	case p == nil:
		return "-"
	case p.Index == 0:
		return "0"
	}
	return fmt.Sprintf("%d/%x", p.Index, p.Hash[:2])
}

func describeAppend(m *Append) string {
	var b strings.Builder
	fmt.Fprintf(&b, "append of %d in %s: ", m.Leader, m.Term)
	if m.Count == 0 {
		fmt.Fprintf(&b, "nothing after %s", describePos(&m.Prev))
	} else {
		fmt.Fprintf(&b, "%s to %s", describePos(&m.Prev), describePos(&m.Last))
	}
	if m.Election != nil {
		fmt.Fprintf(&b, ", elected by %s", describeReporters(m.Election))
	}
	return b.String()
}

func describeReporters(e *ElectionCertificate) string {
	names := make([]string, len(e.NewTerms))
	for i, r := range e.NewTerms {
		names[i] = fmt.Sprint(uint32(r.Node))
	}
	return strings.Join(names, " ")
}

func describeReply(m *SyncReply) string {
	var b strings.Builder
	fmt.Fprintf(&b, "sync reply of %d: ", m.Node)
	if n := len(m.Entries); n > 0 {
		fmt.Fprintf(&b, "entries %d to %d", m.Entries[0].Index, m.Entries[n-1].Index)
	} else {
		b.WriteString("no entries")
	}
	if m.Proof != nil {
		fmt.Fprintf(&b, ", proof of %s", describePos(&m.Proof.Pos))
	}
	if m.Election != nil {
		fmt.Fprintf(&b, ", election of %s", m.Election.Term)
	}
	if len(m.Headers) > 0 {
		fmt.Fprintf(&b, ", %d headers", len(m.Headers))
	}
	if m.Snapshot != nil {
		fmt.Fprintf(&b, ", snapshot at %d", m.Snapshot.Checkpoint.Index)
	}
	return b.String()
}
