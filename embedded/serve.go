package embedded

import (
	"context"
	"errors"
	"fmt"

	"juno"
	"juno/cluster"
)

// NodeID returns which member of the cluster this ledger is.
func (l *Ledger) NodeID() juno.NodeID { return l.id }

// NodeKey returns the key that the node signs with in an epoch; false if it is not a member of
// that epoch now, or its key there is one that it does not have.
func (l *Ledger) NodeKey(epoch uint32) (juno.PrivateKey, bool) {
	if l.node == nil {
		return juno.PrivateKey{}, false
	}
	config := l.Membership()
	key := l.node.Secret()
	m, _, member := config.Member(l.id)
	return key, member && config.Epoch == epoch && m.Public == key.Public()
}

// SubmitProposal submits what a client has signed, wherever the client may be. See
// cluster.Node.Submit.
func (l *Ledger) SubmitProposal(p *cluster.Proposal) (*cluster.Ticket, error) {
	if l.node == nil {
		return nil, ErrReadOnly
	}
	return l.node.Submit(p)
}

// ClientOf returns whose key that is, and a number above every request of that client in the log,
// whether final or not; "" and 1 for a key of nobody.
func (l *Ledger) ClientOf(key juno.KeyID) (name string, next juno.RequestID) {
	if l.node == nil {
		return "", 1
	}
	record, ok := l.node.Key(key)
	if !ok {
		return "", 1
	}
	highest, err := l.node.Highest(record.Subject)
	if err != nil { // the node has stopped, and answers nothing any more
		return "", 1
	}
	return record.Subject, highest + 1
}

// Request returns the entry of a request of the client whose key that is, and its result; false
// if it is not among the executed ones.
func (l *Ledger) Request(ctx context.Context, key juno.KeyID, request juno.RequestID) (
	e juno.Entry, r juno.Result, found bool, err error,
) {
	record, known, err := l.db().Key(ctx, key)
	if err != nil || !known {
		return e, r, false, err
	}
	index, found, err := l.db().Find(record.Subject, request)
	if err != nil || !found {
		return e, r, false, err
	}
	if e, err = l.log.Entry(index); err != nil {
		return e, r, false, err
	}
	r, err = l.db().Result(index)
	return e, r, err == nil, err
}

// AwaitExecuted waits until the node has executed an entry.
func (l *Ledger) AwaitExecuted(ctx context.Context, index juno.Index) error {
	if l.Head().Index >= index {
		return nil
	}
	if l.node == nil {
		return fmt.Errorf("entry %d: %w", index, ErrReadOnly)
	}
	err := l.node.Watch(ctx, func(s *cluster.Status) bool { return s.Applied.Index >= index })
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("entry %d is not executed here yet, only %d: %w", index,
			l.Head().Index, err)
	}
	return err
}
