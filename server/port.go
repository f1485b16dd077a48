package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"juno"
	"juno/cluster"
	"juno/cluster/rpc"
	"juno/embedded"
)

// proofTime bounds how long an answer waits for its certificate: it comes without one then.
const proofTime = time.Second

// port is the ledger as package rpc sees it.
type port struct {
	ledger *embedded.Ledger
	server *Server
}

var _ rpc.Ledger = (*port)(nil)

// Genesis implements rpc.Ledger.
func (p *port) Genesis() *juno.Genesis { return p.ledger.Directory().Genesis }

// Epochs implements rpc.Ledger.
func (p *port) Epochs(from uint32) []juno.EpochChange {
	all, err := p.ledger.Epochs(from)
	if err != nil { // it is the node's own log that cannot be read; the node says so itself
		return nil
	}
	return all
}

// State implements rpc.Ledger.
func (p *port) State() rpc.State {
	return rpc.State{Term: p.ledger.Status().Term, Head: p.ledger.Head()}
}

// Client implements rpc.Ledger.
func (p *port) Client(key juno.KeyID) (string, juno.RequestID) { return p.ledger.ClientOf(key) }

// Submit implements rpc.Ledger.
func (p *port) Submit(s rpc.Submission, done func([]juno.Outcome, error)) {
	proposal, err := proposalOf(&s)
	if err != nil {
		done(nil, fmt.Errorf("%w: %w", juno.ErrRefused, err))
		return
	}
	ticket, err := p.ledger.SubmitProposal(proposal)
	if err != nil {
		done(nil, codeOf(err))
		return
	}
	go func() { // it ends with the node at the latest
		outcomes, err := ticket.Wait(context.Background())
		if err != nil {
			done(nil, codeOf(err))
			return
		}
		done(outcomes, nil)
	}()
}

func proposalOf(s *rpc.Submission) (*cluster.Proposal, error) {
	if s.Type == juno.EntryBatchHead {
		return cluster.NewBatchProposal(s.Payload, s.Commands)
	}
	return cluster.NewProposal(s.Type, s.Payload)
}

// codeOf tells a client of a node that is stopping to go to another one. The other errors of a node
// have codes of their own.
func codeOf(err error) error {
	if errors.Is(err, cluster.ErrStopped) {
		return fmt.Errorf("%w: %w", rpc.ErrNoLeader, err)
	}
	return err
}

// Find implements rpc.Ledger.
func (p *port) Find(ctx context.Context, key juno.KeyID, request juno.RequestID) (
	juno.Entry, juno.Result, error,
) {
	e, r, found, err := p.ledger.Request(ctx, key, request)
	if err == nil && !found {
		err = juno.ErrMissing
	}
	return e, r, err
}

// Query implements rpc.Ledger.
func (p *port) Query(ctx context.Context, q juno.Query, at juno.Index) (juno.Rows, error) {
	if at > 0 {
		if err := p.ledger.AwaitExecuted(ctx, at); err != nil {
			return nil, err
		}
		q.At = at
	}
	return p.ledger.Query(ctx, q)
}

// Proof implements rpc.Ledger.
func (p *port) Proof(index juno.Index) *juno.QuorumCertificate {
	ctx, cancel := context.WithTimeout(context.Background(), proofTime)
	defer cancel()
	c, err := p.ledger.Proof(ctx, index)
	if err != nil { // an answer without a proof is an answer
		return nil
	}
	return c
}

// Position implements rpc.Ledger.
func (p *port) Position() (juno.Pos, *juno.QuorumCertificate) {
	committed, c, err := p.ledger.Standing()
	if err != nil {
		return committed, nil
	}
	return committed, c
}

// Accounts implements rpc.Ledger.
func (p *port) Accounts(ctx context.Context, prefix string, limit int) ([]string, error) {
	return p.ledger.Accounts(ctx, prefix, limit)
}

// Receipt implements rpc.Ledger.
func (p *port) Receipt(ctx context.Context, index juno.Index) ([]byte, error) {
	r, err := p.ledger.Receipt(ctx, index)
	if err != nil {
		return nil, err
	}
	return juno.FormatReceipt(r)
}

// Status implements rpc.Ledger.
func (p *port) Status(ctx context.Context) ([]juno.Fact, error) { return p.server.Facts(ctx) }

// Admin implements rpc.Ledger.
func (p *port) Admin(_ context.Context, kind juno.Kind, payload []byte) error {
	return codeOf(p.ledger.Admin(kind, payload))
}

// Snapshots implements rpc.Ledger.
func (p *port) Snapshots(context.Context) ([]juno.SnapshotInfo, error) {
	all, err := embedded.Snapshots(p.ledger.Directory())
	return slices.DeleteFunc(all, func(s juno.SnapshotInfo) bool { return s.Err != nil }), err
}
