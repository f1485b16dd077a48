package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"juno"
	"juno/cluster"
	"juno/cluster/consensus"
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
func (p *port) Submit(s rpc.Submission, done func([]rpc.Outcome, error)) {
	proposal, err := proposalOf(&s)
	if err != nil {
		done(nil, fmt.Errorf("%w: %w", rpc.ErrRefused, err))
		return
	}
	ticket, err := p.ledger.Take(proposal)
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
		all := make([]rpc.Outcome, len(outcomes))
		for i, o := range outcomes {
			all[i] = rpc.Outcome(o)
		}
		done(all, nil)
	}()
}

func proposalOf(s *rpc.Submission) (*cluster.Proposal, error) {
	if s.Type == juno.EntryBatchHead {
		return cluster.NewBatchProposal(s.Payload, s.Commands)
	}
	return cluster.NewProposal(s.Type, s.Payload)
}

// codeOf gives the errors of a node the codes of the protocol.
func codeOf(err error) error {
	for _, c := range []struct{ err, code error }{
		{cluster.ErrBusy, rpc.ErrBusy},
		{cluster.ErrStopped, rpc.ErrNoLeader},
		{consensus.ErrHalted, rpc.ErrHalted}, // before ErrUnknown: a client asks a quorum anyway
		{cluster.ErrUnknown, rpc.ErrUnknown},
		{cluster.ErrRequestReused, rpc.ErrReused},
	} {
		if errors.Is(err, c.err) {
			return fmt.Errorf("%w: %w", c.code, err)
		}
	}
	if errors.Is(err, cluster.ErrInvalid) {
		return &rpc.Error{Code: rpc.CodeRefused, Text: err.Error(), Offset: -1}
	}
	return err
}

// Find implements rpc.Ledger.
func (p *port) Find(ctx context.Context, key juno.KeyID, request juno.RequestID) (
	juno.Entry, juno.Result, error,
) {
	e, r, found, err := p.ledger.Request(ctx, key, request)
	if err == nil && !found {
		err = rpc.ErrMissing
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
func (p *port) Status(ctx context.Context) ([]rpc.Fact, error) { return p.server.Facts(ctx) }

// Admin implements rpc.Ledger.
func (p *port) Admin(_ context.Context, kind juno.Kind, payload []byte) error {
	return codeOf(p.ledger.Admin(kind, payload))
}

// Snapshots implements rpc.Ledger.
func (p *port) Snapshots(context.Context) ([]rpc.Snapshot, error) {
	infos, err := p.ledger.Directory().Snapshots()
	if err != nil {
		return nil, err
	}
	var all []rpc.Snapshot
	for i := range infos {
		if infos[i].Err == nil {
			all = append(all, snapshotOf(&infos[i]))
		}
	}
	return all, nil
}
