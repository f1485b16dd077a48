package embedded

import (
	"context"
	"errors"
	"fmt"

	"juno"
	"juno/cluster/consensus"
	"juno/wal"
)

// Proof returns a detached commit certificate of an entry at index or behind it, the nearest that
// the node holds, or nil. One that was not worth writing yet is written now.
func (l *Ledger) Proof(ctx context.Context, index juno.Index) (*juno.QuorumCertificate, error) {
	r, err := l.log.wal().Find(juno.RecordProof, index)
	if errors.Is(err, wal.ErrNoRecord) && l.node != nil {
		if err := l.node.Flush(ctx); err != nil {
			return nil, err
		}
		r, err = l.log.wal().Find(juno.RecordProof, index)
	}
	if errors.Is(err, wal.ErrNoRecord) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return juno.ParseProof(r.Bytes)
}

// Standing returns the newest final position, and the highest certificate that the node holds of
// either kind, detached; nil if it holds none. It is what a node answers to whoever wants to read
// what a quorum knows (docs/SPECIFICATION.md §3.9).
func (l *Ledger) Standing() (juno.Pos, *juno.QuorumCertificate, error) {
	committed := l.Status().Committed
	r, ok := l.log.wal().Newest(juno.RecordHighQC)
	if !ok {
		return committed, nil, nil
	}
	high, err := consensus.ParseHighQC(r.Bytes)
	if err != nil {
		return committed, nil, fmt.Errorf("highest certificate: %w", err)
	}
	return committed, high.Certificate, nil
}

// Admin takes what administrators have signed, and returns once it is on its way: a change of the
// membership, a halt, a resume, or a revolution in the canonical bytes of its message.
func (l *Ledger) Admin(kind juno.Kind, payload []byte) error {
	if l.node == nil {
		return ErrReadOnly
	}
	switch kind {
	case juno.KindConfig:
		return l.propose(juno.EntryConfig, payload)
	case juno.KindMode:
		change, err := juno.ParseModeChange(payload)
		if err != nil {
			return err
		}
		if change.Halted {
			return l.Halt(change)
		}
		return l.propose(juno.EntryMode, payload)
	case juno.KindRevolution:
		m, err := consensus.Decode(payload)
		if err != nil {
			return err
		}
		r, ok := m.(*consensus.Revolution)
		if !ok {
			return fmt.Errorf("a message of kind %s: want a revolution", m.Kind())
		}
		return l.Revolution(r)
	}
	return fmt.Errorf("kind %d: administrators sign no such thing", kind)
}
