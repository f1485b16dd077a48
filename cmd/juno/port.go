package main

import (
	"context"
	"errors"
	"path/filepath"

	"juno"
	"juno/embedded"
	"juno/shell"
)

// port is a ledger in this process as the shell sees it.
type port struct {
	languages
	*embedded.Ledger
	client *embedded.Client // nil: reading only
	// request, if not 0, is the number of the next command; otherwise the client counts.
	request juno.RequestID
}

var _ shell.Ledger = (*port)(nil)

// Identity implements shell.Ledger.
func (p *port) Identity() shell.Identity {
	id := shell.Identity{Ledger: filepath.Base(p.Ledger.Directory().Path)}
	if p.client != nil {
		id.Client, id.Key = p.client.Name(), p.client.KeyID()
	}
	return id
}

// Submit implements shell.Ledger.
func (p *port) Submit(
	ctx context.Context, texts []string, mode juno.Mode, progress juno.Progress,
) ([]juno.Outcome, error) {
	if p.client == nil {
		return nil, errors.New("no key of a client here: this ledger can only be read")
	}
	if p.request == 0 {
		return p.client.Submit(ctx, texts, mode, progress)
	}
	first := p.request
	p.request += juno.RequestID(len(texts))
	return p.client.SubmitAt(ctx, first, texts, mode, progress)
}

// Receipt implements shell.Ledger.
func (p *port) Receipt(ctx context.Context, index juno.Index) ([]byte, error) {
	r, err := p.Ledger.Receipt(ctx, index)
	if err != nil {
		return nil, err
	}
	return juno.FormatReceipt(r)
}

// Status implements shell.Ledger.
func (p *port) Status(context.Context) ([]juno.Fact, error) {
	s, head := p.Ledger.Status(), p.Ledger.Head()
	text, number := juno.TextFact, juno.IntegerFact
	g := p.Ledger.Directory().Genesis
	rules := "owned accounts, no overdraft"
	if g.Open {
		rules = "open: anyone may debit any account"
	}
	node := []juno.Fact{text("node", "none: no node key here, for reading only")}
	if !p.Ledger.ReadOnly() {
		node = []juno.Fact{
			text("node", s.ID.String()), text("role", s.Role.String()),
			text("term", s.Term.String()),
		}
	}
	facts := []juno.Fact{
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
