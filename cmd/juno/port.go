package main

import (
	"context"
	"errors"
	"path/filepath"

	"juno"
	"juno/cluster"
	"juno/embedded"
	"juno/shell"
)

// port is a ledger in this process as the shell sees it.
type port struct {
	languages
	ledger *embedded.Ledger
	client *embedded.Client // nil: reading only
	// request, if not 0, is the number of the next command; otherwise the client counts.
	request juno.RequestID
}

var _ shell.Ledger = (*port)(nil)

// Identity implements shell.Ledger.
func (p *port) Identity() shell.Identity {
	id := shell.Identity{Ledger: filepath.Base(p.ledger.Directory().Path)}
	if p.client != nil {
		id.Client, id.Key = p.client.Name(), p.client.KeyID()
	}
	return id
}

// Head implements shell.Ledger.
func (p *port) Head() juno.Head { return p.ledger.Head() }

// Query implements shell.Ledger.
func (p *port) Query(ctx context.Context, q juno.Query) (juno.Rows, error) {
	return p.ledger.Query(ctx, q)
}

// Submit implements shell.Ledger.
func (p *port) Submit(ctx context.Context, s shell.Submission) ([]shell.Outcome, error) {
	if p.client == nil {
		return nil, errors.New("no key of a client here: this ledger can only be read")
	}
	mode := embedded.Single
	if s.Batch {
		mode = embedded.Batch
	}
	outcomes, err := p.submit(ctx, s.Texts, mode, embedded.Progress(s.Progress))
	if err != nil {
		return nil, err
	}
	all := make([]shell.Outcome, len(outcomes))
	for i, o := range outcomes {
		all[i] = shell.Outcome{
			Err: o.Err, Index: o.Index, Time: o.Time, Result: o.Result,
			Replayed: o.Replayed,
		}
		if errors.Is(o.Err, cluster.ErrUnknown) {
			all[i].Err = unknownOutcome{o.Err}
		}
	}
	return all, nil
}

// unknownOutcome is an error of the node in the words of the node, which the shell recognises.
type unknownOutcome struct{ error }

func (u unknownOutcome) Unwrap() error        { return u.error }
func (u unknownOutcome) Is(target error) bool { return target == shell.ErrUnknown }

func (p *port) submit(
	ctx context.Context, texts []string, mode embedded.Mode, progress embedded.Progress,
) ([]embedded.Outcome, error) {
	if p.request == 0 {
		return p.client.Submit(ctx, texts, mode, progress)
	}
	first := p.request
	p.request += juno.RequestID(len(texts))
	return p.client.SubmitAt(ctx, first, texts, mode, progress)
}

// Accounts implements shell.Ledger.
func (p *port) Accounts(ctx context.Context, prefix string, limit int) ([]string, error) {
	return p.ledger.Accounts(ctx, prefix, limit)
}

// Receipt implements shell.Ledger.
func (p *port) Receipt(ctx context.Context, index juno.Index) ([]byte, error) {
	r, err := p.ledger.Receipt(ctx, index)
	if err != nil {
		return nil, err
	}
	return juno.FormatReceipt(r)
}

// Verify implements shell.Ledger.
func (p *port) Verify(
	ctx context.Context, from, to juno.Index, progress shell.Progress,
) ([]shell.Check, error) {
	found, err := p.ledger.Verify(ctx, from, to, embedded.Progress(progress))
	if err != nil {
		return nil, err
	}
	checks := make([]shell.Check, len(found))
	for i, c := range found {
		checks[i] = shell.Check{
			Name: c.Check, From: c.From, To: c.To, Items: c.Items, OK: c.OK,
			FirstBad: c.FirstBad, Expected: c.Expected, Actual: c.Actual, Detail: c.Detail,
		}
	}
	return checks, nil
}

// Snapshot implements shell.Ledger.
func (p *port) Snapshot(
	ctx context.Context, progress shell.Progress,
) (shell.SnapshotInfo, error) {
	info, err := p.ledger.Snapshot(ctx, embedded.Progress(progress))
	return shell.SnapshotInfo{
		Index: info.Index, StateHash: info.StateHash, Bytes: info.Bytes,
		Path: info.Path,
	}, err
}

// Status implements shell.Ledger.
func (p *port) Status(context.Context) ([]shell.Fact, error) {
	s, head := p.ledger.Status(), p.ledger.Head()
	text := func(name, value string) shell.Fact {
		return shell.Fact{Name: name, Value: juno.Value{Kind: juno.Text, Text: value}}
	}
	number := func(name string, n int64) shell.Fact {
		return shell.Fact{Name: name, Value: juno.Value{Kind: juno.Integer, Integer: n}}
	}
	g := p.ledger.Directory().Genesis
	rules := "owned accounts, no overdraft"
	if g.Open {
		rules = "open: anyone may debit any account"
	}
	node := []shell.Fact{text("node", "none: no node key here, for reading only")}
	if !p.ledger.ReadOnly() {
		node = []shell.Fact{
			text(
				"node",
				s.ID.String(),
			), text("role", s.Role.String()), text("term", s.Term.String()),
		}
	}
	facts := []shell.Fact{
		text("ledger", g.ID().String()), text("created", g.Created.String()), text("rules", rules),
	}
	return append(append(facts, node...),
		number("last index", int64(s.Last.Index)),
		number("commit index", int64(s.Committed.Index)),
		number("executed index", int64(s.Applied.Index)),
		text("head hash", head.Hash.String()),
		number("commands waiting", s.Waiting),
		number("voters", int64(len(g.Config.Voters))),
	), nil
}
